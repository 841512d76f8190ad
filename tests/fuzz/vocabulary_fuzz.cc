// Any bytes through both vocabulary readers: an error with a place inside the text, or a vocabulary whose parts agree.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "typetally/text/vocabulary.h"

namespace {

using typetally::Result;
using typetally::Vocabulary;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Result<Vocabulary>& read, std::size_t size) {
  if (!read) {
    require(read.error().offset <= static_cast<std::int64_t>(size) && !read.error().detail.empty());
    return;
  }
  const Vocabulary& vocabulary = read.value();
  require(vocabulary.size() > 0 && vocabulary.contains(vocabulary.size() - 1));
  std::vector<std::int64_t> known;
  std::size_t bytes = 0;
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.contains(id)) known.push_back(id);
    bytes += vocabulary.bytes(id).size();
  }
  require(vocabulary.decode(known).value().size() == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(Vocabulary::from_tokenizer_json(text), size);
  check(Vocabulary::from_tiktoken(text), size);
  return 0;
}
