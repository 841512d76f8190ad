#include "typetally/base/buffer.h"

#include <sys/mman.h>

#include <cstdlib>

namespace typetally {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kWorthHugePages = 8 * kHugePage;

}  // namespace

void* allocate_block(std::size_t bytes) {
  const bool large = bytes >= kWorthHugePages;
  const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* block = large ? std::aligned_alloc(kHugePage, rounded) : std::malloc(bytes > 0 ? bytes : 1);
  if (block == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (large) ::madvise(block, rounded, MADV_HUGEPAGE);  // advice: where it is not taken, pages are small
#endif
  return block;
}

void free_block(void* block) noexcept { std::free(block); }

}  // namespace typetally
