#pragma once

#include <cstddef>
#include <string_view>

#include "text/grammar/command.h"
#include "text/grammar/compiled.h"
#include "text/grammar/scan.h"

namespace typetally::marking {

/// Types the arguments of a call, from its opening bracket on. Ends behind the closing one; where that is missing,
/// before a new line that cannot be an argument.
class CallReader {
 public:
  CallReader(const Compiled& table, Scan& scan, const Command& command)
      : table_(table), scan_(scan), text_(scan.text()), command_(command) {}

  void read();

 private:
  bool argument();
  void value(TokenType type);
  void said(char quote);
  void quoted_format(char quote);
  void place();
  void other(TokenType type);
  bool put_space_or_tag();
  bool argument_follows(std::size_t comma) const;
  bool skip_line_end();
  bool ends_value(std::size_t comma) const;
  TokenType type_of_quoted(TokenType type) const;
  std::size_t closing_quote(std::size_t begin, char quote) const;
  bool begins_argument(std::size_t at) const;

  const Compiled& table_;
  Scan& scan_;
  const Text& text_;
  const Command& command_;
};

/// Whether the table knows the name of a command's first argument, or a place stands there: a box, a tag, two numbers.
bool has_known_argument(const Compiled& table, const Text& text, const Command& command);

/// Types the operand of a verb: `[text]`, `[x, y]`, `(x, y)`, or a quoted text. Tags are left to the engine.
void read_operand(const Compiled& table, Scan& scan, const Command& command);

}  // namespace typetally::marking
