#include "text/grammar/json_automaton.h"

#include <algorithm>
#include <array>
#include <string>

namespace typetally::marking {
namespace {

// Where three stand together they are in the order of DESC, COORD, FORMAT.
enum State : std::uint16_t {
  kLost,
  kFirst,
  kOpening,  // of `auto`: in lists that have shown neither a key nor a string
  kFence1,
  kFence2,
  kInfo,
  kFenced,
  kValue,
  kKey = kValue + 3,
  kColon,
  kString = kColon + 3,
  kEscape = kString + 3,
  kNumberCoord = kEscape + 3,
  kNumberFormat = kNumberCoord + 7,
  kAfterValue = kNumberFormat + 7,
  kDone,
  kEndFence1,
  kEndFence2,
  kEnd,
  kKeyDead,
  kKeyRoot
};

// Parts of a number, from its sign to the digits of its exponent.
enum Part : std::uint16_t { kSign, kInteger, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };

// Two bits per frame above two for the bottom, so 31 frames; a list's frame is the type that its elements take.
constexpr std::uint64_t kBare = 1;
constexpr std::uint64_t kInFence = 2;
constexpr std::uint64_t kDict = 0;

constexpr std::size_t kMostStates = 20000;
constexpr std::size_t kMostDigits = 16;

constexpr std::uint16_t offset(TokenType type) { return static_cast<std::uint16_t>(static_cast<int>(type) - 1); }
constexpr std::uint16_t of(State first, TokenType type) { return static_cast<std::uint16_t>(first + offset(type)); }
constexpr TokenType type_of(State first, std::uint16_t state) { return static_cast<TokenType>(state - first + 1); }

bool is_blank(unsigned char byte) { return is_space(static_cast<char>(byte)); }
bool is_empty(const JsonPlace& place) { return place.stack <= kInFence; }
std::uint64_t top(const JsonPlace& place) { return place.stack & 3; }
bool in_dict(const JsonPlace& place) { return !is_empty(place) && top(place) == kDict; }

TokenType go(JsonPlace& place, std::uint16_t state) {
  place.state = state;
  return TokenType::kFormat;
}

void after_value(JsonPlace& place) { place.state = is_empty(place) ? kDone : kAfterValue; }

bool may_stand(std::uint16_t state, std::uint64_t stack) {
  const bool is_bottom = stack <= kInFence;
  if (state == kFirst || (state >= kFence1 && state <= kFenced) || (state >= kDone && state <= kEnd)) return is_bottom;
  const bool is_key = state == kKey || (state >= kColon && state < kString) || state == kKeyDead;
  return !is_bottom && (!is_key || (stack & 3) == kDict);
}

}  // namespace

std::optional<JsonAutomaton> JsonAutomaton::create(const Tables& tables) {
  const auto is_json = [](const auto& table) { return table->json && table->grammar.atoms.empty(); };
  const bool is_auto = tables.chosen == nullptr;
  const auto first_json = std::ranges::find_if(tables.asked, is_json);
  const Compiled* table = tables.chosen.get();
  if (is_auto && first_json != tables.asked.end()) table = first_json->get();
  if (table == nullptr || !table->json || table->brackets || table->calls || !table->grammar.delimiters.empty()) {
    return {};
  }
  JsonAutomaton automaton(is_auto);
  for (const auto& [key, type] : table->keys.entries()) {
    Node* node = grow(automaton.keys_, key);
    if (node == nullptr) return {};
    if (node->type == TokenType::kIgnore) node->type = type;
  }
  for (const Atom& atom : table->atoms) {
    if (!automaton.add_atom(atom)) return {};
  }
  automaton.literals_begin_ = automaton.words_.size();
  for (const char* literal : {"true", "false", "null"}) {
    if (Node* node = grow(automaton.words_, literal)) node->ends_word = true;
  }
  const bool is_clear = std::ranges::all_of(automaton.words_, [](const Node& node) {
    return !node.ends_word || std::ranges::all_of(node.next, [](auto next) { return next == 0; });
  });
  if (!is_clear || automaton.keys_.size() + 2 * automaton.words_.size() > kMostStates) return {};
  return automaton;
}

JsonAutomaton::Node* JsonAutomaton::grow(std::vector<Node>& trie, std::string_view text) {
  std::size_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (trie[node].next[byte] == 0) {
      if (trie.size() > kMostStates) return nullptr;
      trie[node].next[byte] = static_cast<std::uint16_t>(trie.size());
      trie.emplace_back();
    }
    node = trie[node].next[byte];
  }
  return &trie[node];
}

