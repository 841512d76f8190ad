#include "text/grammar/call_reader.h"

#include <algorithm>

#include "text/grammar/bracket_reader.h"
#include "text/grammar/lexing.h"
#include "text/grammar/number_reader.h"

namespace typetally::marking {
namespace {

bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }
bool is_quote(char c) { return c == '"' || c == '\''; }

// Whether two plain numbers with a comma between them begin at `at`, or the text's end cuts them.
bool has_two_numbers(const Text& text, std::size_t at) {
  const std::size_t first = number_end(text, at);
  if (first == at) return false;
  const std::size_t comma = skip_space(text, first);
  if (text.ends(comma)) return true;
  if (text[comma] != ',') return false;
  const std::size_t second = skip_space(text, comma + 1);
  return text.ends(second) || number_end(text, second) > second;
}

bool begins_box(const Compiled& table, const Text& text, std::size_t at) {
  return bool{match_boxes(text, at, table.grammar.counts).box};
}

// Two numbers without names are a place; one is an amount. Strings without names are what a saying verb says.
TokenType positional_type(const Compiled& table, const Text& text, std::size_t at, const Command& command) {
  const char c = text.peek(at);
  if (is_quote(c)) return command.is_said ? TokenType::kDesc : TokenType::kFormat;
  const bool is_place = c == '[' || c == '(' ? begins_box(table, text, at) : c == '<' || has_two_numbers(text, at);
  return is_place ? TokenType::kCoord : TokenType::kFormat;
}

}  // namespace

void CallReader::read() {
  scan_.put(scan_.at() + 1, TokenType::kFormat);
  const TokenType positional = positional_type(table_, text_, skip_space(text_, scan_.at()), command_);
  while (!scan_.is_at_end()) {
    if (!skip_line_end()) return;
    const std::size_t at = scan_.at();
    if (text_.ends(at)) return;
    if (text_[at] == ')') return scan_.put(at + 1, TokenType::kFormat);
    if (text_[at] == ',') {
      scan_.put(at + 1, TokenType::kFormat);
    } else if (!argument()) {
      value(positional);
    }
  }
}

// Types the space before an argument; false where a new line does not go on with one.
bool CallReader::skip_line_end() {
  const std::size_t at = scan_.at();
  const std::size_t next = skip_space(text_, at);
  const bool has_line_end = text_.between(at, next).find('\n') != std::string_view::npos;
  if (has_line_end && !text_.ends(next) && !begins_argument(next)) return false;
  scan_.put(next, TokenType::kFormat);
  return true;
}

bool CallReader::begins_argument(std::size_t at) const {
  constexpr std::string_view kOpenings = "'\")]},-[({";
  if (kOpenings.find(text_[at]) != std::string_view::npos || is_digit(text_[at])) return true;
  const std::size_t name = skip_name(text_, at);
  const std::size_t equals = skip_space(text_, name);
  return name > at && text_.peek(equals) == '=';
}

// `name=value`; false where no name stands here.
bool CallReader::argument() {
  const std::size_t at = scan_.at();
  const std::size_t name = skip_name(text_, at);
  const std::size_t equals = skip_space(text_, name);
  if (name == at || is_digit(text_[at]) || text_.peek(equals) != '=') return false;
  scan_.put(skip_space(text_, equals + 1), TokenType::kFormat);
  if (!scan_.is_at_end()) value(table_.keys.numbered(text_.between(at, name)));
  return true;
}

void CallReader::value(TokenType type) {
  const char quote = text_[scan_.at()];
  if (is_quote(quote)) type = type_of_quoted(type);
  type == TokenType::kCoord ? place() : other(type);
}

// A box in a string is one whatever the argument's name.
TokenType CallReader::type_of_quoted(TokenType type) const {
  if (type != TokenType::kFormat) return type;
  const std::size_t inside = skip_space(text_, scan_.at() + 1);
  if (text_.ends(inside)) return type;
  if (text_[inside] == '<' && table_.role(match_tag(text_, inside)) == TagRole::kNumbers) return TokenType::kCoord;
  const bool is_bracket = text_[inside] == '(' || text_[inside] == '[';
  return is_bracket && begins_box(table_, text_, inside) ? TokenType::kCoord : type;
}

void CallReader::said(char quote) {
  const std::size_t open = scan_.at();
  scan_.put(open + 1, TokenType::kFormat);
  const std::size_t close = closing_quote(open + 1, quote);
  scan_.put(close, TokenType::kDesc);
  if (!text_.ends(close)) scan_.put(close + 1, TokenType::kFormat);
}

void CallReader::quoted_format(char quote) {
  const std::size_t close = closing_quote(scan_.at() + 1, quote);
  scan_.put(text_.ends(close) ? text_.find('\n', scan_.at()) : close + 1, TokenType::kFormat);
}

