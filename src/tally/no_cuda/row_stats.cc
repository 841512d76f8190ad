#include "typetally/tally/row_stats.h"

#include "typetally/base/error.h"
#include "typetally/tally/cuda.h"

namespace typetally::cuda {
namespace {

constexpr Status kNotBuilt{-1, "typetally was built without CUDA"};

}  // namespace

bool is_built() { return false; }

int count_devices() { return 0; }

std::size_t workspace_size(std::int64_t, std::int64_t) { return 0; }

Status launch_row_stats(const DeviceRows&, void*, RowStats*, Stream) { return kNotBuilt; }

std::size_t add_workspace_size(std::int64_t) { return 0; }

Status launch_add(const DeviceStats&, void*, double*, Stream) { return kNotBuilt; }

void row_stats(const TensorView&, std::span<const RowRequest>, const RowStatsOptions&, std::span<RowStats>) {
  bad_call("row_stats", "a tensor in host memory", "CUDA memory in a build without CUDA");
}

}  // namespace typetally::cuda
