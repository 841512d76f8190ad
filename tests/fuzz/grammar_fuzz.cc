// Any bytes under any grammar: the spans tile the text, and what a prefix settles stands in the whole text.
// Input: which grammar, which barred tags are special tokens, how much of the text is the prefix (a byte each), the
// text.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/text/grammar.h"

namespace {

using typetally::ByteRange;
using typetally::Marker;
using typetally::Span;
using typetally::TokenType;

void require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<Marker>& markers() {
  static const std::vector<Marker> all = [] {
    std::vector<Marker> made = {Marker::create("auto").value()};
    for (const auto& grammar : typetally::grammars()) made.push_back(Marker::create(grammar.name).value());
    return made;
  }();
  return all;
}

// The barred tags `<|...|>` that a tokenizer would hold as special tokens: those whose number has its bit in `mask`.
std::vector<ByteRange> find_specials(std::string_view text, unsigned mask) {
  std::vector<ByteRange> specials;
  unsigned number = 0;
  for (std::size_t begin = text.find("<|"); begin != std::string_view::npos; begin = text.find("<|", begin + 1)) {
    const std::size_t end = text.find("|>", begin + 2);
    if (end == std::string_view::npos) break;
    if ((mask >> number++ % 8 & 1) == 0) continue;
    specials.push_back({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end + 2)});
    begin = end;
  }
  return specials;
}

struct Marked {
  std::vector<Span> spans;
  std::int64_t settled = 0;
};

Marked mark(const Marker& marker, std::string_view text, std::span<const ByteRange> specials) {
  Marked marked;
  const auto size = static_cast<std::int64_t>(text.size());
  const std::int64_t unparsed = marker.mark(text, specials, marked.spans, &marked.settled);
  require(unparsed >= 0 && unparsed <= size && marked.settled >= 0 && marked.settled <= size);
  std::int64_t at = 0;
  TokenType last = TokenType::kIgnore;
  for (const Span& span : marked.spans) {
    require(span.begin == at && span.end > span.begin && span.type != last && span.type != TokenType::kIgnore);
    at = span.end;
    last = span.type;
  }
  require(at == size);
  return marked;
}

// Whether both say the same of bytes [0, end).
bool agree(const Marked& a, const Marked& b, std::int64_t end) {
  for (std::size_t i = 0; i < a.spans.size() && a.spans[i].begin < end; ++i) {
    if (i >= b.spans.size() || a.spans[i].begin != b.spans[i].begin || a.spans[i].type != b.spans[i].type) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 3;
  if (size < kHeader) return 0;
  const Marker& marker = markers()[data[0] % markers().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + kHeader, size - kHeader);
  const std::vector<ByteRange> specials = find_specials(text, data[1]);
  const Marked whole = mark(marker, text, specials);

  std::size_t cut = text.size() * data[2] / 255;
  std::vector<ByteRange> before;
  for (const ByteRange& special : specials) {
    if (special.begin < static_cast<std::int64_t>(cut)) {
      if (special.end > static_cast<std::int64_t>(cut))
        cut = static_cast<std::size_t>(special.begin);
      else
        before.push_back(special);
    }
  }
  const Marked prefix = mark(marker, text.substr(0, cut), before);
  require(agree(prefix, whole, prefix.settled));
  return 0;
}
