#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <bit>
#include <cstddef>
#include <new>
#include <utility>

namespace typetally::python {

/// Memory for arrays that are made and freed once per batch. Blocks of 4 KiB to 1 MiB are kept for the next batch:
/// the allocator would give such pages back to the system, and every batch would pay for faulting them in again, which
/// takes longer than filling them. At most kKept blocks of a size wait; others go to the allocator. Guarded by the GIL.
class Recycled {
 public:
  static void* take(std::size_t bytes) {
    Shelf* shelf = shelf_for(bytes);
    if (shelf != nullptr && shelf->held > 0) return shelf->blocks.at(--shelf->held);
    return ::operator new(shelf != nullptr ? std::bit_ceil(bytes) : bytes);
  }

  static void give_back(void* block, std::size_t bytes) {
    Shelf* shelf = shelf_for(bytes);
    if (shelf != nullptr && shelf->held < kKept) {
      shelf->blocks.at(shelf->held++) = block;
    } else {
      ::operator delete(block);
    }
  }

 private:
  static constexpr std::size_t kKept = 16;
  static constexpr int kSmallest = 12;  // log2 of bytes
  static constexpr int kLargest = 20;
  struct Shelf {
    std::array<void*, kKept> blocks;
    std::size_t held = 0;
  };

  static Shelf* shelf_for(std::size_t bytes) {
    static std::array<Shelf, kLargest - kSmallest + 1> shelves{};
    const int size = std::bit_width(std::bit_ceil(bytes)) - 1;
    if (size < kSmallest || size > kLargest) return nullptr;
    return &shelves.at(static_cast<std::size_t>(size - kSmallest));
  }
};

/// Memory that goes back when the last array that names `owner` is gone.
struct RecycledBlock {
  void* data;
  nanobind::capsule owner;
};

inline RecycledBlock take_recycled(std::size_t bytes) {
  struct Block {
    std::size_t bytes;
    void* data;
  };
  auto* block = new Block{bytes, Recycled::take(bytes)};
  nanobind::capsule owner(block, [](void* p) noexcept {
    auto* freed = static_cast<Block*>(p);
    Recycled::give_back(freed->data, freed->bytes);
    delete freed;
  });
  return {block->data, std::move(owner)};
}

}  // namespace typetally::python
