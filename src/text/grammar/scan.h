#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/grammar/lexing.h"
#include "typetally/text/span.h"

namespace typetally::marking {

/// One answer while it is read: the text, how far its bytes are typed, and what the readers found out on the way.
/// Readers move forward only and type every byte that they pass, so the spans tile the text whatever they do. All that
/// they know of the text they ask it, so what they type before they ask beyond its end stands whatever follows.
class Scan {
 public:
  Scan(std::string_view text, std::span<const ByteRange> specials, std::vector<Span>& spans)
      : text_(text, &is_exhausted_), specials_(specials), spans_(spans) {
    spans_.clear();
  }
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  const Text& text() const { return text_; }
  std::size_t at() const { return at_; }              ///< all bytes before it are typed
  bool is_at_end() const { return text_.ends(at_); }  ///< no byte is left
  std::size_t settled() const { return settled_; }    ///< bytes that keep their type whatever follows

  /// Types the bytes from at() to `end`.
  void put(std::size_t end, TokenType type) {
    if (end <= at_) return;
    if (!spans_.empty() && spans_.back().type == type) {
      spans_.back().end = static_cast<std::int64_t>(end);
    } else {
      spans_.push_back({static_cast<std::int64_t>(at_), static_cast<std::int64_t>(end), type});
    }
    at_ = end;
    if (!is_exhausted_) settled_ = at_;
  }

  /// Types bytes that no rule places.
  void put_unparsed(std::size_t end) {
    unparsed_ += static_cast<std::int64_t>(end - at_);
    put(end, TokenType::kFormat);
  }

  /// The special token that begins at `at`, or an empty range. `at` must not decrease from call to call.
  ByteRange special_at(std::size_t at) {
    const auto offset = static_cast<std::int64_t>(at);
    while (next_ < specials_.size() && specials_[next_].begin < offset) ++next_;
    return next_ < specials_.size() && specials_[next_].begin == offset ? specials_[next_] : ByteRange{offset, offset};
  }

  /// Where the first special token at or after `at` begins; beyond the text where there is none. Same condition on
  /// `at`.
  std::size_t next_special(std::size_t at) {
    special_at(at);
    return next_ < specials_.size() ? static_cast<std::size_t>(specials_[next_].begin) : std::string_view::npos;
  }

  /// The next tag from at() on, or none. Kept until it is passed, so that asking often costs no more than asking once.
  Tag next_tag() {
    if (next_tag_ && next_tag_begin_ >= at_) return next_tag_;
    next_tag_ = {};
    for (tags_from_ = std::max(tags_from_, at_); !next_tag_ && !text_.ends(tags_from_);) {
      next_tag_begin_ = text_.find('<', tags_from_);
      next_tag_ = match_tag(text_, next_tag_begin_);
      tags_from_ = next_tag_begin_ + 1;
    }
    return next_tag_;
  }

  std::int64_t unparsed() const { return unparsed_; }

 private:
  bool is_exhausted_ = false;
  Text text_;
  std::span<const ByteRange> specials_;
  std::vector<Span>& spans_;
  std::size_t at_ = 0;
  std::size_t settled_ = 0;
  std::size_t next_ = 0;
  std::size_t tags_from_ = 0;  // where next_tag() has not looked yet
  std::size_t next_tag_begin_ = 0;
  Tag next_tag_;
  std::int64_t unparsed_ = 0;
};

}  // namespace typetally::marking
