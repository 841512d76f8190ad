#include "batch/wide_loops.h"

#include <cstddef>
#include <cstdint>

#include "base/vector_targets.h"  // IWYU pragma: keep

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "batch/wide_loops.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<std::int64_t>;

/// Calls whole(i) for each vector of `lanes` values from 0, and one(i) for each value left.
template <class Whole, class One>
HWY_INLINE void for_each_vector(std::int64_t n, std::size_t lanes, Whole whole, One one) {
  const auto step = static_cast<std::int64_t>(lanes);
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    whole(i);
    whole(i + step);
    whole(i + 2 * step);
    whole(i + 3 * step);
  }
  for (; i + step <= n; i += step) whole(i);
  for (; i < n; ++i) one(i);
}

void copy(const std::int64_t* in, std::int64_t n, std::int64_t* out) {
  const Wide d;
  for_each_vector(
      n, hn::Lanes(d), [&](std::int64_t i) HWY_ATTR { hn::StoreU(hn::LoadU(d, in + i), d, out + i); },
      [&](std::int64_t i) HWY_ATTR { out[i] = in[i]; });
}

bool narrow(const std::int64_t* in, std::int64_t n, std::int8_t* out) {
  const hn::ScalableTag<std::uint64_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> bytes;
  // Values from -128 to 127, and no others, have no bit above the lowest eight once 128 is added.
  constexpr std::uint64_t kShift = 128, kLow = 255;
  auto seen = hn::Zero(d);
  std::uint64_t seen_at_end = 0;
  for_each_vector(
      n, hn::Lanes(d),
      [&](std::int64_t i) HWY_ATTR {
        const auto values = hn::LoadU(d, reinterpret_cast<const std::uint64_t*>(in + i));
        hn::StoreU(hn::TruncateTo(bytes, values), bytes, reinterpret_cast<std::uint8_t*>(out + i));
        seen = hn::Or(seen, hn::Add(values, hn::Set(d, kShift)));
      },
      [&](std::int64_t i) HWY_ATTR {
        out[i] = static_cast<std::int8_t>(in[i]);
        seen_at_end |= static_cast<std::uint64_t>(in[i]) + kShift;
      });
  return hn::AllTrue(d, hn::Eq(hn::AndNot(hn::Set(d, kLow), seen), hn::Zero(d))) && seen_at_end <= kLow;
}

void count(std::int64_t n, std::int64_t* out) {
  const Wide d;
  // Highway's Iota is a detour over memory: once, not for each vector.
  const auto step = hn::Set(d, static_cast<std::int64_t>(hn::Lanes(d)));
  auto values = hn::Iota(d, 0);
  for_each_vector(
      n, hn::Lanes(d),
      [&](std::int64_t i) HWY_ATTR {
        hn::StoreU(values, d, out + i);
        values = hn::Add(values, step);
      },
      [&](std::int64_t i) HWY_ATTR { out[i] = i; });
}

void fill(std::int32_t value, std::int64_t n, std::int32_t* out) {
  const hn::ScalableTag<std::int32_t> d;
  const auto values = hn::Set(d, value);
  for_each_vector(
      n, hn::Lanes(d), [&](std::int64_t i) HWY_ATTR { hn::StoreU(values, d, out + i); },
      [&](std::int64_t i) HWY_ATTR { out[i] = value; });
}

}  // namespace typetally::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace typetally {

HWY_EXPORT(copy);
HWY_EXPORT(narrow);
HWY_EXPORT(count);
HWY_EXPORT(fill);

void copy_wide(const std::int64_t* in, std::int64_t n, std::int64_t* out) { HWY_DYNAMIC_DISPATCH(copy)(in, n, out); }
bool narrow_wide(const std::int64_t* in, std::int64_t n, std::int8_t* out) {
  return HWY_DYNAMIC_DISPATCH(narrow)(in, n, out);
}
void count_wide(std::int64_t n, std::int64_t* out) { HWY_DYNAMIC_DISPATCH(count)(n, out); }
void fill_wide(std::int32_t value, std::int64_t n, std::int32_t* out) { HWY_DYNAMIC_DISPATCH(fill)(value, n, out); }

}  // namespace typetally
#endif
