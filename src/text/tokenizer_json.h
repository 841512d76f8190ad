#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "typetally/base/result.h"
#include "typetally/text/vocabulary.h"

namespace typetally {

/// How many readable bytes must follow a text for read_tokenizer_json.
inline constexpr std::size_t kJsonPadding = 64;

/// Vocabulary::from_tokenizer_json without a copy.
Result<Vocabulary> read_tokenizer_json(std::string_view padded_json, std::string subject);

}  // namespace typetally
