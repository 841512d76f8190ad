#include "text/grammar/attribute_reader.h"

#include "text/grammar/lexing.h"
#include "text/grammar/number_reader.h"
#include "text/grammar/prose.h"

namespace typetally::marking {
namespace {

// Whether ` name=`, `>` or `/` follows, or the text's end.
bool goes_on_as_tag(const Text& text, std::size_t at) {
  const std::size_t name = skip_space(text, at);
  if (text.ends(name) || text[name] == '>' || text[name] == '/') return true;
  if (name == at) return false;
  const std::size_t equals = skip_space(text, skip_name(text, name));
  return equals > name && (text.ends(equals) || text[equals] == '=' || text[equals] == '>');
}

}  // namespace

std::size_t match_element(const Compiled& table, const Text& text, std::size_t at) {
  const std::size_t end = skip_name(text, at + 1);
  const Tag tag{.end = end, .name = text.between(at + 1, end), .attributes = end};
  return table.role(tag) != TagRole::kUnknown && goes_on_as_tag(text, end) ? end : 0;
}

void AttributeReader::read() {
  while (!scan_.is_at_end()) {
    scan_.put(skip_space(text_, scan_.at()), TokenType::kFormat);
    const std::size_t at = scan_.at();
    const char c = text_.peek(at);
    if (text_.ends(at) || c == '<') return;
    if (c == '>') {
      is_closed_ = text_[at - 1] == '/';
      return scan_.put(at + 1, TokenType::kFormat);
    }
    if (is_name(c)) {
      if (!attribute()) return;
    } else if (is_beyond_ascii(c) && says_something(text_, at)) {
      return;
    } else {
      scan_.put_unparsed(at + 1);
    }
  }
}

// False where a word is no attribute: the `>` before it is missing.
bool AttributeReader::attribute() {
  const std::size_t at = scan_.at();
  const std::size_t end = skip_name(text_, at);
  const std::size_t next = skip_space(text_, end);
  if (text_.peek(next) == '=') {
    scan_.put(next + 1, TokenType::kFormat);
    value(text_.between(at, end));
    return true;
  }
  if (!text_.ends(next) && text_[next] != '>' && text_[next] != '/') return false;
  scan_.put(end, TokenType::kFormat);
  return true;
}

void AttributeReader::value(std::string_view name) {
  scan_.put(skip_space(text_, scan_.at()), TokenType::kFormat);
  const char quote = text_.peek(scan_.at());
  const bool is_quoted = quote == '"' || quote == '\'';
  if (is_quoted) scan_.put(scan_.at() + 1, TokenType::kFormat);
  const std::size_t begin = scan_.at();
  std::size_t end = is_quoted ? quoted_end(begin, quote) : text_.find_any(" \t\r\n<>", begin);
  const bool has_tracks = table_.tracks.numbered(name) == TokenType::kCoord;
  const TokenType type = table_.keys.numbered(name);
  if (has_tracks || type == TokenType::kCoord) end = numbers_end(end);
  has_known_ = has_known_ || has_tracks || type != TokenType::kFormat;
  if (has_tracks) {
    put_tracks(scan_, end);
  } else if (type == TokenType::kCoord) {
    while (scan_.at() < end) put_item(table_, scan_, text_.until(end));
  } else {
    scan_.put(end, type);
  }
  if (is_quoted && text_.peek(end) == quote) scan_.put(end + 1, TokenType::kFormat);
}

// A value without its closing quote ends at the tag's `>`, else before the next tag.
std::size_t AttributeReader::quoted_end(std::size_t begin, char quote) const {
  const char stops[] = {quote, '<'};
  const std::size_t stop = text_.find_any(std::string_view(stops, 2), begin);
  return text_.peek(stop) == quote ? stop : text_.find('>', begin, stop);
}

// Coordinates end before ` name=`: their closing quote is missing.
std::size_t AttributeReader::numbers_end(std::size_t end) const {
  for (std::size_t at = scan_.at(); at < end;) {
    const std::size_t name = skip_name(text_, at);
    const bool is_word = name > at && is_letter(text_[at]);
    if (is_word && text_.peek(skip_space(text_, name)) == '=') return at;
    at = std::max(name, at + 1);
  }
  return end;
}

}  // namespace typetally::marking
