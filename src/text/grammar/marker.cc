#include <algorithm>
#include <string>

#include "text/grammar/compiled.h"
#include "text/grammar/detect.h"
#include "text/grammar/engine.h"
#include "typetally/text/grammar.h"

namespace typetally {
namespace {

using marking::Compiled;
using marking::Tables;

Error unknown_grammar(std::string_view name) {
  std::string known = "auto";
  for (const Grammar& grammar : grammars()) known += ", " + grammar.name;
  return {.code = ErrorCode::kUnknownName,
          .subject = "grammar",
          .detail = "expected one of " + known + ", got \"" + std::string(name) + "\""};
}

// All built-in tables, with `own` before them where it is none of them.
Result<std::shared_ptr<const Tables>> make_tables(std::string name, std::shared_ptr<const Compiled> own,
                                                  const std::optional<KeySets>& keys) {
  auto tables = std::make_shared<Tables>();
  tables->name = std::move(name);
  for (const Grammar& grammar : grammars()) {
    auto compiled = marking::compile(grammar, keys);
    if (!compiled) return compiled.error();
    tables->asked.push_back(std::make_shared<const Compiled>(std::move(compiled).value()));
    if (own == nullptr && grammar.name == tables->name) tables->chosen = tables->asked.back();
  }
  if (own != nullptr) {
    tables->chosen = own;
    tables->asked.insert(tables->asked.begin(), std::move(own));
  }
  return std::shared_ptr<const Tables>(std::move(tables));
}

}  // namespace

Result<Marker> Marker::create(std::string_view grammar, const std::optional<KeySets>& keys) {
  auto tables = make_tables(std::string(grammar), nullptr, keys);
  if (!tables) return tables.error();
  if (tables.value()->chosen == nullptr && grammar != "auto") return unknown_grammar(grammar);
  return Marker(std::move(tables).value());
}

Result<Marker> Marker::create(Grammar grammar, const std::optional<KeySets>& keys) {
  auto compiled = marking::compile(std::move(grammar), keys);
  if (!compiled) return compiled.error();
  std::string name = compiled.value().grammar.name;
  auto tables = make_tables(std::move(name), std::make_shared<const Compiled>(std::move(compiled).value()), keys);
  if (!tables) return tables.error();
  return Marker(std::move(tables).value());
}

std::int64_t Marker::mark(std::string_view text, std::span<const ByteRange> specials, std::vector<Span>& spans,
                          std::int64_t* settled) const {
  marking::Scan scan(text, specials, spans);
  const Compiled* table = tables_->chosen.get();
  if (table == nullptr) table = marking::detect(scan.text(), tables_->asked);
  marking::Engine(table == nullptr ? marking::prose() : *table, scan).run();
  if (settled != nullptr) *settled = static_cast<std::int64_t>(scan.settled());
  return scan.unparsed();
}

std::string_view Marker::detect(std::string_view text) const {
  const Compiled* table = marking::detect(marking::Text(text), tables_->asked);
  return table == nullptr ? "prose" : std::string_view(table->grammar.name);
}

std::string_view Marker::name() const { return tables_->name; }

}  // namespace typetally
