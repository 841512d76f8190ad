#include "text/grammar/command.h"

#include <algorithm>

#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

constexpr std::string_view kFullWidthColon = "\xEF\xBC\x9A";

// Whether one of `words` is the dotted name `whole` or its last part `name`.
bool names(const std::vector<std::string>& words, std::string_view name, std::string_view whole) {
  return std::ranges::any_of(words, [=](const std::string& entry) {
    return equal_in_any_case(entry, name) || equal_in_any_case(entry, whole);
  });
}

bool starts_in_any_case(const Text& text, std::size_t at, std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (lower(text.peek(at + i)) != lower(word[i])) return false;
  }
  return true;
}

bool is_shouted(std::string_view word) {
  return word.size() >= 3 && std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

bool ends_line(const Text& text, std::size_t at) {
  const std::size_t end = skip_blanks(text, at);
  return text.ends(end) || text[end] == '\n' || text[end] == '\r' || text[end] == ';' || text[end] == '#' ||
         text.starts_with(end, "<|") || text.starts_with(end, "</");
}

std::size_t dotted_name_end(const Text& text, std::size_t at) {
  if (!is_letter(text.peek(at)) && text.peek(at) != '_') return at;
  std::size_t end = skip_name(text, at);
  while (text.peek(end) == '.' && is_letter(text.peek(end + 1))) end = skip_name(text, end + 1);
  return end;
}

// Fills in what the brackets at command.end say.
void look_into_brackets(const Text& text, Command& command) {
  const std::size_t at = skip_space(text, command.end + 1);
  command.kind = Command::Kind::kCall;
  if (text.ends(at)) return;
  const std::size_t name = skip_name(text, at);
  const std::size_t equals = skip_space(text, name);
  if (name > at && is_letter(text[at])) {
    const bool is_argument = text.ends(equals) || (text[equals] == '=' && text.peek(equals + 1) != '=');
    if (!is_argument) command.kind = Command::Kind::kNone;
    return;
  }
  if (text[at] == ')') {
    if (!ends_line(text, at + 1)) command.kind = Command::Kind::kNone;
    return;
  }
  constexpr std::string_view kOpenings = "'\"-[(<{";
  if (!is_digit(text[at]) && kOpenings.find(text[at]) == std::string_view::npos) command.kind = Command::Kind::kNone;
}

void look_at_operand(const Compiled& table, const Text& text, Command& command) {
  const bool is_shout = is_shouted(command.name);
  if (!command.is_verb && !is_shout) return;
  const std::size_t at = skip_blanks(text, command.end);
  const char c = text.peek(at);
  const Tag tag = match_tag(text, at);
  const bool is_tag = tag && table.role(tag) == TagRole::kNumbers;
  const bool has_operand = is_tag || c == '[' ||
                           (command.is_verb && c == '(' && is_digit(text.peek(skip_space(text, at + 1)))) ||
                           (command.is_said && (c == '"' || c == '\''));
  const bool is_alone = is_shout && command.is_verb && ends_line(text, command.end);
  if (!has_operand && !is_alone) return;
  command.kind = Command::Kind::kVerb;
}

}  // namespace

std::size_t skip_blanks(const Text& text, std::size_t at) {
  while (!text.ends(at) && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

std::size_t match_label(const Compiled& table, const Text& text, std::size_t at) {
  for (const std::string& label : table.grammar.labels) {
    if (!starts_in_any_case(text, at, label)) continue;
    const std::size_t colon = skip_blanks(text, skip_digits(text, skip_blanks(text, at + label.size())));
    if (text.peek(colon) == ':') return colon + 1;
    if (text.starts_with(colon, kFullWidthColon)) return colon + kFullWidthColon.size();
  }
  return 0;
}

Command match_command(const Compiled& table, const Text& text, std::size_t at) {
  Command command;
  command.end = dotted_name_end(text, at);
  if (command.end == at) return command;
  const std::string_view whole = text.between(at, command.end);
  command.name = whole.substr(whole.rfind('.') + 1);
  command.is_verb = names(table.grammar.verbs, command.name, whole);
  command.is_said = names(table.grammar.said, command.name, whole);
  if (text.peek(command.end) == '(') {
    look_into_brackets(text, command);
  } else {
    look_at_operand(table, text, command);
  }
  return command;
}

}  // namespace typetally::marking
