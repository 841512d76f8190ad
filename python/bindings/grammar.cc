#include "typetally/text/grammar.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bindings.h"

namespace typetally::python {
namespace {

using Keys = std::optional<std::vector<std::string>>;

[[noreturn]] void refuse(const Error& error) {
  throw nb::value_error(("[Grammar] " + error.subject + ": " + error.detail).c_str());
}

std::optional<KeySets> to_key_sets(const Keys& desc, const Keys& coord) {
  if (!desc && !coord) return std::nullopt;
  KeySets keys = default_keys();
  if (desc) keys.desc = *desc;
  if (coord) keys.coord = *coord;
  return keys;
}

Marker unwrap(Result<Marker> marker) {
  if (!marker) refuse(marker.error());
  return std::move(marker).value();
}

Grammar read_grammar(std::string_view json) {
  auto grammar = grammar_from_json(json);
  if (!grammar) refuse(grammar.error());
  return std::move(grammar).value();
}

nb::list spans_of(const Marker& marker, const nb::bytes& text) {
  std::vector<Span> spans;
  marker.mark({text.c_str(), text.size()}, {}, spans);
  nb::list result;
  for (const Span& span : spans) result.append(nb::make_tuple(span.begin, span.end, static_cast<int>(span.type)));
  return result;
}

std::int64_t settled_of(const Marker& marker, const nb::bytes& text) {
  std::vector<Span> spans;
  std::int64_t settled = 0;
  marker.mark({text.c_str(), text.size()}, {}, spans, &settled);
  return settled;
}

std::int64_t unparsed_of(const Marker& marker, const nb::bytes& text) {
  std::vector<Span> spans;
  return marker.mark({text.c_str(), text.size()}, {}, spans);
}

std::string detect(const Marker& marker, const nb::bytes& text) {
  return std::string(marker.detect({text.c_str(), text.size()}));
}

/// [(name, summary, example, [(open, close)])]
nb::list grammar_list() {
  nb::list result;
  for (const Grammar& grammar : grammars()) {
    nb::list delimiters;
    for (const Delimiter& delimiter : grammar.delimiters) {
      delimiters.append(nb::make_tuple(delimiter.open, delimiter.close));
    }
    result.append(nb::make_tuple(grammar.name, grammar.summary, grammar.example, delimiters));
  }
  return result;
}

}  // namespace

void bind_grammar(nb::module_& module) {
  module.def("grammars", &grammar_list);
  module.def("check_grammar", [](std::string_view json) { read_grammar(json); }, nb::arg("json"));
  nb::class_<Marker>(module, "Marker", "Marks the bytes of answers; the package's typer holds one.")
      .def_static(
          "by_name",
          [](std::string_view grammar, const Keys& desc, const Keys& coord) {
            return unwrap(Marker::create(grammar, to_key_sets(desc, coord)));
          },
          nb::arg("grammar"), nb::arg("desc_keys") = nb::none(), nb::arg("coord_keys") = nb::none())
      .def_static(
          "from_json",
          [](std::string_view json, const Keys& desc, const Keys& coord) {
            return unwrap(Marker::create(read_grammar(json), to_key_sets(desc, coord)));
          },
          nb::arg("json"), nb::arg("desc_keys") = nb::none(), nb::arg("coord_keys") = nb::none())
      .def_prop_ro("name", [](const Marker& marker) { return std::string(marker.name()); })
      .def("spans", &spans_of, nb::arg("text"))
      .def("settled", &settled_of, nb::arg("text"))
      .def("unparsed", &unparsed_of, nb::arg("text"))
      .def("detect", &detect, nb::arg("text"));
}

}  // namespace typetally::python