// False for a token that is told from another by its digits, or where there is no room.
bool JsonAutomaton::add_atom(const Atom& atom) {
  if (std::ranges::any_of(atom.prefix + atom.suffix, is_digit) || atom.most_digits > kMostDigits) return false;
  for (std::size_t digits = atom.least_digits; digits <= atom.most_digits; ++digits) {
    Node* node = grow(words_, atom.prefix + std::string(digits, '0') + atom.suffix);
    if (node == nullptr) return false;
    node->ends_word = true;
  }
  return true;
}

std::uint16_t JsonAutomaton::words_begin(TokenType context) const {
  const std::size_t skipped = context == TokenType::kCoord ? 0 : words_.size();
  return static_cast<std::uint16_t>(kKeyRoot + keys_.size() + skipped);
}

std::uint16_t JsonAutomaton::state_count() const {
  return static_cast<std::uint16_t>(kKeyRoot + keys_.size() + 2 * words_.size());
}

JsonPlace JsonAutomaton::start() const { return {.stack = kBare, .state = kFirst}; }

TokenType JsonAutomaton::lose(JsonPlace& place) const {
  place.state = kLost;
  return TokenType::kIgnore;
}

TokenType JsonAutomaton::step(JsonPlace& place, unsigned char byte) const {
  const std::uint16_t state = place.state;
  if (state >= words_begin(TokenType::kCoord)) return step_word(place, byte);
  if (state >= kKeyDead) return step_key(place, byte);
  if (state >= kDone) return step_end(place, byte);
  if (state == kAfterValue) return step_after(place, byte);
  if (state >= kNumberCoord) return step_number(place, byte);
  if (state >= kString) return step_string(place, byte);
  if (state >= kKey) return step_key(place, byte);
  if (state >= kValue) return step_value(place, byte);
  if (state >= kFence1) return step_fence(place, byte);
  return state == kLost ? TokenType::kIgnore : step_first(place, byte);
}

// A number, a literal or nothing in a list is no sign of JSON under `auto`.
TokenType JsonAutomaton::step_first(JsonPlace& place, unsigned char byte) const {
  if (is_blank(byte)) return TokenType::kFormat;
  if (byte == '{' || byte == '[') return open(place, byte, TokenType::kFormat);
  if (byte == '`' && place.state == kFirst) return go(place, kFence1);
  if (byte == '"' && place.state == kOpening) return go(place, of(kString, TokenType::kFormat));
  return lose(place);
}

TokenType JsonAutomaton::step_fence(JsonPlace& place, unsigned char byte) const {
  if (place.state == kFence1 && byte == '`') return go(place, kFence2);
  if (place.state == kFence2 && byte == '`') {
    place.stack = kInFence;
    return go(place, kInfo);
  }
  if (place.state < kInfo) return lose(place);
  if (place.state == kInfo && is_fence_info(static_cast<char>(byte))) return TokenType::kFormat;
  if (is_blank(byte)) return go(place, kFenced);
  return byte == '{' || byte == '[' ? open(place, byte, TokenType::kFormat) : lose(place);
}

