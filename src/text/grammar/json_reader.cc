#include "text/grammar/json_reader.h"

#include <array>

namespace typetally::marking {
namespace {

constexpr std::array<std::string_view, 8> kLiterals = {"true",  "false", "null", "True",
                                                       "False", "None",  "NaN",  "Infinity"};

bool is_literal(std::string_view word) { return std::ranges::find(kLiterals, word) != kLiterals.end(); }

// Whether an element of a list begins at `at`, which is not a bracket, or the text's end cuts it.
bool element_begins(const Text& text, std::size_t at, const std::vector<Atom>& atoms) {
  const char c = text[at];
  if (c == ']' || c == '"' || c == '\'') return true;
  if (c == '<') return match_tag(text, at).is_cut || match_atom(text, at, atoms).kind != AtomMatch::Kind::kNone;
  std::size_t end = number_end(text, at);
  if (end == at) end = python_number_end(text, at);
  if (end == at) {
    end = skip_name(text, at);
    if (!is_literal(text.between(at, end))) return false;
  }
  end = skip_space(text, end);
  return text.ends(end) || text[end] == ',' || text[end] == ']';
}

}  // namespace

JsonStart json_start(const Text& text, std::size_t at, const std::vector<Atom>& atoms) {
  std::size_t p = at;
  while (!text.ends(p) && (text[p] == '[' || is_space(text[p]))) ++p;
  if (text.ends(p)) return {.begins = true, .resume = p};
  if (text[p] == '{') {
    const std::size_t key = skip_space(text, p + 1);
    if (text.ends(key)) return {.begins = true, .has_keys = true};
    const bool begins = text[key] == '"' || text[key] == '\'' || text[key] == '}';
    return {.begins = begins, .has_keys = true, .resume = p + 1};
  }
  const bool has_keys = text[p] == '"' || text[p] == '\'';
  return {.begins = element_begins(text, p, atoms), .has_keys = has_keys, .resume = p};
}

void JsonReader::read() {
  do {
    if (!step()) return;
  } while (!frames_.empty() && !scan_.is_at_end());
}

// Reads one lexeme; false where the value ends before it.
bool JsonReader::step() {
  const std::size_t at = scan_.at();
  if (const ByteRange special = scan_.special_at(at);
      special.end > special.begin && match_atom(text_, at, table_.atoms).kind == AtomMatch::Kind::kNone) {
    return false;
  }
  switch (text_[at]) {
    case '{':
    case '[':
      open(text_[at] == '{');
      return true;
    case '}':
    case ']':
      close(text_[at] == '}');
      return true;
    case ',':
      comma();
      return true;
    case ':':
      scan_.put(at + 1, TokenType::kFormat);
      if (in_dict()) phase_ = Phase::kValue;
      return true;
    case '"':
    case '\'':
      string();
      return true;
    case '<':
      if (match_atom(text_, at, table_.atoms).kind == AtomMatch::Kind::kNone && match_tag(text_, at)) return false;
      angle();
      return true;
    case '/':
      comment();
      return true;
    case '`':
      if (text_.starts_with(at, "```")) return false;
      break;
    default:
      break;
  }
  if (is_space(text_[at])) {
    scan_.put(skip_space(text_, at), TokenType::kFormat);
    return true;
  }
  if (const std::size_t end = number_end(text_, at); end > at) {
    number(end);
    return true;
  }
  return word();
}

void JsonReader::open(bool is_dict) {
  scan_.put(scan_.at() + 1, TokenType::kFormat);
  if (is_dict) {
    frames_.push_back(kDictFrame);
    ++dicts_;
    phase_ = Phase::kKey;
    context_ = TokenType::kFormat;
  } else {
    frames_.push_back(context_);
    phase_ = Phase::kValue;
  }
}

void JsonReader::pop() {
  dicts_ -= in_dict() ? 1 : 0;
  frames_.pop_back();
}

// A bracket of the wrong kind stands for the missing ones before it, where one of its kind is open.
void JsonReader::close(bool is_dict) {
  scan_.put(scan_.at() + 1, TokenType::kFormat);
  const auto lists = static_cast<std::int64_t>(frames_.size()) - dicts_;
  if ((is_dict ? dicts_ : lists) > 0) {
    while (in_dict() != is_dict) pop();
  }
  pop();
  after_value();
}

void JsonReader::after_value() {
  phase_ = Phase::kAfterValue;
  context_ = frames_.empty() || in_dict() ? TokenType::kFormat : frames_.back();
}

void JsonReader::comma() {
  scan_.put(scan_.at() + 1, TokenType::kFormat);
  after_value();
  phase_ = in_dict() ? Phase::kKey : Phase::kValue;
}

void JsonReader::take_key(std::string_view key, std::size_t end) {
  while (dicts_ > 0 && !in_dict()) pop();
  scan_.put(end, TokenType::kFormat);
  context_ = in_dict() ? table_.keys.exact(key) : TokenType::kFormat;
  phase_ = Phase::kValue;
}

void JsonReader::string() {
  const std::size_t quote = scan_.at();
  const bool in_key = in_dict() && phase_ != Phase::kValue;
  const StringEnd found = in_key ? key_end(text_, quote) : value_end(text_, quote, in_dict());
  if (found.lost_key != 0) return lost_quote(found);
  if (found.names && dicts_ > 0) {
    return take_key(text_.between(quote + 1, found.content_end), found.end);
  }
  put_string_value(found);
  after_value();
}

// `"label": "cat, "bbox_2d": [...` : the value ends before the comma, the key begins at the later quote.
void JsonReader::lost_quote(const StringEnd& found) {
  std::size_t end = found.lost_key;
  while (end > scan_.at() + 1 && (is_space(text_[end - 1]) || text_[end - 1] == ',')) --end;
  scan_.put(end, context_ == TokenType::kDesc ? TokenType::kDesc : TokenType::kFormat);
  const std::size_t key = found.lost_key + 1;
  take_key(text_.between(key, found.content_end), found.end);
}

void JsonReader::put_string_value(const StringEnd& found) {
  if (context_ == TokenType::kCoord) put_atoms(scan_.at(), found.end);
  scan_.put(found.end, context_ == TokenType::kDesc ? TokenType::kDesc : TokenType::kFormat);
}

// Quoted coordinate tokens are COORD between their quotes.
void JsonReader::put_atoms(std::size_t begin, std::size_t end) {
  const Text inside = text_.until(end);
  for (std::size_t at = inside.find('<', begin); at < end;) {
    const AtomMatch match = match_atom(inside, at, table_.atoms);
    const bool is_whole = match.kind == AtomMatch::Kind::kWhole;
    if (is_whole) {
      scan_.put(at, TokenType::kFormat);
      scan_.put(match.end, TokenType::kCoord);
    }
    at = inside.find('<', is_whole ? match.end : at + 1);
  }
}

void JsonReader::number(std::size_t end) {
  scan_.put(end, context_ == TokenType::kCoord ? TokenType::kCoord : TokenType::kFormat);
  after_value();
}

// A coordinate token, or what is left of one: up to the next delimiter, so that its digits are no number.
void JsonReader::angle() {
  const std::size_t at = scan_.at();
  const AtomMatch match = match_atom(text_, at, table_.atoms);
  if (match.kind == AtomMatch::Kind::kWhole) return number(match.end);
  scan_.put_unparsed(text_.find_any(" \t\r\n,:[]{}<\"'", at + 1));
  after_value();
}

void JsonReader::comment() {
  const std::size_t at = scan_.at();
  const char kind = text_.peek(at + 1);
  if (kind != '/' && kind != '*') return scan_.put_unparsed(at + 1);
  const std::size_t stop = kind == '/' ? text_.find('\n', at) : text_.find("*/", at + 2);
  scan_.put(text_.ends(stop) ? stop : stop + (kind == '/' ? 1 : 2), TokenType::kFormat);
}

// Anything else. A bare word before a colon is a key.
bool JsonReader::word() {
  const std::size_t at = scan_.at();
  std::size_t end = at;
  while (!text_.ends(end) && (is_name(text_[end]) || is_beyond_ascii(text_[end]) ||
                              (text_[end] == '\'' && end > at && is_letter(text_.peek(end + 1))))) {
    ++end;
  }
  const std::string_view word = text_.between(at, end);
  std::size_t colon = end;
  if (!word.empty() && (text_.peek(colon) == '"' || text_.peek(colon) == '\'')) ++colon;
  const std::size_t past_quote = colon;
  colon = skip_space(text_, colon);
  if (!word.empty() && text_.peek(colon) == ':' && in_dict()) {
    take_key(word, past_quote);
    return true;
  }
  const std::size_t number = python_number_end(text_, at);
  if (number > at && (number == end || word.empty())) {
    this->number(number);
    return true;
  }
  if (is_literal(word)) {
    scan_.put(end, TokenType::kFormat);
    after_value();
    return true;
  }
  if (is_prose_line()) return false;
  scan_.put_unparsed(std::max(end, at + 1));
  return true;
}

// After a value, a new line that begins with a word is prose: the closing brackets are missing.
bool JsonReader::is_prose_line() const {
  const std::size_t at = scan_.at();
  if (phase_ != Phase::kAfterValue || !(is_letter(text_[at]) || is_beyond_ascii(text_[at]))) return false;
  std::size_t begin = at;
  while (begin > 0 && is_space(text_[begin - 1])) --begin;
  return text_.between(begin, at).find('\n') != std::string_view::npos;
}

}  // namespace typetally::marking
