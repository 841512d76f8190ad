#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/grammar/json_automaton.h"
#include "typetally/base/token_type.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// Types runs of ids without their text. The places of a JsonAutomaton where tokens meet are numbered as they are met,
/// and for (token, number) there is the token's type and the number of the place behind it, learned when first asked
/// for. Tokens that act alike everywhere share a class, and a class a row, so that what a data set needs fits the first
/// cache.
///
/// Shared by threads: entries are read without a lock. One thread at a time learns, others do not wait for it, nor does
/// a process that was forked meanwhile: their runs are left to the text. Bounded: 6 MiB and two bytes per id; what
/// finds no room is left to the text.
class TokenTable {
 public:
  TokenTable(std::shared_ptr<const Vocabulary> vocabulary, marking::JsonAutomaton automaton);

  struct Run {
    std::size_t size = 0;     ///< how many labels were typed: up to the first that is no id, or until lost
    bool is_decided = false;  ///< else these labels are for the text to type
  };

  /// Types labels from the first on as one run, which ends before a label outside [0, vocabulary.size()).
  Run type_run(std::span<const std::int64_t> labels, TokenType* types) const;

 private:
  /// Where a run may end, places have even numbers.
  using Number = std::uint16_t;
  static constexpr Number kUnknown = 0;
  static constexpr Number kLost = 1;
  static constexpr Number kStart = 3;
  static constexpr std::size_t kPlaces = 512;
  static constexpr std::size_t kClasses = 4096;

  struct Freed {
    void operator()(void* block) const { std::free(block); }
  };
  template <class T>
  using Zeros = std::unique_ptr<T[], Freed>;  // pages that nobody touched take no memory

  template <class T>
  static Zeros<T> make_zeros(std::size_t size);

  Number learn(std::size_t place, std::int64_t id) const;
  TokenType step(marking::JsonPlace& place, std::int64_t id) const;
  Number number(const marking::JsonPlace& place) const;
  std::uint16_t classify(std::int64_t id) const;
  bool touches_stack(std::int64_t id) const;
  std::string behaviour(std::int64_t id) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  marking::JsonAutomaton automaton_;
  std::vector<marking::JsonPlace> shallow_places_;
  Zeros<std::uint16_t> classes_;  // of each id; 0: not met
  Zeros<Number> next_;            // [class][place]: the place behind the token
  Zeros<TokenType> types_;        // [class][place], there before the number of the place is

  mutable std::mutex learning_;  // guards what follows, and writing to the above
  mutable std::vector<marking::JsonPlace> places_;
  mutable std::map<std::pair<std::uint64_t, std::uint16_t>, Number> numbers_;
  mutable std::array<std::size_t, 2> next_number_ = {2, kStart};
  mutable std::unordered_map<std::string, std::uint16_t> by_behaviour_;
  mutable std::uint16_t last_class_ = 0;
};

}  // namespace typetally
