#include "batch/size_scan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "typetally/base/parallel.h"

namespace typetally {
namespace {

constexpr std::int64_t kMinSizesPerRange = 1 << 18;
constexpr std::int64_t kMaxRanges = 64;

struct Range {
  SizeScan found;
  bool bad = false;
};

void scan_range(std::span<const std::int64_t> sizes, std::int64_t first, std::int64_t capacity, Range& range) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    range.bad |= sizes[i] < 0 || __builtin_add_overflow(range.found.sum, sizes[i], &range.found.sum);
    if (sizes[i] > capacity) range.found.beyond.push_back(first + static_cast<std::int64_t>(i));
  }
}

Error first_bad(const std::string& subject, std::span<const std::int64_t> sizes) {
  std::int64_t sum = 0;
  std::size_t i = 0;
  while (sizes[i] >= 0 && !__builtin_add_overflow(sum, sizes[i], &sum)) ++i;
  const std::string expected = subject + (sizes[i] < 0 ? " >= 0" : " whose sum fits 64 bits");
  return refused_size(subject, static_cast<std::int64_t>(i), expected, sizes[i]);
}

}  // namespace

Result<SizeScan> scan_sizes(const std::string& subject, std::span<const std::int64_t> sizes, std::int64_t capacity) {
  const std::int64_t n = std::ssize(sizes);
  const std::int64_t grain = std::max(kMinSizesPerRange, n / kMaxRanges + 1);
  std::vector<Range> ranges(static_cast<std::size_t>((n + grain - 1) / grain));
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    const auto part = sizes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    scan_range(part, begin, capacity, ranges[static_cast<std::size_t>(begin / grain)]);
  });
  SizeScan all;
  for (const Range& range : ranges) {
    if (range.bad || __builtin_add_overflow(all.sum, range.found.sum, &all.sum)) return first_bad(subject, sizes);
    all.beyond.insert(all.beyond.end(), range.found.beyond.begin(), range.found.beyond.end());
  }
  return all;
}

Result<SizeScan> scan_sorted(const LengthOrder& sorted, std::span<const std::int64_t> lengths) {
  SizeScan all;
  bool bad = false;
  for (std::size_t length = 1; length < sorted.counts.size(); ++length) {
    std::int64_t tokens = 0;
    bad |= __builtin_mul_overflow(static_cast<std::int64_t>(length), sorted.counts[length], &tokens);
    bad |= __builtin_add_overflow(all.sum, tokens, &all.sum);
  }
  for (const std::int64_t sample : sorted.left_out) {
    const std::int64_t length = lengths[static_cast<std::size_t>(sample)];
    bad |= length < 0 || __builtin_add_overflow(all.sum, length, &all.sum);
  }
  if (bad) return first_bad("lengths", lengths);
  all.beyond = sorted.left_out;
  return all;
}

Error refused_size(std::string subject, std::int64_t index, const std::string& expected, std::int64_t got) {
  return {ErrorCode::kMalformed, std::move(subject), index,
          "expected " + expected + ", got " + std::to_string(got) + " at index " + std::to_string(index)};
}

}  // namespace typetally
