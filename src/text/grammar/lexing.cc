#include "text/grammar/lexing.h"

#include <algorithm>

namespace typetally::marking {
namespace {

constexpr std::string_view kFullWidthBar = "\xEF\xBD\x9C";
constexpr std::size_t kLongestBarredTag = 128;  // DeepSeek's longest special token has 31 bytes

bool is_bar(std::string_view text, std::size_t at) {
  return peek(text, at) == '|' || text.substr(std::min(at, text.size())).starts_with(kFullWidthBar);
}

Tag no_tag(bool is_cut) {
  Tag tag;
  tag.is_cut = is_cut;
  return tag;
}

Tag match_barred(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at, kLongestBarredTag);
  const std::size_t close = rest.find_first_of("<>\n\r\t \"'", 1);
  if (close == std::string_view::npos) return no_tag(rest.size() < kLongestBarredTag);
  if (rest[close] != '>') return {};
  const std::string_view inner = rest.substr(0, close);
  if (!inner.ends_with('|') && !inner.ends_with(kFullWidthBar)) return {};
  if (inner.size() <= 3) return {};
  return {.end = at + close + 1, .name = rest.substr(0, close + 1), .attributes = at + close};
}

std::size_t skip_tag_name(std::string_view text, std::size_t at) {
  while (at < text.size() && (is_name(text[at]) || text[at] == '-' || text[at] == ':' || text[at] == '.')) ++at;
  return at;
}

// The end of ` name="value"`, or `at`; the text's size where that cuts one. Values hold no `<`, so that one that is
// never closed costs no second look.
std::size_t attribute_end(std::string_view text, std::size_t at) {
  const std::size_t name = skip_space(text, at);
  std::size_t p = skip_tag_name(text, name);
  if (name == at || p == name) return at;
  p = skip_space(text, p);
  if (p == text.size()) return p;
  if (text[p] != '=') return at;
  p = skip_space(text, p + 1);
  const char quote = peek(text, p);
  if (quote != '"' && quote != '\'') {
    const std::size_t end = text.find_first_of(" \t\r\n<>\"'", p);
    return end == p ? at : std::min(end, text.size());
  }
  const char stops[] = {quote, '<', '\0'};
  const std::size_t end = text.find_first_of(std::string_view(stops, 2), p + 1);
  if (end == std::string_view::npos) return text.size();
  return text[end] == '<' ? at : end + 1;
}

bool matches_word(std::string_view text, std::size_t at, std::string_view word, std::size_t& end) {
  const std::string_view rest = text.substr(at, word.size());
  if (rest.size() < word.size() ? rest.empty() || !word.starts_with(rest) : rest != word) return false;
  end = at + rest.size();
  return true;
}

AtomMatch match_one(std::string_view text, std::size_t at, const Atom& atom) {
  using Kind = AtomMatch::Kind;
  if (!text.substr(at).starts_with(atom.prefix)) return {};
  const std::size_t digits = at + atom.prefix.size();
  const std::size_t after = skip_digits(text, digits);
  const std::size_t count = after - digits;
  if (count >= atom.least_digits && count <= atom.most_digits && text.substr(after).starts_with(atom.suffix)) {
    return {Kind::kWhole, after + atom.suffix.size()};
  }
  if (count == 0) {
    const std::size_t end = atom.prefix.ends_with('_') ? match_tag(text, at).end : 0;
    return end == 0 ? AtomMatch{} : AtomMatch{Kind::kBroken, end};
  }
  std::size_t end = after;
  while (peek(text, end) == '|') ++end;
  if (peek(text, end) == '>') ++end;
  return {Kind::kBroken, end};
}

}  // namespace

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

std::size_t skip_name(std::string_view text, std::size_t at) {
  while (at < text.size() && is_name(text[at])) ++at;
  return at;
}

std::size_t number_end(std::string_view text, std::size_t at) {
  std::size_t p = at;
  if (peek(text, p) == '-' || peek(text, p) == '+') ++p;
  if (p == text.size()) return p;
  const std::size_t whole = p;
  p = skip_digits(text, p);
  bool has_digits = p > whole;
  if (peek(text, p) == '.' && (has_digits || is_digit(peek(text, p + 1)))) {
    const std::size_t fraction = p + 1;
    p = skip_digits(text, fraction);
    has_digits = true;
  }
  if (!has_digits) return at;
  if (peek(text, p) != 'e' && peek(text, p) != 'E') return p;
  std::size_t exponent = p + 1;
  if (peek(text, exponent) == '-' || peek(text, exponent) == '+') ++exponent;
  const std::size_t end = skip_digits(text, exponent);
  return end > exponent || end == text.size() ? end : p;
}

std::size_t python_number_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (matches_word(text, at, "NaN", end) || matches_word(text, at, "Infinity", end)) return end;
  if (at + 1 < text.size() && matches_word(text, at, "-Infinity", end)) return end;
  return at;
}

AtomMatch match_atom(std::string_view text, std::size_t at, const std::vector<Atom>& atoms) {
  AtomMatch best;
  for (const Atom& atom : atoms) {
    const AtomMatch match = match_one(text, at, atom);
    if (match.kind == AtomMatch::Kind::kWhole) return match;
    if (match.end > best.end) best = match;
  }
  return best;
}

Tag match_tag(std::string_view text, std::size_t at) {
  if (peek(text, at) != '<') return {};
  if (is_bar(text, at + 1)) return match_barred(text, at);
  if (kFullWidthBar.starts_with(text.substr(at + 1))) return no_tag(true);
  const bool closing = peek(text, at + 1) == '/';
  const std::size_t name = at + (closing ? 2 : 1);
  if (!is_letter(peek(text, name))) return no_tag(name == text.size());
  const std::size_t past_name = skip_tag_name(text, name);
  std::size_t p = past_name;
  for (std::size_t next = attribute_end(text, p); next != p; next = attribute_end(text, p)) p = next;
  p = skip_space(text, p);
  if (peek(text, p) == '/') ++p;
  if (peek(text, p) != '>') return no_tag(p >= text.size());
  return {.end = p + 1, .name = text.substr(name, past_name - name), .attributes = past_name, .closing = closing};
}

bool is_cut_tag(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at + 1);
  if (rest.empty()) return true;
  if (rest.size() > kLongestBarredTag) return false;
  if (is_bar(text, at + 1)) return rest.find_first_of("<> \t\r\n\"'") == std::string_view::npos;
  if (kFullWidthBar.starts_with(rest)) return true;
  const std::size_t name = rest.starts_with('/') ? 1 : 0;
  return skip_tag_name(rest, name) == rest.size();
}

}  // namespace typetally::marking
