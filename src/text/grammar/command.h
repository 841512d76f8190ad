#pragma once

#include <cstddef>
#include <string_view>

#include "text/grammar/compiled.h"

namespace typetally::marking {

std::size_t skip_blanks(const Text& text, std::size_t at);  ///< spaces and tabs

/// The end of `Thought:` at `at`, also with a number before the colon or a full-width colon; 0: none.
std::size_t match_label(const Compiled& table, const Text& text, std::size_t at);

/// What begins a line of actions.
struct Command {
  enum class Kind : std::uint8_t { kNone, kCall, kVerb };
  Kind kind = Kind::kNone;
  std::size_t end = 0;    ///< of the name; a call's bracket stands there
  std::string_view name;  ///< the last part of a dotted name
  bool is_verb = false;   ///< the table names it
  bool is_said = false;   ///< its operand is typed or said
};

/// The call `name(...)` or the command `VERB operand` at `at`. In prose a word may stand before a bracket too, so a
/// call's brackets are empty up to the line's end or begin as arguments do; a verb has an operand or the line.
Command match_command(const Compiled& table, const Text& text, std::size_t at);

}  // namespace typetally::marking
