#include "typetally/typing/typer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "typetally/typing/align.h"
#include "typing/text_route.h"
#include "typing/token_table.h"

namespace typetally {
namespace {

void check_boundaries(std::span<const std::int32_t> cu_seqlens, std::size_t labels) {
  const bool rise = std::is_sorted(cu_seqlens.begin(), cu_seqlens.end());
  if (cu_seqlens.empty() || (cu_seqlens.front() == 0 && rise && std::cmp_equal(cu_seqlens.back(), labels))) return;
  bad_call("type_labels", "cu_seqlens that rise from 0 to " + std::to_string(labels),
           rise ? std::to_string(cu_seqlens.front()) + " to " + std::to_string(cu_seqlens.back()) : "a fall");
}

/// Types documents one by one.
class DocumentTyper {
 public:
  DocumentTyper(const Vocabulary& vocabulary, const Marker& marker, const TokenTable* table, TypingReport& report)
      : vocabulary_(vocabulary), table_(table), text_(vocabulary, marker), report_(report) {}

  void type(std::span<const std::int64_t> labels, std::span<TokenType> types, std::int64_t first) {
    ++report_.documents;
    supervised_ = 0;
    unparsed_ = 0;
    for (std::size_t at = 0; at < labels.size();) {
      if (labels[at] == kIgnoreIndex) {
        types[at++] = TokenType::kIgnore;
        continue;
      }
      at += type_run(labels.subspan(at), types.subspan(at));
      if (at == labels.size() || labels[at] == kIgnoreIndex) continue;
      report_.skipped.push_back(unknown_token(labels[at], first + static_cast<std::int64_t>(at)));
      std::fill(types.begin(), types.end(), TokenType::kIgnore);
      return;
    }
    report_.supervised_tokens += supervised_;
    report_.unparsed_bytes += unparsed_;
  }

 private:
  // Types a run from its first label on; returns how many labels it has, or where the vocabulary lacks one.
  std::size_t type_run(std::span<const std::int64_t> labels, std::span<TokenType> types) {
    TokenTable::Run run;
    if (table_ != nullptr) run = table_->type_run(labels, types.data());
    if (!run.is_decided) {
      while (run.size < labels.size() && vocabulary_.contains(labels[run.size])) ++run.size;
      if (run.size == labels.size() || labels[run.size] == kIgnoreIndex) {
        unparsed_ += text_.type_run(labels.first(run.size), types.first(run.size));
      }
    }
    supervised_ += static_cast<std::int64_t>(run.size);
    return run.size;
  }

  const Vocabulary& vocabulary_;
  const TokenTable* table_;
  TextRoute text_;
  TypingReport& report_;
  std::int64_t supervised_ = 0;
  std::int64_t unparsed_ = 0;
};

std::shared_ptr<const TokenTable> make_table(const std::shared_ptr<const Vocabulary>& vocabulary,
                                             const Marker& marker) {
  auto automaton = marking::JsonAutomaton::create(marker.tables());
  return automaton ? std::make_shared<const TokenTable>(vocabulary, *std::move(automaton)) : nullptr;
}

}  // namespace

TokenTyper::TokenTyper(std::shared_ptr<const Vocabulary> vocabulary, Marker marker)
    : vocabulary_(std::move(vocabulary)), marker_(std::move(marker)) {
  if (!vocabulary_) bad_call("TokenTyper", "a vocabulary", "none");
  table_ = make_table(vocabulary_, marker_);
}

TypingReport TokenTyper::type_labels(std::span<const std::int64_t> labels, std::span<const std::int32_t> cu_seqlens,
                                     std::span<TokenType> types) const {
  if (labels.size() != types.size()) {
    bad_call("type_labels", "one type per label", std::to_string(types.size()) + " types");
  }
  check_boundaries(cu_seqlens, labels.size());
  const std::array<std::int32_t, 1> start = {0};
  const auto begins =
      cu_seqlens.empty() ? std::span<const std::int32_t>(start) : cu_seqlens.first(cu_seqlens.size() - 1);
  TypingReport report;
  DocumentTyper document(*vocabulary_, marker_, table_.get(), report);
  for (std::size_t d = 0; d < begins.size(); ++d) {
    const auto begin = static_cast<std::size_t>(begins[d]);
    const std::size_t end = cu_seqlens.empty() ? labels.size() : static_cast<std::size_t>(cu_seqlens[d + 1]);
    document.type(labels.subspan(begin, end - begin), types.subspan(begin, end - begin), begins[d]);
  }
  return report;
}

std::optional<Error> TokenTyper::type_payload(const TypedText& payload, std::string_view suffix,
                                              std::span<const std::int64_t> labels, std::span<TokenType> types) const {
  return align_payload(*vocabulary_, payload, suffix, labels, types);
}

}  // namespace typetally
