#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/base/error.h"
#include "typetally/base/token_type.h"
#include "typetally/text/grammar.h"
#include "typetally/text/payload_writer.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// What typing some labels found.
struct TypingReport {
  std::int64_t documents = 0;
  std::int64_t supervised_tokens = 0;
  std::int64_t unparsed_bytes = 0;  ///< structure that the grammar could not place; typed FORMAT
  std::vector<Error> skipped;       ///< one per document that was left IGNORE; offset is the label's position
};

/// Types the supervised tokens of labels. Immutable: threads share one.
class TokenTyper {
 public:
  TokenTyper(std::shared_ptr<const Vocabulary> vocabulary, Marker marker);

  /// Text route. `labels` are the flattened labels [n]; `cu_seqlens` [documents + 1] are their boundaries from 0 to n;
  /// empty: one document. Each supervised run of a document is one answer. A document with an id that the vocabulary
  /// lacks is IGNORE throughout and reported. `types` has n entries.
  TypingReport type_labels(std::span<const std::int64_t> labels, std::span<const std::int32_t> cu_seqlens,
                           std::span<TokenType> types) const;

  /// Payload route, one document: the supervised bytes must be a prefix of payload + suffix, or equal it followed by
  /// at most 8 special tokens. Returns the reason where they are not; `types` is then all IGNORE.
  std::optional<Error> type_payload(const TypedText& payload, std::string_view suffix,
                                    std::span<const std::int64_t> labels, std::span<TokenType> types) const;
};

}  // namespace typetally
