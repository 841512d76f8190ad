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
  while (!text_.ends(from = next_trigger(from))) from = visit(from);
  if (scan_.at() == 0) stretch_ = Stretch::kAlone;
  end_stretch(text_.size());
}

std::size_t Engine::next_trigger(std::size_t from) {
  const std::size_t special = scan_.next_special(from);
  while (from < special && !text_.ends(from) && !table_.triggers[static_cast<unsigned char>(text_[from])]) ++from;
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
  scan_.put(text_.ends(end - 1) ? text_.size() : end, TokenType::kFormat);
  return scan_.at();
}

std::size_t Engine::visit_angle(std::size_t at) {
  const AtomMatch atom = table_.tags ? match_atom(text_, at, table_.atoms) : AtomMatch{};
  if (atom.kind == AtomMatch::Kind::kWhole) {
    end_stretch(at);
    scan_.put(atom.end, TokenType::kCoord);
    return atom.end;
  }
  if (const std::size_t name_end = match_element(table_, text_, at); name_end != 0) return visit_element(at, name_end);
  const Tag tag = match_tag(text_, at);
  const bool is_broken = atom.kind == AtomMatch::Kind::kBroken;
  if (is_broken && (tag || is_broken_token(at, atom.end))) {
    end_stretch(at);
    scan_.put_unparsed(tag ? tag.end : atom.end);
    return scan_.at();
  }
  if (tag) return visit_tag(at, tag);
  if (is_cut_tag(text_, at)) {
    const bool shows = !text_.ends(at + 1) && (table_.tags || text_[at + 1] == '|');
    return shows ? visit_special(at, text_.size()) : at;
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
  const Tag tag{.end = name_end, .name = text_.between(at + 1, name_end), .attributes = name_end};
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
  const bool has_word = !is_digit(text_.peek(at + 1));
  return has_word || text_[end - 1] == '>' || text_[end - 1] == '|' || text_.ends(end) || text_[end] == '<';
}

std::size_t Engine::visit_fence(std::size_t at) {
  if (!text_.starts_with(at, kFence)) return at + 1;
  end_stretch(at);
  std::size_t end = at + kFence.size();
  while (text_.peek(end) == '`') ++end;
  if (!in_fence_) {
    while (!text_.ends(end) && is_fence_info(text_[end])) ++end;
  }
  in_fence_ = !in_fence_;
  scan_.put(end, TokenType::kFormat);
  return end;
}

std::size_t Engine::visit_json(std::size_t at) {
  const JsonStart start = json_start(text_, at, table_.atoms);
  if (!start.begins) return std::max(start.resume, at + 1);
  end_stretch(at);
  JsonReader(table_, scan_).read();
  return scan_.at();
}

std::size_t Engine::visit_brackets(std::size_t at) {
  const Boxes boxes = match_boxes(text_, at, table_.grammar.counts);
  if (!boxes.box) return boxes.first + 1;
  end_stretch(at);
  read_boxes(scan_, table_.grammar.counts);
  return scan_.at();
}

// Labels and commands, which stand at the start of a line (kCalls).
std::size_t Engine::visit_line(std::size_t at) {
  const std::size_t begin = skip_blanks(text_, at);
  const std::size_t label_end = match_label(table_, text_, begin);
  if (label_end == 0) return visit_command(begin);
  end_stretch(begin);
  scan_.put(label_end, TokenType::kFormat);
  return visit_command(skip_blanks(text_, label_end));
}

// Calls may follow each other on a line.
std::size_t Engine::visit_command(std::size_t at) {
  while (true) {
    const Command command = match_command(table_, text_, at);
    if (command.kind == Command::Kind::kNone) return at;
    end_stretch(at);
    scan_.put(command.end, TokenType::kFormat);
    if (command.kind == Command::Kind::kVerb) {
      read_operand(table_, scan_, command);
      return scan_.at();
    }
    CallReader(table_, scan_, command).read();
    at = skip_blanks(text_, scan_.at());
    if (text_.peek(at) == ';' || text_.peek(at) == ',') at = skip_blanks(text_, at + 1);
  }
}

}  // namespace typetally::marking
