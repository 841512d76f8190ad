#include "batch/item_planner.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace typetally {
namespace {

struct OpenPack {
  std::int64_t weight_left;
  std::uint64_t arrival;  ///< when it came to its present room
  std::uint32_t pack;
  std::uint32_t samples;

  bool operator<(const OpenPack& other) const {
    return weight_left != other.weight_left ? weight_left < other.weight_left : arrival < other.arrival;
  }
};

struct Limits {
  std::int64_t capacity;
  std::int64_t weight_capacity;
  std::uint32_t max_samples;
};

class Planner {
 public:
  explicit Planner(const Limits& limits) : limits_(limits) {}

  std::uint32_t place(std::int64_t length, std::int64_t weight) {
    std::int64_t room = limits_.capacity;
    OpenPack pack{limits_.weight_capacity, 0, packs_, 0};
    if (!take(length, weight, room, pack)) ++packs_;
    pack.weight_left -= weight;
    pack.arrival = arrivals_++;
    if (++pack.samples < limits_.max_samples) open_[room - length].insert(pack);
    return pack.pack;
  }

 private:
  /// Takes the best open pack out, if there is one.
  bool take(std::int64_t length, std::int64_t weight, std::int64_t& room, OpenPack& pack) {
    for (auto bucket = open_.lower_bound(length); bucket != open_.end(); ++bucket) {
      const auto best = bucket->second.lower_bound({weight, 0, 0, 0});
      if (best == bucket->second.end()) continue;
      room = bucket->first;
      pack = *best;
      bucket->second.erase(best);
      if (bucket->second.empty()) open_.erase(bucket);
      return true;
    }
    return false;
  }

  Limits limits_;
  std::map<std::int64_t, std::set<OpenPack>> open_;  // by room
  std::uint64_t arrivals_ = 0;
  std::uint32_t packs_ = 0;
};

}  // namespace

ItemOrder sort_items(const SampleLengths& samples, const SampleWeights& weights) {
  ItemOrder result;
  const auto length = [&](std::uint32_t i) { return std::min(samples.lengths[i], samples.capacity); };
  const auto weight = [&](std::uint32_t i) { return weights.weights.empty() ? 0 : weights.weights[i]; };
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::uint32_t item = samples.items.empty() ? static_cast<std::uint32_t>(i) : samples.items[i];
    const bool too_long = samples.lengths[item] > samples.capacity && !samples.truncate;
    if (!too_long && weight(item) <= weights.capacity) result.order.push_back(item);
  }
  const auto share = [](std::int64_t size, std::int64_t capacity) {
    return capacity == 0 ? 0.0 : static_cast<double>(size) / static_cast<double>(capacity);
  };
  const auto key = [&](std::uint32_t i) {
    const double larger = std::max(share(length(i), samples.capacity), share(weight(i), weights.capacity));
    return std::tuple(-larger, -length(i), -weight(i));
  };
  std::sort(result.order.begin(), result.order.end(),
            [&](auto a, auto b) { return std::pair(key(a), a) < std::pair(key(b), b); });
  for (std::size_t i = 0; i < result.order.size(); ++i) {
    const bool same = i > 0 && key(result.order[i]) == key(result.order[i - 1]);
    if (same) {
      ++result.runs.back();
    } else {
      result.runs.push_back(1);
    }
  }
  return result;
}

std::vector<std::uint32_t> plan_items(std::span<const std::uint32_t> order, const SampleLengths& samples,
                                      const SampleWeights& weights, std::uint32_t max_samples) {
  Planner planner({samples.capacity, weights.capacity, max_samples});
  std::vector<std::uint32_t> packs;
  packs.reserve(order.size());
  for (const std::uint32_t sample : order) {
    const std::int64_t length = std::min(samples.lengths[sample], samples.capacity);
    packs.push_back(planner.place(length, weights.weights.empty() ? 0 : weights.weights[sample]));
  }
  return packs;
}

}  // namespace typetally
