#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "tensors.h"
#include "typetally/base/buffer.h"
#include "typetally/base/error.h"
#include "typetally/batch/boundaries.h"
#include "typetally/batch/pack_plan.h"
#include "typetally/batch/pack_stream.h"

namespace typetally::python {
namespace {

/// An array of the plan, which it keeps alive.
template <auto kMember>
auto column_of(nb::handle_t<PackPlan> self) {
  const Buffer<std::int64_t>& values = nb::cast<const PackPlan&>(self).*kMember;
  return nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>>(values.data(), {values.size()}, self);
}

PackPlan make_plan(const HostArray<std::int64_t>& lengths, std::int64_t capacity, int oversized,
                   std::int64_t max_samples, std::int64_t multiple_of, bool drop_last,
                   std::optional<std::uint64_t> seed, const std::optional<HostArray<std::int64_t>>& groups,
                   const std::optional<HostArray<std::int64_t>>& weights, std::int64_t weight_capacity) {
  PackOptions options;
  options.oversized = static_cast<Oversized>(oversized);
  options.max_samples = max_samples;
  options.multiple_of = multiple_of;
  options.drop_last = drop_last;
  options.seed = seed;
  options.groups = to_span(groups);
  options.weights = to_span(weights);
  options.weight_capacity = weight_capacity;
  nb::gil_scoped_release release;
  auto plan = plan_packs(to_span(lengths), capacity, options);
  if (!plan) throw std::invalid_argument("[plan_packs] " + plan.error().detail);
  return std::move(plan).value();
}

void bind_pack_plan(nb::module_& module) {
  nb::class_<PackPlan>(module, "PackPlan")
      .def_prop_ro("offsets", &column_of<&PackPlan::offsets>)
      .def_prop_ro("indices", &column_of<&PackPlan::indices>)
      .def_prop_ro("oversized_indices", &column_of<&PackPlan::oversized_indices>)
      .def_prop_ro("dropped_indices", &column_of<&PackPlan::dropped_indices>)
      .def_ro("lower_bound", &PackPlan::lower_bound)
      .def_ro("packs", &PackPlan::packs)
      .def_ro("efficiency", &PackPlan::efficiency);
  module.def("plan_packs", &make_plan, nb::arg("lengths"), nb::arg("capacity"), nb::arg("oversized"),
             nb::arg("max_samples"), nb::arg("multiple_of"), nb::arg("drop_last"), nb::arg("seed").none(),
             nb::arg("groups").none(), nb::arg("weights").none(), nb::arg("weight_capacity"));
}

void bind_pack_stream(nb::module_& module) {
  nb::class_<PackStream>(module, "PackStream")
      .def(
          "__init__",
          [](PackStream* stream, std::int64_t capacity, std::int64_t window, std::int64_t patience,
             std::int64_t max_samples) { new (stream) PackStream(capacity, {window, patience, max_samples}); },
          nb::arg("capacity"), nb::arg("window"), nb::arg("patience"), nb::arg("max_samples"))
      .def(
          "add",
          [](PackStream& stream, std::int64_t length) {
            auto packs = stream.add(length);
            if (!packs) throw std::invalid_argument("[stream_packs] " + packs.error().detail);
            return std::move(packs).value();
          },
          nb::arg("length"))
      .def("flush", &PackStream::flush);
}

/// `kinds` number BoundaryKind; one name and one array each.
auto read_boundaries(std::int64_t rows, std::int64_t columns, const std::vector<int>& kinds,
                     const std::vector<std::string>& names, const std::vector<AnyTensor>& arrays) {
  std::vector<BoundarySource> sources;
  std::vector<std::unique_ptr<BorrowedTensor>> borrowed;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    borrowed.push_back(std::make_unique<BorrowedTensor>(arrays[i], "document_boundaries"));
    sources.push_back({static_cast<BoundaryKind>(kinds[i]), names[i], borrowed.back()->view()});
  }
  auto boundaries = document_boundaries(rows, columns, sources);
  if (!boundaries) throw std::invalid_argument("[document_boundaries] " + boundaries.error().detail);
  return to_numpy(std::move(boundaries).value());
}

}  // namespace

void bind_batch(nb::module_& module) {
  bind_pack_plan(module);
  bind_pack_stream(module);
  module.def("document_boundaries", &read_boundaries, nb::arg("rows"), nb::arg("columns"), nb::arg("kinds"),
             nb::arg("names"), nb::arg("arrays"));
}

}  // namespace typetally::python
