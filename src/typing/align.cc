#include "typetally/typing/align.h"

#include <algorithm>
#include <string>
#include <vector>

#include "typetally/typing/project.h"

namespace typetally {
namespace {

Error misaligned(std::size_t position, const std::string& detail) {
  return {.code = ErrorCode::kMisaligned,
          .subject = "labels",
          .offset = static_cast<std::int64_t>(position),
          .detail = detail + " (position " + std::to_string(position) + ")"};
}

/// The payload and its suffix, typed; after a space where the tokenizer prepends one and the labels begin with it.
TypedText expected_text(const Vocabulary& vocabulary, const TypedText& payload, std::string_view suffix,
                        std::span<const std::int64_t> labels) {
  const auto first = std::find_if(labels.begin(), labels.end(), [](std::int64_t id) { return id != kIgnoreIndex; });
  const bool spaced =
      vocabulary.input_rules().prepends_space && first != labels.end() && vocabulary.bytes(*first).starts_with(' ');
  TypedText expected{.text = spaced ? " " : "", .spans = {}};
  if (spaced) expected.spans.push_back({0, 1, TokenType::kFormat});
  for (const Span& span : payload.spans) expected.spans.push_back({span.begin + spaced, span.end + spaced, span.type});
  expected.text.append(payload.text).append(suffix);
  const auto size = std::ssize(expected.text);
  if (!suffix.empty()) expected.spans.push_back({size - std::ssize(suffix), size, TokenType::kFormat});
  return expected;
}

/// Fits labels, one after the other, to a text.
class Alignment {
 public:
  Alignment(const Vocabulary& vocabulary, std::string_view text) : vocabulary_(vocabulary), text_(text) {}

  std::optional<Error> add(std::int64_t id, std::size_t position) {
    if (!vocabulary_.contains(id)) return unknown_token(id, static_cast<std::int64_t>(position));
    const std::string_view bytes = vocabulary_.bytes(id);
    if (trailing_ == 0 && text_.substr(matched_).starts_with(bytes)) {
      matched_ += bytes.size();
      ends_.push_back(static_cast<std::int64_t>(matched_));
      return std::nullopt;
    }
    return add_trailing(id, position);
  }

  const std::vector<std::int64_t>& ends() const { return ends_; }

 private:
  std::optional<Error> add_trailing(std::int64_t id, std::size_t position) {
    if (matched_ < text_.size()) {
      return misaligned(position, "the labels leave the payload at byte " + std::to_string(matched_));
    }
    if (!vocabulary_.is_special(id)) return misaligned(position, "the labels go on after the payload and its suffix");
    if (++trailing_ > kMaxTrailingSpecials) {
      return misaligned(position, "more than " + std::to_string(kMaxTrailingSpecials) + " special tokens follow");
    }
    return std::nullopt;
  }

  const Vocabulary& vocabulary_;
  std::string_view text_;
  std::size_t matched_ = 0;  // bytes of the text that the labels so far decode to
  int trailing_ = 0;
  std::vector<std::int64_t> ends_;  // of the labels that the text holds
};

}  // namespace

std::optional<Error> align_payload(const Vocabulary& vocabulary, const TypedText& payload, std::string_view suffix,
                                   std::span<const std::int64_t> labels, std::span<TokenType> types) {
  if (labels.size() != types.size()) {
    bad_call("align_payload", "one type per label", std::to_string(types.size()) + " types");
  }
  std::fill(types.begin(), types.end(), TokenType::kIgnore);
  const TypedText expected = expected_text(vocabulary, payload, suffix, labels);
  Alignment alignment(vocabulary, expected.text);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kIgnoreIndex) continue;
    if (auto reason = alignment.add(labels[i], i)) return reason;
  }
  std::vector<TokenType> projected(alignment.ends().size());
  project(expected.text, expected.spans, alignment.ends(), projected);
  std::size_t next = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != kIgnoreIndex) types[i] = next < projected.size() ? projected[next++] : TokenType::kFormat;
  }
  return std::nullopt;
}

}  // namespace typetally
