#pragma once

#include <cstdint>

namespace typetally {

/// The loops that fill a batch, in the widest vectors of the machine; `out` holds `n` values and overlaps no input.
void copy_wide(const std::int64_t* in, std::int64_t n, std::int64_t* out);
/// Returns whether all of them fit; those that do not wrap.
bool narrow_wide(const std::int64_t* in, std::int64_t n, std::int8_t* out);
/// 0, 1, 2, ...
void count_wide(std::int64_t n, std::int64_t* out);
void fill_wide(std::int32_t value, std::int64_t n, std::int32_t* out);

}  // namespace typetally
