#pragma once

#include <string_view>

#include "text/grammar/compiled.h"

namespace typetally::marking {

/// The first of `tables` whose structure begins first in `text`; a list of numbers counts only where nothing else
/// is marked up. nullptr: prose. `undecided`: more text may change the choice.
const Compiled* detect(std::string_view text, const std::vector<std::shared_ptr<const Compiled>>& tables,
                       bool& undecided);

}  // namespace typetally::marking
