#pragma once

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace typetally {

/// Leaves elements that are made without a value uninitialised: what is about to be written whole is not zeroed first.
template <class T>
struct UninitializedAllocator : std::allocator<T> {
  template <class U>
  struct rebind {  // NOLINT(readability-identifier-naming): the name that allocators must use
    using other = UninitializedAllocator<U>;
  };

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