TokenType JsonAutomaton::open(JsonPlace& place, unsigned char bracket, TokenType context) const {
  if (place.stack >> 62 != 0) return lose(place);
  const bool is_dict = bracket == '{';
  const bool shows_json = is_dict || !is_auto_ || place.state >= kValue;
  place.stack = place.stack << 2 | (is_dict ? kDict : static_cast<std::uint64_t>(context));
  return go(place, is_dict ? std::uint16_t{kKey} : shows_json ? of(kValue, context) : std::uint16_t{kOpening});
}

TokenType JsonAutomaton::close(JsonPlace& place, unsigned char bracket) const {
  if (in_dict(place) != (bracket == '}')) return lose(place);
  place.stack >>= 2;
  after_value(place);
  return TokenType::kFormat;
}

TokenType JsonAutomaton::step_value(JsonPlace& place, unsigned char byte) const {
  const TokenType context = type_of(kValue, place.state);
  if (is_blank(byte)) return TokenType::kFormat;
  if (byte == '{' || byte == '[') return open(place, byte, context);
  if (byte == ']') return close(place, byte);
  if (byte == '"') {
    place.state = of(kString, context);
    return context == TokenType::kDesc ? TokenType::kDesc : TokenType::kFormat;
  }
  if (byte == '-' || is_digit(static_cast<char>(byte))) {
    const bool is_coord = context == TokenType::kCoord;
    const std::uint16_t begin = is_coord ? kNumberCoord : kNumberFormat;
    place.state = static_cast<std::uint16_t>(begin + (byte == '-' ? kSign : kInteger));
    return is_coord ? TokenType::kCoord : TokenType::kFormat;
  }
  place.state = words_begin(context);
  return step_word(place, byte);
}

TokenType JsonAutomaton::step_word(JsonPlace& place, unsigned char byte) const {
  const bool in_coord = place.state < words_begin(TokenType::kFormat);
  const std::uint16_t begin = words_begin(in_coord ? TokenType::kCoord : TokenType::kFormat);
  const Node& node = words_[place.state - begin];
  const std::uint16_t next = node.next[is_digit(static_cast<char>(byte)) ? '0' : byte];
  if (next == 0) return lose(place);
  place.state = static_cast<std::uint16_t>(begin + next);
  if (words_[next].ends_word) after_value(place);
  return in_coord && next < literals_begin_ ? TokenType::kCoord : TokenType::kFormat;
}

TokenType JsonAutomaton::step_key(JsonPlace& place, unsigned char byte) const {
  const std::uint16_t state = place.state;
  if (state < kKeyDead && is_blank(byte)) return TokenType::kFormat;
  if (state == kKey) {
    if (byte == '}') return close(place, byte);
    return byte == '"' ? go(place, kKeyRoot) : lose(place);
  }
  if (state < kKeyDead) return byte == ':' ? go(place, of(kValue, type_of(kColon, state))) : lose(place);
  if (byte == '\\') return lose(place);
  const Node* node = state == kKeyDead ? nullptr : &keys_[state - kKeyRoot];
  if (byte == '"') {
    const bool is_known = node != nullptr && node->type != TokenType::kIgnore;
    return go(place, of(kColon, is_known ? node->type : TokenType::kFormat));
  }
  const std::uint16_t next = node == nullptr ? std::uint16_t{0} : node->next[byte];
  return go(place, next == 0 ? std::uint16_t{kKeyDead} : static_cast<std::uint16_t>(kKeyRoot + next));
}

// Coordinate tokens in a quoted coordinate are for JsonReader.
TokenType JsonAutomaton::step_string(JsonPlace& place, unsigned char byte) const {
  const bool is_escaped = place.state >= kEscape;
  const TokenType context = type_of(is_escaped ? kEscape : kString, place.state);
  if (context == TokenType::kCoord && byte == '<') return lose(place);
  if (is_escaped) {
    place.state = of(kString, context);
  } else if (byte == '"') {
    after_value(place);
  } else if (byte == '\\') {
    place.state = of(kEscape, context);
  }
  return context == TokenType::kDesc ? TokenType::kDesc : TokenType::kFormat;
}

