#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "tally/cuda/slice.h"
#include "tally/rows.h"

namespace typetally::test {

/// A block of the CUDA kernel, thread after thread: each reads its share, then they merge as the kernel's tree does.
template <class T, bool kContiguous>
cuda::Partial read_slice(const cuda::Slice<T>& slice, const cuda::Bars<T>& bars) {
  std::vector<cuda::Share<T, kContiguous>> shares;
  std::vector<cuda::Partial> own;
  for (int thread = 0; thread < cuda::kThreads; ++thread) {
    shares.emplace_back(slice, bars, thread);
    own.push_back(shares.back().read());
  }
  std::vector<cuda::Partial> parts = own;
  for (std::size_t half = parts.size() / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) parts[i] = merge(parts[i], parts[i + half]);
  parts[0].argmax = slice.end;
  for (std::size_t i = 0; i < own.size(); ++i)
    if (own[i].max == parts[0].max && own[i].max != -cuda::kInfinity)
      parts[0].argmax = std::min<std::int64_t>(parts[0].argmax, shares[i].first_of_max());
  if (parts[0].argmax == slice.end) parts[0].argmax = slice.begin;
  return parts[0];
}

template <class T>
RowStats read_row_as_cuda(const T* row, std::int64_t stride, std::int64_t vocabulary, const LabelPlace& label,
                          std::int64_t vocab_offset) {
  const cuda::Bars<T> bars(label);
  cuda::Partial whole;
  for (std::int64_t n = 0; n < cuda::count_slices(vocabulary); ++n) {
    const auto slice = cuda::slice_of(row, stride, vocabulary, n);
    const cuda::Partial part = stride == 1 ? read_slice<T, true>(slice, bars) : read_slice<T, false>(slice, bars);
    whole = n == 0 ? part : merge(whole, part);
  }
  return cuda::finish(whole, label, vocab_offset);
}

/// The CUDA kernels' arithmetic on host memory: the same code, but for exp2, which the device rounds to 2^-22. A
/// RowStatsKernel.
inline void cuda_on_host(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
                         std::span<RowStats> out) {
  const std::int64_t vocabulary = logits.shape.back(), stride = logits.strides.back();
  visit_dtype(logits.dtype, [&]<class T>(T) {
    if constexpr (sizeof(T) < 8) {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const T* row = static_cast<const T*>(logits.data) + row_offset(logits, requests[i].row);
        const LabelPlace label = place_label(requests[i], i, vocabulary, options,
                                             [=](std::int64_t column) { return to_float(row[column * stride]); });
        out[i] = read_row_as_cuda(row, stride, vocabulary, label, options.vocab_offset);
      }
    }
  });
}

}  // namespace typetally::test
