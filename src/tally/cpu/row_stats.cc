#include "typetally/tally/row_stats.h"

#include "typetally/base/parallel.h"

namespace typetally::cpu {

void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  parallel_for(static_cast<std::int64_t>(requests.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
    RowStatsOptions part = options;
    if (!part.label_logits.empty()) part.label_logits = part.label_logits.subspan(first, count);
    reference::row_stats(logits, requests.subspan(first, count), part, out.subspan(first, count));
  });
}

}  // namespace typetally::cpu
