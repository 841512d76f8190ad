#pragma once

#include <string>
#include <utility>
#include <vector>

#include "typetally/tally/tally.h"

namespace typetally {

struct MetricOptions {
  bool extended = false;
};

/// The metrics of design section 5, by their names without prefix, in the order of the table. A metric without its
/// input, or a type without a target, has no entry; with no target at all there is none but `typetally_errors`.
std::vector<std::pair<std::string, double>> compute_metrics(const Tally& tally, const MetricOptions& options = {});

}  // namespace typetally
