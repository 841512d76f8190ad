#include "typetally/typing/project.h"

#include <cstddef>

#include "typetally/base/error.h"
#include "typing/votes.h"

namespace typetally {
namespace {

/// Walks a text's bytes once, from left to right.
class Walk {
 public:
  Walk(std::string_view text, std::span<const Span> spans) : text_(text), spans_(spans) {}

  TokenType type_until(std::int64_t end) {
    if (end == at_) return TokenType::kFormat;
    // A token within one span, whose first character also began there, is of that span whatever it holds.
    if (span_ < spans_.size() && end <= spans_[span_].end && spans_[span_].type == character_ && at_ > 0) {
      at_ = end;
      return character_;
    }
    Votes votes;
    if (at_ > 0 && continues_character(byte())) votes.add(character_);
    for (; at_ < end; ++at_) {
      if (at_ > 0 && continues_character(byte())) continue;
      while (span_ + 1 < spans_.size() && spans_[span_].end <= at_) ++span_;
      character_ = span_ < spans_.size() ? spans_[span_].type : TokenType::kFormat;
      votes.add(character_);
    }
    return votes.winner();
  }

 private:
  char byte() const { return text_[static_cast<std::size_t>(at_)]; }

  std::string_view text_;
  std::span<const Span> spans_;
  std::size_t span_ = 0;
  std::int64_t at_ = 0;
  TokenType character_ = TokenType::kFormat;  // type of the character that byte at_ - 1 is part of
};

}  // namespace

void project(std::string_view text, std::span<const Span> spans, std::span<const std::int64_t> ends,
             std::span<TokenType> types) {
  if (ends.size() != types.size()) bad_call("project", "one type per token", std::to_string(types.size()) + " types");
  Walk walk(text, spans);
  for (std::size_t i = 0; i < ends.size(); ++i) types[i] = walk.type_until(ends[i]);
}

}  // namespace typetally
