#include "typetally/tally/row_stats.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "base/vector_targets.h"  // IWYU pragma: keep
#include "tally/cpu/job.h"
#include "typetally/base/error.h"
#include "typetally/base/parallel.h"
#include "typetally/tally/cpu_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tally/cpu/row_stats.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "tally/cpu/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

void read_rows(const Job& job) {
  switch (job.logits.dtype) {
    case DType::kBFloat16:
      return read_rows_of<BFloat16>(job);
    case DType::kFloat16:
      return read_rows_of<Float16>(job);
    default:
      return read_rows_of<float>(job);
  }
}

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace typetally::cpu {

HWY_EXPORT(read_rows);

namespace {

/// Logits that make a range worth handing to another thread: some tens of microseconds of work.
constexpr std::int64_t kRangeLogits = 1 << 17;

/// Asked once, before use_target changes what Highway takes for supported.
const std::vector<std::int64_t>& all_targets() {
  static const std::vector<std::int64_t> all = hwy::SupportedAndGeneratedTargets();
  return all;
}

}  // namespace

std::vector<std::string> targets() {
  std::vector<std::string> names;
  for (const std::int64_t target : all_targets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

void use_target(std::string_view name) {
  std::int64_t chosen = 0;
  for (const std::int64_t target : all_targets())
    if (name == hwy::TargetName(target)) chosen = target;
  if (!name.empty() && chosen == 0) bad_call("use_target", "one of targets()", name);
  hwy::SetSupportedTargetsForTest(chosen);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  const std::int64_t grain = std::max<std::int64_t>(1, kRangeLogits / logits.shape.back());
  parallel_for(std::ssize(requests), grain, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
    Job job{logits, requests.subspan(first, count), options, out.subspan(first, count)};
    if (!options.label_logits.empty()) job.options.label_logits = options.label_logits.subspan(first, count);
    if (logits.dtype == DType::kFloat64) return reference::row_stats(logits, job.requests, job.options, job.out);
    HWY_DYNAMIC_DISPATCH(read_rows)(job);
  });
}

}  // namespace typetally::cpu
#endif  // HWY_ONCE
