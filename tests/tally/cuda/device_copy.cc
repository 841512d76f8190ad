#include "tally/device_copy.h"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <stdexcept>

#include "typetally/tally/cuda.h"
#include "typetally/tally/tally.h"

namespace typetally::test {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

/// A copy in device memory; of `bytes` of zeros without a source.
struct OnDevice {
  OnDevice(const void* source, std::size_t bytes) {
    check(cudaMalloc(&memory, bytes));
    check(source == nullptr ? cudaMemset(memory, 0, bytes) : cudaMemcpy(memory, source, bytes, cudaMemcpyHostToDevice));
  }
  ~OnDevice() { cudaFree(memory); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  void* memory = nullptr;
};

}  // namespace

std::string DeviceCopy::missing() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) return std::string("no CUDA device: ") + cudaGetErrorString(error);
  return devices == 0 ? "no CUDA device" : "";
}

DeviceCopy::DeviceCopy(const Logits& logits) : view_(logits.view()) {
  const auto bytes = logits.bytes();
  check(cudaMalloc(&memory_, bytes.size()));
  check(cudaMemcpy(memory_, bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
  const auto* first = static_cast<const std::byte*>(view_.data);
  view_.data = static_cast<std::byte*>(memory_) + (first - bytes.data());
  view_.device = {DeviceKind::kCuda, 0};
}

DeviceCopy::~DeviceCopy() { cudaFree(memory_); }

std::vector<double> add_on_device(std::span<const RowStats> stats, std::span<const std::int64_t> labels,
                                  std::span<const std::int8_t> types) {
  const auto count = static_cast<std::int64_t>(stats.size());
  const OnDevice rows(stats.data(), stats.size_bytes()), ids(labels.data(), labels.size_bytes());
  const OnDevice kinds(types.data(), types.size_bytes()), sums(nullptr, kTallySums * sizeof(double));
  const OnDevice workspace(nullptr, cuda::add_workspace_size(count));
  const cuda::Status status = cuda::launch_add({.stats = static_cast<const RowStats*>(rows.memory),
                                                .labels = static_cast<const std::int64_t*>(ids.memory),
                                                .types = static_cast<const std::int8_t*>(kinds.memory),
                                                .count = count,
                                                .device = {DeviceKind::kCuda, 0}},
                                               workspace.memory, static_cast<double*>(sums.memory), nullptr);
  if (!status.ok()) throw std::runtime_error(std::string(status.what));
  std::vector<double> out(kTallySums);
  check(cudaMemcpy(out.data(), sums.memory, kTallySums * sizeof(double), cudaMemcpyDeviceToHost));
  return out;
}

}  // namespace typetally::test
