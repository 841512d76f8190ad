#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/text.h"

namespace typetally::marking {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '_'; }
constexpr bool is_fence_info(char c) { return is_name(c) || c == '-' || c == '+' || c == '.' || c == '#'; }
constexpr bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool equal_in_any_case(std::string_view a, std::string_view b);

std::size_t skip_space(const Text& text, std::size_t at);
std::size_t skip_digits(const Text& text, std::size_t at);
std::size_t skip_name(const Text& text, std::size_t at);

/// The end of the decimal number at `at`, or `at` where none is. A number that the text's end cuts ("-", "1e", "0.") is
/// one.
std::size_t number_end(const Text& text, std::size_t at);

/// The end of NaN, Infinity or -Infinity at `at` (also where the text's end cuts it), or `at`.
std::size_t python_number_end(const Text& text, std::size_t at);

/// A coordinate token's shape: "<loc{4}>" is {"<loc", ">", 4, 4}.
struct Atom {
  std::string prefix;
  std::string suffix;
  std::size_t least_digits = 1;
  std::size_t most_digits = 1;
};

struct AtomMatch {
  enum class Kind : std::uint8_t { kNone, kWhole, kBroken };
  Kind kind = Kind::kNone;
  std::size_t end = 0;
};

/// The coordinate token at `at`. Broken: the prefix is there, the rest is not.
AtomMatch match_atom(const Text& text, std::size_t at, const std::vector<Atom>& atoms);

/// A tag: `<name attributes>`, `</name>`, `<name/>`, `<|name|>`, or with full-width bars.
struct Tag {
  std::size_t end = 0;         ///< past the `>`; 0: no tag here
  std::string_view name;       ///< without brackets and slash; of barred tags the whole tag
  std::size_t attributes = 0;  ///< where they begin: past the name
  bool closing = false;
  bool is_cut = false;  ///< no tag yet, but more text may make one
  explicit operator bool() const { return end != 0; }
};

Tag match_tag(const Text& text, std::size_t at);

/// Whether text[at..] is a tag or a coordinate token that the text's end cuts.
bool is_cut_tag(const Text& text, std::size_t at);

}  // namespace typetally::marking
