#include "text/grammar/number_reader.h"

#include "text/grammar/lexing.h"
#include "text/grammar/prose.h"

namespace typetally::marking {
namespace {

bool begins_word(const Text& text, std::size_t at) {
  return is_letter(text[at]) || text[at] == '_' || (is_beyond_ascii(text[at]) && says_something(text, at));
}

// Whether the next tag closes a box.
bool closes(const Compiled& table, Scan& scan) {
  const Tag tag = scan.next_tag();
  return tag && table.closes_numbers(tag);
}

std::size_t word_end(const Text& text, std::size_t at) {
  while (!text.ends(at) && (is_name(text[at]) || is_beyond_ascii(text[at]))) ++at;
  return at;
}

void put_angle(const Compiled& table, Scan& scan, const Text& text, TokenType number_type) {
  const std::size_t at = scan.at();
  const AtomMatch match = match_atom(text, at, table.atoms);
  if (match.kind == AtomMatch::Kind::kWhole) return scan.put(match.end, number_type);
  scan.put_unparsed(std::max(match.end, at + 1));
}

}  // namespace

void put_item(const Compiled& table, Scan& scan, const Text& text, TokenType number_type) {
  const std::size_t at = scan.at();
  if (text[at] == '<') return put_angle(table, scan, text, number_type);
  if (const std::size_t number = number_end(text, at); number > at) return scan.put(number, number_type);
  const std::size_t word = word_end(text, at);
  if (word == at || equal_in_any_case(text.between(at, word), "none")) {
    return scan.put(std::max(word, at + 1), TokenType::kFormat);
  }
  scan.put_unparsed(word);
}

void read_numbers(const Compiled& table, Scan& scan) {
  const Text& text = scan.text();
  bool is_closed = false;
  while (!scan.is_at_end()) {
    const std::size_t at = scan.at();
    const ByteRange special = scan.special_at(at);
    const bool is_atom = match_atom(text, at, table.atoms).kind == AtomMatch::Kind::kWhole;
    if (!is_atom && (special.end > special.begin || match_tag(text, at))) return;
    if (text[at] == '<' && is_cut_tag(text, at)) return;
    if (!is_closed && begins_word(text, at)) {
      const bool is_none = equal_in_any_case(text.between(at, word_end(text, at)), "none");
      is_closed = is_none || closes(table, scan);
      if (!is_closed) return;
      if (is_none) is_closed = false;
    }
    put_item(table, scan, text);
  }
}

void put_tracks(Scan& scan, std::size_t end) {
  const Text text = scan.text().until(end);
  int place = 0;
  while (scan.at() < end) {
    const std::size_t at = scan.at();
    const std::size_t number = number_end(text, at);
    if (number == at) {
      if (text[at] != ' ') place = 0;
      scan.put(at + 1, TokenType::kFormat);
      continue;
    }
    scan.put(number, place > 0 && (place - 1) % 3 != 0 ? TokenType::kCoord : TokenType::kFormat);
    ++place;
  }
}

}  // namespace typetally::marking
