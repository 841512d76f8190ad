#include "tally/device_copy.h"

#include <cuda_runtime_api.h>

#include <stdexcept>

namespace typetally::test {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

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

}  // namespace typetally::test
