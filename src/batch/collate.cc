#include "typetally/batch/collate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>

#include "batch/wide_loops.h"
#include "typetally/base/error.h"

namespace typetally {
namespace {

constexpr std::int64_t kMaxPositions = std::numeric_limits<std::int32_t>::max();  // what cu_seqlens can number

/// The width of rows that hold `n` tokens, a multiple of `multiple`.
std::int64_t width_for(std::int64_t rows, std::int64_t n, std::int64_t multiple) {
  const std::int64_t times = n / multiple + (n % multiple != 0 ? 1 : 0);
  if (times > 0 && (multiple > kMaxPositions / times || times * multiple > kMaxPositions / rows)) {
    bad_call("collate", "at most 2^31 - 1 positions",
             std::to_string(rows) + " rows of " + std::to_string(n) + " tokens, in multiples of " +
                 std::to_string(multiple));
  }
  return times * multiple;
}

/// Calls body(begin, end, is_document, number within its row) for every document and every stretch of padding in order.
template <class Body>
void for_each_stretch(const BatchLayout& layout, Body body) {
  std::size_t next = 0;
  for (std::int64_t row = 0; row < layout.rows; ++row) {
    std::int64_t at = row * layout.columns;
    const std::int64_t row_end = at + layout.columns;
    std::int64_t number = 0;
    const auto padding_to = [&](std::int64_t end) {
      if (end > at) body(at, end, false, number++);
      at = end;
    };
    for (; next < layout.documents.size() && layout.documents[next].begin < row_end; ++next) {
      const auto& document = layout.documents[next];
      padding_to(document.begin);
      if (document.length == 0) continue;
      at = document.begin + document.length;
      body(document.begin, at, true, number++);
    }
    padding_to(row_end);
  }
}

/// Returns whether all values fit.
template <class In, class Out>
bool copy_values(const void* from, std::int64_t n, Out* out) {
  // Bytes may alias anything, which would keep the loop from being vectorised.
  const In* __restrict in = static_cast<const In*>(from);
  Out* __restrict to = out;
  if constexpr (std::is_same_v<In, std::int64_t> && std::is_same_v<Out, std::int8_t>) {
    return narrow_wide(in, n, to);
  } else if constexpr (std::is_same_v<In, std::int64_t> && std::is_same_v<Out, std::int64_t>) {
    copy_wide(in, n, to);
    return true;
  } else {
    bool fit = true;
    for (std::int64_t i = 0; i < n; ++i) {
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): int8 values are numbers here, and keep their sign
      to[i] = static_cast<Out>(in[i]);
      fit &= std::cmp_equal(to[i], in[i]);
    }
    return fit;
  }
}

template <class Out>
bool copy_sample(const SampleView& sample, std::int64_t n, Out* out) {
  switch (sample.dtype) {
    case DType::kInt8:
      return copy_values<std::int8_t>(sample.data, n, out);
    case DType::kInt32:
      return copy_values<std::int32_t>(sample.data, n, out);
    case DType::kInt64:
      return copy_values<std::int64_t>(sample.data, n, out);
    default:
      bad_call("copy_field", "int8, int32 or int64 values", name(sample.dtype));
  }
}

template <class Out>
bool copy_all(const BatchLayout& layout, std::span<const SampleView> samples, std::int64_t fill, Out* out) {
  std::int64_t at = 0;
  bool fit = true;
  const auto padding_to = [&](std::int64_t end) { std::fill(out + at, out + end, static_cast<Out>(fill)); };
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const auto& document = layout.documents[s];
    padding_to(document.begin);
    fit &= copy_sample(samples[s], document.length, out + document.begin);
    at = document.begin + document.length;
  }
  padding_to(layout.rows * layout.columns);
  return fit;
}

}  // namespace

BatchLayout layout_padded(std::span<const std::int64_t> lengths, PadSide side, std::int64_t multiple) {
  BatchLayout layout;
  layout.documents.reserve(lengths.size());
  layout.rows = static_cast<std::int64_t>(lengths.size());
  for (const std::int64_t length : lengths) layout.columns = std::max(layout.columns, length);
  layout.columns = width_for(layout.rows, layout.columns, multiple);
  std::int64_t row = 0;
  for (const std::int64_t length : lengths) {
    const std::int64_t lead = side == PadSide::kLeft ? layout.columns - length : 0;
    layout.documents.push_back({row++ * layout.columns + lead, length});
  }
  return layout;
}

BatchLayout layout_packed(std::span<const std::int64_t> lengths, std::span<const std::int64_t> packs,
                          std::int64_t multiple) {
  BatchLayout layout;
  layout.documents.reserve(lengths.size());
  layout.rows = static_cast<std::int64_t>(packs.size());
  auto next = lengths.begin();
  for (const std::int64_t samples : packs) {
    layout.columns = std::max(layout.columns, std::accumulate(next, next + samples, std::int64_t{0}));
    next += samples;
  }
  layout.columns = width_for(layout.rows, layout.columns, multiple);
  next = lengths.begin();
  std::int64_t row = 0;
  for (const std::int64_t samples : packs) {
    std::int64_t at = row++ * layout.columns;
    for (std::int64_t i = 0; i < samples; ++i) {
      layout.documents.push_back({at, *next});
      at += *next++;
    }
  }
  return layout;
}

void copy_field(const BatchLayout& layout, std::span<const SampleView> samples, std::int64_t fill, std::int64_t* out) {
  copy_all(layout, samples, fill, out);
}

bool copy_field(const BatchLayout& layout, std::span<const SampleView> samples, std::int64_t fill, std::int8_t* out) {
  return copy_all(layout, samples, fill, out);
}

void write_position_ids(const BatchLayout& layout, std::int64_t* out) {
  for_each_stretch(
      layout, [&](std::int64_t begin, std::int64_t end, bool, std::int64_t) { count_wide(end - begin, out + begin); });
}

void write_seq_idx(const BatchLayout& layout, std::int32_t* out) {
  for_each_stretch(layout, [&](std::int64_t begin, std::int64_t end, bool, std::int64_t number) {
    fill_wide(static_cast<std::int32_t>(number), end - begin, out + begin);
  });
}

void write_attention_mask(const BatchLayout& layout, std::int64_t* out) {
  for_each_stretch(layout, [&](std::int64_t begin, std::int64_t end, bool document, std::int64_t) {
    std::fill(out + begin, out + end, std::int64_t{document});
  });
}

std::vector<std::int32_t> cu_seqlens(const BatchLayout& layout) {
  std::vector<std::int32_t> ends;
  ends.reserve(layout.documents.size() + static_cast<std::size_t>(layout.rows) + 1);
  ends.push_back(0);
  for_each_stretch(layout, [&](std::int64_t, std::int64_t end, bool, std::int64_t) {
    ends.push_back(static_cast<std::int32_t>(end));
  });
  return ends;
}

std::int64_t longest(const BatchLayout& layout) {
  std::int64_t most = 0;
  for_each_stretch(
      layout, [&](std::int64_t begin, std::int64_t end, bool, std::int64_t) { most = std::max(most, end - begin); });
  return most;
}

}  // namespace typetally
