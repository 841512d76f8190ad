#pragma once

#include <cstdint>
#include <span>

#include "typetally/tally/row_stats.h"

namespace typetally::cpu {

/// Some rows for one thread. `label_logits` are those of `requests`, or empty.
struct Job {
  const TensorView& logits;
  std::span<const RowRequest> requests;
  RowStatsOptions options;
  std::span<RowStats> out;
};

}  // namespace typetally::cpu
