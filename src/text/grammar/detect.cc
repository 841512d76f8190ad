#include "text/grammar/detect.h"

#include <algorithm>

#include "text/grammar/json_reader.h"
#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

// How clearly a structure of one table begins at one place. Numbers in brackets, and lists without keys, are weak:
// running text has them too.
enum class Evidence : std::uint8_t { kNone, kWeak, kStrong };

/// What one table makes of a text, from left to right.
class Witness {
 public:
  Witness(const Compiled& table, std::string_view text) : table_(table), text_(text) {}

  const Compiled& table() const { return table_; }
  bool undecided() const { return undecided_; }

  Evidence look(std::size_t at, const Tag& tag) {
    if (at < resume_ || !table_.triggers[static_cast<unsigned char>(text_[at])]) return Evidence::kNone;
    if (text_[at] == '<') return look_at_angle(at, tag);
    if (table_.json && (text_[at] == '{' || text_[at] == '[')) return look_at_json(at);
    return Evidence::kNone;
  }

 private:
  Evidence look_at_angle(std::size_t at, const Tag& tag) const {
    if (!table_.tags) return Evidence::kNone;
    const bool is_atom = match_atom(text_, at, table_.atoms).kind == AtomMatch::Kind::kWhole;
    return is_atom || (tag && table_.knows(tag)) ? Evidence::kStrong : Evidence::kNone;
  }

  Evidence look_at_json(std::size_t at) {
    const JsonStart start = json_start(text_, at, table_.atoms);
    undecided_ = undecided_ || start.undecided;
    resume_ = std::max(start.resume, at + 1);
    if (!start.begins || !has_required_atom()) return Evidence::kNone;
    if (start.has_keys) return Evidence::kStrong;
    return begins_answer(at) ? Evidence::kWeak : Evidence::kNone;
  }

  // Of the grammars of JSON, one that names coordinate tokens stands for the answers that hold them.
  bool has_required_atom() {
    const auto& required = table_.grammar.atoms;
    return required.empty() || std::ranges::any_of(required, [&](const std::string& pattern) {
             return text_.find(pattern.substr(0, pattern.find('{'))) != std::string_view::npos;
           });
  }

  // Whether nothing but spaces and a fence stands before `at`.
  bool begins_answer(std::size_t at) const {
    std::size_t p = skip_space(text_, 0);
    if (text_.substr(p).starts_with("```")) p = skip_space(text_, skip_name(text_, p + 3));
    return p == at;
  }

  const Compiled& table_;
  std::string_view text_;
  std::size_t resume_ = 0;
  bool undecided_ = false;
};

}  // namespace

const Compiled* detect(std::string_view text, const std::vector<std::shared_ptr<const Compiled>>& tables,
                       bool& undecided) {
  std::vector<Witness> witnesses;
  for (const auto& table : tables) witnesses.emplace_back(*table, text);
  const Compiled* weak = nullptr;
  undecided = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const Tag tag = text[at] == '<' ? match_tag(text, at) : Tag{};
    for (Witness& witness : witnesses) {
      const Evidence evidence = witness.look(at, tag);
      if (evidence == Evidence::kStrong) {
        undecided = witness.undecided();
        return &witness.table();
      }
      if (evidence == Evidence::kWeak && weak == nullptr) weak = &witness.table();
    }
  }
  undecided = true;
  return weak;
}

}  // namespace typetally::marking
