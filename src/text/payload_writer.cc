#include "typetally/text/payload_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "text/utf8.h"
#include "typetally/base/error.h"

namespace typetally {
namespace {

bool contains(const std::vector<std::string>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Python's json escapes what JSON demands and nothing else; DEL and non-ASCII stay.
void append_escaped(std::string_view utf8, std::string& text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
  constexpr std::string_view kLetters = "btnfr\"\\";
  for (const char c : utf8) {
    const std::size_t letter = kShort.find(c);
    if (letter != std::string_view::npos) {
      text += {'\\', kLetters[letter]};
    } else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20) {
      text += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      text += c;
    }
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; });
}

}  // namespace

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t mark = scientific.find('e');
  int exponent = 0;
  const char* digits = scientific.data() + mark + (scientific[mark + 1] == '+' ? 2 : 1);
  std::from_chars(digits, end, exponent);
  // Python's repr switches to an exponent of at least two digits, as to_chars writes it, outside [1e-4, 1e16).
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  const auto fixed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed).ptr;
  std::string text(buffer.data(), fixed);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

bool is_coordinate_token(std::string_view utf8) {
  constexpr std::string_view kOpen = "<|coord_";
  if (!utf8.starts_with(kOpen)) return false;
  utf8.remove_prefix(kOpen.size());
  int digits = 0;
  while (!utf8.empty() && digits < 4) {
    std::size_t length = 0;
    if (!is_decimal_digit(decode_utf8(utf8, length))) break;
    utf8.remove_prefix(length);
    ++digits;
  }
  return digits > 0 && (utf8 == "|>" || utf8 == "|>\n");
}

PayloadWriter::PayloadWriter(KeySets keys, Normalizer normalizer)
    : keys_(std::move(keys)), normalizer_(std::move(normalizer)) {}

void PayloadWriter::begin_dict() { begin(true, '{'); }
void PayloadWriter::end_dict() { end(true, '}'); }
void PayloadWriter::begin_list() { begin(false, '['); }
void PayloadWriter::end_list() { end(false, ']'); }

void PayloadWriter::key(std::string_view utf8) {
  if (open_.empty() || !open_.back().dict || after_key_) bad_call("PayloadWriter.key", "an open dict", "none");
  Frame& frame = open_.back();
  if (!frame.empty) put(", ", TokenType::kFormat);
  frame.empty = false;
  quoted(utf8, TokenType::kFormat);
  put(": ", TokenType::kFormat);
  context_ = contains(keys_.desc, utf8)    ? TokenType::kDesc
             : contains(keys_.coord, utf8) ? TokenType::kCoord
                                           : TokenType::kFormat;
  after_key_ = true;
}

void PayloadWriter::string(std::string_view utf8) {
  const TokenType context = begin_value();
  if (context == TokenType::kCoord && is_coordinate_token(utf8)) return put(utf8, TokenType::kCoord);
  quoted(utf8, context == TokenType::kDesc ? TokenType::kDesc : TokenType::kFormat);
}

void PayloadWriter::integer(std::string_view decimal) {
  const TokenType context = begin_value();
  put(decimal, context == TokenType::kCoord ? TokenType::kCoord : TokenType::kFormat);
}

void PayloadWriter::real(double value) { integer(python_float(value)); }

void PayloadWriter::boolean(bool value) {
  begin_value();
  put(value ? "true" : "false", TokenType::kFormat);
}

void PayloadWriter::null() {
  begin_value();
  put("null", TokenType::kFormat);
}

TypedText PayloadWriter::take() {
  if (!open_.empty())
    bad_call("PayloadWriter.take", "every dict and list ended", std::to_string(open_.size()) + " open");
  context_ = TokenType::kFormat;
  return std::exchange(typed_, {});
}

void PayloadWriter::begin(bool dict, char bracket) {
  const TokenType context = begin_value();
  put({&bracket, 1}, TokenType::kFormat);
  open_.push_back({.dict = dict, .empty = true, .context = context});
}

void PayloadWriter::end(bool dict, char bracket) {
  if (open_.empty() || open_.back().dict != dict || after_key_) {
    bad_call("PayloadWriter.end", dict ? "an open dict" : "an open list", "none");
  }
  open_.pop_back();
  put({&bracket, 1}, TokenType::kFormat);
}

// Writes what stands before a value and returns its context: its key's in a dict, the list's own in a list.
TokenType PayloadWriter::begin_value() {
  if (open_.empty()) return TokenType::kFormat;
  Frame& frame = open_.back();
  if (frame.dict) {
    if (!std::exchange(after_key_, false)) bad_call("PayloadWriter", "a key before each value of a dict", "a value");
    return context_;
  }
  if (!frame.empty) put(", ", TokenType::kFormat);
  frame.empty = false;
  return frame.context;
}

void PayloadWriter::quoted(std::string_view utf8, TokenType type) {
  std::string text = "\"";
  append_escaped(utf8, text);
  if (normalizer_ && !is_ascii(text)) text = "\"" + normalizer_(std::string_view(text).substr(1));
  text += '"';
  put(text, type);
}

void PayloadWriter::put(std::string_view text, TokenType type) {
  const auto begin = static_cast<std::int64_t>(typed_.text.size());
  typed_.text += text;
  const auto end = static_cast<std::int64_t>(typed_.text.size());
  std::vector<Span>& spans = typed_.spans;
  if (!spans.empty() && spans.back().type == type) {
    spans.back().end = end;
  } else {
    spans.push_back({begin, end, type});
  }
}

}  // namespace typetally
