#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "typetally/base/tensor_view.h"
#include "typetally/tally/row_stats.h"

// constexpr: device code may call it too.
namespace typetally {

/// Elements from the first element of the tensor to column 0 of a row, rows numbered in row-major order.
constexpr std::int64_t row_offset(const TensorView& logits, std::int64_t row) {
  std::int64_t offset = 0;
  for (std::size_t d = logits.shape.size() - 1; d-- > 0;) {
    const bool outermost = d == 0;  // one division less, which a GPU notices
    offset += (outermost ? row : row % logits.shape[d]) * logits.strides[d];
    if (!outermost) row /= logits.shape[d];
  }
  return offset;
}

constexpr float to_float(float x) { return x; }

struct BFloat16 {
  std::uint16_t bits;
};
constexpr float to_float(BFloat16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16u); }

struct Float16 {
  std::uint16_t bits;
};
/// IEEE 754 binary16, subnormals included.
constexpr float to_float(Float16 x) {
  const std::uint32_t sign = (x.bits & 0x8000u) << 16u;
  const std::uint32_t magnitude = x.bits & 0x7FFFu;
  if (magnitude >= 0x7C00u) return std::bit_cast<float>(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13u);
  // Multiplying by 2^112 moves the exponent's bias from 15 to 127 and makes subnormals normal.
  const float scaled = std::bit_cast<float>(magnitude << 13u) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

/// What a kernel knows of a row's label before it reads the row.
struct LabelPlace {
  std::int64_t tied_before;  ///< columns below this one count towards the rank where they tie with the label
  double logit = 0;          ///< valid if known
  bool known = false;        ///< the logit is in the row, or was given
};

/// `at` reads the logit of a column.
template <class At>
constexpr LabelPlace place_label(const RowRequest& request, std::size_t index, std::int64_t vocabulary,
                                 const RowStatsOptions& options, At at) {
  const std::int64_t column = request.label - options.vocab_offset;
  LabelPlace label{.tied_before = std::clamp<std::int64_t>(column, 0, vocabulary)};
  if (column >= 0 && column < vocabulary) {
    label.logit = at(column);
    label.known = true;
  } else if (!options.label_logits.empty()) {
    label.logit = options.label_logits[index];
    label.known = true;
  }
  return label;
}

/// The statistics of a row with NaN or +inf.
constexpr RowStats poisoned_row(const LabelPlace& label) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  RowStats stats;
  stats.max = stats.s1 = stats.s2 = kNaN;
  stats.label_logit = label.logit;
  stats.has_label = label.known;
  stats.finite = false;
  return stats;
}

/// Calls visit(T{}) with the C++ type of a float dtype.
template <class Visit>
void visit_dtype(DType dtype, Visit visit) {
  if (dtype == DType::kBFloat16) return visit(BFloat16{});
  if (dtype == DType::kFloat16) return visit(Float16{});
  if (dtype == DType::kFloat32) return visit(float{});
  visit(double{});
}

}  // namespace typetally
