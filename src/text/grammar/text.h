#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace typetally::marking {

/// The bytes of an answer, of which more may follow. Whatever asks beyond the last byte is answered as if none did, and
/// noted: until then, a reader does the same with every text that begins with these bytes.
class Text {
 public:
  /// `is_exhausted`, where given, becomes true when something asks beyond the last byte.
  explicit Text(std::string_view bytes, bool* is_exhausted = nullptr) : bytes_(bytes), is_exhausted_(is_exhausted) {}

  /// Whether no byte stands at `at`.
  bool ends(std::size_t at) const {
    if (at < bytes_.size()) [[likely]]
      return false;
    if (is_exhausted_ != nullptr) *is_exhausted_ = true;
    return true;
  }

  /// Asks where the text ends.
  std::size_t size() const {
    ends(bytes_.size());
    return bytes_.size();
  }

  /// A byte that is there.
  char operator[](std::size_t at) const { return bytes_[at]; }

  /// The byte at `at` or 0 past the end.
  char peek(std::size_t at) const { return ends(at) ? '\0' : bytes_[at]; }

  bool starts_with(std::size_t at, std::string_view word) const { return common_prefix(at, word) == word.size(); }

  /// Whether the text from `at` on is the beginning of `word`, whole or cut by the text's end.
  bool may_start_with(std::size_t at, std::string_view word) const {
    const std::size_t common = common_prefix(at, word);
    return common == word.size() || at + common >= bytes_.size();
  }

  /// Where `what` first stands in [from, to), or the end of that range.
  std::size_t find(std::string_view what, std::size_t from, std::size_t to = std::string_view::npos) const {
    return or_end(bytes_.substr(0, to).find(what, from), to);
  }
  std::size_t find(char what, std::size_t from, std::size_t to = std::string_view::npos) const {
    return find(std::string_view(&what, 1), from, to);
  }

  /// The same for the first of the bytes `stops`.
  std::size_t find_any(std::string_view stops, std::size_t from, std::size_t to = std::string_view::npos) const {
    return or_end(bytes_.substr(0, to).find_first_of(stops, from), to);
  }

  /// Bytes that are there.
  std::string_view between(std::size_t begin, std::size_t end) const { return bytes_.substr(begin, end - begin); }

  /// All bytes that are there, for what no type hangs on.
  std::string_view so_far() const { return bytes_; }

  /// The text as it would be if it ended at `end`, whatever follows.
  Text until(std::size_t end) const { return Text(bytes_.substr(0, end)); }

 private:
  std::size_t common_prefix(std::size_t at, std::string_view word) const {
    std::size_t common = 0;
    while (common < word.size() && !ends(at + common) && bytes_[at + common] == word[common]) ++common;
    return common;
  }

  std::size_t or_end(std::size_t found, std::size_t to) const {
    if (found != std::string_view::npos) return found;
    return to <= bytes_.size() ? to : size();
  }

  std::string_view bytes_;
  bool* is_exhausted_;
};

}  // namespace typetally::marking
