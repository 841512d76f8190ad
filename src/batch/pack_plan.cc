#include "typetally/batch/pack_plan.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "batch/count_planner.h"
#include "batch/item_planner.h"
#include "batch/length_order.h"
#include "batch/lower_bound.h"
#include "batch/pack_list.h"
#include "batch/random.h"
#include "batch/size_scan.h"

namespace typetally {
namespace {

constexpr std::int64_t kMaxCounted = std::int64_t{1} << 20;  // below it, an array per length is always cheap

void check_call(std::span<const std::int64_t> lengths, std::int64_t capacity, const PackOptions& options) {
  const auto at_least_one = [](std::string_view what, std::int64_t value) {
    if (value < 1) bad_call("plan_packs", std::string(what) + " >= 1", std::to_string(value));
  };
  at_least_one("a capacity", capacity);
  at_least_one("multiple_of", options.multiple_of);
  if (options.max_samples < 0) bad_call("plan_packs", "max_samples >= 1", std::to_string(options.max_samples));
  if (lengths.size() >= kNoLimit) bad_call("plan_packs", "fewer than 2^32 - 1 samples", std::to_string(lengths.size()));
  const auto as_long = [&](std::string_view what, std::span<const std::int64_t> values) {
    if (values.empty() || values.size() == lengths.size()) return;
    bad_call("plan_packs", std::to_string(lengths.size()) + " " + std::string(what) + ", one per length",
             std::to_string(values.size()));
  };
  as_long("groups", options.groups);
  as_long("weights", options.weights);
  if (!options.weights.empty()) at_least_one("a weight_capacity", options.weight_capacity);
}

/// One call of plan_packs.
class PackPlanner {
 public:
  PackPlanner(std::span<const std::int64_t> lengths, std::int64_t capacity, const PackOptions& options)
      : lengths_(lengths), capacity_(capacity), options_(options), random_(options.seed.value_or(0)) {
    const std::int64_t limit = options.max_samples;
    max_samples_ = limit == 0 || limit >= kNoLimit ? kNoLimit : static_cast<std::uint32_t>(limit);
  }

  Result<PackPlan> run() {
    // Sorting counts the lengths anyway; only what it cannot tell apart needs a look at every sample first.
    const bool one_walk = options_.groups.empty() && options_.oversized != Oversized::kTruncate;
    if (one_walk && is_countable(lengths_.size())) sorted_ = sort_by_length({lengths_, {}, capacity_, false});
    if (auto error = find_oversized()) return *error;
    set_oversized_apart();
    plan_groups();
    if (auto error = reach_multiple()) return *error;
    measure();
    plan_.offsets = std::move(packs_.offsets);
    plan_.indices = std::move(packs_.indices);
    return std::move(plan_);
  }

 private:
  std::optional<Error> find_oversized() {
    auto lengths = sorted_ ? scan_sorted(*sorted_, lengths_) : scan_sizes("lengths", lengths_, capacity_);
    auto weights = scan_sizes("weights", options_.weights, options_.weight_capacity);
    if (!lengths || !weights) return lengths ? weights.error() : lengths.error();
    const bool cannot_cut = options_.oversized == Oversized::kError || options_.oversized == Oversized::kTruncate;
    const auto& heavy = weights.value().beyond;
    if (cannot_cut && !heavy.empty()) {
      const std::string expected = "weights up to the weight_capacity of " + std::to_string(options_.weight_capacity);
      return refused_size("weights", heavy[0], expected, options_.weights[static_cast<std::size_t>(heavy[0])]);
    }
    const auto& long_ones = lengths.value().beyond;
    if (options_.oversized == Oversized::kError && !long_ones.empty()) {
      const std::string expected = "lengths up to the capacity of " + std::to_string(capacity_);
      return refused_size("lengths", long_ones[0], expected, length(long_ones[0]));
    }
    tokens_ = lengths.value().sum;
    std::set_union(long_ones.begin(), long_ones.end(), heavy.begin(), heavy.end(),
                   std::back_inserter(plan_.oversized_indices));
    return std::nullopt;
  }

  void set_oversized_apart() {
    if (options_.oversized == Oversized::kDrop) plan_.dropped_indices = plan_.oversized_indices;
    if (options_.oversized != Oversized::kAlone) return;
    for (const std::int64_t sample : plan_.oversized_indices) packs_.add_single(sample);
  }

  void plan_groups() {
    if (options_.groups.empty()) return plan_group({});
    std::vector<std::uint32_t> items(lengths_.size());
    std::iota(items.begin(), items.end(), std::uint32_t{0});
    const auto group = [&](std::uint32_t item) { return options_.groups[item]; };
    const auto key = [&](std::uint32_t item) { return std::pair(group(item), item); };
    std::sort(items.begin(), items.end(), [&](auto a, auto b) { return key(a) < key(b); });
    for (std::size_t begin = 0; begin < items.size();) {
      std::size_t end = begin + 1;
      while (end < items.size() && group(items[end]) == group(items[begin])) ++end;
      plan_group(std::span(items).subspan(begin, end - begin));
      begin = end;
    }
  }

