#include "text/grammar/json_string.h"

namespace typetally::marking {
namespace {

// The first unescaped `quote` at or after `from`, or the text's size.
std::size_t find_quote(const Text& text, std::size_t from, char quote) {
  const char stops[] = {quote, '\\'};
  std::size_t at = text.find_any(std::string_view(stops, 2), from);
  while (text.peek(at) == '\\') at = text.find_any(std::string_view(stops, 2), at + 2);
  return at;
}

// The following say yes too where the text ends before it is clear.

bool is_colon(const Text& text, std::size_t at) { return text.ends(at) || text[at] == ':'; }

// Whether a quoted key and its colon begin at `at`.
bool is_key(const Text& text, std::size_t at) {
  const std::size_t close = find_quote(text, at + 1, text[at]);
  return text.ends(close) || is_colon(text, skip_space(text, close + 1));
}

bool is_bare_key(const Text& text, std::size_t at) {
  const std::size_t end = skip_name(text, at);
  const bool is_half_quoted = text.peek(end) == '"' || text.peek(end) == '\'';
  return is_colon(text, skip_space(text, is_half_quoted ? end + 1 : end));
}

bool is_tag(const Tag& tag) { return tag || tag.is_cut; }

bool begins_comment(const Text& text, std::size_t at) {
  return text.may_start_with(at, "//") || text.may_start_with(at, "/*");
}

// Whether the text after a comma at `comma` goes on as a dict or a list does.
bool continues(const Text& text, std::size_t comma, bool in_dict) {
  const std::size_t at = skip_space(text, comma + 1);
  if (text.ends(at)) return true;
  const char c = text[at];
  if (text.between(comma, at).find('\n') != std::string_view::npos) return true;
  if (c == '}' || c == ']' || c == '{' || c == '[') return true;
  if (c == '/') return begins_comment(text, at);
  if (c == '"' || c == '\'') return !in_dict || is_key(text, at);
  if (in_dict) return is_letter(c) && is_bare_key(text, at);
  return is_digit(c) || c == '-' || c == '<' || c == 't' || c == 'f' || c == 'n' || c == 'N';
}

bool closes(const Text& text, std::size_t after, bool in_dict) {
  const std::size_t at = skip_space(text, after);
  if (text.ends(at)) return true;
  if (text.between(after, at).find_first_of("\r\n") != std::string_view::npos) return true;
  switch (text[at]) {
    case '}':
    case ']':
    case ':':
      return true;
    case ',':
    case ';':
      return continues(text, at, in_dict);
    case '"':
    case '\'':
      return in_dict && is_key(text, at);
    case '<':
      return is_tag(match_tag(text, at));
    case '`':
      return text.may_start_with(at, "```");
    case '/':
      return begins_comment(text, at);
    default:
      return false;
  }
}

}  // namespace

StringEnd key_end(const Text& text, std::size_t quote) {
  const std::size_t close = find_quote(text, quote + 1, text[quote]);
  return {.end = text.ends(close) ? close : close + 1, .content_end = close, .names = true};
}

StringEnd value_end(const Text& text, std::size_t quote, bool in_dict) {
  StringEnd result;
  for (std::size_t from = quote + 1;;) {
    const std::size_t close = find_quote(text, from, text[quote]);
    if (text.ends(close)) return {.end = close, .content_end = close};
    if (closes(text, close + 1, in_dict)) {
      result.end = close + 1;
      result.content_end = close;
      break;
    }
    result.lost_key = close;
    from = close + 1;
  }
  result.names = text.peek(skip_space(text, result.end)) == ':';
  if (!result.names) result.lost_key = 0;
  return result;
}

}  // namespace typetally::marking
