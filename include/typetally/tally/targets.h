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

/// The targets of a batch: row t predicts label t + 1 of the same document, and a document's first label is never a
/// target. `labels` are [rows * columns]; `types` are shaped alike, or empty (untyped); `cu_seqlens` is empty (each row
/// one document) or runs from 0 to rows * columns. With `shifted`, labels[i] is what row i predicts already.
std::vector<Target> find_targets(std::span<const std::int64_t> labels, std::span<const TokenType> types,
                                 std::int64_t columns, std::span<const std::int32_t> cu_seqlens, bool shifted);

}  // namespace typetally
