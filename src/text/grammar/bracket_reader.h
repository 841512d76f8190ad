#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "text/grammar/scan.h"

namespace typetally::marking {

/// A pair of brackets with plain numbers: as many as `counts` allows, in groups that `;` splits.
struct Box {
  std::size_t end = 0;  ///< past the closing bracket, or where the text cuts it; 0: no box
  explicit operator bool() const { return end != 0; }
};

Box match_box(const Text& text, std::size_t at, const std::vector<int>& counts);

/// Boxes one in another and side by side, which begin at a bracket.
struct Boxes {
  std::size_t first = 0;  ///< the innermost opening bracket
  std::size_t depth = 0;  ///< brackets around it
  Box box;                ///< at `first`
};

Boxes match_boxes(const Text& text, std::size_t at, const std::vector<int>& counts);

/// Types boxes from scan.at() on, where match_boxes found some.
void read_boxes(Scan& scan, const std::vector<int>& counts);

}  // namespace typetally::marking
