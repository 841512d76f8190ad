#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "typetally/base/result.h"
#include "typetally/base/tensor_view.h"

namespace typetally {

/// How a batch may say where its documents begin, in the order in which it is believed (design section 4).
enum class BoundaryKind : std::uint8_t {
  kCuSeqlens,      ///< [documents + 1] over B * T, or [B, documents + 1] within each row; what it leaves is padding
  kSeqLengths,     ///< [documents] over B * T, [B] (one a row), or [B, documents] padded with zeros
  kPositionIds,    ///< text positions [B, T], [1, T] or [T]; [4, B, T] begins with them; [3, B, T] says nothing
  kAttentionMask,  ///< [B, T] document indices 1..n with 0 in padding, or 1-D cu_seqlens; 0/1 tells padding alone
};

struct BoundarySource {
  BoundaryKind kind = BoundaryKind::kCuSeqlens;
  std::string name;   ///< the batch's key, for error texts
  TensorView tensor;  ///< int32 or int64 on the host
};

/// int32 [documents + 1] over the row-major flattened [rows * columns] positions, strictly increasing from 0 to
/// rows * columns. No document crosses the end of a row. Padding before a row's first token is a document of its own,
/// so that the first token is never a target; padding after the last token is one more document where the source says
/// so, else it belongs to the row's last one.
/// Two sources that disagree between two tokens (padding does not count) are kDisagreement, with both shown and
/// `offset` the flattened position; a source that does not fit [rows, columns] is kMalformed.
/// Throws std::invalid_argument where a tensor is neither int32 nor int64, or the batch has more than 2^31 - 1
/// positions.
Result<std::vector<std::int32_t>> document_boundaries(std::int64_t rows, std::int64_t columns,
                                                      std::span<const BoundarySource> sources);

}  // namespace typetally
