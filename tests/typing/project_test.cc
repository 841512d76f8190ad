#include "typetally/typing/project.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace typetally {
namespace {

struct Case {
  std::string text;
  std::vector<Span> spans;
  std::vector<std::int64_t> ends;
};

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Texts of one to four byte characters and of bytes that are no UTF-8; spans begin and tokens end anywhere.
Case make_case() {
  static const std::vector<std::string> kPieces = {"a", " ", "\"", "é", "猫", "😀", "\x80", "\xFF", "\xE7\x8C"};
  Case made;
  for (const auto& piece : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces)))
    made.text += piece;
  const auto size = static_cast<std::int64_t>(made.text.size());
  while (made.spans.empty() ? size > 0 : made.spans.back().end < size) {
    const std::int64_t begin = made.spans.empty() ? 0 : made.spans.back().end;
    const auto type = *rc::gen::elementOf(kTokenTypes);
    made.spans.push_back({begin, *rc::gen::inRange(begin, size) + 1, type});
  }
  made.ends = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, size + 1));
  std::sort(made.ends.begin(), made.ends.end());
  return made;
}

TokenType type_of_byte(const Case& given, std::int64_t byte) {
  return std::find_if(given.spans.begin(), given.spans.end(), [&](const Span& span) { return byte < span.end; })->type;
}

// The rule, character by character: which the token touches, and what most of them are.
TokenType expected_type(const Case& given, std::int64_t begin, std::int64_t end) {
  std::set<std::int64_t> characters;
  for (std::int64_t byte = begin; byte < end; ++byte) {
    std::int64_t first = byte;
    while (first > 0 && continues(given.text[static_cast<std::size_t>(first)])) --first;
    characters.insert(first);
  }
  TokenType best = TokenType::kFormat;
  std::int64_t most = 0;
  for (const TokenType type : kTokenTypes) {
    const auto count = std::count_if(characters.begin(), characters.end(),
                                     [&](std::int64_t c) { return type_of_byte(given, c) == type; });
    if (count > most) best = type;
    most = std::max<std::int64_t>(most, count);
  }
  return best;
}

TEST(Project, IsTheMajorityOverCharacters) {
  EXPECT_TRUE(rc::check([] {
    const Case given = make_case();
    std::vector<TokenType> types(given.ends.size());
    project(given.text, given.spans, given.ends, types);
    for (std::size_t i = 0; i < types.size(); ++i) {
      RC_ASSERT(types[i] == expected_type(given, i == 0 ? 0 : given.ends[i - 1], given.ends[i]));
    }
  }));
}

TEST(Project, RefusesAnotherNumberOfTypes) {
  std::vector<TokenType> types(2);
  EXPECT_THROW(project("a", {}, std::vector<std::int64_t>{1}, types), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
