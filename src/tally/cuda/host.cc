// row_stats for callers who hold requests and results in host memory, and wait.
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tally/cuda/launch.h"
#include "typetally/base/error.h"

namespace typetally::cuda {
namespace {

void check(const Status& status) {
  if (!status.ok()) throw std::runtime_error("[row_stats] expected CUDA to work, got " + std::string(status.what));
}
void check(cudaError_t error) { check(to_status(error)); }

/// Device memory for some values.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) { check(cudaMalloc(&memory_, size * sizeof(T))); }
  explicit DeviceArray(std::span<const T> values) : DeviceArray(values.size()) {
    check(cudaMemcpy(memory_, values.data(), values.size_bytes(), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { static_cast<void>(cudaFree(memory_)); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return static_cast<T*>(memory_); }

 private:
  void* memory_ = nullptr;
};

}  // namespace

void row_stats(const TensorView& logits, std::span<const RowRequest> requests, const RowStatsOptions& options,
               std::span<RowStats> out) {
  if (logits.dtype == DType::kFloat64) bad_call("row_stats", "bfloat16, float16 or float32 on CUDA", "float64");
  if (requests.empty()) return;
  const OnDevice device(logits.device);
  check(device.error());
  std::vector<std::int64_t> rows, labels;
  for (const auto [row, label] : requests) {
    rows.push_back(row);
    labels.push_back(label);
  }
  const DeviceArray<std::int64_t> rows_there{std::span<const std::int64_t>(rows)};
  const DeviceArray<std::int64_t> labels_there{std::span<const std::int64_t>(labels)};
  const DeviceArray<double> known{options.label_logits};
  const DeviceArray<std::byte> workspace(workspace_size(std::ssize(requests), logits.shape.back()));
  const DeviceArray<RowStats> found(requests.size());
  const DeviceRows job{logits,
                       rows_there.get(),
                       labels_there.get(),
                       std::ssize(requests),
                       options.vocab_offset,
                       options.label_logits.empty() ? nullptr : known.get()};
  check(launch_row_stats(job, workspace.get(), found.get(), nullptr));
  check(cudaMemcpy(out.data(), found.get(), out.size_bytes(), cudaMemcpyDeviceToHost));
}

}  // namespace typetally::cuda
