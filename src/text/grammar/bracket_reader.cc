#include "text/grammar/bracket_reader.h"

#include <algorithm>

#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

bool opens(char c) { return c == '[' || c == '('; }
bool closes(char c) { return c == ']' || c == ')'; }

// Four numbers and more are a box even where the closing bracket is missing; two are too common in sentences.
constexpr int kFewestWithoutBracket = 4;

bool is_one_of(int count, const std::vector<int>& counts) { return std::ranges::find(counts, count) != counts.end(); }

void put_box(Scan& scan, const Box& box) {
  while (scan.at() < box.end) {
    const std::size_t at = scan.at();
    const std::size_t number = number_end(scan.text().until(box.end), at);
    scan.put(number > at ? number : at + 1, number > at ? TokenType::kCoord : TokenType::kFormat);
  }
}

}  // namespace

Box match_box(const Text& text, std::size_t at, const std::vector<int>& counts) {
  const int most = counts.empty() ? 0 : std::ranges::max(counts);
  int count = 0;
  for (std::size_t p = at + 1;;) {
    p = skip_space(text, p);
    if (text.ends(p)) return {.end = p};
    const std::size_t number = number_end(text, p);
    const bool ends = closes(text[p]) && count > 0;
    if (number == p && !ends) return {};
    if (number > p && ++count > most) return {};
    p = skip_space(text, number);
    if (text.ends(p)) return {.end = p};
    if (closes(text[p])) return is_one_of(count, counts) ? Box{.end = p + 1} : Box{};
    if (text[p] == ';' && is_one_of(count, counts)) {
      count = 0;
    } else if (text[p] != ',') {
      return is_one_of(count, counts) && count >= kFewestWithoutBracket ? Box{.end = number} : Box{};
    }
    ++p;
  }
}

Boxes match_boxes(const Text& text, std::size_t at, const std::vector<int>& counts) {
  Boxes boxes{.first = at, .depth = 0, .box = {}};
  std::size_t p = at;
  for (; !text.ends(p) && (opens(text[p]) || is_space(text[p])); ++p) {
    if (!opens(text[p])) continue;
    boxes.first = p;
    ++boxes.depth;
  }
  if (boxes.depth > 0) --boxes.depth;
  boxes.box = match_box(text, boxes.first, counts);
  return boxes;
}

void read_boxes(Scan& scan, const std::vector<int>& counts) {
  const Text& text = scan.text();
  std::size_t depth = 0;
  for (std::size_t at = scan.at(); !text.ends(at);) {
    if (opens(text[at])) {
      const Boxes boxes = match_boxes(text, at, counts);
      if (!boxes.box) return;
      scan.put(boxes.first + 1, TokenType::kFormat);
      put_box(scan, boxes.box);
      depth += boxes.depth;
    } else if (closes(text[at]) && depth > 0) {
      scan.put(at + 1, TokenType::kFormat);
      --depth;
    }
    if (depth == 0) return;
    at = skip_space(text, scan.at());
    if (text.peek(at) == ',' || text.peek(at) == ';') at = skip_space(text, at + 1);
    if (text.ends(at) || !(opens(text[at]) || closes(text[at]))) return;
  }
}

}  // namespace typetally::marking
