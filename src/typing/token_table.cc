#include "typing/token_table.h"

#include <algorithm>
#include <atomic>
#include <new>

#include "typing/votes.h"

namespace typetally {
namespace {

using marking::JsonPlace;

// Threads meet at single values; whoever reads a place's number sees the type that was stored before it.
template <class T>
T load(T& value, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref(value).load(order);
}

template <class T>
void store(T& value, T to, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref(value).store(to, order);
}

}  // namespace

template <class T>
TokenTable::Zeros<T> TokenTable::make_zeros(std::size_t size) {
  void* block = std::calloc(size, sizeof(T));
  if (block == nullptr) throw std::bad_alloc();
  return Zeros<T>(static_cast<T*>(block));
}

TokenTable::TokenTable(std::shared_ptr<const Vocabulary> vocabulary, marking::JsonAutomaton automaton)
    : vocabulary_(std::move(vocabulary)),
      automaton_(std::move(automaton)),
      shallow_places_(automaton_.shallow_places()),
      classes_(make_zeros<std::uint16_t>(static_cast<std::size_t>(vocabulary_->size()) + 1)),
      next_(make_zeros<Number>(kClasses * kPlaces)),
      types_(make_zeros<TokenType>(kClasses * kPlaces)),
      places_(kPlaces) {
  number(automaton_.start());
}

TokenTable::Run TokenTable::type_run(std::span<const std::int64_t> labels, TokenType* types) const {
  const auto size = static_cast<std::uint64_t>(vocabulary_->size());
  Number place = kStart;
  std::size_t i = 0;
  for (; i < labels.size(); ++i) {
    const auto id = static_cast<std::uint64_t>(labels[i]);
    if (id >= size) break;
    const std::size_t row = load(classes_[id]) * kPlaces;
    Number next = load(next_[row + place], std::memory_order_acquire);
    if (next <= kLost) [[unlikely]] {
      if (next == kUnknown) next = learn(place, labels[i]);
      if (next == kLost) return {.size = i};
    }
    types[i] = load(types_[load(classes_[id]) * kPlaces + place]);
    place = next;
  }
  return {.size = i, .is_decided = place % 2 == 0};
}

TokenTable::Number TokenTable::learn(std::size_t place, std::int64_t id) const {
  const std::unique_lock lock(learning_, std::try_to_lock);
  if (!lock) return kLost;
  std::uint16_t& known = classes_[static_cast<std::size_t>(id)];
  if (known == 0) store(known, classify(id));
  if (known == 0) return kLost;
  JsonPlace next = places_[place];
  const TokenType type = step(next, id);
  const Number behind = next.state == 0 ? kLost : number(next);
  const std::size_t at = known * kPlaces + place;
  store(types_[at], type);
  store(next_[at], behind, std::memory_order_release);
  return behind;
}

// The token's type by project()'s rule. A character that the token before it began is of the type of this token's first
// byte: only strings go on with such bytes.
TokenType TokenTable::step(JsonPlace& place, std::int64_t id) const {
  const std::string_view bytes = vocabulary_->bytes(id);
  if (!vocabulary_->contains(id)) place.state = 0;
  if (bytes.empty()) return TokenType::kFormat;
  if (vocabulary_->is_special(id) && !automaton_.reads_text(place)) return automaton_.step_special(place, bytes);
  Votes votes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const TokenType type = automaton_.step(place, static_cast<unsigned char>(bytes[i]));
    if (place.state == 0) return TokenType::kIgnore;
    if (i == 0 || !continues_character(bytes[i])) votes.add(type);
  }
  return votes.winner();
}

// kLost where there is no room for another place.
TokenTable::Number TokenTable::number(const JsonPlace& place) const {
  std::size_t& next = next_number_[automaton_.may_end(place) ? 0 : 1];
  const auto key = std::pair(place.stack, place.state);
  if (const auto known = numbers_.find(key); known != numbers_.end()) return known->second;
  if (next >= kPlaces) return kLost;
  const auto number = static_cast<Number>(next);
  next += 2;
  places_[number] = place;
  numbers_.emplace(key, number);
  return number;
}

// 0 where there is no room for another class.
std::uint16_t TokenTable::classify(std::int64_t id) const {
  const bool is_full = last_class_ + 1 == kClasses;
  if (touches_stack(id)) return is_full ? std::uint16_t{0} : ++last_class_;
  std::string acts = behaviour(id);
  if (const auto known = by_behaviour_.find(acts); known != by_behaviour_.end()) return known->second;
  if (is_full) return 0;
  by_behaviour_.emplace(std::move(acts), ++last_class_);
  return last_class_;
}

// Whether what the token does may depend on more than the topmost frame.
bool TokenTable::touches_stack(std::int64_t id) const {
  const std::string_view bytes = vocabulary_->bytes(id);
  if (bytes.find_first_of("[]{}") == std::string_view::npos) return false;
  return std::ranges::any_of(shallow_places_, [&](JsonPlace place) {
    const std::uint64_t stack = place.stack;
    for (std::size_t i = 0; i < bytes.size() && place.state != 0; ++i) {
      automaton_.step(place, static_cast<unsigned char>(bytes[i]));
      if (place.stack != stack) return true;
    }
    return false;
  });
}

// What the token does in every place, as text: where it is read, its type and the state behind it.
std::string TokenTable::behaviour(std::int64_t id) const {
  std::string acts;
  const auto put = [&](std::size_t value) {
    acts.append({static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)});
  };
  for (std::size_t i = 0; i < shallow_places_.size(); ++i) {
    JsonPlace place = shallow_places_[i];
    const TokenType type = step(place, id);
    if (place.state == 0) continue;
    put(i);
    put(place.state);
    acts.push_back(static_cast<char>(type));
  }
  return acts;
}

}  // namespace typetally
