#include "text/grammar/json_string.h"

#include <algorithm>

namespace typetally::marking {
namespace {

enum class Answer : std::uint8_t { kNo, kYes, kCut };

// The first unescaped `quote` at or after `from`, or the text's size.
std::size_t find_quote(std::string_view text, std::size_t from, char quote) {
  const char stops[] = {quote, '\\'};
  for (std::size_t at = from; at < text.size();) {
    at = text.find_first_of(std::string_view(stops, 2), at);
    if (at == std::string_view::npos) break;
    if (text[at] == quote) return at;
    at += 2;
  }
  return text.size();
}

// Whether a quoted key and its colon begin at `at`.
Answer is_key(std::string_view text, std::size_t at) {
  const std::size_t close = find_quote(text, at + 1, text[at]);
  const std::size_t colon = close < text.size() ? skip_space(text, close + 1) : close;
  if (colon >= text.size()) return Answer::kCut;
  return text[colon] == ':' ? Answer::kYes : Answer::kNo;
}

Answer is_bare_key(std::string_view text, std::size_t at) {
  const std::size_t end = skip_name(text, at);
  if (end == text.size()) return Answer::kCut;
  const std::size_t colon = skip_space(text, text[end] == '"' || text[end] == '\'' ? end + 1 : end);
  if (colon == text.size()) return Answer::kCut;
  return text[colon] == ':' ? Answer::kYes : Answer::kNo;
}

Answer is_yes(bool yes) { return yes ? Answer::kYes : Answer::kNo; }

Answer begins(std::string_view text, std::size_t at, std::string_view what) {
  const std::string_view rest = text.substr(at, what.size());
  if (!what.starts_with(rest)) return Answer::kNo;
  return rest.size() == what.size() ? Answer::kYes : Answer::kCut;
}

Answer is_tag(const Tag& tag) { return tag ? Answer::kYes : tag.is_cut ? Answer::kCut : Answer::kNo; }

Answer begins_comment(std::string_view text, std::size_t at) {
  const Answer line = begins(text, at, "//");
  return line == Answer::kNo ? begins(text, at, "/*") : line;
}

// Whether the text after a comma at `comma` goes on as a dict or a list does.
Answer continues(std::string_view text, std::size_t comma, bool in_dict) {
  const std::size_t at = skip_space(text, comma + 1);
  if (at == text.size()) return Answer::kCut;
  const char c = text[at];
  if (text.substr(comma, at - comma).find('\n') != std::string_view::npos) return Answer::kYes;
  if (c == '}' || c == ']' || c == '{' || c == '[') return Answer::kYes;
  if (c == '/') return begins_comment(text, at);
  if (c == '"' || c == '\'') return in_dict ? is_key(text, at) : Answer::kYes;
  if (in_dict) return is_letter(c) ? is_bare_key(text, at) : Answer::kNo;
  return is_yes(is_digit(c) || c == '-' || c == '<' || c == 't' || c == 'f' || c == 'n' || c == 'N');
}

Answer closes(std::string_view text, std::size_t after, bool in_dict) {
  const std::size_t at = skip_space(text, after);
  if (at == text.size()) return Answer::kCut;
  if (text.substr(after, at - after).find_first_of("\r\n") != std::string_view::npos) return Answer::kYes;
  switch (text[at]) {
    case '}':
    case ']':
    case ':':
      return Answer::kYes;
    case ',':
    case ';':
      return continues(text, at, in_dict);
    case '"':
    case '\'':
      return in_dict ? is_key(text, at) : Answer::kNo;
    case '<':
      return is_tag(match_tag(text, at));
    case '`':
      return begins(text, at, "```");
    case '/':
      return begins_comment(text, at);
    default:
      return Answer::kNo;
  }
}

}  // namespace

StringEnd key_end(std::string_view text, std::size_t quote) {
  const std::size_t close = find_quote(text, quote + 1, text[quote]);
  const bool cut = close == text.size();
  return {.end = cut ? close : close + 1, .content_end = close, .names = true, .undecided = cut};
}

StringEnd value_end(std::string_view text, std::size_t quote, bool in_dict) {
  StringEnd result;
  for (std::size_t from = quote + 1;;) {
    const std::size_t close = find_quote(text, from, text[quote]);
    if (close == text.size()) return {.end = close, .content_end = close, .undecided = true};
    const Answer answer = closes(text, close + 1, in_dict);
    result.undecided = result.undecided || answer == Answer::kCut;
    if (answer != Answer::kNo) {
      result.end = close + 1;
      result.content_end = close;
      break;
    }
    result.lost_key = close;
    from = close + 1;
  }
  result.names = peek(text, skip_space(text, result.end)) == ':';
  if (!result.names) result.lost_key = 0;
  return result;
}

}  // namespace typetally::marking
