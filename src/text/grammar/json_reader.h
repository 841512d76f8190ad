#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/grammar/compiled.h"
#include "text/grammar/json_string.h"
#include "text/grammar/scan.h"

namespace typetally::marking {

/// Whether a JSON value begins at a bracket.
struct JsonStart {
  bool begins = false;     ///< also where the text ends before that is clear
  bool has_keys = false;   ///< a dict or a string comes first, not a number
  std::size_t resume = 0;  ///< where it does not begin: nor does it at any bracket before this byte
};

JsonStart json_start(const Text& text, std::size_t at, const std::vector<Atom>& atoms);

/// Types one JSON value, valid or not, from its opening bracket on. It ends with its last closing bracket, a fence, a
/// special token, or a new line of prose after a value.
class JsonReader {
 public:
  JsonReader(const Compiled& table, Scan& scan) : table_(table), scan_(scan), text_(scan.text()) {}

  void read();

 private:
  enum class Phase : std::uint8_t { kKey, kValue, kAfterValue };

  static constexpr TokenType kDictFrame = TokenType::kIgnore;

  bool step();
  void open(bool is_dict);
  void close(bool is_dict);
  void pop();
  void after_value();
  void comma();
  void string();
  void take_key(std::string_view key, std::size_t end);
  void lost_quote(const StringEnd& found);
  void put_string_value(const StringEnd& found);
  void put_atoms(std::size_t begin, std::size_t end);
  void number(std::size_t end);
  void angle();
  void comment();
  bool word();
  bool is_prose_line() const;
  bool in_dict() const { return !frames_.empty() && frames_.back() == kDictFrame; }

  const Compiled& table_;
  Scan& scan_;
  const Text& text_;
  // What is open: kDictFrame, or a list by the type its elements take. One byte, since answers nest as they like.
  std::vector<TokenType> frames_;
  std::int64_t dicts_ = 0;
  TokenType context_ = TokenType::kFormat;
  Phase phase_ = Phase::kValue;
};

}  // namespace typetally::marking
