#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>

namespace typetally::python {

struct GiveBack {
  void operator()(void* data) const noexcept;
};

/// Memory of one array, from the start of a cache line. Any thread may let it go, with Python's lock or without.
using RecycledBlock = std::unique_ptr<void, GiveBack>;

/// Memory for arrays that are made and freed once per batch. Blocks of 64 bytes to 1 MiB are kept for the next batch:
/// the allocator would give such pages back to the system, and every batch would pay for faulting them in again, which
/// takes longer than filling them. At most 16 blocks of a size wait; others go to the allocator.
RecycledBlock take_recycled(std::size_t bytes);

/// What keeps the block for NumPy: it goes back with the last array that names it.
nanobind::capsule owner_of(RecycledBlock block);

}  // namespace typetally::python
