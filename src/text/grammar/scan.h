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
/// Readers move forward only and type every byte that they pass, so the spans tile the text whatever they do.
class Scan {
 public:
  Scan(std::string_view text, std::span<const ByteRange> specials, std::vector<Span>& spans)
      : text_(text), specials_(specials), spans_(spans), undecided_(text.size()) {
    spans_.clear();
  }

  std::string_view text() const { return text_; }
  std::size_t size() const { return text_.size(); }
  std::size_t at() const { return at_; }  ///< all bytes before it are typed

  /// Types the bytes from at() to `end`.
  void put(std::size_t end, TokenType type) {
    if (end <= at_) return;
    if (!spans_.empty() && spans_.back().type == type) {
      spans_.back().end = static_cast<std::int64_t>(end);
    } else {
      spans_.push_back({static_cast<std::int64_t>(at_), static_cast<std::int64_t>(end), type});
    }
    at_ = end;
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

  /// Where the first special token at or after `at` begins, or the text's size. Same condition on `at`.
  std::size_t next_special(std::size_t at) {
    special_at(at);
    return next_ < specials_.size() ? static_cast<std::size_t>(specials_[next_].begin) : text_.size();
  }

  /// A decision looked as far as the text's end: more text may change the types from `from` on.
  void undecided(std::size_t from) { undecided_ = std::min(undecided_, from); }

  /// The tag at `at`, or none; one that the text's end cuts leaves what is not typed yet undecided.
  Tag tag_at(std::size_t at) {
    const Tag tag = match_tag(text_, at);
    if (tag.is_cut) undecided(at_);
    return tag;
  }

  /// The next tag from at() on, or none. Kept until it is passed, so that asking often costs no more than asking once.
  Tag next_tag() {
    if (next_tag_ && next_tag_begin_ >= at_) return next_tag_;
    next_tag_ = {};
    for (tags_from_ = std::max(tags_from_, at_); !next_tag_ && tags_from_ < text_.size();) {
      next_tag_begin_ = std::min(text_.find('<', tags_from_), text_.size());
      if (next_tag_begin_ < text_.size()) next_tag_ = tag_at(next_tag_begin_);
      tags_from_ = next_tag_begin_ + 1;
    }
    return next_tag_;
  }

  std::int64_t unparsed() const { return unparsed_; }
  std::size_t settled() const { return undecided_; }

 private:
  std::string_view text_;
  std::span<const ByteRange> specials_;
  std::vector<Span>& spans_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  std::size_t undecided_;
  std::size_t tags_from_ = 0;  // where next_tag() has not looked yet
  std::size_t next_tag_begin_ = 0;
  Tag next_tag_;
  std::int64_t unparsed_ = 0;
};

}  // namespace typetally::marking
