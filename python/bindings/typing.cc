#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "bindings.h"
#include "payload.h"
#include "recycled.h"
#include "tensors.h"
#include "typetally/typing/align.h"
#include "typetally/typing/dataset_filter.h"
#include "typetally/typing/typer.h"

namespace typetally::python {
namespace {

using Types = nb::ndarray<nb::numpy, std::int8_t, nb::ndim<1>>;

Types types_to_numpy(const std::vector<TokenType>& types) {
  std::vector<std::int8_t> values(types.size());
  std::transform(types.begin(), types.end(), values.begin(), [](TokenType t) { return static_cast<std::int8_t>(t); });
  return to_numpy(std::move(values));
}

/// What refused a document, as Python reads it: (code, position or -1, detail).
nb::tuple to_tuple(const Error& error) {
  return nb::make_tuple(std::string(name(error.code)), error.offset, error.detail);
}

nb::list to_list(const std::vector<Error>& errors) {
  nb::list list;
  for (const Error& error : errors) list.append(to_tuple(error));
  return list;
}

/// (types, documents, supervised tokens, unparsed bytes, [error])
nb::tuple type_labels(const TokenTyper& typer, const HostArray<std::int64_t>& labels,
                      const HostArray<std::int32_t>& cu_seqlens) {
  const std::size_t size = labels.shape(0);
  RecycledBlock block = take_recycled(size);
  auto* types = static_cast<std::int8_t*>(block.get());
  TypingReport report;
  {
    const nb::gil_scoped_release unlocked;
    report = typer.type_labels(to_span(labels), to_span(cu_seqlens), {reinterpret_cast<TokenType*>(types), size});
  }
  return nb::make_tuple(Types(types, {size}, owner_of(std::move(block))), report.documents, report.supervised_tokens,
                        report.unparsed_bytes, to_list(report.skipped));
}

/// (types or None, error or None)
nb::tuple align(const Vocabulary& vocabulary, nb::handle payload, const nb::bytes& suffix,
                const HostArray<std::int64_t>& labels, const std::vector<std::string>& desc_keys,
                const std::vector<std::string>& coord_keys, nb::handle normalize) {
  PayloadWriter writer({desc_keys, coord_keys}, make_normalizer(normalize, vocabulary.input_rules().normalization));
  if (const auto error = write_payload(payload, writer)) return nb::make_tuple(nb::none(), to_tuple(*error));
  std::vector<TokenType> types(labels.shape(0));
  const auto error = align_payload(vocabulary, writer.take(), {suffix.c_str(), suffix.size()}, to_span(labels), types);
  if (error) return nb::make_tuple(nb::none(), to_tuple(*error));
  return nb::make_tuple(types_to_numpy(types), nb::none());
}

/// (text as bytes, [(begin, end, type)], None) or (None, None, error)
nb::tuple serialize(nb::handle payload, const std::vector<std::string>& desc_keys,
                    const std::vector<std::string>& coord_keys, nb::handle normalize, std::string_view form) {
  PayloadWriter writer({desc_keys, coord_keys}, make_normalizer(normalize, form));
  if (const auto error = write_payload(payload, writer)) {
    return nb::make_tuple(nb::none(), nb::none(), to_tuple(*error));
  }
  const TypedText typed = writer.take();
  nb::list spans;
  for (const Span& span : typed.spans) {
    spans.append(nb::make_tuple(span.begin, span.end, static_cast<int>(span.type)));
  }
  return nb::make_tuple(nb::bytes(typed.text.data(), typed.text.size()), spans, nb::none());
}

void bind_payload_route(nb::module_& module) {
  module.def("align_payload", &align, nb::arg("vocabulary"), nb::arg("payload").none(), nb::arg("suffix"),
             nb::arg("labels"), nb::arg("desc_keys"), nb::arg("coord_keys"), nb::arg("normalize"));
  module.def("serialize_payload", &serialize, nb::arg("payload").none(), nb::arg("desc_keys"), nb::arg("coord_keys"),
             nb::arg("normalize"), nb::arg("form"));
}

}  // namespace

void bind_typing(nb::module_& module) {
  bind_payload_route(module);
  nb::class_<TokenTyper>(module, "TokenTyper")
      .def(nb::init<std::shared_ptr<Vocabulary>, Marker>(), nb::arg("vocabulary"), nb::arg("marker"))
      .def("type_labels", &type_labels, nb::arg("labels"), nb::arg("cu_seqlens"));
  nb::class_<DatasetFilter>(module, "DatasetFilter")
      .def(nb::init<const std::vector<std::string>&, const std::vector<std::string>&>(), nb::arg("include"),
           nb::arg("exclude"))
      .def("admits", &DatasetFilter::admits, nb::arg("label"));
}

}  // namespace typetally::python
