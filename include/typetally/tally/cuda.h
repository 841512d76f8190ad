#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "typetally/base/tensor_view.h"
#include "typetally/tally/row_stats.h"

/// Row statistics and tally in CUDA memory. The launchers put work on a stream and return: they never wait for the
/// device and allocate nothing. Without CUDA in the build each of them returns the status that says so.
namespace typetally::cuda {

/// A cudaStream_t of the device on which the logits lie, alive during the call; nullptr is the default stream. One of
/// another device makes the launch fail.
using Stream = void*;

/// What became of a launch. Errors of the kernels themselves show at a later call, as always with CUDA.
struct [[nodiscard]] Status {
  int code = 0;  ///< a cudaError_t
  std::string_view what = "no error";

  bool ok() const { return code == 0; }
};

/// Whether the kernels were built in.
bool is_built();

/// Devices that can be used; 0 without CUDA, without a driver, without a device.
int count_devices();

/// Rows to read. The arrays lie on the device of the logits and have `count` entries.
struct DeviceRows {
  TensorView logits;                     ///< [..., vocabulary], bfloat16, float16 or float32
  const std::int64_t* rows = nullptr;    ///< which rows of the logits; nullptr: 0, 1, 2, ...
  const std::int64_t* labels = nullptr;  ///< negative: not a target, whose row is not read
  std::int64_t count = 0;
  std::int64_t vocab_offset = 0;
  const double* label_logits = nullptr;  ///< as in RowStatsOptions, or nullptr
};

/// Bytes that launch_row_stats needs as workspace, aligned to 8: 120 per row of 151,936 columns.
std::size_t workspace_size(std::int64_t count, std::int64_t vocabulary);

/// Fills out[i] for each label that is not negative. The logits are checked as in row_stats (check_logits), which
/// throws; rows are the caller's to check.
/// Numerics: as RowStats says, but within 5e-6 of a double-precision reference. Sums are taken in one fixed order
/// that depends on the vocabulary alone, without atomic operations on floats.
Status launch_row_stats(const DeviceRows& rows, void* workspace, RowStats* out, Stream stream);

/// Statistics of rows to add up. The arrays lie on `device` and have `count` entries.
struct DeviceStats {
  const RowStats* stats = nullptr;
  const std::int64_t* labels = nullptr;  ///< negative: not a target, whose statistics are not read
  const std::int8_t* types = nullptr;    ///< of the labels; nullptr, or what is no type: untyped
  std::int64_t count = 0;
  Device device;
};

/// Bytes that launch_add needs as workspace, aligned to 8: at most 64 KiB.
std::size_t add_workspace_size(std::int64_t count);

/// Adds statistics of rows to sums[kTallySums] on the device, laid out as by to_flat, in one fixed order that depends
/// on `count` alone. A label outside the vocabulary counts as non-finite.
Status launch_add(const DeviceStats& rows, void* workspace, double* sums, Stream stream);

}  // namespace typetally::cuda