// The first quote that something stands behind which may follow an argument; the text's size where none does.
std::size_t CallReader::closing_quote(std::size_t begin, char quote) const {
  const char stops[] = {quote, '\\'};
  for (std::size_t at = begin; !text_.ends(at = text_.find_any(std::string_view(stops, 2), at));) {
    if (text_[at] == '\\') {
      at += 2;
      continue;
    }
    const std::size_t next = skip_space(text_, at + 1);
    const bool has_line_end = text_.between(at + 1, next).find('\n') != std::string_view::npos;
    if (text_.ends(next) || has_line_end) return at;
    constexpr std::string_view kClosings = ")]}";
    if (kClosings.find(text_[next]) != std::string_view::npos || (text_[next] == ',' && ends_value(next))) return at;
    ++at;
  }
  return text_.size();
}

// Whether an argument or an element follows the comma.
bool CallReader::ends_value(std::size_t comma) const {
  const std::size_t at = skip_space(text_, comma + 1);
  return text_.ends(at) || text_[at] == ')' || text_[at] == ']' || begins_argument(at);
}

// Coordinates, quoted or not: numbers and tokens are COORD. A quote or bracket may be missing, so this ends before the
// next argument, or the call's bracket: the one that nothing opens, quotes aside.
void CallReader::place() {
  int depth = 0;
  int depth_at_quote = 0;
  char quote = 0;
  while (!scan_.is_at_end()) {
    const std::size_t at = scan_.at();
    const char c = text_[at];
    if ((c == ')' && depth == 0) || (c == ',' && argument_follows(at))) return;
    if (c == quote) {
      depth = depth_at_quote;
      quote = 0;
    } else if (is_quote(c) && quote == 0) {
      depth_at_quote = depth;
      quote = c;
    }
    depth += opens(c) ? 1 : closes(c) && depth > 0 ? -1 : 0;
    if (!put_space_or_tag()) return;
    if (scan_.at() == at) put_item(table_, scan_, text_);
  }
}

// Anything else: strings take `type`, the rest is FORMAT. Ends before the comma or bracket that ends the argument.
void CallReader::other(TokenType type) {
  for (int depth = 0; !scan_.is_at_end();) {
    const std::size_t at = scan_.at();
    const char c = text_[at];
    if (depth == 0 && (c == ')' || c == ',')) return;
    depth += opens(c) ? 1 : closes(c) && depth > 0 ? -1 : 0;
    if (is_quote(c)) {
      type == TokenType::kDesc ? said(c) : quoted_format(c);
      continue;
    }
    if (!put_space_or_tag()) return;
    if (scan_.at() == at) put_item(table_, scan_, text_, TokenType::kFormat);
  }
}

// False where a new line ends the call.
bool CallReader::put_space_or_tag() {
  const std::size_t at = scan_.at();
  if (is_space(text_[at])) return skip_line_end();
  const Tag tag = match_tag(text_, at);
  if (tag && match_atom(text_, at, table_.atoms).kind == AtomMatch::Kind::kNone) scan_.put(tag.end, TokenType::kFormat);
  return true;
}

bool CallReader::argument_follows(std::size_t comma) const {
  const std::size_t at = skip_space(text_, comma + 1);
  const std::size_t name = skip_name(text_, at);
  const std::size_t equals = skip_space(text_, name);
  return name > at && !is_digit(text_[at]) && text_.peek(equals) == '=';
}

bool has_known_argument(const Compiled& table, const Text& text, const Command& command) {
  if (command.kind == Command::Kind::kVerb) {
    const std::size_t operand = skip_blanks(text, command.end);
    return text.peek(operand) == '<' || begins_box(table, text, operand);
  }
  const std::size_t at = skip_space(text, command.end + 1);
  const std::size_t name = skip_name(text, at);
  if (name > at && is_letter(text[at])) return table.keys.numbered(text.between(at, name)) != TokenType::kFormat;
  return positional_type(table, text, at, command) == TokenType::kCoord;
}

void read_operand(const Compiled& table, Scan& scan, const Command& command) {
  const Text& text = scan.text();
  const std::size_t open = skip_blanks(text, scan.at());
  if (text.ends(open) || text[open] == '<' || text[open] == '\n') return;
  if (!command.is_said && begins_box(table, text, open)) {
    scan.put(open, TokenType::kFormat);
    return read_boxes(scan, table.grammar.counts);
  }
  const char close = text[open] == '[' ? ']' : text[open] == '(' ? ')' : text[open];
  const std::size_t line_end = text.find('\n', open);
  const std::string_view line = text.between(0, line_end);
  const std::size_t found = command.is_said ? line.rfind(close) : line.find(close, open + 1);
  const std::size_t end = found == std::string_view::npos || found <= open ? line_end : found;
  scan.put(open + 1, TokenType::kFormat);
  scan.put(end, command.is_said ? TokenType::kDesc : TokenType::kFormat);
  scan.put(std::min(end + 1, line_end), TokenType::kFormat);
}

}  // namespace typetally::marking
