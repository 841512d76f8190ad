#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "typetally/base/error.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// Why a reader gave up; thrown inside a reader and turned into an Error at its door.
struct Refusal {
  ErrorCode code;
  std::int64_t offset;  ///< bytes from the text's start
  std::string detail;
};

/// Fills a Vocabulary in the order of ids.
class VocabularyBuilder {
 public:
  void reserve(std::size_t tokens, std::size_t bytes) {
    vocabulary_.pool_.reserve(bytes);
    vocabulary_.begins_.reserve(tokens + 1);
    vocabulary_.flags_.reserve(tokens);
  }

  /// The pool, to append the next token's bytes to; end_token or add_hole closes it.
  std::string& pool() { return vocabulary_.pool_; }
  void end_token(bool special) {
    close(special ? Vocabulary::kKnown | Vocabulary::kSpecial : std::uint32_t{Vocabulary::kKnown});
  }
  void add_hole() { close(0); }

  Vocabulary finish(InputRules rules) {
    vocabulary_.rules_ = std::move(rules);
    return std::move(vocabulary_);
  }

 private:
  void close(std::uint32_t flags) {
    vocabulary_.begins_.push_back(static_cast<std::uint32_t>(vocabulary_.pool_.size()));
    vocabulary_.flags_.push_back(static_cast<std::uint8_t>(flags));
  }

  Vocabulary vocabulary_;
};

/// What a reader has found at each id before the vocabulary is built: the raw text, and where the file says so.
class TokenTable {
 public:
  /// 16 bytes, since fresh memory is what reading a large vocabulary costs most.
  class Entry {
   public:
    Entry() = default;
    Entry(std::string_view text, bool special)
        : data_(text.data()), size_(static_cast<std::uint32_t>(text.size())), known_(true), special_(special) {}

    std::string_view text() const { return {data_, size_}; }
    bool known() const { return known_; }
    bool special() const { return special_; }

   private:
    const char* data_ = nullptr;
    std::uint32_t size_ = 0;
    bool known_ = false;
    bool special_ = false;
  };

  explicit TokenTable(std::size_t expected_tokens) { entries_.reserve(expected_tokens); }

  /// Sets an id's token. An id outside [0, kMaxSize) is refused, and a second token for it unless `replace`.
  void set(std::int64_t id, Entry entry, std::int64_t offset, bool replace);

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace typetally
