#include "typetally/tally/tally.h"

#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.h"
#include "tensors.h"
#include "typetally/base/error.h"
#include "typetally/tally/cuda.h"
#include "typetally/tally/row_stats.h"
#include "typetally/tally/targets.h"

namespace typetally::python {
namespace {

/// The targets of one batch.
struct Targets {
  std::vector<Target> list;

  template <class T>
  auto column(T (*of)(const Target&)) const {
    std::vector<T> values(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) values[i] = of(list[i]);
    return to_numpy(std::move(values));
  }
};

/// The statistics of one batch of rows.
struct RowStatsBatch {
  std::vector<RowStats> list;

  template <class T>
  auto column(T (*of)(const RowStats&)) const {
    std::vector<T> values(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) values[i] = of(list[i]);
    return to_numpy(std::move(values));
  }
};

Targets make_targets(const HostArray<std::int64_t>& labels, const std::optional<HostArray<std::int8_t>>& types,
                     std::int64_t columns, const std::optional<HostArray<std::int32_t>>& cu_seqlens, bool shifted) {
  const LabelBatch batch{to_span(labels), to_types(to_span(types)), columns, to_span(cu_seqlens), shifted};
  nb::gil_scoped_release release;
  return {find_targets(batch)};
}

Targets part_of(const Targets& targets, std::int64_t begin, std::int64_t end) {
  if (begin < 0 || begin > end || end > std::ssize(targets.list))
    bad_call("part", "a range of " + std::to_string(targets.list.size()), std::to_string(end));
  Targets part{{targets.list.begin() + begin, targets.list.begin() + end}};
  for (std::size_t i = 0; i < part.list.size(); ++i) part.list[i].row = static_cast<std::int64_t>(i);
  return part;
}

RowStatsBatch make_row_stats(const AnyTensor& logits, const HostArray<std::int64_t>& labels, std::int64_t vocab_offset,
                             const std::optional<HostArray<double>>& label_logits) {
  const BorrowedTensor tensor(logits, "row_stats");
  const RowStatsOptions options{vocab_offset, to_span(label_logits)};
  nb::gil_scoped_release release;
  std::vector<RowRequest> requests;
  for (const std::int64_t label : to_span(labels)) requests.push_back({std::ssize(requests), label});
  RowStatsBatch stats{std::vector<RowStats>(requests.size())};
  row_stats(tensor.view(), requests, options, stats.list);
  return stats;
}

/// `reals` are max, s1, s2, label_logit and `wholes` argmax, rank, has_label, finite, each four per row.
RowStatsBatch batch_from_columns(const HostArray<double>& reals, const HostArray<std::int64_t>& wholes) {
  if (reals.shape(0) != wholes.shape(0) || reals.shape(0) % 4 != 0)
    bad_call("row_stats", "four reals and four integers per row", std::to_string(reals.shape(0)) + " reals");
  RowStatsBatch batch;
  for (std::size_t i = 0; i < reals.shape(0); i += 4) {
    const double* r = reals.data() + i;
    const std::int64_t* w = wholes.data() + i;
    batch.list.push_back({r[0], r[1], r[2], r[3], w[0], w[1], w[2] != 0, w[3] != 0});
  }
  return batch;
}

RowStatsBatch merge_batches(const RowStatsBatch& a, const RowStatsBatch& b) {
  if (a.list.size() != b.list.size())
    bad_call("merge", std::to_string(a.list.size()) + " rows", std::to_string(b.list.size()));
  RowStatsBatch merged;
  for (std::size_t i = 0; i < a.list.size(); ++i) merged.list.push_back(merge_shard(a.list[i], b.list[i]));
  return merged;
}

void add_logits(Tally& tally, const Targets& targets, const AnyTensor& logits) {
  const BorrowedTensor tensor(logits, "update");
  nb::gil_scoped_release release;
  add(tally, targets.list, tensor.view());
}

void add_tokens(Tally& tally, const Targets& targets, const HostArray<double>& nll,
                const HostArray<std::uint8_t>& correct, const std::optional<HostArray<double>>& entropy) {
  add(tally, targets.list, TokenStats{to_span(nll), to_span(correct), to_span(entropy)});
}

Tally make_tally(const HostArray<double>& flat) {
  if (flat.shape(0) != kTallySize)
    bad_call("from_flat", std::to_string(kTallySize) + " sums", std::to_string(flat.shape(0)));
  return from_flat(std::span<const double, kTallySize>(flat.data(), kTallySize));
}

template <class T>
using CudaArray = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cuda>;

template <class T>
T* on_device_of(const BorrowedTensor& logits, const CudaArray<T>& array, std::size_t size, const char* name) {
  if (array.device_id() != logits.view().device.index)
    bad_call("update", std::string(name) + " on the device of the logits",
             "device " + std::to_string(array.device_id()));
  if (array.shape(0) != size) bad_call("update", std::to_string(size) + " " + name, std::to_string(array.shape(0)));
  return array.data();
}

void check(const cuda::Status& status) {
  if (!status.ok()) throw std::runtime_error("[update] expected CUDA to work, got " + std::string(status.what));
}

/// Bytes of scratch that cuda_add needs: the statistics of the rows, then the workspace of one kernel after the other.
std::size_t cuda_scratch(std::int64_t count, std::int64_t vocabulary) {
  return static_cast<std::size_t>(count) * sizeof(RowStats) +
         std::max(cuda::workspace_size(count, vocabulary), cuda::add_workspace_size(count));
}

void cuda_add(const AnyTensor& logits, const std::optional<CudaArray<const std::int64_t>>& rows,
              const CudaArray<const std::int64_t>& labels, const CudaArray<const std::int8_t>& types,
              const CudaArray<double>& sums, const CudaArray<std::uint8_t>& scratch, std::uintptr_t stream) {
  const BorrowedTensor tensor(logits, "update");
  if (tensor.view().device.kind != DeviceKind::kCuda) bad_call("update", "logits in CUDA memory", "host memory");
  check_logits(tensor.view());
  const std::size_t count = labels.shape(0);
  cuda::DeviceRows job{.logits = tensor.view(), .count = static_cast<std::int64_t>(count)};
  job.labels = on_device_of(tensor, labels, count, "labels");
  if (rows) job.rows = on_device_of(tensor, *rows, count, "rows");
  const std::size_t needed = cuda_scratch(job.count, tensor.view().shape.back());
  auto* stats = reinterpret_cast<RowStats*>(on_device_of(tensor, scratch, needed, "bytes of scratch"));
  const cuda::DeviceStats found{.stats = stats,
                                .labels = job.labels,
                                .types = on_device_of(tensor, types, count, "types"),
                                .count = job.count,
                                .device = tensor.view().device};
  double* totals = on_device_of(tensor, sums, kTallySums, "sums");
  auto* const queue = reinterpret_cast<cuda::Stream>(stream);
  nb::gil_scoped_release release;
  check(cuda::launch_row_stats(job, stats + count, stats, queue));
  check(cuda::launch_add(found, stats + count, totals, queue));
}

void bind_cuda(nb::module_& module) {
  module.def("cuda_built", &cuda::is_built);
  module.def("cuda_devices", &cuda::count_devices);
  module.def("cuda_scratch", &cuda_scratch, nb::arg("count"), nb::arg("vocabulary"));
  module.def("cuda_add", &cuda_add, nb::arg("logits"), nb::arg("rows").none(), nb::arg("labels"), nb::arg("types"),
             nb::arg("sums"), nb::arg("scratch"), nb::arg("stream"));
}

void bind_row_stats(nb::module_& module) {
  nb::class_<RowStatsBatch>(module, "RowStatsBatch")
      .def_prop_ro(
          "nll", [](const RowStatsBatch& b) { return b.column<double>([](auto& s) { return s.nll(); }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "entropy", [](const RowStatsBatch& b) { return b.column<double>([](auto& s) { return s.entropy(); }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "argmax", [](const RowStatsBatch& b) { return b.column<std::int64_t>([](auto& s) { return s.argmax; }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "rank", [](const RowStatsBatch& b) { return b.column<std::int64_t>([](auto& s) { return s.rank; }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "finite",
          [](const RowStatsBatch& b) {
            return b.column<std::uint8_t>([](auto& s) -> std::uint8_t { return s.finite; });
          },
          nb::rv_policy::move)
      .def_static("from_columns", &batch_from_columns, nb::arg("reals"), nb::arg("wholes"))
      .def("merge", &merge_batches, nb::arg("other"));
  module.def("row_stats", &make_row_stats, nb::arg("logits"), nb::arg("labels"), nb::arg("vocab_offset"),
             nb::arg("label_logits").none());
}

void bind_targets(nb::module_& module) {
  nb::class_<Targets>(module, "Targets")
      .def("__len__", [](const Targets& t) { return t.list.size(); })
      .def("part", &part_of, nb::arg("begin"), nb::arg("end"),
           "Targets [begin, end), as if their rows were gathered in this order.")
      .def("keep_columns",
           [](const Targets& t, std::int64_t columns, const HostArray<std::int64_t>& kept) {
             return Targets{keep_columns(t.list, columns, to_span(kept))};
           })
      .def_prop_ro(
          "rows", [](const Targets& t) { return t.column<std::int64_t>([](auto& one) { return one.row; }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "labels", [](const Targets& t) { return t.column<std::int64_t>([](auto& one) { return one.label; }); },
          nb::rv_policy::move)
      .def_prop_ro(
          "types",
          [](const Targets& t) {
            return t.column<std::int8_t>([](auto& one) { return static_cast<std::int8_t>(one.type); });
          },
          nb::rv_policy::move);
  module.def("find_targets", &make_targets, nb::arg("labels"), nb::arg("types").none(), nb::arg("columns"),
             nb::arg("cu_seqlens").none(), nb::arg("shifted"));
}

}  // namespace

void bind_tally(nb::module_& module) {
  bind_row_stats(module);
  bind_cuda(module);
  bind_targets(module);
  nb::class_<Tally>(module, "Tally")
      .def(nb::init<>())
      .def_rw("batches", &Tally::batches)
      .def_rw("skipped_samples", &Tally::skipped_samples)
      .def_rw("errors", &Tally::errors)
      .def("add_logits", &add_logits, nb::arg("targets"), nb::arg("logits"))
      .def("add_tokens", &add_tokens, nb::arg("targets"), nb::arg("nll"), nb::arg("correct"), nb::arg("entropy").none())
      .def("merge", [](Tally& tally, const Tally& other) { tally += other; })
      .def("to_flat",
           [](const Tally& tally) {
             const auto flat = to_flat(tally);
             return to_numpy(std::vector<double>(flat.begin(), flat.end()));
           })
      .def_static("from_flat", &make_tally, nb::arg("flat"));
}

}  // namespace typetally::python
