#include "text/grammar/compiled.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>

namespace typetally::marking {
namespace {

// In JSON the coordinate tokens of every family count.
constexpr std::array kAnyAtom = {"<|coord_{1,4}|>", "<{1,4}>", "<loc{4}>", "<loc_{1,4}>"};

Error wrong(std::string_view field, std::string detail) {
  return {.code = ErrorCode::kMalformed, .subject = std::string(field), .detail = std::move(detail)};
}

bool is_element(std::string_view open) {
  return open.size() > 2 && open.front() == '<' && open.back() == '>' && is_letter(open[1]);
}

std::string_view element_name(std::string_view open) { return open.substr(1, open.size() - 2); }

// "<loc{4}>" or "<|coord_{1,4}|>"; false where the text is no such pattern.
bool parse_atom(std::string_view pattern, Atom& atom) {
  const std::size_t open = pattern.find('{');
  const std::size_t close = pattern.find('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const std::string_view digits = pattern.substr(open + 1, close - open - 1);
  const char* const end = digits.data() + digits.size();
  auto parsed = std::from_chars(digits.data(), end, atom.least_digits);
  if (parsed.ec != std::errc()) return false;
  atom.most_digits = atom.least_digits;
  if (parsed.ptr != end && *parsed.ptr == ',') parsed = std::from_chars(parsed.ptr + 1, end, atom.most_digits);
  if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  atom.prefix = pattern.substr(0, open);
  atom.suffix = pattern.substr(close + 1);
  return atom.prefix.starts_with('<') && !atom.suffix.empty() && atom.least_digits > 0 &&
         atom.least_digits <= atom.most_digits;
}

std::optional<Error> check_names(const Grammar& grammar) {
  const bool is_named =
      std::ranges::all_of(grammar.name, [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; });
  if (grammar.name.empty() || !is_named) {
    return wrong("name", "expected lower-case letters, digits and _, got \"" + grammar.name + "\"");
  }
  if (grammar.name == "auto" || grammar.name == "prose") {
    return wrong("name", "\"" + grammar.name + "\" is not a table's");
  }
  if (grammar.layout.empty()) return wrong("layout", "expected at least one of json, tags, brackets, calls");
  return {};
}

std::optional<Error> check_delimiters(const Grammar& grammar) {
  for (const Delimiter& delimiter : grammar.delimiters) {
    if (delimiter.open.size() < 3 || !delimiter.open.starts_with('<') || !delimiter.open.ends_with('>')) {
      return wrong("delimiters", "expected an opening <tag>, got \"" + delimiter.open + "\"");
    }
    if (!delimiter.close.empty() && (!delimiter.close.starts_with('<') || !delimiter.close.ends_with('>'))) {
      return wrong("delimiters", "expected a closing </tag> or nothing, got \"" + delimiter.close + "\"");
    }
    if (delimiter.role == TokenType::kIgnore) {
      return wrong("delimiters", "expected the role desc, coord or format, got ignore");
    }
  }
  return {};
}

std::optional<Error> check_numbers_and_words(const Grammar& grammar) {
  for (const int count : grammar.counts) {
    if (count < 1) return wrong("counts", "expected positive numbers, got " + std::to_string(count));
  }
  const auto is_ascii_sign = [](char c) { return c > ' ' && c < 0x7F && !is_name(c); };
  if (!std::ranges::all_of(grammar.separators, is_ascii_sign)) {
    return wrong("separators", "expected ASCII punctuation, got \"" + grammar.separators + "\"");
  }
  for (const auto& [field, words] :
       {std::pair{"labels", &grammar.labels}, std::pair{"verbs", &grammar.verbs}, std::pair{"said", &grammar.said}}) {
    for (const std::string& word : *words) {
      const char also = words == &grammar.labels ? ' ' : '.';
      const auto fits = [=](char c) { return is_name(c) || c == also; };
      if (word.empty() || !std::ranges::all_of(word, fits)) {
        return wrong(field, "expected words of letters, digits and _, got \"" + word + "\"");
      }
    }
  }
  return {};
}

// A key that is both of desc and of coord would hide one of its types.
std::optional<Error> fill_keys(const Grammar& grammar, const std::optional<KeySets>& keys, Compiled& compiled) {
  GrammarKeys own = grammar.keys.value_or(GrammarKeys{});
  if (compiled.json && (keys || !grammar.keys)) {
    const KeySets chosen = keys ? *keys : default_keys();
    own.desc = chosen.desc;
    own.coord = chosen.coord;
  }
  for (const std::string& key : own.desc) {
    if (std::ranges::find(own.coord, key) != own.coord.end()) {
      return wrong("keys", "\"" + key + "\" is in both desc and coord");
    }
    compiled.keys.add(key, TokenType::kDesc);
  }
  for (const std::string& key : own.coord) compiled.keys.add(key, TokenType::kCoord);
  for (const std::string& key : own.tracks) compiled.tracks.add(key, TokenType::kCoord);
  return {};
}

bool has_layout(const Grammar& grammar, Layout layout) {
  return std::ranges::find(grammar.layout, layout) != grammar.layout.end();
}

void set_triggers(Compiled& compiled) {
  const auto set = [&](std::string_view bytes) {
    for (const char c : bytes) compiled.triggers[static_cast<unsigned char>(c)] = true;
  };
  set("<`");
  if (compiled.json) set("{[");
  if (compiled.brackets) set("([");
  if (compiled.calls) set("\n");
}

}  // namespace

TokenType Names::exact(std::string_view name) const {
  for (const auto& [entry, type] : entries_) {
    if (entry == name) return type;
  }
  return TokenType::kFormat;
}

TokenType Names::numbered(std::string_view name) const {
  std::string_view stem = name;
  while (!stem.empty() && is_digit(stem.back())) stem.remove_suffix(1);
  for (const auto& [entry, type] : entries_) {
    const bool counts = entry.ends_with('#') && std::string_view(entry).substr(0, entry.size() - 1) == stem;
    if (counts || entry == name) return type;
  }
  return TokenType::kFormat;
}

TagRole Compiled::role(const Tag& tag) const {
  if (tag.closing) return TagRole::kUnknown;
  for (const Delimiter& delimiter : grammar.delimiters) {
    if (tag.name != (is_element(delimiter.open) ? element_name(delimiter.open) : delimiter.open)) continue;
    if (delimiter.role == TokenType::kDesc) return TagRole::kDescription;
    return delimiter.role == TokenType::kCoord ? TagRole::kNumbers : TagRole::kFormat;
  }
  return TagRole::kUnknown;
}

bool Compiled::knows(const Tag& tag) const {
  return std::ranges::any_of(grammar.delimiters, [&](const Delimiter& delimiter) {
    if (is_element(delimiter.open)) return tag.name == element_name(delimiter.open);
    return tag.name == delimiter.open || tag.name == delimiter.close;
  });
}

bool Compiled::closes_numbers(const Tag& tag) const {
  return std::ranges::any_of(grammar.delimiters, [&](const Delimiter& delimiter) {
    if (delimiter.role != TokenType::kCoord) return false;
    if (is_element(delimiter.open)) return tag.closing && tag.name == element_name(delimiter.open);
    return tag.name == delimiter.close;
  });
}

Result<Compiled> compile(Grammar grammar, const std::optional<KeySets>& keys) {
  for (const auto check : {check_names, check_delimiters, check_numbers_and_words}) {
    if (auto error = check(grammar)) return *std::move(error);
  }
  Compiled compiled;
  compiled.json = has_layout(grammar, Layout::kJson);
  compiled.brackets = has_layout(grammar, Layout::kBrackets);
  compiled.calls = has_layout(grammar, Layout::kCalls);
  std::vector<std::string> patterns = grammar.atoms;
  if (compiled.json) patterns.insert(patterns.end(), kAnyAtom.begin(), kAnyAtom.end());
  for (const std::string& pattern : patterns) {
    Atom atom;
    if (!parse_atom(pattern, atom)) return wrong("atoms", "expected a pattern as <loc{4}>, got \"" + pattern + "\"");
    compiled.atoms.push_back(std::move(atom));
  }
  if (auto error = fill_keys(grammar, keys, compiled)) return *std::move(error);
  compiled.tags = !compiled.json && (!grammar.delimiters.empty() || !grammar.atoms.empty());
  set_triggers(compiled);
  compiled.grammar = std::move(grammar);
  return compiled;
}

const Compiled& prose() {
  static const Compiled table = [] {
    Compiled compiled;
    compiled.grammar.name = "prose";
    set_triggers(compiled);
    return compiled;
  }();
  return table;
}

}  // namespace typetally::marking
