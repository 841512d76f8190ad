#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "typetally/base/token_type.h"

namespace typetally {

/// A label that some row of logits predicts.
struct Target {
  std::int64_t row;  ///< of the flattened [B * T] logits
  std::int64_t label;
  TokenType type;  ///< kIgnore: a target without a type; it counts in the totals alone
};

/// The labels of a batch and what belongs to them, flattened in row-major order.
struct LabelBatch {
  std::span<const std::int64_t> labels;           ///< [rows * columns]; negative: not supervised
  std::span<const TokenType> types = {};          ///< shaped like labels, or empty: untyped
  std::int64_t columns = 0;                       ///< T
  std::span<const std::int32_t> cu_seqlens = {};  ///< empty (each row one document), or from 0 to rows * columns
  bool shifted = false;                           ///< labels[i] is what row i predicts already
};

/// The targets of a batch, in order: row t predicts label t + 1 of the same document, and a document's first label is
/// never a target. Throws std::invalid_argument for sizes, boundaries or types that cannot be.
std::vector<Target> find_targets(const LabelBatch& batch);

/// Renumbers the rows for logits that hold only the columns `kept` of each row (Transformers' logits_to_keep), in that
/// order; targets whose logits were not kept are left out. Throws std::invalid_argument for a column outside [0,
/// columns).
std::vector<Target> keep_columns(std::span<const Target> targets, std::int64_t columns,
                                 std::span<const std::int64_t> kept);

}  // namespace typetally
