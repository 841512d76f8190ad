#include <cmath>
#include <cstdint>

#include "tally/cuda/launch.h"
#include "typetally/base/token_type.h"
#include "typetally/tally/tally.h"

namespace typetally::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kKinds = 1 + static_cast<int>(kTokenTypes.size());
constexpr int kColumns = 8;  // of TypeTally
constexpr int kSums = kKinds * kColumns;
static_assert(kSums == kTallySums);
constexpr int kTop = 5;

/// What one row adds to its type, in the order of TypeTally.
struct Addends {
  double values[kColumns];

  __device__ Addends(const RowStats& row, std::int64_t label) {
    const bool good = row.finite && row.has_label;
    const double one = good ? 1.0 : 0.0, log_s1 = good ? log(row.s1) : 0.0;
    values[0] = one;
    values[1] = good && row.argmax == label ? 1.0 : 0.0;
    values[2] = one;
    values[3] = good && row.rank < kTop ? 1.0 : 0.0;
    values[4] = one;
    values[5] = 1.0 - one;
    values[6] = good ? (row.max - row.label_logit) + log_s1 : 0.0;
    values[7] = good ? log_s1 - row.s2 / row.s1 : 0.0;
  }
};

/// One block: thread t adds rows t, t + kThreads, ..., then halves of the threads add up. A row is 56 bytes here and
/// 300 KB where it was read, so that one block suffices.
__global__ void __launch_bounds__(kThreads) add_rows(const RowStats* stats, const std::int64_t* labels,
                                                     const std::int8_t* types, std::int64_t count, double* sums) {
  double own[kSums] = {};
  for (std::int64_t i = threadIdx.x; i < count; i += kThreads) {
    if (labels[i] < 0) continue;
    const Addends addends(stats[i], labels[i]);
    const int kind = types == nullptr || types[i] < 0 ? 0 : types[i];
#pragma unroll
    for (int k = 0; k < kKinds; ++k)
#pragma unroll
      for (int c = 0; c < kColumns; ++c) own[k * kColumns + c] += kind == k ? addends.values[c] : 0.0;
  }
  __shared__ double parts[kThreads];
#pragma unroll
  for (int s = 0; s < kSums; ++s) {
    parts[threadIdx.x] = own[s];
    __syncthreads();
    for (unsigned half = kThreads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
      __syncthreads();
    }
    if (threadIdx.x == 0) sums[s] += parts[0];
    __syncthreads();
  }
}

}  // namespace

Status launch_add(const RowStats* stats, const std::int64_t* labels, const std::int8_t* types, std::int64_t count,
                  double* sums, const Device& device, Stream stream) {
  if (count == 0) return {};
  const OnDevice current(device);
  if (current.error() != cudaSuccess) return to_status(current.error());
  add_rows<<<1, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(stats, labels, types, count, sums);
  return to_status(cudaGetLastError());
}

}  // namespace typetally::cuda
