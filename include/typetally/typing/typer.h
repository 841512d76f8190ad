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

class TokenTable;

/// Types the supervised tokens of labels. Threads and forked processes share one; copies share what it learned.
class TokenTyper {
 public:
  TokenTyper(std::shared_ptr<const Vocabulary> vocabulary, Marker marker);

  /// Text route. `labels` are the flattened labels [n]; `cu_seqlens` [documents + 1] are their boundaries from 0 to n;
  /// empty: one document. Each supervised run of a document (labels other than -100) is one answer. A document with an
  /// id that the vocabulary lacks is IGNORE throughout and reported. `types` has n entries. Throws
  /// std::invalid_argument where cu_seqlens does not rise from 0 to n.
  TypingReport type_labels(std::span<const std::int64_t> labels, std::span<const std::int32_t> cu_seqlens,
                           std::span<TokenType> types) const;

  /// Payload route, one document: see align_payload.
  std::optional<Error> type_payload(const TypedText& payload, std::string_view suffix,
                                    std::span<const std::int64_t> labels, std::span<TokenType> types) const;

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const Marker& marker() const { return marker_; }

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  Marker marker_;
  std::shared_ptr<const TokenTable> table_;  // absent where the grammar is not JSON
};

}  // namespace typetally
