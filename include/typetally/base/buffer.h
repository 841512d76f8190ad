#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace typetally {

/// Memory for `bytes`; blocks from 16 MiB on ask for huge pages where the system gives them on request: faulting in a
/// plan of 10 M samples by 4 KiB pages takes as long as writing it. Throws std::bad_alloc.
void* allocate_block(std::size_t bytes);
void free_block(void* block) noexcept;

/// Leaves elements that are made without a value uninitialised: what is about to be written whole is not zeroed first.
template <class T>
struct UninitializedAllocator {
  using value_type = T;

  UninitializedAllocator() = default;
  template <class U>
  explicit(false) UninitializedAllocator(const UninitializedAllocator<U>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(allocate_block(n * sizeof(T))); }
  void deallocate(T* block, std::size_t) noexcept { free_block(block); }
  bool operator==(const UninitializedAllocator&) const { return true; }

  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
};

/// A std::vector of numbers whose resize(n) does not touch the memory.
template <class T>
using Buffer = std::vector<T, UninitializedAllocator<T>>;

}  // namespace typetally
