#include "text/grammar/engine.h"

#include "text/grammar/json_reader.h"

namespace typetally::marking {
namespace {

constexpr std::string_view kFence = "```";

bool is_info(char c) { return is_name(c) || c == '-' || c == '+' || c == '.' || c == '#'; }

}  // namespace

void Engine::run() {
  std::size_t from = 0;
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
  if (table_.json && (c == '{' || c == '[')) return visit_json(at);
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
  if (const Tag tag = match_tag(text_, at)) return visit_tag(at, tag);
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
  return tag.end;
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
    while (end < text_.size() && is_info(text_[end])) ++end;
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

}  // namespace typetally::marking
