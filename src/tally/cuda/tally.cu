#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tally/cuda/addends.h"
#include "tally/cuda/launch.h"
#include "typetally/tally/tally.h"

namespace typetally::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32, kWarps = kThreads / kWarp;
static_assert(kTallySums == kWarp);  // a warp holds all sums, one in each lane
constexpr std::int64_t kMaxBlocks = 256;

std::int64_t count_blocks(std::int64_t count) { return std::min(kMaxBlocks, (count + kThreads - 1) / kThreads); }

/// The total over the warp of each sum in its own lane: lanes exchange halves of their sums, 16, 8, ... of them.
template <int kHalf = kTallySums / 2>
__device__ __forceinline__ double gather(double (&sums)[kTallySums], int lane) {
  if constexpr (kHalf > 0) {
    const bool upper = (lane & kHalf) != 0;
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
      const double sent = upper ? sums[i] : sums[i + kHalf], kept = upper ? sums[i + kHalf] : sums[i];
      sums[i] = kept + __shfl_xor_sync(0xFFFFFFFFu, sent, kHalf);
    }
    return gather<kHalf / 2>(sums, lane);
  } else {
    return sums[0];
  }
}

/// The total over warps, in their order; of the lane's sum, and valid in the first warp.
__device__ double over_warps(double own, int lane) {
  __shared__ double parts[kWarps][kWarp];
  parts[threadIdx.x / kWarp][lane] = own;
  __syncthreads();
  double total = 0;
  for (int warp = 0; warp < kWarps; ++warp) total += parts[warp][lane];
  return total;
}

/// Each block adds up its rows, a thread every kThreads * gridDim.x-th of them.
__global__ void __launch_bounds__(kThreads) add_rows(const DeviceStats rows, double* out) {
  double own[kTallySums] = {};
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < rows.count; i += step) {
    if (rows.labels[i] < 0) continue;
    const Addends addends(rows.stats[i], rows.labels[i]);
    const int kind = kind_of(rows.types == nullptr ? -1 : rows.types[i]);
#pragma unroll
    for (int k = 0; k < kKinds; ++k)
#pragma unroll
      for (int c = 0; c < kColumns; ++c) own[k * kColumns + c] += kind == k ? addends.values[c] : 0.0;
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const double total = over_warps(gather(own, lane), lane);
  if (threadIdx.x < kWarp) out[std::int64_t{blockIdx.x} * kTallySums + lane] = total;
}

/// One block: a warp adds up every kWarps-th of the parts.
__global__ void __launch_bounds__(kThreads) add_blocks(const double* parts, std::int64_t blocks, double* sums) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  double own = 0;
  for (std::int64_t block = threadIdx.x / kWarp; block < blocks; block += kWarps)
    own += parts[block * kTallySums + lane];
  const double total = over_warps(own, lane);
  if (threadIdx.x < kWarp) sums[lane] += total;
}

}  // namespace

std::size_t add_workspace_size(std::int64_t count) {
  return static_cast<std::size_t>(count_blocks(count)) * kTallySums * sizeof(double);
}

Status launch_add(const DeviceStats& rows, void* workspace, double* sums, Stream stream) {
  if (rows.count == 0) return {};
  const OnDevice current(rows.device);
  if (current.error() != cudaSuccess) return to_status(current.error());
  auto* const queue = static_cast<cudaStream_t>(stream);
  auto* const parts = static_cast<double*>(workspace);
  const std::int64_t blocks = count_blocks(rows.count);
  add_rows<<<static_cast<unsigned>(blocks), kThreads, 0, queue>>>(rows, parts);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return to_status(error);
  add_blocks<<<1, kThreads, 0, queue>>>(parts, blocks, sums);
  return to_status(cudaGetLastError());
}

}  // namespace typetally::cuda
