#include "typetally/tally/row_stats.h"

#include "typetally/base/error.h"

namespace typetally::cuda {

void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>) {
  bad_call("row_stats", "a tensor in host memory", "CUDA memory in a build without CUDA");
}

}  // namespace typetally::cuda
