#include "typetally/tally/row_stats.h"

#include <cmath>
#include <cstdint>

#include "tally/rows.h"

namespace typetally::reference {
namespace {

double to_double(double x) { return x; }
template <class T>
double to_double(T x) {
  return to_float(x);
}

template <class T>
struct Row {
  const T* first;
  std::int64_t stride;
  std::int64_t size;
  double operator[](std::int64_t i) const { return to_double(first[i * stride]); }
};

template <class T>
RowStats read_row(const Row<T>& row, const LabelPlace& label, std::int64_t vocab_offset) {
  RowStats stats;
  stats.has_label = label.known;
  stats.label_logit = label.logit;
  stats.argmax = vocab_offset;
  for (std::int64_t i = 0; i < row.size; ++i) {
    const double x = row[i];
    if (std::isnan(x) || x == std::numeric_limits<double>::infinity()) return poisoned_row(label);
    if (x > stats.max) {
      stats.max = x;
      stats.argmax = vocab_offset + i;
    }
  }
  if (label.known) stats.rank = 0;
  for (std::int64_t i = 0; i < row.size; ++i) {
    const double x = row[i];
    if (label.known) stats.rank += x > label.logit || (x == label.logit && i < label.tied_before);
    if (x == -std::numeric_limits<double>::infinity()) continue;
    const double shifted = x - stats.max;
    stats.s1 += std::exp(shifted);
    stats.s2 += shifted * std::exp(shifted);
  }
  stats.finite = !label.known || std::isfinite(label.logit);
  return stats;
}

template <class T>
void read_rows(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  const std::int64_t vocabulary = logits.shape.back();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const T* first = static_cast<const T*>(logits.data) + row_offset(logits, requests[i].row);
    const Row<T> row{first, logits.strides.back(), vocabulary};
    const LabelPlace label =
        place_label(requests[i], i, vocabulary, options, [&](std::int64_t column) { return row[column]; });
    out[i] = read_row(row, label, options.vocab_offset);
  }
}

}  // namespace

void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  visit_dtype(logits.dtype, [&]<class T>(T) { read_rows<T>(logits, requests, options, out); });
}

}  // namespace typetally::reference
