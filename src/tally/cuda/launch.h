#pragma once

#include <cuda_runtime_api.h>

#include "typetally/tally/cuda.h"

namespace typetally::cuda {

/// Clears the error too, where CUDA lets it: later launches, of others as well, are not to be told of it.
inline Status to_status(cudaError_t error) {
  if (error == cudaSuccess) return {};
  static_cast<void>(cudaGetLastError());
  return {static_cast<int>(error), cudaGetErrorString(error)};
}

/// Makes a device current, and the one before again. Not where it is current already: setting a device that nothing has
/// used yet would take memory there.
class OnDevice {
 public:
  explicit OnDevice(const Device& device) {
    error_ = cudaGetDevice(&before_);
    changed_ = error_ == cudaSuccess && before_ != device.index;
    if (changed_) error_ = cudaSetDevice(device.index);
  }
  ~OnDevice() {
    if (changed_) static_cast<void>(cudaSetDevice(before_));
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  cudaError_t error() const { return error_; }

 private:
  int before_ = 0;
  bool changed_ = false;
  cudaError_t error_ = cudaSuccess;
};

}  // namespace typetally::cuda
