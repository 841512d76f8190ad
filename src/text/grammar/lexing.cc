#include "text/grammar/lexing.h"

#include <algorithm>

namespace typetally::marking {
namespace {

constexpr std::string_view kFullWidthBar = "\xEF\xBD\x9C";
constexpr std::size_t kLongestBarredTag = 128;  // DeepSeek's longest special token has 31 bytes
constexpr std::string_view kNotInBarredTag = "<>\n\r\t \"'";

bool is_bar(const Text& text, std::size_t at) { return text.peek(at) == '|' || text.starts_with(at, kFullWidthBar); }

Tag no_tag(bool is_cut) {
  Tag tag;
  tag.is_cut = is_cut;
  return tag;
}

Tag match_barred(const Text& text, std::size_t at) {
  const std::size_t limit = at + kLongestBarredTag;
  const std::size_t close = text.find_any(kNotInBarredTag, at + 1, limit);
  if (close == limit) return {};
  if (text.ends(close)) return no_tag(true);
  if (text[close] != '>') return {};
  const std::string_view inner = text.between(at, close);
  if (!inner.ends_with('|') && !inner.ends_with(kFullWidthBar)) return {};
  if (inner.size() <= 3) return {};
  return {.end = close + 1, .name = text.between(at, close + 1), .attributes = close};
}

std::size_t skip_tag_name(const Text& text, std::size_t at) {
  while (!text.ends(at) && (is_name(text[at]) || text[at] == '-' || text[at] == ':' || text[at] == '.')) ++at;
  return at;
}

// The end of ` name="value"`, or `at`; the text's size where that cuts one. Values hold no `<`, so that one that is
// never closed costs no second look.
std::size_t attribute_end(const Text& text, std::size_t at) {
  const std::size_t name = skip_space(text, at);
  std::size_t p = skip_tag_name(text, name);
  if (name == at || p == name) return at;
  p = skip_space(text, p);
  if (text.ends(p)) return p;
  if (text[p] != '=') return at;
  p = skip_space(text, p + 1);
  if (text.ends(p)) return p;
  const char quote = text[p];
  if (quote != '"' && quote != '\'') {
    const std::size_t end = text.find_any(" \t\r\n<>\"'", p);
    return end == p ? at : end;
  }
  const char stops[] = {quote, '<'};
  const std::size_t end = text.find_any(std::string_view(stops, 2), p + 1);
  if (text.ends(end)) return end;
  return text[end] == '<' ? at : end + 1;
}

bool matches_word(const Text& text, std::size_t at, std::string_view word, std::size_t& end) {
  if (text.ends(at) || !text.may_start_with(at, word)) return false;
  end = text.starts_with(at, word) ? at + word.size() : text.size();
  return true;
}

AtomMatch match_one(const Text& text, std::size_t at, const Atom& atom) {
  using Kind = AtomMatch::Kind;
  if (!text.starts_with(at, atom.prefix)) return {};
  const std::size_t digits = at + atom.prefix.size();
  const std::size_t after = skip_digits(text, digits);
  const std::size_t count = after - digits;
  if (count >= atom.least_digits && count <= atom.most_digits && text.starts_with(after, atom.suffix)) {
    return {Kind::kWhole, after + atom.suffix.size()};
  }
  if (count == 0) {
    const std::size_t end = atom.prefix.ends_with('_') ? match_tag(text, at).end : 0;
    return end == 0 ? AtomMatch{} : AtomMatch{Kind::kBroken, end};
  }
  std::size_t end = after;
  while (text.peek(end) == '|') ++end;
  if (text.peek(end) == '>') ++end;
  return {Kind::kBroken, end};
}

}  // namespace

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::size_t skip_space(const Text& text, std::size_t at) {
  while (!text.ends(at) && is_space(text[at])) ++at;
  return at;
}

std::size_t skip_digits(const Text& text, std::size_t at) {
  while (!text.ends(at) && is_digit(text[at])) ++at;
  return at;
}

std::size_t skip_name(const Text& text, std::size_t at) {
  while (!text.ends(at) && is_name(text[at])) ++at;
  return at;
}

std::size_t number_end(const Text& text, std::size_t at) {
  std::size_t p = at;
  if (text.peek(p) == '-' || text.peek(p) == '+') ++p;
  if (text.ends(p)) return p;
  const std::size_t whole = p;
  p = skip_digits(text, p);
  bool has_digits = p > whole;
  if (text.peek(p) == '.' && (has_digits || is_digit(text.peek(p + 1)))) {
    const std::size_t fraction = p + 1;
    p = skip_digits(text, fraction);
    has_digits = true;
  }
  if (!has_digits) return at;
  if (text.peek(p) != 'e' && text.peek(p) != 'E') return p;
  std::size_t exponent = p + 1;
  if (text.peek(exponent) == '-' || text.peek(exponent) == '+') ++exponent;
  const std::size_t end = skip_digits(text, exponent);
  return end > exponent || text.ends(end) ? end : p;
}

std::size_t python_number_end(const Text& text, std::size_t at) {
  std::size_t end = at;
  if (matches_word(text, at, "NaN", end) || matches_word(text, at, "Infinity", end)) return end;
  if (text.peek(at) == '-' && !text.ends(at + 1) && matches_word(text, at, "-Infinity", end)) return end;
  return at;
}

AtomMatch match_atom(const Text& text, std::size_t at, const std::vector<Atom>& atoms) {
  AtomMatch best;
  for (const Atom& atom : atoms) {
    const AtomMatch match = match_one(text, at, atom);
    if (match.kind == AtomMatch::Kind::kWhole) return match;
    if (match.end > best.end) best = match;
  }
  return best;
}

Tag match_tag(const Text& text, std::size_t at) {
  if (text.peek(at) != '<') return {};
  if (is_bar(text, at + 1)) return match_barred(text, at);
  if (text.may_start_with(at + 1, kFullWidthBar)) return no_tag(true);
  const bool closing = text.peek(at + 1) == '/';
  const std::size_t name = at + (closing ? 2 : 1);
  if (!is_letter(text.peek(name))) return no_tag(text.ends(name));
  const std::size_t past_name = skip_tag_name(text, name);
  std::size_t p = past_name;
  for (std::size_t next = attribute_end(text, p); next != p; next = attribute_end(text, p)) p = next;
  p = skip_space(text, p);
  if (text.peek(p) == '/') ++p;
  if (text.peek(p) != '>') return no_tag(text.ends(p));
  return {.end = p + 1, .name = text.between(name, past_name), .attributes = past_name, .closing = closing};
}

bool is_cut_tag(const Text& text, std::size_t at) {
  if (text.ends(at + 1)) return true;
  const std::size_t limit = at + kLongestBarredTag + 2;
  if (is_bar(text, at + 1)) {
    const std::size_t stop = text.find_any(kNotInBarredTag, at + 1, limit);
    return stop < limit && text.ends(stop);
  }
  if (text.may_start_with(at + 1, kFullWidthBar)) return true;
  const std::size_t name = text[at + 1] == '/' ? at + 2 : at + 1;
  const std::size_t stop = skip_tag_name(text, name);
  return stop < limit && text.ends(stop);
}

}  // namespace typetally::marking
