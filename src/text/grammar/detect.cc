#include "text/grammar/detect.h"

#include <algorithm>
#include <optional>

#include "text/grammar/attribute_reader.h"
#include "text/grammar/bracket_reader.h"
#include "text/grammar/call_reader.h"
#include "text/grammar/command.h"
#include "text/grammar/json_reader.h"
#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

// How clearly a structure of one table begins at one place. Numbers in brackets, labels and broken coordinate tokens
// are weak, since running text has them too; a list without keys is JSON only where it is nothing else.
enum class Evidence : std::uint8_t { kNone, kFaint, kWeak, kStrong };

/// What one table makes of a text, from left to right.
class Witness {
 public:
  Witness(const Compiled& table, const Text& text) : table_(table), text_(text) {}

  const Compiled& table() const { return table_; }

  /// Where the last line ends that a call begins: what stands in it is the call's, whatever it looks like.
  std::size_t call_end() const { return call_end_; }

  Evidence look(std::size_t at, const Tag& tag) {
    if (table_.calls && (at == 0 || text_[at - 1] == '\n')) {
      if (const Evidence evidence = look_at_line(at); evidence != Evidence::kNone) return evidence;
    }
    if (at < resume_ || !table_.triggers[static_cast<unsigned char>(text_[at])]) return Evidence::kNone;
    if (text_[at] == '<') return look_at_angle(at, tag);
    if (table_.json && (text_[at] == '{' || text_[at] == '[')) return look_at_json(at);
    if (table_.brackets && (text_[at] == '(' || text_[at] == '[')) return look_at_brackets(at);
    return Evidence::kNone;
  }

 private:
  Evidence look_at_angle(std::size_t at, const Tag& tag) const {
    if (!table_.tags) return Evidence::kNone;
    const AtomMatch::Kind atom = match_atom(text_, at, table_.atoms).kind;
    const bool is_element = match_element(table_, text_, at) != 0;
    const bool is_known = ((tag && table_.knows(tag)) || is_element) && may_hold(tag);
    if (atom == AtomMatch::Kind::kWhole || is_known) return Evidence::kStrong;
    return atom == AtomMatch::Kind::kBroken && !is_digit(text_[at + 1]) ? Evidence::kWeak : Evidence::kNone;
  }

  // Numbers are not in another table's tokens: `<poly><loc_1>` is none of ref_box.
  bool may_hold(const Tag& tag) const {
    const bool is_other = table_.role(tag) == TagRole::kNumbers &&
                          match_atom(text_, tag.end, table_.atoms).kind != AtomMatch::Kind::kWhole;
    const Tag next = is_other ? match_tag(text_, tag.end) : Tag{};
    return !next || table_.knows(next);
  }

  // Words stand before colons and brackets in prose and in code too: a label counts with a command, or where the answer
  // began with another, and a command without one if it is a verb of the table.
  Evidence look_at_line(std::size_t at) {
    const std::size_t begin = skip_blanks(text_, at);
    const std::size_t label_end = match_label(table_, text_, begin);
    const Command command = match_command(table_, text_, label_end == 0 ? begin : skip_blanks(text_, label_end));
    const bool is_command = command.kind != Command::Kind::kNone;
    if (label_end == 0) {
      if (!is_command || !command.is_verb) return Evidence::kNone;
      if (command.kind == Command::Kind::kCall) call_end_ = text_.find('\n', command.end);
      return has_known_argument(table_, text_, command) ? Evidence::kStrong : Evidence::kWeak;
    }
    if (is_command) return Evidence::kStrong;
    if (begins_with_label_) return Evidence::kWeak;
    begins_with_label_ = begins_answer(begin);
    return Evidence::kNone;
  }

  Evidence look_at_brackets(std::size_t at) {
    const Boxes boxes = match_boxes(text_, at, table_.grammar.counts);
    resume_ = boxes.first + 1;
    return boxes.box ? Evidence::kWeak : Evidence::kNone;
  }

  Evidence look_at_json(std::size_t at) {
    const JsonStart start = json_start(text_, at, table_.atoms);
    resume_ = std::max(start.resume, at + 1);
    if (!start.begins || !has_required_atom()) return Evidence::kNone;
    if (start.has_keys) return Evidence::kStrong;
    return begins_answer(at) ? Evidence::kFaint : Evidence::kNone;
  }

  // Of the grammars of JSON, one that names coordinate tokens stands for the answers that hold them. All of them type
  // alike, so this asks no more of the text than what is there.
  bool has_required_atom() {
    const auto& required = table_.grammar.atoms;
    if (!has_atom_) {
      has_atom_ = required.empty() || std::ranges::any_of(required, [&](const std::string& pattern) {
                    return text_.so_far().find(pattern.substr(0, pattern.find('{'))) != std::string_view::npos;
                  });
    }
    return *has_atom_;
  }

  // Whether nothing but spaces and a fence stands before `at`.
  bool begins_answer(std::size_t at) {
    if (!begin_) {
      begin_ = skip_space(text_, 0);
      if (text_.starts_with(*begin_, "```")) begin_ = skip_space(text_, skip_name(text_, *begin_ + 3));
    }
    return *begin_ == at;
  }

  const Compiled& table_;
  const Text& text_;
  std::size_t resume_ = 0;
  std::size_t call_end_ = 0;
  std::optional<bool> has_atom_;
  std::optional<std::size_t> begin_;
  bool begins_with_label_ = false;
};

}  // namespace

const Compiled* detect(const Text& text, const std::vector<std::shared_ptr<const Compiled>>& tables) {
  std::vector<Witness> witnesses;
  for (const auto& table : tables) witnesses.emplace_back(*table, text);
  const Compiled* best = nullptr;
  Evidence most = Evidence::kNone;
  std::size_t call_end = 0;
  for (std::size_t at = 0; !text.ends(at); ++at) {
    const Tag tag = text[at] == '<' ? match_tag(text, at) : Tag{};
    for (Witness& witness : witnesses) {
      if (at < call_end && !witness.table().calls) continue;
      const Evidence evidence = witness.look(at, tag);
      call_end = std::max(call_end, witness.call_end());
      if (evidence == Evidence::kStrong) return &witness.table();
      if (evidence > most) {
        most = evidence;
        best = &witness.table();
      }
    }
  }
  return best;
}

}  // namespace typetally::marking
