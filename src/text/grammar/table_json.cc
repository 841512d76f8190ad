#include <simdjson.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "text/grammar/compiled.h"
#include "typetally/text/grammar.h"

namespace typetally {
namespace {

namespace dom = simdjson::dom;

// What reading throws and grammar_from_json turns into a value.
struct WrongField {
  std::string field;
  std::string detail;
};

std::string text_of(dom::element value) { return simdjson::minify(value); }

[[noreturn]] void refuse(std::string field, std::string_view expected, dom::element got) {
  throw WrongField{std::move(field), "expected " + std::string(expected) + ", got " + text_of(got)};
}

std::string to_text(const std::string& field, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) refuse(field, "a string", value);
  return std::string(text);
}

dom::array to_array(const std::string& field, std::string_view expected, dom::element value) {
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) refuse(field, expected, value);
  return array;
}

std::vector<std::string> to_texts(const std::string& field, dom::element value) {
  std::vector<std::string> texts;
  for (const dom::element item : to_array(field, "a list of strings", value)) texts.push_back(to_text(field, item));
  return texts;
}

Layout to_layout(const std::string& field, dom::element value) {
  const std::string text = to_text(field, value);
  for (const Layout layout : {Layout::kJson, Layout::kTags, Layout::kBrackets, Layout::kCalls}) {
    if (name(layout) == text) return layout;
  }
  refuse(field, "json, tags, brackets or calls", value);
}

TokenType to_role(const std::string& field, dom::element value) {
  const std::string text = to_text(field, value);
  for (const TokenType type : kTokenTypes) {
    if (name(type) == text) return type;
  }
  refuse(field, "desc, coord or format", value);
}

Delimiter to_delimiter(const std::string& field, dom::element value) {
  const dom::array parts = to_array(field, "[open, close, role]", value);
  if (parts.size() != 3) refuse(field, "[open, close, role]", value);
  return {to_text(field, parts.at(0)), to_text(field, parts.at(1)), to_role(field, parts.at(2))};
}

GrammarKeys to_keys(const std::string& field, dom::element value) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) refuse(field, "an object", value);
  GrammarKeys keys;
  for (const auto& [key, names] : object) {
    const std::string path = field + "." + std::string(key);
    if (key == "desc") {
      keys.desc = to_texts(path, names);
    } else if (key == "coord") {
      keys.coord = to_texts(path, names);
    } else if (key == "tracks") {
      keys.tracks = to_texts(path, names);
    } else {
      throw WrongField{path, "unknown; the fields of keys are desc, coord, tracks"};
    }
  }
  return keys;
}

int to_count(const std::string& field, dom::element value) {
  std::int64_t count = 0;
  if (value.get_int64().get(count) != simdjson::SUCCESS || count < 1 || count > 1000) {
    refuse(field, "a number from 1 to 1000", value);
  }
  return static_cast<int>(count);
}

template <class Convert>
auto to_list(const std::string& field, dom::element value, Convert convert) {
  std::vector<decltype(convert(field, value))> items;
  std::size_t i = 0;
  for (const dom::element item : to_array(field, "a list", value)) {
    items.push_back(convert(field + "[" + std::to_string(i++) + "]", item));
  }
  return items;
}

using Reader = void (*)(Grammar&, const std::string&, dom::element);

// One reader per field of Grammar, by its name in JSON.
constexpr std::array<std::pair<std::string_view, Reader>, 12> kFields = {{
    {"name", [](Grammar& g, const std::string& field, dom::element value) { g.name = to_text(field, value); }},
    {"summary", [](Grammar& g, const std::string& field, dom::element value) { g.summary = to_text(field, value); }},
    {"example", [](Grammar& g, const std::string& field, dom::element value) { g.example = to_text(field, value); }},
    {"layout",
     [](Grammar& g, const std::string& field, dom::element value) { g.layout = to_list(field, value, to_layout); }},
    {"delimiters", [](Grammar& g, const std::string& field,
                      dom::element value) { g.delimiters = to_list(field, value, to_delimiter); }},
    {"atoms", [](Grammar& g, const std::string& field, dom::element value) { g.atoms = to_texts(field, value); }},
    {"keys", [](Grammar& g, const std::string& field, dom::element value) { g.keys = to_keys(field, value); }},
    {"separators",
     [](Grammar& g, const std::string& field, dom::element value) { g.separators = to_text(field, value); }},
    {"counts",
     [](Grammar& g, const std::string& field, dom::element value) { g.counts = to_list(field, value, to_count); }},
    {"labels", [](Grammar& g, const std::string& field, dom::element value) { g.labels = to_texts(field, value); }},
    {"verbs", [](Grammar& g, const std::string& field, dom::element value) { g.verbs = to_texts(field, value); }},
    {"said", [](Grammar& g, const std::string& field, dom::element value) { g.said = to_texts(field, value); }},
}};

Grammar to_grammar(dom::object object) {
  Grammar grammar;
  for (const auto& [key, value] : object) {
    const auto* const field = std::ranges::find(kFields, key, &std::pair<std::string_view, Reader>::first);
    if (field == kFields.end()) {
      std::string known;
      for (const auto& [other, reader] : kFields) known += (known.empty() ? "" : ", ") + std::string(other);
      throw WrongField{std::string(key), "unknown; the fields are " + known};
    }
    field->second(grammar, std::string(key), value);
  }
  return grammar;
}

}  // namespace

Result<Grammar> grammar_from_json(std::string_view json) {
  const auto wrong = [](std::string field, std::string detail) {
    return Error{.code = ErrorCode::kMalformed, .subject = std::move(field), .detail = std::move(detail)};
  };
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document); error != simdjson::SUCCESS) {
    return wrong("grammar", simdjson::error_message(error));
  }
  dom::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return wrong("grammar", "expected an object, got " + text_of(document));
  }
  try {
    Grammar grammar = to_grammar(object);
    if (const auto compiled = marking::compile(grammar, {}); !compiled) return compiled.error();
    return grammar;
  } catch (WrongField& error) {
    return wrong(std::move(error.field), std::move(error.detail));
  }
}

}  // namespace typetally
