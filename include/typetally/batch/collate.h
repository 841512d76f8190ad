#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "typetally/base/tensor_view.h"

namespace typetally {

enum class PadSide : std::uint8_t { kLeft, kRight };

/// Where the documents of a batch lie in its row-major flattened [rows * columns] positions; the rest is padding.
struct BatchLayout {
  struct Document {
    std::int64_t begin;
    std::int64_t length;
  };
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<Document> documents;  ///< one per sample, in order; no two overlap, none crosses the end of a row
};

/// One row per sample, as wide as the longest, rounded up to a multiple of `multiple`.
/// Throws std::invalid_argument beyond 2^31 - 1 positions, as layout_packed does.
BatchLayout layout_padded(std::span<const std::int64_t> lengths, PadSide side, std::int64_t multiple);

/// One row per pack: `packs[r]` samples one after the other, padded on the right to the widest row, rounded up to a
/// multiple of `multiple`. The sum of `packs` is the number of lengths.
BatchLayout layout_packed(std::span<const std::int64_t> lengths, std::span<const std::int64_t> packs,
                          std::int64_t multiple);

/// A sample's values of one field: `length` of them, where the layout says how many that is.
struct SampleView {
  const void* data = nullptr;
  DType dtype = DType::kInt64;  ///< kInt8, kInt32 or kInt64
};

/// Copies each sample's values to its document and `fill` everywhere else; out: [rows * columns] of int64 or int8.
/// Where int8 is too narrow for a value it wraps, and false is returned.
void copy_field(const BatchLayout& layout, std::span<const SampleView> samples, std::int64_t fill, std::int64_t* out);
bool copy_field(const BatchLayout& layout, std::span<const SampleView> samples, std::int64_t fill, std::int8_t* out);

/// [rows * columns]: 0, 1, 2, ... from the start of each document; a stretch of padding counts as a document.
void write_position_ids(const BatchLayout& layout, std::int64_t* out);

/// [rows * columns]: the number of the document within its row; a stretch of padding counts as a document.
void write_seq_idx(const BatchLayout& layout, std::int32_t* out);

/// [rows * columns]: 1 in documents, 0 in padding.
void write_attention_mask(const BatchLayout& layout, std::int64_t* out);

/// int32 [documents + 1] from 0 to rows * columns, as flash attention takes it; a stretch of padding counts as a
/// document, an empty document does not.
std::vector<std::int32_t> cu_seqlens(const BatchLayout& layout);

/// Tokens of the longest document, stretches of padding included.
std::int64_t longest(const BatchLayout& layout);

}  // namespace typetally
