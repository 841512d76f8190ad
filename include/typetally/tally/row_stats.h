#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "typetally/base/tensor_view.h"

namespace typetally {

/// What one row of logits adds up to, relative to its maximum; shards of a row merge (merge_shard).
/// Numerics: s1 and s2 are float sums per block of a few KiB, flushed to double in order of the columns; nll and
/// entropy are within 1e-6 of a double-precision reference on the CPU. -inf logits weigh nothing; ties of the maximum
/// go to the first index. A row with NaN or +inf has max, s1 and s2 NaN, argmax and rank -1.
struct RowStats {
  double max = -std::numeric_limits<double>::infinity();
  double s1 = 0;           ///< sum of exp(x - max); 0 where every logit is -inf
  double s2 = 0;           ///< sum of (x - max) exp(x - max)
  double label_logit = 0;  ///< valid if has_label
  std::int64_t argmax = -1;
  std::int64_t rank = -1;  ///< count(x > x_label) + count(x == x_label before the label); -1: unknown
  bool has_label = false;  ///< the label's logit was in the row, or was given
  bool finite = true;      ///< false: NaN, +inf, or a label whose logit is -inf

  double nll() const;      ///< (max - label_logit) + ln s1, in nats; NaN without the label's logit
  double entropy() const;  ///< ln s1 - s2 / s1, in nats
};

/// A row to read: its index among the rows of `logits`, and its label (a vocabulary id, offset not subtracted).
struct RowRequest {
  std::int64_t row;
  std::int64_t label;
};

struct RowStatsOptions {
  std::int64_t vocab_offset = 0;         ///< the id of column 0
  std::span<const double> label_logits;  ///< one per request, for shards without the label; empty: not given
};

/// Reads each requested row of `logits` [..., vocabulary] (any float dtype, any strides) once; rows are numbered over
/// the leading dimensions in row-major order. `out` has one entry per request. The caller has validated everything.
using RowStatsKernel = void (*)(const TensorView& logits, std::span<const RowRequest> requests,
                                const RowStatsOptions& options, std::span<RowStats> out);

/// Plain loops in double precision: the oracle, and the kernel for float64.
namespace reference {
void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>);
}
/// SIMD for bfloat16, float16 and float32, rows in parallel; the same bits for any number of threads.
namespace cpu {
void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>);
}
/// Tensors in CUDA memory. Throws std::invalid_argument where the library was built without CUDA.
namespace cuda {
void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>);
}

/// Throws std::invalid_argument unless `logits` has a rank of at least 1, a float dtype, a vocabulary of 1 to 2^31 - 1,
/// and an address aligned to its elements, which may be null where there are no rows.
void check_logits(const TensorView& logits);

/// Validates (check_logits, rows inside the tensor, labels not negative, lengths of `out` and `label_logits`) and
/// dispatches to the kernel of the tensor's device. A label
/// outside [vocab_offset, vocab_offset + vocabulary) belongs to another shard. Throws std::invalid_argument.
void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out);

/// Joins the statistics of two disjoint vocabulary shards of one row. Commutative, associative up to rounding; argmax
/// and rank are exact. The rank is unknown unless both shards know theirs.
RowStats merge_shard(const RowStats& a, const RowStats& b);

}  // namespace typetally
