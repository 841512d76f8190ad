#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/grammar/compiled.h"

namespace typetally::marking {

/// A place between two bytes of an answer: what is being read there, and what is open around it.
struct JsonPlace {
  std::uint64_t stack = 0;
  std::uint16_t state = 0;  ///< 0: the answer is not strict JSON
  friend bool operator==(const JsonPlace&, const JsonPlace&) = default;
};

/// Types the bytes of strict JSON answers one by one. JsonReader looks ahead to repair what is broken; in an answer
/// that this automaton reads to its end nothing is, and both say the same of every byte: a quote that strict JSON
/// closes a string with stands before what JsonReader takes for the end of one too. Where it loses its way, nothing is
/// said. Read are one value in brackets, bare or in a fence, coordinate tokens within it, and special tokens behind it.
class JsonAutomaton {
 public:
  /// Absent where the answers of `tables` are not JSON alone. Under `auto` an answer has to show that it is JSON.
  static std::optional<JsonAutomaton> create(const Tables& tables);

  JsonPlace start() const;

  /// The type of the next byte; IGNORE, and place.state 0, where it is none of strict JSON.
  TokenType step(JsonPlace& place, unsigned char byte) const;

  /// The same for the bytes of a special token, all of one type, where reads_text(place) is false; it is not empty.
  TokenType step_special(JsonPlace& place, std::string_view token) const;

  /// Whether special tokens are read as their bytes here: in strings.
  bool reads_text(const JsonPlace& place) const;

  /// Whether an answer that ends here, whole or cut, is typed as was said.
  bool may_end(const JsonPlace& place) const;

  /// Every place whose stack holds one frame or none, so that tokens can be compared in all of them.
  std::vector<JsonPlace> shallow_places() const;

 private:
  struct Node {
    std::array<std::uint16_t, 256> next{};  ///< 0: nothing goes on like this
    TokenType type = TokenType::kIgnore;    ///< of the values of the key that ends here
    bool ends_word = false;
  };

  explicit JsonAutomaton(bool is_auto) : is_auto_(is_auto), keys_(1), words_(1) {}

  static Node* grow(std::vector<Node>& trie, std::string_view text);
  bool add_atom(const Atom& atom);
  TokenType lose(JsonPlace& place) const;
  TokenType step_first(JsonPlace& place, unsigned char byte) const;
  TokenType step_fence(JsonPlace& place, unsigned char byte) const;
  TokenType step_value(JsonPlace& place, unsigned char byte) const;
  TokenType step_key(JsonPlace& place, unsigned char byte) const;
  TokenType step_string(JsonPlace& place, unsigned char byte) const;
  TokenType step_number(JsonPlace& place, unsigned char byte) const;
  TokenType step_after(JsonPlace& place, unsigned char byte) const;
  TokenType step_end(JsonPlace& place, unsigned char byte) const;
  TokenType step_word(JsonPlace& place, unsigned char byte) const;
  TokenType open(JsonPlace& place, unsigned char bracket, TokenType context) const;
  TokenType close(JsonPlace& place, unsigned char bracket) const;
  std::uint16_t words_begin(TokenType context) const;
  std::uint16_t state_count() const;

  bool is_auto_;
  std::vector<Node> keys_;   ///< a trie of the keys
  std::vector<Node> words_;  ///< a trie of coordinate tokens, all digits as `0`, and literals
  std::size_t literals_begin_ = 0;
};

}  // namespace typetally::marking
