#include "text/grammar/attribute_reader.h"

#include "text/grammar/lexing.h"
#include "text/grammar/number_reader.h"
#include "text/grammar/prose.h"

namespace typetally::marking {
namespace {

// Whether ` name=`, `>` or `/` follows, or the text's end, which is where `looked_to` then lies.
bool goes_on_as_tag(std::string_view text, std::size_t at, std::size_t& looked_to) {
  const std::size_t name = skip_space(text, at);
  looked_to = name;
  if (name == text.size() || text[name] == '>' || text[name] == '/') return true;
  if (name == at) return false;
  const std::size_t equals = skip_space(text, skip_name(text, name));
  looked_to = equals;
  return equals > name && (equals == text.size() || text[equals] == '=' || text[equals] == '>');
}

}  // namespace

ElementName match_element(const Compiled& table, std::string_view text, std::size_t at) {
  const std::size_t end = skip_name(text, at + 1);
  const Tag tag{.end = end, .name = text.substr(at + 1, end - at - 1), .attributes = end};
  std::size_t looked_to = end;
  if (table.role(tag) == TagRole::kUnknown || !goes_on_as_tag(text, end, looked_to)) return {};
  return {.end = end, .is_cut = looked_to == text.size()};
}

void AttributeReader::read() {
  while (scan_.at() < scan_.size()) {
    scan_.put(skip_space(text_, scan_.at()), TokenType::kFormat);
    const std::size_t at = scan_.at();
    const char c = peek(text_, at);
    if (at == scan_.size() || c == '<') break;
    if (c == '>') {
      is_closed_ = text_[at - 1] == '/';
      return scan_.put(at + 1, TokenType::kFormat);
    }
    if (is_name(c)) {
      if (!attribute()) return;
    } else if (is_beyond_ascii(c) && says_something(text_.substr(at, 4))) {
      return;
    } else {
      scan_.put_unparsed(at + 1);
    }
  }
  if (scan_.at() == scan_.size()) scan_.undecided(scan_.size());
}

// False where a word is no attribute: the `>` before it is missing.
bool AttributeReader::attribute() {
  const std::size_t at = scan_.at();
  const std::size_t end = skip_name(text_, at);
  const std::size_t next = skip_space(text_, end);
  if (next == text_.size()) scan_.undecided(at);
  if (next < text_.size() && text_[next] == '=') {
    scan_.put(next + 1, TokenType::kFormat);
    value(text_.substr(at, end - at));
    return true;
  }
  if (next < text_.size() && text_[next] != '>' && text_[next] != '/') return false;
  scan_.put(end, TokenType::kFormat);
  return true;
}

void AttributeReader::value(std::string_view name) {
  scan_.put(skip_space(text_, scan_.at()), TokenType::kFormat);
  const char quote = peek(text_, scan_.at());
  const bool is_quoted = quote == '"' || quote == '\'';
  if (is_quoted) scan_.put(scan_.at() + 1, TokenType::kFormat);
  const std::size_t begin = scan_.at();
  std::size_t end =
      is_quoted ? quoted_end(begin, quote) : std::min(text_.find_first_of(" \t\r\n<>", begin), text_.size());
  const bool has_tracks = table_.tracks.numbered(name) == TokenType::kCoord;
  const TokenType type = table_.keys.numbered(name);
  if (has_tracks || type == TokenType::kCoord) end = numbers_end(end);
  has_known_ = has_known_ || has_tracks || type != TokenType::kFormat;
  if (has_tracks) {
    put_tracks(scan_, end);
  } else if (type == TokenType::kCoord) {
    while (scan_.at() < end) put_item(table_, scan_, end);
  } else {
    scan_.put(end, type);
  }
  if (is_quoted && peek(text_, end) == quote) scan_.put(end + 1, TokenType::kFormat);
}

// A value without its closing quote ends at the tag's `>`, else before the next tag.
std::size_t AttributeReader::quoted_end(std::size_t begin, char quote) {
  const char stops[] = {quote, '<'};
  const std::size_t stop = text_.find_first_of(std::string_view(stops, 2), begin);
  if (stop != std::string_view::npos && text_[stop] == quote) return stop;
  if (stop == std::string_view::npos) scan_.undecided(begin);
  const std::size_t last = std::min(stop, text_.size());
  const std::size_t close = text_.substr(0, last).find('>', begin);
  return std::min(close, last);
}

// Coordinates end before ` name=`: their closing quote is missing.
std::size_t AttributeReader::numbers_end(std::size_t end) const {
  for (std::size_t at = scan_.at(); at < end;) {
    const std::size_t name = skip_name(text_, at);
    const bool is_word = name > at && is_letter(text_[at]);
    if (is_word && peek(text_, skip_space(text_, name)) == '=') return at;
    at = std::max(name, at + 1);
  }
  return end;
}

}  // namespace typetally::marking
