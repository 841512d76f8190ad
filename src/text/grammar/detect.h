#pragma once

#include <memory>
#include <vector>

#include "text/grammar/compiled.h"

namespace typetally::marking {

/// The first of `tables` whose structure begins first in `text`; a list of numbers counts only where nothing else
/// is marked up. nullptr: prose.
const Compiled* detect(const Text& text, const std::vector<std::shared_ptr<const Compiled>>& tables);

}  // namespace typetally::marking
