#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/grammar/lexing.h"
#include "typetally/base/result.h"
#include "typetally/text/grammar.h"

namespace typetally::marking {

/// Names and the types of their values.
class Names {
 public:
  void add(std::string_view name, TokenType type) { entries_.emplace_back(name, type); }
  const auto& entries() const { return entries_; }
  TokenType exact(std::string_view name) const;     ///< FORMAT where unknown
  TokenType numbered(std::string_view name) const;  ///< a final `#` of an entry stands for any digits

 private:
  std::vector<std::pair<std::string, TokenType>> entries_;
};

enum class TagRole : std::uint8_t { kUnknown, kDescription, kNumbers, kFormat };

/// A table made ready for the readers.
struct Compiled {
  Grammar grammar;
  bool json = false;
  bool brackets = false;
  bool calls = false;
  bool tags = false;  ///< has delimiters or coordinate tokens in running text
  std::vector<Atom> atoms;
  Names keys;
  Names tracks;                      ///< kCoord for those of GrammarKeys::tracks
  std::array<bool, 256> triggers{};  ///< bytes at which a structure may begin

  TagRole role(const Tag& tag) const;  ///< of what follows an opening tag; kUnknown for tags of no delimiter
  bool knows(const Tag& tag) const;    ///< as an opening or a closing one
  bool closes_numbers(const Tag& tag) const;
};

/// Error::subject names the field that is wrong.
Result<Compiled> compile(Grammar grammar, const std::optional<KeySets>& keys);

/// What a Marker asks.
struct Tables {
  std::string name;
  std::vector<std::shared_ptr<const Compiled>> asked;  ///< by auto, in order
  std::shared_ptr<const Compiled> chosen;              ///< absent: auto
};

/// Nothing but fences, tags and special tokens.
const Compiled& prose();

}  // namespace typetally::marking
