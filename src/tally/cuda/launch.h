#pragma once

#include <cuda_runtime_api.h>

#include "typetally/tally/cuda.h"

namespace typetally::cuda {

inline Status to_status(cudaError_t error) {
  if (error == cudaSuccess) return {};
  return {static_cast<int>(error), cudaGetErrorString(error)};
}

/// Makes a device current, and the one before again.
class OnDevice {
 public:
  explicit OnDevice(const Device& device) {
    error_ = cudaGetDevice(&before_);
    if (error_ == cudaSuccess) error_ = cudaSetDevice(device.index);
  }
  ~OnDevice() { static_cast<void>(cudaSetDevice(before_)); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  cudaError_t error() const { return error_; }

 private:
  int before_ = 0;
  cudaError_t error_ = cudaSuccess;
};

}  // namespace typetally::cuda
