#include "typetally/tally/tally.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "typetally/base/error.h"

namespace typetally {
namespace {

void add_one(TypeTally& sums, const Target& target, const RowStats& stats) {
  if (!stats.finite) {
    ++sums.nonfinite;
    return;
  }
  ++sums.count;
  sums.correct += stats.argmax == target.label;
  sums.nll += stats.nll();
  ++sums.with_entropy;
  sums.entropy += stats.entropy();
  ++sums.ranked;
  sums.correct_top5 += stats.rank < kTopRanks;
}

void add_one(TypeTally& sums, std::size_t i, const TokenStats& stats) {
  const bool has_entropy = !stats.entropy.empty();
  if (!std::isfinite(stats.nll[i]) || (has_entropy && !std::isfinite(stats.entropy[i]))) {
    ++sums.nonfinite;
    return;
  }
  ++sums.count;
  sums.correct += stats.correct[i] != 0;
  sums.nll += stats.nll[i];
  if (has_entropy) {
    ++sums.with_entropy;
    sums.entropy += stats.entropy[i];
  }
}

void check_length(std::string_view what, std::size_t expected, std::size_t got) {
  if (got != expected) bad_call("add", std::to_string(expected) + " of " + std::string(what), std::to_string(got));
}

}  // namespace

TypeTally& TypeTally::operator+=(const TypeTally& other) {
  count += other.count;
  correct += other.correct;
  ranked += other.ranked;
  correct_top5 += other.correct_top5;
  with_entropy += other.with_entropy;
  nonfinite += other.nonfinite;
  nll += other.nll;
  entropy += other.entropy;
  return *this;
}

TypeTally& Tally::of(TokenType type) {
  return type == TokenType::kIgnore ? untyped : by_type.at(static_cast<std::size_t>(type) - 1);
}

const TypeTally& Tally::of(TokenType type) const {
  return type == TokenType::kIgnore ? untyped : by_type.at(static_cast<std::size_t>(type) - 1);
}

TypeTally Tally::total() const {
  TypeTally sum = untyped;
  for (const TypeTally& one : by_type) sum += one;
  return sum;
}

Tally& Tally::operator+=(const Tally& other) {
  untyped += other.untyped;
  for (std::size_t i = 0; i < by_type.size(); ++i) by_type[i] += other.by_type[i];
  batches += other.batches;
  skipped_samples += other.skipped_samples;
  errors += other.errors;
  return *this;
}

void add(Tally& tally, std::span<const Target> targets, std::span<const RowStats> stats) {
  for (std::size_t i = 0; i < targets.size(); ++i) add_one(tally.of(targets[i].type), targets[i], stats[i]);
}

void add(Tally& tally, std::span<const Target> targets, const TokenStats& stats) {
  check_length("nll", targets.size(), stats.nll.size());
  check_length("correct", targets.size(), stats.correct.size());
  if (!stats.entropy.empty()) check_length("entropy", targets.size(), stats.entropy.size());
  for (std::size_t i = 0; i < targets.size(); ++i) add_one(tally.of(targets[i].type), i, stats);
}

void add(Tally& tally, std::span<const Target> targets, const TensorView& logits) {
  std::vector<RowRequest> requests;
  requests.reserve(targets.size());
  for (const Target& target : targets) {
    if (target.label >= logits.shape.back())
      bad_call("add", "labels below " + std::to_string(logits.shape.back()), std::to_string(target.label));
    requests.push_back({target.row, target.label});
  }
  std::vector<RowStats> stats(targets.size());
  row_stats(logits, requests, {}, stats);
  add(tally, targets, stats);
}

std::array<double, kTallySize> to_flat(const Tally& tally) {
  std::array<double, kTallySize> flat{};
  auto out = flat.begin();
  const auto put = [&](const TypeTally& t) {
    for (const std::int64_t n : {t.count, t.correct, t.ranked, t.correct_top5, t.with_entropy, t.nonfinite})
      *out++ = static_cast<double>(n);
    *out++ = t.nll;
    *out++ = t.entropy;
  };
  put(tally.untyped);
  std::for_each(tally.by_type.begin(), tally.by_type.end(), put);
  for (const std::int64_t n : {tally.batches, tally.skipped_samples, tally.errors}) *out++ = static_cast<double>(n);
  return flat;
}

Tally from_flat(std::span<const double, kTallySize> flat) {
  Tally tally;
  auto in = flat.begin();
  const auto number = [&] { return static_cast<std::int64_t>(*in++); };
  const auto take = [&](TypeTally& t) {
    for (std::int64_t* n : {&t.count, &t.correct, &t.ranked, &t.correct_top5, &t.with_entropy, &t.nonfinite})
      *n = number();
    t.nll = *in++;
    t.entropy = *in++;
  };
  take(tally.untyped);
  std::for_each(tally.by_type.begin(), tally.by_type.end(), take);
  for (std::int64_t* n : {&tally.batches, &tally.skipped_samples, &tally.errors}) *n = number();
  return tally;
}

}  // namespace typetally
