#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "typetally/base/token_type.h"
#include "typetally/tally/row_stats.h"
#include "typetally/tally/targets.h"

namespace typetally {

/// The additive sums of some targets: everything that a metric is a ratio of.
struct TypeTally {
  std::int64_t count = 0;         ///< finite targets
  std::int64_t correct = 0;       ///< argmax == label
  std::int64_t ranked = 0;        ///< targets whose rank is known
  std::int64_t correct_top5 = 0;  ///< rank < 5
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

/// Adds one micro-batch: stats[i] belong to targets[i].
void add(Tally& tally, std::span<const Target> targets, std::span<const RowStats> stats);

/// The flat form that ranks exchange and state dictionaries keep: counts and sums as doubles (counts are exact below
/// 2^53), in one fixed order.
inline constexpr std::size_t kTallySize = (1 + kTokenTypes.size()) * 8 + 3;
std::array<double, kTallySize> to_flat(const Tally& tally);
Tally from_flat(std::span<const double, kTallySize> flat);

}  // namespace typetally
