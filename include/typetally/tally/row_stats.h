#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "typetally/base/tensor_view.h"

namespace typetally {

/// What one row of logits adds up to, relative to its maximum; shards of a row merge (merge_shard).
/// Numerics (design section 4): float sums per block of a few KiB, flushed to double in order; nll and entropy are
/// within 1e-6 of a double-precision reference. -inf logits weigh nothing; ties of the maximum go to the first index.
struct RowStats {
  double max = -std::numeric_limits<double>::infinity();
  double s1 = 0;           ///< sum of exp(x - max)
  double s2 = 0;           ///< sum of (x - max) exp(x - max)
  double label_logit = 0;  ///< valid if has_label
  std::int64_t argmax = -1;
  std::int64_t rank = -1;  ///< count(x > x_label) + count(x == x_label before the label); -1: unknown
  bool has_label = false;  ///< the label's logit was in the row, or was given
  bool finite = true;      ///< false: NaN, +inf, or a label whose logit is -inf

  double nll() const;      ///< (max - label_logit) + ln s1
  double entropy() const;  ///< ln s1 - s2 / s1
};

/// A row to read: its index among the rows of `logits`, and its label (a vocabulary id, offset not subtracted).
struct RowRequest {
  std::int64_t row;
  std::int64_t label;
};

struct RowStatsOptions {
  std::int64_t vocab_offset = 0;        ///< the id of column 0
  std::span<const float> label_logits;  ///< one per request, for shards without the label; empty: not given
};

/// Reads each requested row of `logits` [rows, vocabulary] (any float dtype, any strides) once; `out` has one entry per
/// request. The caller has validated shapes and labels.
using RowStatsKernel = void (*)(const TensorView& logits, std::span<const RowRequest> requests,
                                const RowStatsOptions& options, std::span<RowStats> out);

namespace reference {
void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>);
}
namespace cpu {
void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>);
}

/// Validates (rank, dtype, device, alignment, labels inside the vocabulary) and dispatches to the kernel of the
/// tensor's device. Throws std::invalid_argument on a bad call.
void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out);

/// Joins the statistics of two disjoint vocabulary shards of one row. Associative and commutative up to rounding.
RowStats merge_shard(const RowStats& a, const RowStats& b);

}  // namespace typetally