TokenType JsonAutomaton::step_number(JsonPlace& place, unsigned char byte) const {
  const bool is_coord = place.state < kNumberFormat;
  const std::uint16_t begin = is_coord ? kNumberCoord : kNumberFormat;
  const auto part = static_cast<Part>(place.state - begin);
  constexpr std::array<Part, 7> kByDigit = {kInteger,        kInteger,        kFraction,      kFraction,
                                            kExponentDigits, kExponentDigits, kExponentDigits};
  Part next = kSign;
  if (is_digit(static_cast<char>(byte))) {
    next = kByDigit[part];
  } else if (byte == '.' && part == kInteger) {
    next = kPoint;
  } else if ((byte == 'e' || byte == 'E') && (part == kInteger || part == kFraction)) {
    next = kExponent;
  } else if ((byte == '-' || byte == '+') && part == kExponent) {
    next = kExponentSign;
  } else {
    if (part != kInteger && part != kFraction && part != kExponentDigits) return lose(place);
    after_value(place);
    return step_after(place, byte);
  }
  place.state = static_cast<std::uint16_t>(begin + next);
  return is_coord ? TokenType::kCoord : TokenType::kFormat;
}

TokenType JsonAutomaton::step_after(JsonPlace& place, unsigned char byte) const {
  if (is_blank(byte)) return TokenType::kFormat;
  if (byte == '}' || byte == ']') return close(place, byte);
  if (byte != ',') return lose(place);
  return go(place, in_dict(place) ? std::uint16_t{kKey} : of(kValue, static_cast<TokenType>(top(place))));
}

TokenType JsonAutomaton::step_end(JsonPlace& place, unsigned char byte) const {
  const std::uint16_t state = place.state;
  if (is_blank(byte) && (state == kDone || state == kEnd)) return TokenType::kFormat;
  const bool may_close = state == kDone ? place.stack == kInFence : state != kEnd;
  if (byte != '`' || !may_close) return lose(place);
  return go(place, static_cast<std::uint16_t>(state + 1));
}

bool JsonAutomaton::reads_text(const JsonPlace& place) const {
  const std::uint16_t state = place.state;
  return (state >= kString && state < kNumberCoord) || (state >= kKeyDead && state < words_begin(TokenType::kCoord));
}

TokenType JsonAutomaton::step_special(JsonPlace& place, std::string_view token) const {
  const bool is_angle = token.front() == '<';
  if (place.state == kDone || place.state == kEnd) {
    return !is_angle || match_tag(Text(token), 0).end == token.size() ? TokenType::kFormat : lose(place);
  }
  if (place.state < kValue || place.state >= kKey || !is_angle) return lose(place);
  TokenType type = TokenType::kFormat;
  for (const char c : token) type = step(place, static_cast<unsigned char>(c));
  return place.state == kAfterValue ? type : lose(place);
}

bool JsonAutomaton::may_end(const JsonPlace& place) const {
  const std::uint16_t state = place.state;
  if (state < kValue || state >= words_begin(TokenType::kCoord)) return false;
  return state != kEndFence1 && state != kEndFence2;
}

std::vector<JsonPlace> JsonAutomaton::shallow_places() const {
  std::vector<JsonPlace> places;
  for (std::uint16_t state = kFirst; state < state_count(); ++state) {
    for (const std::uint64_t stack : {kBare, kInFence, kBare << 2, kBare << 2 | 1, kBare << 2 | 2, kBare << 2 | 3}) {
      const bool in_key = state >= kKeyRoot && state < words_begin(TokenType::kCoord);
      if (may_stand(state, stack) && (!in_key || (stack & 3) == kDict)) places.push_back({stack, state});
    }
  }
  return places;
}

}  // namespace typetally::marking
