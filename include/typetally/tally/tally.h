#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "typetally/base/token_type.h"
#include "typetally/tally/row_stats.h"
#include "typetally/tally/targets.h"

namespace typetally {

inline constexpr std::int64_t kTopRanks = 5;  ///< ranks from 0 that count as a hit of the extended accuracy

/// The additive sums of some targets: everything that a metric is a ratio of.
struct TypeTally {
  std::int64_t count = 0;         ///< finite targets
  std::int64_t correct = 0;       ///< argmax == label
  std::int64_t ranked = 0;        ///< targets whose rank is known
  std::int64_t correct_top5 = 0;  ///< rank < kTopRanks
  std::int64_t with_entropy = 0;  ///< targets whose entropy is known
  std::int64_t nonfinite = 0;     ///< left out of everything above
  double nll = 0;                 ///< nats
  double entropy = 0;             ///< nats

  TypeTally& operator+=(const TypeTally& other);
  friend bool operator==(const TypeTally&, const TypeTally&) = default;
};

/// A window's sums. Merging is addition: associative and commutative, exact in the counts.
struct Tally {
  TypeTally untyped;                                  ///< targets whose type is IGNORE
  std::array<TypeTally, kTokenTypes.size()> by_type;  ///< in the order of kTokenTypes
  std::int64_t batches = 0;                           ///< one per update, also without a target
  std::int64_t skipped_samples = 0;                   ///< samples whose types were dropped, whatever the reason
  std::int64_t errors = 0;                            ///< micro-batches that could not be tallied

  TypeTally& of(TokenType type);
  const TypeTally& of(TokenType type) const;
  TypeTally total() const;  ///< all targets, typed or not
  Tally& operator+=(const Tally& other);
  friend bool operator==(const Tally&, const Tally&) = default;
};

/// What a trainer that holds no logits knows of each target. Entries belong to the targets in order.
struct TokenStats {
  std::span<const double> nll;            ///< nats; NaN or infinite: the target is non-finite
  std::span<const std::uint8_t> correct;  ///< 0 or 1
  std::span<const double> entropy;        ///< nats; empty: unknown
};

/// Adds targets: stats[i] belong to targets[i]. `batches` is the caller's to count.
void add(Tally& tally, std::span<const Target> targets, std::span<const RowStats> stats);
void add(Tally& tally, std::span<const Target> targets, const TokenStats& stats);

/// Reads the targets' rows of `logits` [..., vocabulary] and adds them. Throws std::invalid_argument as row_stats does,
/// and for a label outside the vocabulary; the tally is then as it was.
void add(Tally& tally, std::span<const Target> targets, const TensorView& logits);

/// The flat form that ranks exchange and state dictionaries keep: counts and sums as doubles (counts are exact below
/// 2^53), in one fixed order: untyped, then kTokenTypes, each in the order of TypeTally's members; then batches,
/// skipped_samples, errors.
inline constexpr std::size_t kTallySums = (1 + kTokenTypes.size()) * 8;  ///< without the counts behind the types
inline constexpr std::size_t kTallySize = kTallySums + 3;
std::array<double, kTallySize> to_flat(const Tally& tally);
Tally from_flat(std::span<const double, kTallySize> flat);

}  // namespace typetally
