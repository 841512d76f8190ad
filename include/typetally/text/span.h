#pragma once

#include <cstdint>

#include "typetally/base/token_type.h"

namespace typetally {

/// Bytes [begin, end) of a text and their type. Spans of one text tile it: no hole, no overlap, neighbours differ.
struct Span {
  std::int64_t begin;
  std::int64_t end;
  TokenType type;
  friend bool operator==(const Span&, const Span&) = default;
};

/// Bytes [begin, end) of a text.
struct ByteRange {
  std::int64_t begin;
  std::int64_t end;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

}  // namespace typetally
