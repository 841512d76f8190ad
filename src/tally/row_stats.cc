#include "typetally/tally/row_stats.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "tally/rows.h"
#include "typetally/base/error.h"

namespace typetally {
namespace {

constexpr std::int64_t kMaxVocabulary = std::numeric_limits<std::int32_t>::max();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void refuse(std::string_view expected, const std::string& got) { bad_call("row_stats", expected, got); }

std::int64_t count_rows(const TensorView& logits) {
  std::int64_t rows = 1;
  for (const std::int64_t n : logits.shape.first(logits.shape.size() - 1)) rows *= n;
  return rows;
}

void check_requests(const TensorView& logits, std::span<const RowRequest> requests) {
  const std::int64_t rows = count_rows(logits);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto [row, label] = requests[i];
    if (row < 0 || row >= rows) refuse("a row below " + std::to_string(rows), std::to_string(row));
    if (label < 0) refuse("labels of 0 or more", std::to_string(label) + " at " + std::to_string(i));
  }
}

}  // namespace

void check_logits(const TensorView& logits) {
  if (logits.shape.empty()) refuse("logits [..., vocabulary]", "a scalar");
  if (logits.strides.size() != logits.shape.size())
    refuse("a stride per dimension", std::to_string(logits.strides.size()));
  const DType dtype = logits.dtype;
  if (dtype == DType::kInt8 || dtype == DType::kInt32 || dtype == DType::kInt64)
    refuse("logits of a float dtype", std::string(name(dtype)));
  const std::int64_t vocabulary = logits.shape.back();
  if (vocabulary < 1 || vocabulary > kMaxVocabulary)
    refuse("a vocabulary of 1 to " + std::to_string(kMaxVocabulary), std::to_string(vocabulary));
  if (logits.data == nullptr && std::ranges::count(logits.shape, 0) == 0) refuse("logits with memory", "none");
  if (reinterpret_cast<std::uintptr_t>(logits.data) % size_of(dtype) != 0)
    refuse("logits aligned to their elements", "a misaligned address");
}

double RowStats::nll() const { return has_label ? (max - label_logit) + std::log(s1) : kNaN; }

double RowStats::entropy() const { return std::log(s1) - s2 / s1; }

void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  check_logits(logits);
  check_requests(logits, requests);
  if (out.size() != requests.size())
    refuse(std::to_string(requests.size()) + " places for results", std::to_string(out.size()));
  if (!options.label_logits.empty() && options.label_logits.size() != requests.size())
    refuse(std::to_string(requests.size()) + " label_logits", std::to_string(options.label_logits.size()));
  if (options.vocab_offset < 0) refuse("a vocab_offset of 0 or more", std::to_string(options.vocab_offset));
  const RowStatsKernel kernel = logits.device.kind == DeviceKind::kCuda ? cuda::row_stats : cpu::row_stats;
  kernel(logits, requests, options, out);
}

RowStats merge_shard(const RowStats& a, const RowStats& b) {
  const bool has_label = a.has_label || b.has_label;
  const double label_logit = a.has_label ? a.label_logit : b.label_logit;
  if (std::isnan(a.max) || std::isnan(b.max))
    return poisoned_row({.tied_before = 0, .logit = label_logit, .known = has_label});
  const bool a_leads = a.max > b.max || (a.max == b.max && a.argmax < b.argmax);
  const RowStats& high = a_leads ? a : b;
  const RowStats& low = a_leads ? b : a;
  RowStats merged = high;
  if (low.s1 > 0) {  // a shard of -inf alone weighs nothing, and -inf - -inf would be NaN
    const double shift = low.max - high.max;
    const double scale = std::exp(shift);
    merged.s1 += scale * low.s1;
    merged.s2 += scale * (low.s2 + shift * low.s1);
  }
  merged.has_label = has_label;
  merged.label_logit = label_logit;
  merged.rank = a.rank >= 0 && b.rank >= 0 ? a.rank + b.rank : -1;
  merged.finite = a.finite && b.finite;
  return merged;
}

}  // namespace typetally
