#include "recycled.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <new>

namespace typetally::python {
namespace {

constexpr std::size_t kKept = 16;
constexpr int kSmallest = 6;  // log2 of bytes
constexpr int kLargest = 20;
constexpr std::size_t kLine = 64;

struct Shelf {
  std::array<void*, kKept> blocks;
  std::size_t held = 0;
};

constinit std::array<Shelf, kLargest - kSmallest + 1> shelves{};

/// A turn at the shelves, or none where another thread is at them: who has none goes to the allocator. Nobody waits, so
/// a process that was forked in that moment is not stuck.
class Turn {
 public:
  Turn() : mine_(!taken.test_and_set(std::memory_order_acquire)) {}
  ~Turn() {
    if (mine_) taken.clear(std::memory_order_release);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const { return mine_; }

 private:
  static constinit inline std::atomic_flag taken{};
  bool mine_;
};

/// Stands in the cache line before an array's memory: its shelf, null for sizes that are not kept.
struct Header {
  Shelf* shelf;
};

Header* header_of(void* data) { return reinterpret_cast<Header*>(static_cast<std::byte*>(data) - kLine); }

}  // namespace

void GiveBack::operator()(void* data) const noexcept {
  Header* header = header_of(data);
  if (Shelf* shelf = header->shelf) {
    const Turn turn;
    if (turn && shelf->held < kKept) {
      shelf->blocks[shelf->held++] = data;
      return;
    }
  }
  ::operator delete(header, std::align_val_t{kLine});
}

RecycledBlock take_recycled(std::size_t bytes) {
  const int size = std::bit_width(std::bit_ceil(bytes)) - 1;
  Shelf* shelf = nullptr;
  if (size >= kSmallest && size <= kLargest) {
    shelf = &shelves[static_cast<std::size_t>(size - kSmallest)];
    const Turn turn;
    if (turn && shelf->held > 0) return RecycledBlock(shelf->blocks[--shelf->held]);
  }
  const std::size_t room = shelf != nullptr ? std::bit_ceil(bytes) : bytes;
  auto* header = new (::operator new(kLine + room, std::align_val_t{kLine})) Header{shelf};
  return RecycledBlock(reinterpret_cast<std::byte*>(header) + kLine);
}

nanobind::capsule owner_of(RecycledBlock block) {
  nanobind::capsule owner(block.get(), [](void* data) noexcept { GiveBack{}(data); });
  block.release();
  return owner;
}

}  // namespace typetally::python
