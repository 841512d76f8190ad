#pragma once

#include <string>

#include "tally/logits.h"

namespace typetally::test {

/// Logits in the memory of the first CUDA device, laid out as on the host. Needs missing() to be empty.
class DeviceCopy {
 public:
  /// Why there is no device to copy to; empty where there is one.
  static std::string missing();

  explicit DeviceCopy(const Logits& logits);
  ~DeviceCopy();
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;

  const TensorView& view() const { return view_; }

 private:
  void* memory_ = nullptr;
  TensorView view_;
};

}  // namespace typetally::test
