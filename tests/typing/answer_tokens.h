// A vocabulary for answers, and what a run of its ids is by its text: the oracle of TokenTyper::type_labels.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/typing/project.h"
#include "typetally/typing/typer.h"
#include "typing/byte_tokens.h"

namespace typetally::testing {

using Labels = std::vector<std::int64_t>;

// Single bytes, and tokens as byte pair encoding makes them: over several lexemes, with half a character, special ones.
inline const std::vector<Token>& tokens() {
  static const std::vector<Token> all = [] {
    std::vector<Token> made = byte_tokens();
    for (const char* text :
         {"{\"",      "\"}",    "\":", "\": \"",     "\", \"", "[{\"", "\"}]",     "]}",   "]}]",  "}, {\"",
          "[[",       "]]",     "],[", "], [",       " [",     "bbox", "_2",       "d",    "desc", "label",
          " -",       "12",     "345", ".5",         "e-",     "``",   "```",      "json", "\\\"", "\\n",
          "\xE7\x8C", "\xAB\"", "cat", " a cat, \"", "true",   "null", "<|coord_", "|>",   " <",   "NaN",
          "\": [",    ": ",     ", ",  "//",         "]\n",    "```\n"}) {
      made.push_back({text});
    }
    made.push_back({""});
    for (const char* text : {"<|im_end|>", "<|coord_7|>", "[INST]", "</s>", "<pad", "5"}) made.push_back({text, true});
    return made;
  }();
  return all;
}

inline std::shared_ptr<const Vocabulary> vocabulary() {
  static const auto made = std::make_shared<const Vocabulary>(Vocabulary::from_tokens(tokens()));
  return made;
}

/// Ids whose bytes are `text`. `choose(n)` picks one of the n tokens that fit, the shortest being the first.
template <class Choose>
Labels encode(std::string_view text, Choose choose) {
  static const auto by_first_byte = [] {
    std::array<Labels, 256> ids;
    for (std::size_t id = 0; id < tokens().size(); ++id) {
      const std::string& bytes = tokens()[id].bytes;
      if (!bytes.empty()) ids[static_cast<unsigned char>(bytes[0])].push_back(static_cast<std::int64_t>(id));
    }
    return ids;
  }();
  Labels ids;
  while (!text.empty()) {
    Labels fitting;
    for (const std::int64_t id : by_first_byte[static_cast<unsigned char>(text[0])]) {
      if (text.starts_with(tokens()[static_cast<std::size_t>(id)].bytes)) fitting.push_back(id);
    }
    ids.push_back(fitting[choose(fitting.size())]);
    text.remove_prefix(tokens()[static_cast<std::size_t>(ids.back())].bytes.size());
  }
  return ids;
}

struct Typed {
  std::vector<TokenType> types;
  std::int64_t unparsed = 0;
  friend bool operator==(const Typed&, const Typed&) = default;
};

inline Typed by_text(const Marker& marker, const Labels& run) {
  std::string text;
  std::vector<std::int64_t> ends;
  std::vector<ByteRange> specials;
  for (const std::int64_t id : run) {
    const auto begin = std::ssize(text);
    text += vocabulary()->bytes(id);
    ends.push_back(std::ssize(text));
    if (vocabulary()->is_special(id)) specials.push_back({begin, std::ssize(text)});
  }
  std::vector<Span> spans;
  Typed typed;
  typed.unparsed = marker.mark(text, specials, spans);
  typed.types.resize(run.size());
  project(text, spans, ends, typed.types);
  return typed;
}

inline Typed by_labels(const TokenTyper& typer, const Labels& run) {
  Typed typed;
  typed.types.resize(run.size());
  typed.unparsed = typer.type_labels(run, {}, typed.types).unparsed_bytes;
  return typed;
}

}  // namespace typetally::testing
