#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "text/vocabulary_builder.h"
#include "typetally/text/vocabulary.h"

namespace typetally {
namespace {

constexpr std::array<std::int8_t, 256> make_base64() {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}

constexpr std::array<std::int8_t, 256> kBase64 = make_base64();

// Whisper's rank file writes a token without bytes as a lone "=".
bool decode_base64(std::string_view text, std::string& bytes) {
  if (text == "=") return true;
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::int8_t value = kBase64[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>(bits >> held & 0xFF));
    }
  }
  return true;
}

class RankReader {
 public:
  Vocabulary read(std::string_view ranks, std::span<const SpecialToken> special) {
    bytes_.reserve(ranks.size());
    for (std::size_t begin = 0; begin < ranks.size();) {
      const std::size_t end = std::min(ranks.find('\n', begin), ranks.size());
      line(ranks.substr(begin, end - begin), static_cast<std::int64_t>(begin));
      begin = end + 1;
    }
    const auto size = static_cast<std::int64_t>(ranks.size());
    if (table_.entries().empty()) throw Refusal{ErrorCode::kMalformed, size, "there is no rank line"};
    for (const SpecialToken& token : special) table_.set(token.id, {token.text, true}, size, false);
    return build();
  }

 private:
  void line(std::string_view text, std::int64_t offset) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) return;
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) throw Refusal{ErrorCode::kMalformed, offset, "expected \"base64 rank\""};
    const std::size_t start = bytes_.size();
    if (!decode_base64(text.substr(0, space), bytes_)) {
      throw Refusal{ErrorCode::kMalformed, offset, "the token is not base64"};
    }
    const std::string_view digits = text.substr(space + 1);
    std::int64_t rank = -1;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
      throw Refusal{ErrorCode::kMalformed, offset + static_cast<std::int64_t>(space) + 1, "the rank is not a number"};
    }
    // Base64 is longer than what it stands for, so the reserved buffer never moves under the views into it.
    table_.set(rank, {std::string_view(bytes_).substr(start), false}, offset, false);
  }

  Vocabulary build() const {
    VocabularyBuilder builder;
    builder.reserve(table_.entries().size(), table_.bytes());
    for (const TokenTable::Entry& entry : table_.entries()) {
      builder.pool() += entry.text();
      entry.known() ? builder.end_token(entry.special()) : builder.add_hole();
    }
    return builder.finish({});
  }

  std::string bytes_;
  TokenTable table_{0};
};

}  // namespace

Result<Vocabulary> Vocabulary::from_tiktoken(std::string_view ranks, std::span<const SpecialToken> special,
                                             std::string subject) {
  try {
    return RankReader().read(ranks, special);
  } catch (const Refusal& refusal) {
    return Error{refusal.code, std::move(subject), refusal.offset, refusal.detail};
  }
}

}  // namespace typetally
