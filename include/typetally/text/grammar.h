#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/base/result.h"
#include "typetally/base/token_type.h"
#include "typetally/text/keys.h"
#include "typetally/text/span.h"

namespace typetally {

/// The shapes that the engine looks for in prose.
enum class Layout : std::uint8_t {
  kJson,      ///< JSON (or Python's repr) values; `keys` are dict keys and match exactly
  kTags,      ///< delimiters and coordinate tokens in running text; `keys` are attribute names
  kBrackets,  ///< [x, y] and (x1, y1, x2, y2) with as many numbers as `counts` says
  kCalls,     ///< labelled lines and calls, `Action: click(point='(1, 2)')`; `keys` are argument names
};

std::string_view name(Layout layout);  ///< "json", "tags", "brackets", "calls"

/// What stands between `open` and `close` has the type `role`: kDesc a description, kCoord numbers, kFormat nothing.
/// `<name>` admits attributes; any other opening, as `<|ref|>`, is literal.
struct Delimiter {
  std::string open = {};
  std::string close = {};
  TokenType role = TokenType::kFormat;
};

/// Names (JSON keys, attributes, arguments) by what their values are. Outside JSON a final `#` stands for any digits.
struct GrammarKeys {
  std::vector<std::string> desc = {};
  std::vector<std::string> coord = {};
  std::vector<std::string> tracks = {};  ///< groups of "frame id x y id x y ...": x and y are coordinates (Molmo2)
};

/// How one family of models writes groundings: a table that the engine reads (design section 3, "Grammars").
struct Grammar {
  std::string name = {};     ///< lower-case letters, digits and `_`
  std::string summary = {};  ///< one line: who writes so
  std::string example = {};  ///< an answer
  std::vector<Layout> layout = {Layout::kTags};
  std::vector<Delimiter> delimiters = {};
  std::vector<std::string> atoms = {};  ///< coordinate tokens; `{4}` or `{1,4}` stands for that many digits: "<loc{4}>"
  std::optional<GrammarKeys> keys = {};  ///< absent: default_keys() for JSON, none elsewhere
  std::string separators = {};           ///< ASCII characters that are trimmed from a description like spaces: ";"
  std::vector<int> counts = {2, 4, 8};   ///< kBrackets: how many numbers make a box
  std::vector<std::string> labels = {};  ///< kCalls: what opens a line before a colon, in any case: "thought"
  std::vector<std::string> verbs = {};   ///< kCalls: commands that begin a line, in any case; "click" is `a.click` too
  std::vector<std::string> said = {};    ///< kCalls: those verbs whose operand is typed or said
};

/// The built-in tables, in the order in which `auto` asks them.
std::span<const Grammar> grammars();

/// A user's table from a JSON object with the fields of Grammar; Error::subject names the field that is wrong.
Result<Grammar> grammar_from_json(std::string_view json);

namespace marking {
struct Tables;
}

/// Marks the bytes of answers. Immutable and shared between threads.
class Marker {
 public:
  /// `grammar` is a name of grammars() or "auto"; an unknown one is an error that lists the known ones.
  /// `keys` replace the JSON keys of the tables; without them a table's own, else default_keys().
  static Result<Marker> create(std::string_view grammar, const std::optional<KeySets>& keys = {});
  /// Error::subject names the field of `grammar` that is wrong.
  static Result<Marker> create(Grammar grammar, const std::optional<KeySets>& keys = {});

  /// Marks one answer. `specials` are the byte ranges of its special tokens, in order: outside any structure they are
  /// FORMAT, inside one they are typed as the text around them. `spans` is overwritten and tiles `text`; never fails,
  /// takes time linear in `text`. Returns how many bytes of structure could not be placed (they are FORMAT).
  /// `settled`, where given, takes how many of the bytes keep their type whatever text follows.
  std::int64_t mark(std::string_view text, std::span<const ByteRange> specials, std::vector<Span>& spans,
                    std::int64_t* settled = nullptr) const;

  /// The name of the grammar that marks this text: what `auto` takes, "prose" where nothing is marked up.
  std::string_view detect(std::string_view text) const;

  /// The name that it was created with: "auto", or a grammar's.
  std::string_view name() const;

  /// What the core's own readers of the same tables take.
  const marking::Tables& tables() const { return *tables_; }

 private:
  explicit Marker(std::shared_ptr<const marking::Tables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const marking::Tables> tables_;
};

}  // namespace typetally
