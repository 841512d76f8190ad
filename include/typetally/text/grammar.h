#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/base/result.h"
#include "typetally/text/keys.h"
#include "typetally/text/span.h"

namespace typetally {

/// How one family of models writes groundings: a table that the engine reads (design section 3, "Grammars").
struct Grammar;

/// The built-in tables, in the order in which `auto` asks them.
std::span<const Grammar> grammars();

/// A user's table from JSON; errors name the field.
Result<Grammar> grammar_from_json(std::string_view json);

/// Marks the bytes of answers. Immutable and shared between threads.
class Marker {
 public:
  /// `grammar` is a name of grammars() or "auto"; an unknown one is an error that lists the known ones.
  static Result<Marker> create(std::string_view grammar, KeySets keys = default_keys());
  static Result<Marker> create(Grammar grammar, KeySets keys = default_keys());

  /// Marks one answer. `specials` are the byte ranges of its special tokens, in order: outside any structure they are
  /// FORMAT, inside one they are typed as the text around them. `spans` is overwritten and tiles `text`; never fails,
  /// takes time linear in `text`. Returns how many bytes of structure could not be placed (they are FORMAT).
  std::int64_t mark(std::string_view text, std::span<const ByteRange> specials, std::vector<Span>& spans) const;

  /// The name of the grammar that `auto` takes for this text; "prose" where nothing is marked up.
  std::string_view detect(std::string_view text) const;
};

}  // namespace typetally
