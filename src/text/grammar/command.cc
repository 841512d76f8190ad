#include "text/grammar/command.h"

#include <algorithm>

#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

constexpr std::string_view kFullWidthColon = "\xEF\xBC\x9A";

bool names(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::any_of(words, [=](const std::string& entry) { return equal_in_any_case(entry, word); });
}

bool is_shouted(std::string_view word) {
  return word.size() >= 3 && std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

bool ends_line(std::string_view text, std::size_t at) {
  const std::size_t end = skip_blanks(text, at);
  return end == text.size() || text[end] == '\n' || text[end] == '\r' || text[end] == ';' || text[end] == '#' ||
         text.substr(end).starts_with("<|") || text.substr(end).starts_with("</");
}

std::size_t dotted_name_end(std::string_view text, std::size_t at) {
  if (!is_letter(peek(text, at)) && peek(text, at) != '_') return at;
  std::size_t end = skip_name(text, at);
  while (peek(text, end) == '.' && is_letter(peek(text, end + 1))) end = skip_name(text, end + 1);
  return end;
}

// Fills in what the brackets at command.end say.
void look_into_brackets(const Compiled& table, std::string_view text, Command& command) {
  const std::size_t at = skip_space(text, command.end + 1);
  command.kind = Command::Kind::kCall;
  if (at == text.size()) {
    command.is_cut = true;
    return;
  }
  const std::size_t name = skip_name(text, at);
  const std::size_t equals = skip_space(text, name);
  if (name > at && is_letter(text[at])) {
    command.is_cut = equals + 1 >= text.size();
    const bool is_argument = equals == text.size() || (text[equals] == '=' && peek(text, equals + 1) != '=');
    if (!is_argument) command.kind = Command::Kind::kNone;
    const std::string_view key = text.substr(at, name - at);
    command.is_known |= table.keys.numbered(key) != TokenType::kFormat;
    return;
  }
  if (text[at] == ')') {
    if (!ends_line(text, at + 1)) command.kind = Command::Kind::kNone;
    command.is_cut = skip_blanks(text, at + 1) == text.size();
    return;
  }
  constexpr std::string_view kOpenings = "'\"-[(<{";
  if (!is_digit(text[at]) && kOpenings.find(text[at]) == std::string_view::npos) command.kind = Command::Kind::kNone;
}

void look_at_operand(const Compiled& table, std::string_view text, Command& command) {
  const bool is_verb = names(table.grammar.verbs, command.name);
  const bool is_shout = is_shouted(command.name);
  if (!is_verb && !is_shout) return;
  const std::size_t at = skip_blanks(text, command.end);
  const char c = peek(text, at);
  const Tag tag = match_tag(text, at);
  const bool is_tag = tag && table.role(tag) == TagRole::kNumbers;
  const bool has_operand = is_tag || c == '[' ||
                           (is_verb && c == '(' && is_digit(peek(text, skip_space(text, at + 1)))) ||
                           (command.is_said && (c == '"' || c == '\''));
  const bool is_alone = is_shout && is_verb && ends_line(text, command.end);
  if (!has_operand && !is_alone) {
    command.is_cut = at == text.size() || tag.is_cut;
    return;
  }
  command.kind = Command::Kind::kVerb;
  command.is_cut = at == text.size();
  command.is_known = is_verb;
}

}  // namespace

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

Label match_label(const Compiled& table, std::string_view text, std::size_t at) {
  Label found;
  for (const std::string& label : table.grammar.labels) {
    const std::string_view rest = text.substr(std::min(at, text.size()), label.size());
    if (!equal_in_any_case(rest, std::string_view(label).substr(0, rest.size()))) continue;
    const std::size_t colon = skip_blanks(text, skip_digits(text, skip_blanks(text, at + rest.size())));
    const std::string_view sign = text.substr(colon, kFullWidthColon.size());
    found.is_cut = found.is_cut || rest.size() < label.size() || kFullWidthColon.starts_with(sign);
    if (rest.size() < label.size()) continue;
    if (sign.starts_with(':')) return {.end = colon + 1};
    if (sign == kFullWidthColon) return {.end = colon + kFullWidthColon.size()};
  }
  return found;
}

Command match_command(const Compiled& table, std::string_view text, std::size_t at) {
  Command command;
  command.end = dotted_name_end(text, at);
  if (command.end == at) return command;
  const std::string_view whole = text.substr(at, command.end - at);
  command.name = whole.substr(whole.rfind('.') + 1);
  command.is_known = command.name.size() < whole.size() || names(table.grammar.verbs, command.name);
  command.is_said = names(table.grammar.said, command.name);
  command.is_cut = command.end == text.size();
  if (peek(text, command.end) == '(') {
    look_into_brackets(table, text, command);
  } else {
    look_at_operand(table, text, command);
  }
  return command;
}

}  // namespace typetally::marking
