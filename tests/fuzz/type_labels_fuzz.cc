// Differential: what type_labels learns of tokens against the text that they decode to.
// Input: which grammar, how the text is split into tokens (a byte each), the text. The typers keep what they learned
// from input to input.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "typing/answer_tokens.h"

namespace {

namespace testing = typetally::testing;
using typetally::Marker;
using typetally::TokenTyper;

struct Case {
  explicit Case(const char* grammar) : marker(Marker::create(grammar).value()), typer(testing::vocabulary(), marker) {}
  Marker marker;
  TokenTyper typer;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array cases = {Case("auto"), Case("json"), Case("coordjson")};
  if (size < 3) return 0;
  const Case& chosen = cases.at(data[0] % cases.size());
  std::uint32_t random = data[1];
  const auto choose = [&](std::size_t n) {
    random = random * 1664525 + 1013904223;
    return random % 256 == 0 ? 0 : (random >> 8) % n;
  };
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const testing::Labels run = testing::encode(text, choose);
  if (testing::by_labels(chosen.typer, run) != testing::by_text(chosen.marker, run)) std::abort();
  return 0;
}
