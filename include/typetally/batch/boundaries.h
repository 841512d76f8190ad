#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "typetally/base/result.h"
#include "typetally/base/tensor_view.h"

namespace typetally {

/// What a batch may say about where its documents begin (design section 4); absent fields are empty. Integer tensors
/// of int32 or int64 on the host.
struct BoundarySources {
  std::int64_t rows = 0;                     ///< B
  std::int64_t columns = 0;                  ///< T
  std::optional<TensorView> cu_seqlens;      ///< [documents + 1], over B * T or shorter (a padded tail is one more)
  std::optional<TensorView> seq_lengths;     ///< [documents], or [B, documents] padded with zeros
  std::optional<TensorView> position_ids;    ///< [B, T], [1, T], or [3 | 4, B, T] (4: text positions come first)
  std::optional<TensorView> attention_mask;  ///< [B, T] 0/1 or document indices, or 1-D from 0 to B * T
};

/// int32 [documents + 1] over the row-major flattened [B * T] positions, from 0 to B * T. Two sources that disagree
/// are an error that shows both.
Result<std::vector<std::int32_t>> document_boundaries(const BoundarySources& sources);

}  // namespace typetally
