#pragma once

#include <string>
#include <vector>

namespace typetally {

/// The JSON keys whose values are descriptions and coordinates. Keys match exactly.
struct KeySets {
  std::vector<std::string> desc;
  std::vector<std::string> coord;
};

KeySets default_keys();    ///< of the text route: what public grounding formats use
KeySets reference_keys();  ///< of the payload route: desc; bbox_2d, poly

}  // namespace typetally
