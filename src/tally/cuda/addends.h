#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "tally/cuda/packed.h"
#include "typetally/base/token_type.h"
#include "typetally/tally/row_stats.h"
#include "typetally/tally/tally.h"

namespace typetally::cuda {

inline constexpr int kKinds = 1 + static_cast<int>(kTokenTypes.size());
inline constexpr int kColumns = 8;  ///< of TypeTally
static_assert(std::size_t{kKinds} * kColumns == kTallySums);

/// Where a type's sums are; those of -1, and of what is no type, come first.
TYPETALLY_DEVICE int kind_of(std::int8_t type) { return type < 1 || type >= kKinds ? 0 : type; }

/// What one target adds to its type, in the order of TypeTally.
struct Addends {
  double values[kColumns];

  TYPETALLY_DEVICE Addends(const RowStats& row, std::int64_t label) {
    const bool good = row.finite && row.has_label;
    const double one = good ? 1.0 : 0.0, log_s1 = good ? std::log(row.s1) : 0.0;
    values[0] = one;
    values[1] = good && row.argmax == label ? 1.0 : 0.0;
    values[2] = one;
    values[3] = good && row.rank < kTopRanks ? 1.0 : 0.0;
    values[4] = one;
    values[5] = 1.0 - one;
    values[6] = good ? (row.max - row.label_logit) + log_s1 : 0.0;
    values[7] = good ? log_s1 - row.s2 / row.s1 : 0.0;
  }
};

}  // namespace typetally::cuda
