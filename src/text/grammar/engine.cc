#include "text/grammar/engine.h"

#include "text/grammar/attribute_reader.h"
#include "text/grammar/bracket_reader.h"
#include "text/grammar/call_reader.h"
#include "text/grammar/json_reader.h"
#include "text/grammar/number_reader.h"

namespace typetally::marking {
namespace {

constexpr std::string_view kFence = "```";

}  // namespace

void Engine::run() {
  std::size_t from = table_.calls ? visit_line(0) : 0;
  while ((from = next_trigger(from)) < scan_.size()) from = visit(from);
  scan_.undecided(scan_.at());
  if (scan_.at() == 0) stretch_ = Stretch::kAlone;
  end_stretch(scan_.size());
}

std::size_t Engine::next_trigger(std::size_t from) {
  const std::size_t special = scan_.next_special(from);
  while (from < special && !table_.triggers[static_cast<unsigned char>(text_[from])]) ++from;
  return from;
}

// Returns where to look on. Where a structure begins at `at`, the stretch before it and the structure are typed.
std::size_t Engine::visit(std::size_t at) {
  const char c = text_[at];
  if (c == '<') {
    const std::size_t next = visit_angle(at);
    if (next > at) return next;
  }
  if (const ByteRange special = scan_.special_at(at); special.end > special.begin) {
    return visit_special(at, static_cast<std::size_t>(special.end));
  }
  if (c == '`') return visit_fence(at);
  if (c == '\n') return visit_line(at + 1);
  if (table_.json && (c == '{' || c == '[')) return visit_json(at);
  if (table_.brackets && (c == '(' || c == '[')) return visit_brackets(at);
  return at + 1;
}

// The stretch before a structure ends; what follows the structure is prose unless it says otherwise.
void Engine::end_stretch(std::size_t end) {
  put_stretch(scan_, end, stretch_, table_.grammar.separators);
  stretch_ = Stretch::kProse;
}

std::size_t Engine::visit_special(std::size_t at, std::size_t end) {
  end_stretch(at);
  scan_.put(std::min(end, scan_.size()), TokenType::kFormat);
  return scan_.at();
}

std::size_t Engine::visit_angle(std::size_t at) {
  const AtomMatch atom = table_.tags ? match_atom(text_, at, table_.atoms) : AtomMatch{};
  if (atom.kind == AtomMatch::Kind::kWhole) {
    end_stretch(at);
    scan_.put(atom.end, TokenType::kCoord);
    return atom.end;
  }
  if (const ElementName name = match_element(table_, text_, at)) {
    if (name.is_cut) scan_.undecided(scan_.at());
    return visit_element(at, name.end);
  }
  if (const Tag tag = scan_.tag_at(at)) return visit_tag(at, tag);
  if (atom.kind == AtomMatch::Kind::kBroken && is_broken_token(at, atom.end)) {
    if (atom.end == scan_.size()) scan_.undecided(scan_.at());
    end_stretch(at);
    scan_.put_unparsed(atom.end);
    return atom.end;
  }
  if (is_cut_tag(text_, at)) {
    scan_.undecided(scan_.at());
    const bool shows = at + 1 < scan_.size() && (table_.tags || peek(text_, at + 1) == '|');
    return shows ? visit_special(at, scan_.size()) : at;
  }
  return at;
}

std::size_t Engine::visit_tag(std::size_t at, const Tag& tag) {
  end_stretch(at);
  scan_.put(tag.end, TokenType::kFormat);
  begin_body(table_.role(tag));
  return scan_.at();
}

// An element whose attributes say where something is describes it in its body.
std::size_t Engine::visit_element(std::size_t at, std::size_t name_end) {
  const Tag tag{.end = name_end, .name = text_.substr(at + 1, name_end - at - 1), .attributes = name_end};
  end_stretch(at);
  scan_.put(name_end, TokenType::kFormat);
  AttributeReader attributes(table_, scan_);
  attributes.read();
  if (!attributes.closes_itself()) begin_body(attributes.has_known() ? TagRole::kDescription : table_.role(tag));
  return scan_.at();
}

void Engine::begin_body(TagRole role) {
  if (role == TagRole::kDescription) stretch_ = Stretch::kDescription;
  if (role == TagRole::kNumbers) read_numbers(table_, scan_);
}

// `<` before digits is a sign of prose ("x <5 mm") unless another token, a bar or the text's end follows.
bool Engine::is_broken_token(std::size_t at, std::size_t end) const {
  const bool has_word = !is_digit(peek(text_, at + 1));
  const char next = peek(text_, end);
  return has_word || end == text_.size() || text_[end - 1] == '>' || text_[end - 1] == '|' || next == '<';
}

std::size_t Engine::visit_fence(std::size_t at) {
  const std::string_view rest = text_.substr(at, kFence.size());
  if (rest != kFence) {
    if (kFence.starts_with(rest) && at + rest.size() == scan_.size()) scan_.undecided(scan_.at());
    return at + 1;
  }
  end_stretch(at);
  std::size_t end = at + kFence.size();
  while (peek(text_, end) == '`') ++end;
  if (!in_fence_) {
    while (end < text_.size() && is_fence_info(text_[end])) ++end;
  }
  if (end == text_.size()) scan_.undecided(at);
  in_fence_ = !in_fence_;
  scan_.put(end, TokenType::kFormat);
  return end;
}

std::size_t Engine::visit_json(std::size_t at) {
  const JsonStart start = json_start(text_, at, table_.atoms);
  if (start.undecided) scan_.undecided(scan_.at());
  if (!start.begins) return std::max(start.resume, at + 1);
  end_stretch(at);
  JsonReader(table_, scan_).read();
  return scan_.at();
}

std::size_t Engine::visit_brackets(std::size_t at) {
  const Boxes boxes = match_boxes(text_, at, table_.grammar.counts);
  if (boxes.box.is_cut) scan_.undecided(scan_.at());
  if (!boxes.box) return boxes.first + 1;
  end_stretch(at);
  read_boxes(scan_, table_.grammar.counts);
  return scan_.at();
}

// Labels and commands, which stand at the start of a line (kCalls).
std::size_t Engine::visit_line(std::size_t at) {
  const std::size_t begin = skip_blanks(text_, at);
  const Label label = match_label(table_, text_, begin);
  if (label.is_cut) scan_.undecided(scan_.at());
  if (label.end == 0) return visit_command(begin);
  end_stretch(begin);
  scan_.put(label.end, TokenType::kFormat);
  return visit_command(skip_blanks(text_, label.end));
}

// Calls may follow each other on a line.
std::size_t Engine::visit_command(std::size_t at) {
  while (true) {
    const Command command = match_command(table_, text_, at);
    if (command.is_cut) scan_.undecided(scan_.at());
    if (command.kind == Command::Kind::kNone) return at;
    end_stretch(at);
    scan_.put(command.end, TokenType::kFormat);
    if (command.kind == Command::Kind::kVerb) {
      read_operand(table_, scan_, command);
      return scan_.at();
    }
    CallReader(table_, scan_, command).read();
    at = skip_blanks(text_, scan_.at());
    if (peek(text_, at) == ';' || peek(text_, at) == ',') at = skip_blanks(text_, at + 1);
  }
}

}  // namespace typetally::marking
