#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "tally/cuda/launch.h"
#include "tally/cuda/slice.h"

namespace typetally::cuda {
namespace {

constexpr std::size_t kMaxDims = 8;

/// DeviceRows with the shape by value.
struct Job {
  const void* data;
  std::array<std::int64_t, kMaxDims> shape, strides;
  std::size_t dims;
  DType dtype;
  const std::int64_t* rows;
  const std::int64_t* labels;
  const double* label_logits;
  std::int64_t count, vocab_offset, vocabulary, slices;

  __device__ std::int64_t stride() const { return strides[dims - 1]; }

  template <class T>
  __device__ const T* row(std::int64_t index) const {
    const TensorView view{data, {shape.data(), dims}, {strides.data(), dims}, dtype, {}};
    return static_cast<const T*>(data) + row_offset(view, rows == nullptr ? index : rows[index]);
  }

  template <class T>
  __device__ LabelPlace label(std::int64_t index) const {
    RowStatsOptions options{vocab_offset, {}};
    if (label_logits != nullptr) options.label_logits = {label_logits, static_cast<std::size_t>(count)};
    const T* first = row<T>(index);
    const std::int64_t step = stride();
    return place_label({index, labels[index]}, static_cast<std::size_t>(index), vocabulary, options,
                       [=](std::int64_t column) { return widen(first[column * step]); });
  }
};

/// One block per slice of a row. Merging two halves of the threads' shares again and again, in shared memory, is a
/// fixed order; then the threads that hold the maximum look for its first column in what they read last of it.
template <class T, bool kContiguous>
__global__ void __launch_bounds__(kThreads) read_slices(const Job job, Partial* out) {
  const std::int64_t index = blockIdx.x / job.slices, n = blockIdx.x % job.slices;
  if (job.labels[index] < 0) return;
  const auto slice = slice_of(job.row<T>(index), job.stride(), job.vocabulary, n);
  Share<T, kContiguous> share(slice, Bars<T>(job.label<T>(index)), static_cast<int>(threadIdx.x));
  const Partial own = share.read();
  __shared__ alignas(Partial) unsigned char memory[sizeof(Partial) * kThreads];
  __shared__ unsigned long long first;
  auto* parts = reinterpret_cast<Partial*>(memory);
  parts[threadIdx.x] = own;
  if (threadIdx.x == 0) first = static_cast<unsigned long long>(slice.end);
  __syncthreads();
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) parts[threadIdx.x] = merge(parts[threadIdx.x], parts[threadIdx.x + half]);
    __syncthreads();
  }
  if (own.max == parts[0].max && own.max != -kInfinity)
    atomicMin(&first, static_cast<unsigned long long>(share.first_of_max()));
  __syncthreads();
  if (threadIdx.x != 0) return;
  parts[0].argmax = static_cast<std::int64_t>(first);
  if (parts[0].argmax == slice.end) parts[0].argmax = slice.begin;  // nothing but -inf
  out[blockIdx.x] = parts[0];
}

/// One thread per row.
template <class T>
__global__ void __launch_bounds__(kThreads) merge_slices(const Job job, const Partial* parts, RowStats* out) {
  const std::int64_t index = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= job.count || job.labels[index] < 0) return;
  Partial whole = parts[index * job.slices];
  for (std::int64_t n = 1; n < job.slices; ++n) whole = merge(whole, parts[index * job.slices + n]);
  out[index] = finish(whole, job.label<T>(index), job.vocab_offset);
}

template <class T>
void launch(const Job& job, Partial* parts, RowStats* out, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(job.count * job.slices);
  if (job.strides[job.dims - 1] == 1) {
    read_slices<T, true><<<blocks, kThreads, 0, stream>>>(job, parts);
  } else {
    read_slices<T, false><<<blocks, kThreads, 0, stream>>>(job, parts);
  }
  const auto merging = static_cast<unsigned>((job.count + kThreads - 1) / kThreads);
  merge_slices<T><<<merging, kThreads, 0, stream>>>(job, parts, out);
}

/// Takes leading dimensions together that lie in memory as one, which saves the divisions by which a row is found.
Job make_job(const DeviceRows& rows) {
  const TensorView& logits = rows.logits;
  Job job{.data = logits.data,
          .shape = {},
          .strides = {},
          .dims = 0,
          .dtype = logits.dtype,
          .rows = rows.rows,
          .labels = rows.labels,
          .label_logits = rows.label_logits,
          .count = rows.count,
          .vocab_offset = rows.vocab_offset,
          .vocabulary = logits.shape.back(),
          .slices = count_slices(logits.shape.back())};
  for (std::size_t d = 0; d < logits.shape.size(); ++d) {
    const std::int64_t size = logits.shape[d], stride = logits.strides[d];
    const bool leading = d + 1 < logits.shape.size();
    if (leading && job.dims > 0 && job.strides[job.dims - 1] == size * stride) {
      job.shape[job.dims - 1] *= size;
      job.strides[job.dims - 1] = stride;
    } else {
      job.shape[job.dims] = size;
      job.strides[job.dims++] = stride;
    }
  }
  return job;
}

}  // namespace

bool is_built() { return true; }

int count_devices() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess ? devices : 0;
}

std::size_t workspace_size(std::int64_t count, std::int64_t vocabulary) {
  return static_cast<std::size_t>(count * count_slices(vocabulary)) * sizeof(Partial);
}

Status launch_row_stats(const DeviceRows& rows, void* workspace, RowStats* out, Stream stream) {
  check_logits(rows.logits);
  const std::int64_t blocks = rows.count * count_slices(rows.logits.shape.back());
  if (rows.logits.dtype == DType::kFloat64 || rows.logits.shape.size() > kMaxDims ||
      blocks > std::numeric_limits<std::int32_t>::max())
    return to_status(cudaErrorInvalidValue);
  if (rows.count == 0) return {};
  const OnDevice device(rows.logits.device);
  if (device.error() != cudaSuccess) return to_status(device.error());
  visit_dtype(rows.logits.dtype, [&]<class T>(T) {
    if constexpr (sizeof(T) < 8)
      launch<T>(make_job(rows), static_cast<Partial*>(workspace), out, static_cast<cudaStream_t>(stream));
  });
  return to_status(cudaGetLastError());
}

}  // namespace typetally::cuda
