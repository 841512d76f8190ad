#include "typetally/tally/targets.h"

namespace typetally {
namespace {

class Finder {
 public:
  Finder(std::span<const std::int64_t> labels, std::span<const TokenType> types) : labels_(labels), types_(types) {}

  /// Adds the targets among labels [begin, end), each predicted by the row `lead` before it.
  void add(std::int64_t begin, std::int64_t end, std::int64_t lead) {
    for (std::int64_t i = begin + lead; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (labels_[at] < 0) continue;
      targets_.push_back({i - lead, labels_[at], types_.empty() ? TokenType::kIgnore : types_[at]});
    }
  }

  std::vector<Target> take() { return std::move(targets_); }

 private:
  std::span<const std::int64_t> labels_;
  std::span<const TokenType> types_;
  std::vector<Target> targets_;
};

}  // namespace

std::vector<Target> find_targets(std::span<const std::int64_t> labels, std::span<const TokenType> types,
                                 std::int64_t columns, std::span<const std::int32_t> cu_seqlens, bool shifted) {
  Finder finder(labels, types);
  const auto size = static_cast<std::int64_t>(labels.size());
  if (shifted) {
    finder.add(0, size, 0);
  } else if (cu_seqlens.empty()) {
    for (std::int64_t row = 0; row < size; row += columns) finder.add(row, row + columns, 1);
  } else {
    for (std::size_t d = 0; d + 1 < cu_seqlens.size(); ++d) finder.add(cu_seqlens[d], cu_seqlens[d + 1], 1);
  }
  return finder.take();
}

}  // namespace typetally
