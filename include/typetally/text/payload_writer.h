#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/text/keys.h"
#include "typetally/text/span.h"

namespace typetally {

/// A text whose bytes are typed.
struct TypedText {
  std::string text;
  std::vector<Span> spans;
};

/// What a tokenizer does to text before it splits it (Qwen3: NFC); applied to each string by itself once it is escaped,
/// which equals applying it to the whole, since the quotes around a string neither compose nor reorder.
using Normalizer = std::function<std::string(std::string_view)>;

/// Serialises a payload as Python's `json.dumps(payload, ensure_ascii=False)` does, typing every byte on the way
/// (design section 3): the caller walks its object and calls one method per value, in order. Strings are valid UTF-8.
/// Throws std::invalid_argument where the calls nest wrongly: an end without its begin, a key outside a dict.
class PayloadWriter {
 public:
  explicit PayloadWriter(KeySets keys, Normalizer normalizer = {});

  void begin_dict();
  void key(std::string_view utf8);  ///< before each value of a dict; sets the context of what follows
  void end_dict();
  void begin_list();
  void end_list();
  void string(std::string_view utf8);      ///< a coordinate token in coord context is written bare
  void integer(std::string_view decimal);  ///< integers of any size, as Python prints them
  void real(double value);                 ///< Python's float text: 2.0, 1e-07, NaN, Infinity
  void boolean(bool value);
  void null();

  /// The text written so far, with spans that tile it; the writer is empty afterwards.
  TypedText take();

 private:
  struct Frame {
    bool dict;
    bool empty;
    TokenType context;  // of the values inside; kFormat where no key sets another
  };

  void begin(bool dict, char bracket);
  void end(bool dict, char bracket);
  TokenType begin_value();
  void quoted(std::string_view utf8, TokenType type);
  void put(std::string_view text, TokenType type);

  KeySets keys_;
  Normalizer normalizer_;
  std::vector<Frame> open_;
  TokenType context_ = TokenType::kFormat;  // of the next value
  bool after_key_ = false;
  TypedText typed_;
};

/// A double as Python's `json.dumps` writes it: the shortest digits that read back as it, "1e-07", "NaN", "-Infinity".
std::string python_float(double value);

/// Does Python's `re.match(r"^<\|coord_\d{1,4}\|>$", text)` match? Digits are Unicode's, and one newline may follow.
bool is_coordinate_token(std::string_view utf8);

}  // namespace typetally
