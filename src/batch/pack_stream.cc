#include "typetally/batch/pack_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "batch/size_scan.h"
#include "typetally/base/error.h"
#include "typetally/batch/pack_plan.h"

namespace typetally {
namespace {

using Packs = std::vector<std::vector<std::int64_t>>;

void at_least(std::int64_t least, std::int64_t value, const char* what) {
  if (value < least) bad_call("PackStream", what + (" >= " + std::to_string(least)), std::to_string(value));
}

}  // namespace

PackStream::PackStream(std::int64_t capacity, const PackStreamOptions& options)
    : capacity_(capacity), options_(options) {
  at_least(1, capacity, "a capacity");
  at_least(1, options.window, "a window");
  at_least(1, options.patience, "patience");
  at_least(0, options.max_samples, "max_samples");
}

Result<Packs> PackStream::add(std::int64_t length) {
  if (length < 0) return refused_size("lengths", next_, "lengths >= 0", length);
  if (length > capacity_) return Packs{{next_++}};
  waiting_.push_back({next_++, length, 0});
  return std::ssize(waiting_) < options_.window ? Packs{} : plan(false);
}

Packs PackStream::flush() { return plan(true); }

Packs PackStream::plan(bool all) {
  std::vector<std::int64_t> lengths;
  lengths.reserve(waiting_.size());
  for (Waiting& one : waiting_) {
    lengths.push_back(one.length);
    ++one.plans;
  }
  PackOptions options;
  options.max_samples = options_.max_samples;
  const PackPlan planned = plan_packs(lengths, capacity_, options).value();
  std::vector<std::vector<Waiting>> packs(static_cast<std::size_t>(planned.packs));
  for (std::size_t p = 0; p < packs.size(); ++p) {
    for (auto i = planned.offsets[p]; i < planned.offsets[p + 1]; ++i) {
      packs[p].push_back(waiting_[static_cast<std::size_t>(planned.indices[static_cast<std::size_t>(i)])]);
    }
  }
  return part(packs, all ? packs.size() : (packs.size() + 1) / 2);
}

Packs PackStream::part(std::vector<std::vector<Waiting>>& packs, std::size_t fullest) {
  const auto room = [&](const std::vector<Waiting>& pack) {
    std::int64_t left = capacity_;
    for (const Waiting& one : pack) left -= one.length;
    return left;
  };
  const auto fuller = [&](const auto& a, const auto& b) {
    return std::pair(room(a), a[0].sample) < std::pair(room(b), b[0].sample);
  };
  std::sort(packs.begin(), packs.end(), fuller);
  const auto due = [&](const Waiting& one) { return one.plans >= options_.patience; };
  Packs leaving;
  waiting_.clear();
  for (std::size_t p = 0; p < packs.size(); ++p) {
    if (p >= fullest && std::none_of(packs[p].begin(), packs[p].end(), due)) {
      waiting_.insert(waiting_.end(), packs[p].begin(), packs[p].end());
      continue;
    }
    leaving.emplace_back();
    for (const Waiting& one : packs[p]) leaving.back().push_back(one.sample);
  }
  std::sort(waiting_.begin(), waiting_.end(), [](const auto& a, const auto& b) { return a.sample < b.sample; });
  return leaving;
}

}  // namespace typetally
