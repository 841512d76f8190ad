// From labels to a metric, one call of each component's public headers.
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "typetally/typetally.h"

namespace {

using typetally::Token;
using typetally::TokenType;

std::vector<TokenType> type(const std::vector<std::int64_t>& labels) {
  const std::vector<Token> tokens = {{"{\"desc\": \"", false}, {"cat", false}, {"\"}", false}};
  const auto vocabulary = std::make_shared<typetally::Vocabulary>(typetally::Vocabulary::from_tokens(tokens));
  const typetally::TokenTyper typer(vocabulary, typetally::Marker::create("json").value());
  std::vector<TokenType> types(labels.size());
  typer.type_labels(labels, {}, types);
  return types;
}

// The rows give every logit the same value: the first id is the argmax, and entropy is ln 3.
typetally::Tally tally(const std::vector<std::int64_t>& labels, const std::vector<TokenType>& types) {
  const std::vector<float> logits(labels.size() * 3, 1.0F);
  const std::array shape = {static_cast<std::int64_t>(labels.size()), std::int64_t{3}};
  const std::array<std::int64_t, 2> strides = {3, 1};
  typetally::Tally sums;
  const auto targets =
      typetally::find_targets({.labels = labels, .types = types, .columns = static_cast<std::int64_t>(labels.size())});
  typetally::add(sums, targets, typetally::TensorView{logits.data(), shape, strides, typetally::DType::kFloat32, {}});
  ++sums.batches;
  return sums;
}

}  // namespace

int main() {
  const std::vector<std::int64_t> labels = {-100, 0, 1, 2};
  double entropy = 0;
  for (const auto& [key, value] : typetally::compute_metrics(tally(labels, type(labels)))) {
    std::printf("%s %.4f\n", key.c_str(), value);
    if (key == "desc_entropy") entropy = value;
  }
  return entropy > 1.0986 && entropy < 1.0987 && typetally::DatasetFilter({"lvis"}, {}).admits(" LVIS ") ? 0 : 1;
}
