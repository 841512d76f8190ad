#include "typetally/typing/typer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "typetally/typing/align.h"
#include "typetally/typing/project.h"

namespace typetally {
namespace {

void check_boundaries(std::span<const std::int32_t> cu_seqlens, std::size_t labels) {
  const bool rise = std::is_sorted(cu_seqlens.begin(), cu_seqlens.end());
  if (cu_seqlens.empty() || (cu_seqlens.front() == 0 && rise && std::cmp_equal(cu_seqlens.back(), labels))) return;
  bad_call("type_labels", "cu_seqlens that rise from 0 to " + std::to_string(labels),
           rise ? std::to_string(cu_seqlens.front()) + " to " + std::to_string(cu_seqlens.back()) : "a fall");
}

/// Types documents one by one; its buffers grow to the longest run and are then reused.
class DocumentTyper {
 public:
  DocumentTyper(const Vocabulary& vocabulary, const Marker& marker, TypingReport& report)
      : vocabulary_(vocabulary), marker_(marker), report_(report) {}

  void type(std::span<const std::int64_t> labels, std::span<TokenType> types, std::int64_t first) {
    ++report_.documents;
    std::fill(types.begin(), types.end(), TokenType::kIgnore);
    const auto unknown = std::find_if(labels.begin(), labels.end(),
                                      [&](std::int64_t id) { return id >= 0 && !vocabulary_.contains(id); });
    if (unknown != labels.end()) {
      report_.skipped.push_back(unknown_token(*unknown, first + (unknown - labels.begin())));
      return;
    }
    for (std::size_t begin = 0; begin < labels.size();) {
      std::size_t end = begin;
      while (end < labels.size() && labels[end] >= 0) ++end;
      if (end > begin) type_run(labels.subspan(begin, end - begin), types.subspan(begin, end - begin));
      begin = end + 1;
    }
  }

 private:
  void type_run(std::span<const std::int64_t> ids, std::span<TokenType> types) {
    text_.clear();
    ends_.clear();
    specials_.clear();
    for (const std::int64_t id : ids) {
      const auto begin = static_cast<std::int64_t>(text_.size());
      text_ += vocabulary_.bytes(id);
      const auto end = static_cast<std::int64_t>(text_.size());
      ends_.push_back(end);
      if (vocabulary_.is_special(id)) specials_.push_back({begin, end});
    }
    report_.supervised_tokens += std::ssize(ids);
    report_.unparsed_bytes += marker_.mark(text_, specials_, spans_);
    project(text_, spans_, ends_, types);
  }

  const Vocabulary& vocabulary_;
  const Marker& marker_;
  TypingReport& report_;
  std::string text_;
  std::vector<std::int64_t> ends_;
  std::vector<ByteRange> specials_;
  std::vector<Span> spans_;
};

}  // namespace

TokenTyper::TokenTyper(std::shared_ptr<const Vocabulary> vocabulary, Marker marker)
    : vocabulary_(std::move(vocabulary)), marker_(std::move(marker)) {
  if (!vocabulary_) bad_call("TokenTyper", "a vocabulary", "none");
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
  DocumentTyper document(*vocabulary_, marker_, report);
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
