#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>

#include "bindings.h"
#include "errors.h"
#include "tensors.h"
#include "typetally/text/payload_writer.h"
#include "typetally/text/vocabulary.h"

namespace typetally::python {
namespace {

nb::bytes to_bytes(std::string_view bytes) { return nb::bytes(bytes.data(), bytes.size()); }
std::string_view to_view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }

std::vector<SpecialToken> to_special_tokens(const nb::dict& tokens) {
  std::vector<SpecialToken> special;
  for (const auto [text, id] : tokens) {
    special.push_back({nb::cast<std::string>(text), nb::cast<std::int64_t>(id)});
  }
  return special;
}

/// Tokens by id; None stands for an id without one.
Vocabulary vocabulary_from_tokens(const nb::list& tokens, const nb::bytes& special, std::string normalization,
                                  bool prepends_space) {
  if (special.size() != tokens.size()) bad_call("Vocabulary", "one flag per token", std::to_string(special.size()));
  std::vector<Token> entries(tokens.size());
  const auto known = std::make_unique<bool[]>(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const nb::object token = tokens[i];
    known[i] = !token.is_none();
    if (known[i]) entries[i] = {std::string(to_view(nb::cast<nb::bytes>(token))), special.c_str()[i] != 0};
  }
  return Vocabulary::from_tokens(entries, {known.get(), tokens.size()}, {std::move(normalization), prepends_space});
}

nb::tuple vocabulary_state(const Vocabulary& vocabulary) {
  nb::list tokens;
  std::string special;
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.contains(id)) {
      tokens.append(to_bytes(vocabulary.bytes(id)));
    } else {
      tokens.append(nb::none());
    }
    special.push_back(vocabulary.is_special(id) ? 1 : 0);
  }
  return nb::make_tuple(tokens, to_bytes(special), vocabulary.input_rules().normalization,
                        vocabulary.input_rules().prepends_space);
}

void bind_vocabulary(nb::module_& module) {
  nb::class_<Vocabulary>(module, "Vocabulary")
      .def_static(
          "from_tokenizer_json",
          [](std::string_view json, std::string subject) {
            return unwrap(Vocabulary::from_tokenizer_json(json, std::move(subject)));
          },
          nb::arg("json"), nb::arg("subject"))
      .def_static(
          "from_file",
          [](const std::filesystem::path& path, const nb::dict& special) {
            return unwrap(Vocabulary::from_file(path, to_special_tokens(special)));
          },
          nb::arg("path"), nb::arg("special_tokens"))
      .def_static("from_tokens", &vocabulary_from_tokens, nb::arg("tokens"), nb::arg("special"),
                  nb::arg("normalization") = "", nb::arg("prepends_space") = false)
      .def("size", &Vocabulary::size)
      .def("contains", &Vocabulary::contains, nb::arg("id"))
      .def("is_special", &Vocabulary::is_special, nb::arg("id"))
      .def(
          "token_bytes", [](const Vocabulary& self, std::int64_t id) { return to_bytes(self.bytes(id)); },
          nb::arg("id"))
      .def(
          "decode",
          [](const Vocabulary& self, const HostArray<std::int64_t>& ids) {
            return to_bytes(unwrap(self.decode(to_span(ids))));
          },
          nb::arg("ids"))
      .def_prop_ro("normalization", [](const Vocabulary& self) { return self.input_rules().normalization; })
      .def("state", &vocabulary_state);
}

}  // namespace

void bind_text(nb::module_& module) { bind_vocabulary(module); }

}  // namespace typetally::python
