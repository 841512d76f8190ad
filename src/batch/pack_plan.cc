#include "typetally/batch/pack_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "batch/count_planner.h"
#include "batch/item_planner.h"
#include "batch/length_order.h"
#include "batch/lower_bound.h"
#include "batch/pack_list.h"
#include "batch/random.h"

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

Error refused(std::string subject, std::size_t index, std::string detail) {
  const auto offset = static_cast<std::int64_t>(index);
  return {ErrorCode::kMalformed, std::move(subject), offset, detail + " at index " + std::to_string(offset)};
}

/// Negative values and sums beyond 64 bits.
std::optional<Error> find_bad_value(const std::string& subject, std::span<const std::int64_t> values) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0) return refused(subject, i, "expected " + subject + " >= 0, got " + std::to_string(values[i]));
    if (__builtin_add_overflow(sum, values[i], &sum)) {
      return refused(subject, i, "expected " + subject + " whose sum fits 64 bits, got " + std::to_string(values[i]));
    }
  }
  return std::nullopt;
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
    find_oversized();
    if (options_.oversized == Oversized::kError || options_.oversized == Oversized::kTruncate) {
      if (auto error = find_refused()) return *error;
    }
    set_oversized_apart();
    plan_groups();
    if (auto error = reach_multiple()) return *error;
    measure();
    plan_.offsets = std::move(packs_.offsets);
    plan_.indices = std::move(packs_.indices);
    return std::move(plan_);
  }

 private:
  bool too_heavy(std::size_t i) const {
    return !options_.weights.empty() && options_.weights[i] > options_.weight_capacity;
  }
  bool is_oversized(std::size_t i) const { return lengths_[i] > capacity_ || too_heavy(i); }

  void find_oversized() {
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      if (is_oversized(i)) plan_.oversized_indices.push_back(static_cast<std::int64_t>(i));
    }
  }

  /// The first sample that the options refuse: any oversized one, or a weight, which nothing can cut.
  std::optional<Error> find_refused() const {
    for (const std::int64_t sample : plan_.oversized_indices) {
      const auto i = static_cast<std::size_t>(sample);
      if (too_heavy(i)) {
        return refused("weights", i,
                       "expected weights up to the weight_capacity of " + std::to_string(options_.weight_capacity) +
                           ", got " + std::to_string(options_.weights[i]));
      }
      if (options_.oversized == Oversized::kError) {
        return refused("lengths", i,
                       "expected lengths up to the capacity of " + std::to_string(capacity_) + ", got " +
                           std::to_string(lengths_[i]));
      }
    }
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
    std::stable_sort(items.begin(), items.end(), [&](auto a, auto b) { return group(a) < group(b); });
    for (std::size_t begin = 0; begin < items.size();) {
      std::size_t end = begin + 1;
      while (end < items.size() && group(items[end]) == group(items[begin])) ++end;
      plan_group(std::span(items).subspan(begin, end - begin));
      begin = end;
    }
  }

  void plan_group(std::span<const std::uint32_t> items) {
    const SampleLengths samples{lengths_, items, capacity_, options_.oversized == Oversized::kTruncate};
    const std::int64_t countable = std::max(kMaxCounted, static_cast<std::int64_t>(samples.size()));
    if (options_.weights.empty() && capacity_ <= countable) {
      plan_by_counts(samples);
    } else {
      plan_by_items(samples);
    }
  }

  void plan_by_counts(const SampleLengths& samples) {
    LengthOrder sorted = sort_by_length(samples);
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
        by_length.push_back({planned_length(sorted.order[first]), run});
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

  std::int64_t planned_length(std::int64_t sample) const {
    return std::min(lengths_[static_cast<std::size_t>(sample)], capacity_);
  }

  void claim_bound(std::span<const LengthCount> by_length) {
    std::int64_t samples = 0;
    for (const LengthCount& one : by_length) samples += one.samples;
    const std::int64_t by_samples = samples / max_samples_ + (samples % max_samples_ != 0 ? 1 : 0);
    plan_.lower_bound += std::max(lower_bound_l2(by_length, capacity_), by_samples);
  }

  std::optional<Error> reach_multiple() {
    const std::int64_t excess = packs_.size() % options_.multiple_of;
    const bool drop = options_.drop_last && excess > 0;
    if (!drop && excess > 0 && !packs_.split_to(packs_.size() - excess + options_.multiple_of)) {
      return Error{ErrorCode::kUnsupported, "multiple_of", -1,
                   "expected at least as many samples as packs, got " + std::to_string(packs_.indices.size()) +
                       " samples for a multiple of " + std::to_string(options_.multiple_of) + " packs"};
    }
    if (options_.seed) packs_.shuffle(random_);
    if (drop) {
      packs_.drop_last(excess, plan_.dropped_indices);
      std::sort(plan_.dropped_indices.begin(), plan_.dropped_indices.end());
    }
    return std::nullopt;
  }

  void measure() {
    std::int64_t tokens = 0;
    std::int64_t alone = 0;
    const bool set_apart = options_.oversized == Oversized::kAlone;
    for (const std::int64_t sample : packs_.indices) {
      const bool counts = !set_apart || !is_oversized(static_cast<std::size_t>(sample));
      tokens += counts ? planned_length(sample) : 0;
      alone += counts ? 0 : 1;
    }
    plan_.packs = packs_.size() - alone;
    if (plan_.packs > 0) {
      plan_.efficiency =
          static_cast<double>(tokens) / (static_cast<double>(plan_.packs) * static_cast<double>(capacity_));
    }
  }

  std::span<const std::int64_t> lengths_;
  std::int64_t capacity_;
  const PackOptions& options_;
  std::uint32_t max_samples_ = kNoLimit;
  Random random_;
  PackList packs_;
  PackPlan plan_;
};

}  // namespace

Result<PackPlan> plan_packs(std::span<const std::int64_t> lengths, std::int64_t capacity, const PackOptions& options) {
  check_call(lengths, capacity, options);
  if (auto error = find_bad_value("lengths", lengths)) return *error;
  if (auto error = find_bad_value("weights", options.weights)) return *error;
  return PackPlanner(lengths, capacity, options).run();
}

}  // namespace typetally
