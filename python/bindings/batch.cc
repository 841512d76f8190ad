#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "numpy_arrays.h"
#include "recycled.h"
#include "sample_reader.h"
#include "tensors.h"
#include "typetally/base/buffer.h"
#include "typetally/base/error.h"
#include "typetally/batch/boundaries.h"
#include "typetally/batch/collate.h"
#include "typetally/batch/pack_plan.h"
#include "typetally/batch/pack_stream.h"

namespace typetally::python {
namespace {

/// A NumPy array [rows, columns] that owns what `write` fills in.
template <class T, class Write>
nb::object make_rows(const BatchLayout& layout, Write write) {
  RecycledBlock block = take_recycled(static_cast<std::size_t>(layout.rows * layout.columns) * sizeof(T));
  write(static_cast<T*>(block.data));
  constexpr DType kDType = sizeof(T) == 1 ? DType::kInt8 : sizeof(T) == 4 ? DType::kInt32 : DType::kInt64;
  return numpy_array(kDType, layout.rows, layout.columns, block.data, std::move(block.owner));
}

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

template <class T>
nb::object collate_field(const SampleReader& reader, const BatchLayout& layout, const char* name, std::int64_t fill) {
  return make_rows<T>(layout, [&](T* out) { reader.write(layout, name, fill, out); });
}

/// One value per token besides input_ids: what stands in padding, and for samples that lack the field.
struct TokenField {
  const char* name;
  std::int64_t fill;
  bool is_int8;
};
constexpr TokenField kTokenFields[] = {
    {"labels", -100, false},
    {"token_types", -1, true},
    {"mm_token_type_ids", 0, false},
    {"token_type_ids", 0, false},
};

/// input_ids and those of kTokenFields that the samples have.
nb::dict collate_fields(const SampleReader& reader, const BatchLayout& layout, std::int64_t pad_token_id) {
  nb::dict batch;
  batch["input_ids"] = collate_field<std::int64_t>(reader, layout, "input_ids", pad_token_id);
  for (const TokenField& field : kTokenFields) {
    if (!reader.has(field.name)) continue;
    batch[field.name] = field.is_int8 ? collate_field<std::int8_t>(reader, layout, field.name, field.fill)
                                      : collate_field<std::int64_t>(reader, layout, field.name, field.fill);
  }
  return batch;
}

/// One array per document, as long as it.
auto place(const BatchLayout& layout, const std::vector<HostArray<std::int64_t>>& values, std::int64_t fill) {
  std::vector<SampleView> views;
  for (const auto& one : values) views.push_back({one.data(), DType::kInt64});
  return make_rows<std::int64_t>(layout, [&](std::int64_t* out) { copy_field(layout, views, fill, out); });
}

void bind_sample_reader(nb::module_& module) {
  module.def(
      "all_dicts",
      [](const nb::list& samples) {
        return std::all_of(samples.begin(), samples.end(), [](nb::handle one) { return PyDict_CheckExact(one.ptr()); });
      },
      nb::arg("samples"));
  nb::class_<SampleReader>(module, "SampleReader")
      .def(nb::init<const nb::list&, std::string, nb::callable>(), nb::arg("samples"), nb::arg("operation"),
           nb::arg("convert"))
      .def_prop_ro("names", &SampleReader::names, nb::sig("def names(self) -> set[str]"))
      .def("expect_in_all", &SampleReader::expect_in_all, nb::arg("name"))
      .def(
          "layout_packed",
          [](const SampleReader& reader, const std::vector<std::int64_t>& packs, std::int64_t multiple) {
            return layout_packed(reader.lengths(), packs, multiple);
          },
          nb::arg("packs"), nb::arg("multiple"))
      .def(
          "layout_padded",
          [](const SampleReader& reader, bool left, std::int64_t multiple) {
            return layout_padded(reader.lengths(), left ? PadSide::kLeft : PadSide::kRight, multiple);
          },
          nb::arg("left"), nb::arg("multiple"))
      .def("fields", &collate_fields, nb::arg("layout"), nb::arg("pad_token_id"))
      .def("int64_field", &collate_field<std::int64_t>, nb::arg("layout"), nb::arg("name"), nb::arg("fill"),
           nb::sig("def int64_field(self, layout: BatchLayout, name: str, fill: int) -> "
                   "numpy.typing.NDArray[numpy.int64]"));
  nb::dict fills;
  for (const TokenField& field : kTokenFields) fills[field.name] = field.fill;
  module.attr("TOKEN_FIELDS") = fills;
}

void bind_collate(nb::module_& module) {
  nb::class_<BatchLayout>(module, "BatchLayout")
      .def_ro("rows", &BatchLayout::rows)
      .def_ro("columns", &BatchLayout::columns)
      .def("lengths",
           [](const BatchLayout& layout) {
             std::vector<std::int64_t> lengths;
             for (const auto& document : layout.documents) lengths.push_back(document.length);
             return to_numpy(std::move(lengths));
           })
      .def("longest", &longest)
      .def(
          "cu_seqlens", [](const BatchLayout& layout) { return numpy_copy(cu_seqlens(layout)); },
          nb::sig("def cu_seqlens(self) -> numpy.typing.NDArray[numpy.int32]"))
      .def(
          "position_ids",
          [](const BatchLayout& layout) {
            return make_rows<std::int64_t>(layout, [&](auto* out) { write_position_ids(layout, out); });
          },
          nb::sig("def position_ids(self) -> numpy.typing.NDArray[numpy.int64]"))
      .def(
          "seq_idx",
          [](const BatchLayout& layout) {
            return make_rows<std::int32_t>(layout, [&](auto* out) { write_seq_idx(layout, out); });
          },
          nb::sig("def seq_idx(self) -> numpy.typing.NDArray[numpy.int32]"))
      .def(
          "attention_mask",
          [](const BatchLayout& layout) {
            return make_rows<std::int64_t>(layout, [&](auto* out) { write_attention_mask(layout, out); });
          },
          nb::sig("def attention_mask(self) -> numpy.typing.NDArray[numpy.int64]"))
      .def("place", &place, nb::arg("values"), nb::arg("fill"),
           nb::sig("def place(self, values: collections.abc.Sequence[numpy.typing.NDArray[numpy.int64]], fill: int) -> "
                   "numpy.typing.NDArray[numpy.int64]"));
}

}  // namespace

void bind_batch(nb::module_& module) {
  bind_pack_plan(module);
  bind_pack_stream(module);
  module.def("document_boundaries", &read_boundaries, nb::arg("rows"), nb::arg("columns"), nb::arg("kinds"),
             nb::arg("names"), nb::arg("arrays"));
  bind_collate(module);
  bind_sample_reader(module);
}

}  // namespace typetally::python
