#include "typetally/text/keys.h"

namespace typetally {

KeySets default_keys() {
  return {.desc = {"desc", "label", "text_content", "caption", "name", "description", "object", "phrase"},
          .coord = {"bbox_2d", "box_2d", "bbox", "point_2d", "point", "poly", "polygon", "points", "coordinates"}};
}

KeySets reference_keys() { return {.desc = {"desc"}, .coord = {"bbox_2d", "poly"}}; }

}  // namespace typetally
