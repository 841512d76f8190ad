#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "typetally/base/error.h"
#include "typetally/base/token_type.h"
#include "typetally/text/payload_writer.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// How many special tokens may follow a whole answer (end of turn, end of text, padding by the template).
inline constexpr int kMaxTrailingSpecials = 8;

/// Types one document by its payload. The bytes of its supervised labels (not -100), concatenated over holes, must be a
/// prefix of payload + suffix (with one space before it where the tokenizer prepends one), or equal it followed by at
/// most kMaxTrailingSpecials special tokens, which are FORMAT, as is the suffix. Otherwise the reason is returned, its
/// offset the position of the first label that does not fit, and `types` (one per label) are all IGNORE. Without a
/// supervised label nothing is wrong and all are IGNORE. A label that the vocabulary lacks is such a reason too.
std::optional<Error> align_payload(const Vocabulary& vocabulary, const TypedText& payload, std::string_view suffix,
                                   std::span<const std::int64_t> labels, std::span<TokenType> types);

}  // namespace typetally
