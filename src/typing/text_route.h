#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "typetally/base/token_type.h"
#include "typetally/text/grammar.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// Types runs by their text: decodes, marks, projects. Its buffers grow to the longest run and are then reused.
class TextRoute {
 public:
  TextRoute(const Vocabulary& vocabulary, const Marker& marker) : vocabulary_(vocabulary), marker_(marker) {}

  /// Types one run, whose ids the vocabulary holds; returns how many bytes of structure could not be placed.
  std::int64_t type_run(std::span<const std::int64_t> ids, std::span<TokenType> types);

 private:
  const Vocabulary& vocabulary_;
  const Marker& marker_;
  std::string text_;
  std::vector<std::int64_t> ends_;
  std::vector<ByteRange> specials_;
  std::vector<Span> spans_;
};

}  // namespace typetally
