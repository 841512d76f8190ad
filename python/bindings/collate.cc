#include "typetally/batch/collate.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "array_maker.h"
#include "bindings.h"
#include "sample_reader.h"
#include "tensors.h"

namespace typetally::python {
namespace {

/// Where the samples of a batch lie, and arrays over it of the kind that the caller wants.
class BatchArrays {
 public:
  BatchArrays(BatchLayout layout, ArrayMaker maker) : layout_(std::move(layout)), maker_(maker) {}

  const BatchLayout& layout() const { return layout_; }

  /// [rows, columns] of T that holds what `write(layout, T*)` fills in.
  template <class T, class Write>
  nb::object make_rows(Write write) const {
    return maker_.make<T>(std::array{layout_.rows, layout_.columns}, [&](T* out) { write(layout_, out); });
  }

  /// [n]
  nb::object make_list(std::span<const std::int32_t> values) const {
    return maker_.make<std::int32_t>(std::array{static_cast<std::int64_t>(values.size())},
                                     [&](std::int32_t* out) { std::copy(values.begin(), values.end(), out); });
  }

 private:
  BatchLayout layout_;
  ArrayMaker maker_;
};

/// One value per token besides input_ids: what stands in padding, and for samples that lack the field.
struct TokenField {
  const char* name;
  std::int64_t fill;
  bool is_int8 = false;
  bool is_target = false;  ///< a document's first is `fill` where that is asked for
};
constexpr TokenField kTokenFields[] = {
    {.name = "labels", .fill = -100, .is_target = true},
    {.name = "token_types", .fill = -1, .is_int8 = true, .is_target = true},
    {.name = "mm_token_type_ids", .fill = 0},
    {.name = "token_type_ids", .fill = 0},
};

std::int64_t to_pad_id(const SampleReader& reader, nb::handle value) {
  if (!PyIndex_Check(value.ptr()) || PyBool_Check(value.ptr())) {
    reader.bad_type("pad_token_id as an integer", nb::repr(value).c_str());
  }
  const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
  if (!index.is_valid()) throw nb::python_error();
  int overflow = 0;
  const std::int64_t id = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0 || id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
    reader.bad_value("pad_token_id from 0 to 2^31 - 1", nb::repr(value).c_str());
  }
  return id;
}

template <class T>
nb::object collate_field(const SampleReader& reader, const SampleReader::Field& field, const BatchArrays& arrays,
                         std::int64_t fill, bool fill_first) {
  return arrays.make_rows<T>([&](const BatchLayout& layout, T* out) {
    reader.write(field, layout, {.padding = fill, .lacking = fill}, out);
    if (!fill_first) return;
    for (const auto& document : layout.documents) {
      if (document.length > 0) out[document.begin] = static_cast<T>(fill);
    }
  });
}

/// input_ids and those of kTokenFields that the samples have.
nb::dict collate_fields(const SampleReader& reader, const BatchArrays& arrays, nb::handle pad_token_id,
                        bool mask_first_label) {
  nb::dict batch;
  const auto add = [&](const TokenField& field) {
    const SampleReader::Field* values = reader.find(field.name);
    if (values == nullptr) return;
    const auto collate = field.is_int8 ? collate_field<std::int8_t> : collate_field<std::int64_t>;
    batch[values->key] = collate(reader, *values, arrays, field.fill, mask_first_label && field.is_target);
  };
  add({.name = "input_ids", .fill = to_pad_id(reader, pad_token_id)});
  for (const TokenField& field : kTokenFields) add(field);
  return batch;
}

/// The samples' own, 1 for samples without; 0 in padding.
nb::object collate_mask(const SampleReader& reader, const BatchArrays& arrays) {
  return arrays.make_rows<std::int64_t>([&](const BatchLayout& layout, std::int64_t* out) {
    const SampleReader::Field* own = reader.find("attention_mask");
    if (own == nullptr) return write_attention_mask(layout, out);
    reader.write(*own, layout, {.padding = 0, .lacking = 1}, out);
  });
}

/// Adds position_ids, and cu_seqlens and the longest document's length under each of the names for them.
void add_documents(const BatchArrays& arrays, nb::dict batch, const nb::tuple& cu_seqlens_names,
                   const nb::tuple& longest_names) {
  batch["position_ids"] = arrays.make_rows<std::int64_t>(write_position_ids);
  const nb::object ends = arrays.make_list(cu_seqlens(arrays.layout()));
  for (const nb::handle name : cu_seqlens_names) batch[name] = ends;
  const nb::int_ most(longest(arrays.layout()));
  for (const nb::handle name : longest_names) batch[name] = most;
}

nb::object seq_lengths(const BatchArrays& arrays) {
  std::vector<std::int32_t> lengths = cu_seqlens(arrays.layout());
  std::adjacent_difference(lengths.begin(), lengths.end(), lengths.begin());
  return arrays.make_list(std::span(lengths).subspan(1));
}

/// One array per document, as long as it.
nb::object place(const BatchArrays& arrays, const std::vector<HostArray<std::int64_t>>& values, std::int64_t fill) {
  std::vector<SampleView> views;
  for (const auto& one : values) views.push_back({one.data(), DType::kInt64});
  return arrays.make_rows<std::int64_t>(
      [&](const BatchLayout& layout, std::int64_t* out) { copy_field(layout, views, fill, out); });
}

BatchArrays layout_with(const SampleReader& reader, std::int64_t multiple, nb::handle tensor_type, auto layout) {
  if (multiple < 1) reader.bad_value("multiple_of >= 1", std::to_string(multiple));
  return {layout(), ArrayMaker(tensor_type, reader.tables())};
}

void bind_sample_reader(nb::module_& module) {
  nb::class_<SampleReader>(module, "SampleReader")
      .def(nb::init<const nb::list&, std::string, nb::callable>(), nb::arg("samples"), nb::arg("operation"),
           nb::arg("convert"))
      .def_prop_ro("names", &SampleReader::names, nb::sig("def names(self) -> set[str]"))
      .def(
          "layout_packed",
          [](const SampleReader& reader, const std::vector<std::int64_t>& packs, std::int64_t multiple,
             nb::handle tensor_type) {
            return layout_with(reader, multiple, tensor_type,
                               [&] { return layout_packed(reader.lengths(), packs, multiple); });
          },
          nb::arg("packs"), nb::arg("multiple"), nb::arg("tensor_type").none())
      .def(
          "layout_padded",
          [](const SampleReader& reader, bool left, std::int64_t multiple, nb::handle tensor_type) {
            const PadSide side = left ? PadSide::kLeft : PadSide::kRight;
            return layout_with(reader, multiple, tensor_type,
                               [&] { return layout_padded(reader.lengths(), side, multiple); });
          },
          nb::arg("left"), nb::arg("multiple"), nb::arg("tensor_type").none())
      .def("fields", &collate_fields, nb::arg("arrays"), nb::arg("pad_token_id").none(), nb::arg("mask_first_label"),
           nb::sig("def fields(self, arrays: BatchArrays, pad_token_id: int, mask_first_label: bool) -> "
                   "dict[str, typing.Any]"))
      .def("attention_mask", &collate_mask, nb::arg("arrays"),
           nb::sig("def attention_mask(self, arrays: BatchArrays) -> typing.Any"));
  module.def(
      "all_dicts",
      [](const nb::list& samples) {
        return std::all_of(samples.begin(), samples.end(), [](nb::handle one) { return PyDict_CheckExact(one.ptr()); });
      },
      nb::arg("samples"));
  nb::dict fills;
  for (const TokenField& field : kTokenFields) fills[field.name] = field.fill;
  module.attr("TOKEN_FIELDS") = fills;
}

void bind_batch_arrays(nb::module_& module) {
  nb::class_<BatchArrays>(module, "BatchArrays")
      .def("lengths",
           [](const BatchArrays& arrays) {
             std::vector<std::int64_t> lengths;
             for (const auto& document : arrays.layout().documents) lengths.push_back(document.length);
             return to_numpy(std::move(lengths));
           })
      .def("add_documents", &add_documents, nb::arg("batch"), nb::arg("cu_seqlens_names"), nb::arg("longest_names"),
           nb::sig("def add_documents(self, batch: dict[str, typing.Any], cu_seqlens_names: tuple[str, ...], "
                   "longest_names: tuple[str, ...]) -> None"))
      .def(
          "seq_idx", [](const BatchArrays& arrays) { return arrays.make_rows<std::int32_t>(write_seq_idx); },
          nb::sig("def seq_idx(self) -> typing.Any"))
      .def("seq_lengths", &seq_lengths, nb::sig("def seq_lengths(self) -> typing.Any"))
      .def("place", &place, nb::arg("values"), nb::arg("fill"),
           nb::sig("def place(self, values: collections.abc.Sequence[numpy.typing.NDArray[numpy.int64]], fill: int) -> "
                   "typing.Any"));
}

}  // namespace

void bind_collate(nb::module_& module) {
  bind_batch_arrays(module);
  bind_sample_reader(module);
}

}  // namespace typetally::python
