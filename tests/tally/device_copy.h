#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tally/logits.h"
#include "typetally/tally/row_stats.h"

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

/// What cuda::launch_add makes of statistics, labels and types, from sums of zero. Needs missing() to be empty.
std::vector<double> add_on_device(std::span<const RowStats> stats, std::span<const std::int64_t> labels,
                                  std::span<const std::int8_t> types);

}  // namespace typetally::test