  void plan_group(std::span<const std::uint32_t> items) {
    const SampleLengths samples{lengths_, items, capacity_, options_.oversized == Oversized::kTruncate};
    if (!is_countable(samples.size())) return plan_by_items(samples);
    plan_by_counts(sorted_ ? std::move(*sorted_) : sort_by_length(samples));
  }

  bool is_countable(std::size_t samples) const {
    return options_.weights.empty() && capacity_ <= std::max(kMaxCounted, static_cast<std::int64_t>(samples));
  }

  void plan_by_counts(LengthOrder sorted) {
    std::vector<LengthCount> by_length;
    std::vector<std::uint32_t> runs;
    for (std::size_t length = sorted.counts.size(); length-- > 0;) {
      const std::uint32_t count = sorted.counts[length];
      if (count == 0) continue;
      by_length.push_back({static_cast<std::int64_t>(length), count});
      runs.push_back(count);
    }
    claim_bound(by_length);
    shuffle_runs(sorted.order, runs);
    packs_.append(plan_counts(sorted.counts, max_samples_), sorted.order);
  }

  void plan_by_items(const SampleLengths& samples) {
    const SampleWeights weights{options_.weights, options_.weight_capacity};
    ItemOrder sorted = sort_items(samples, weights);
    if (options_.weights.empty()) {
      std::vector<LengthCount> by_length;
      std::size_t first = 0;
      for (const std::uint32_t run : sorted.runs) {
        by_length.push_back({std::min(length(sorted.order[first]), capacity_), run});
        first += run;
      }
      claim_bound(by_length);
    }
    shuffle_runs(sorted.order, sorted.runs);
    packs_.append(plan_items(sorted.order, samples, weights, max_samples_), sorted.order);
  }

  void shuffle_runs(Buffer<std::uint32_t>& order, std::span<const std::uint32_t> runs) {
    if (!options_.seed) return;
    std::size_t first = 0;
    for (const std::uint32_t run : runs) {
      random_.shuffle(std::span(order).subspan(first, run));
      first += run;
    }
  }

  std::int64_t length(std::int64_t sample) const { return lengths_[static_cast<std::size_t>(sample)]; }

  void claim_bound(std::span<const LengthCount> by_length) {
    std::int64_t samples = 0;
    for (const LengthCount& one : by_length) samples += one.samples;
    const std::int64_t by_samples = samples / max_samples_ + (samples % max_samples_ != 0 ? 1 : 0);
    plan_.lower_bound += std::max(lower_bound_l2(by_length, capacity_), by_samples);
  }

  std::optional<Error> reach_multiple() {
    const std::int64_t packs = packs_.size();
    const std::int64_t excess = packs % options_.multiple_of;
    const bool drop = options_.drop_last && excess > 0;
    if (!drop && excess > 0 && !packs_.split_to(packs - excess + options_.multiple_of)) {
      return Error{ErrorCode::kUnsupported, "multiple_of", -1,
                   "expected samples for a multiple of " + std::to_string(options_.multiple_of) + " packs, got " +
                       std::to_string(packs_.indices.size()) + " in " + std::to_string(packs) +
                       " packs, fewer than the next multiple; drop_last leaves packs out instead"};
    }
    if (options_.seed) packs_.shuffle(random_);
    if (drop) {
      packs_.drop_last(excess, dropped_last_);
      plan_.dropped_indices.insert(plan_.dropped_indices.end(), dropped_last_.begin(), dropped_last_.end());
      std::sort(plan_.dropped_indices.begin(), plan_.dropped_indices.end());
    }
    return std::nullopt;
  }

  /// Starts from the sum of all lengths and takes away what stands alone, was dropped or cut: a second walk over the
  /// planned samples would read their lengths in no order.
  void measure() {
    const bool set_apart = options_.oversized == Oversized::kAlone;
    const bool cut = options_.oversized == Oversized::kTruncate;
    const auto& oversized = plan_.oversized_indices;
    std::int64_t alone = set_apart ? std::ssize(oversized) : 0;
    for (const std::int64_t sample : oversized) tokens_ -= cut ? length(sample) - capacity_ : length(sample);
    for (const std::int64_t sample : dropped_last_) {
      if (set_apart && std::binary_search(oversized.begin(), oversized.end(), sample)) {
        --alone;
      } else {
        tokens_ -= std::min(length(sample), capacity_);
      }
    }
    plan_.packs = packs_.size() - alone;
    if (plan_.packs == 0) return;
    plan_.efficiency =
        static_cast<double>(tokens_) / (static_cast<double>(plan_.packs) * static_cast<double>(capacity_));
  }

  std::span<const std::int64_t> lengths_;
  std::int64_t capacity_;
  const PackOptions& options_;
  std::uint32_t max_samples_ = kNoLimit;
  Random random_;
  std::optional<LengthOrder> sorted_;  ///< of all samples, until they are planned
  PackList packs_;
  std::int64_t tokens_ = 0;
  Buffer<std::int64_t> dropped_last_;
  PackPlan plan_;
};

}  // namespace

Result<PackPlan> plan_packs(std::span<const std::int64_t> lengths, std::int64_t capacity, const PackOptions& options) {
  check_call(lengths, capacity, options);
  return PackPlanner(lengths, capacity, options).run();
}

}  // namespace typetally
