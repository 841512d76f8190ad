#include "typetally/tally/targets.h"

#include <algorithm>
#include <string>

#include "typetally/base/error.h"

namespace typetally {
namespace {

[[noreturn]] void refuse(std::string_view expected, const std::string& got) { bad_call("find_targets", expected, got); }

void check_boundaries(std::span<const std::int32_t> cu_seqlens, std::size_t size) {
  if (cu_seqlens.empty()) return;
  if (cu_seqlens.front() != 0) refuse("cu_seqlens that begin with 0", std::to_string(cu_seqlens.front()));
  if (static_cast<std::size_t>(cu_seqlens.back()) != size)
    refuse("cu_seqlens that end with " + std::to_string(size), std::to_string(cu_seqlens.back()));
  const auto fall = std::is_sorted_until(cu_seqlens.begin(), cu_seqlens.end());
  if (fall != cu_seqlens.end()) refuse("cu_seqlens that never fall", std::to_string(*fall) + " after a larger one");
}

void check(const LabelBatch& batch) {
  const std::size_t size = batch.labels.size();
  if (!batch.types.empty() && batch.types.size() != size)
    refuse(std::to_string(size) + " token types", std::to_string(batch.types.size()));
  for (const TokenType type : batch.types) {
    const bool known = type == TokenType::kIgnore || std::ranges::find(kTokenTypes, type) != kTokenTypes.end();
    if (!known) refuse("token types -1, 1, 2 or 3", std::to_string(static_cast<int>(type)));
  }
  if (size > 0 && (batch.columns < 1 || static_cast<std::int64_t>(size) % batch.columns != 0))
    refuse("labels in rows of " + std::to_string(batch.columns), std::to_string(size) + " labels");
  check_boundaries(batch.cu_seqlens, size);
}

class Finder {
 public:
  explicit Finder(const LabelBatch& batch) : batch_(batch) {}

  /// Adds the targets among labels [begin, end), each predicted by the row `lead` before it.
  void add(std::int64_t begin, std::int64_t end, std::int64_t lead) {
    for (std::int64_t i = begin + lead; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (batch_.labels[at] < 0) continue;
      const TokenType type = batch_.types.empty() ? TokenType::kIgnore : batch_.types[at];
      targets_.push_back({i - lead, batch_.labels[at], type});
    }
  }

  std::vector<Target> take() { return std::move(targets_); }

 private:
  const LabelBatch& batch_;
  std::vector<Target> targets_;
};

}  // namespace

std::vector<Target> find_targets(const LabelBatch& batch) {
  check(batch);
  Finder finder(batch);
  const auto size = static_cast<std::int64_t>(batch.labels.size());
  if (batch.shifted) {
    finder.add(0, size, 0);
  } else if (batch.cu_seqlens.empty()) {
    for (std::int64_t row = 0; row < size; row += batch.columns) finder.add(row, row + batch.columns, 1);
  } else {
    for (std::size_t d = 0; d + 1 < batch.cu_seqlens.size(); ++d)
      finder.add(batch.cu_seqlens[d], batch.cu_seqlens[d + 1], 1);
  }
  return finder.take();
}

std::vector<Target> keep_columns(std::span<const Target> targets, std::int64_t columns,
                                 std::span<const std::int64_t> kept) {
  std::vector<std::int64_t> place(static_cast<std::size_t>(columns), -1);
  for (std::size_t k = 0; k < kept.size(); ++k) {
    if (kept[k] < 0 || kept[k] >= columns)
      bad_call("keep_columns", "columns below " + std::to_string(columns), std::to_string(kept[k]));
    place[static_cast<std::size_t>(kept[k])] = static_cast<std::int64_t>(k);
  }
  std::vector<Target> present;
  for (const Target& target : targets) {
    const std::int64_t k = place[static_cast<std::size_t>(target.row % columns)];
    if (k < 0) continue;
    present.push_back(target);
    present.back().row = target.row / columns * static_cast<std::int64_t>(kept.size()) + k;
  }
  return present;
}

}  // namespace typetally
