#include "typetally/text/vocabulary.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "text/tokenizer_json.h"
#include "text/vocabulary_builder.h"

namespace typetally {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error unreadable(const std::string& subject, std::string detail) {
  return {.code = ErrorCode::kUnreadableFile, .subject = subject, .detail = std::move(detail)};
}

// The text is followed by `padding` bytes of value 0.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t padding) {
  const std::string subject = path.string();
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) return unreadable(subject, "cannot be opened: " + std::generic_category().message(errno));
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure) return unreadable(subject, "cannot be read: " + failure.message());
  std::string text(static_cast<std::size_t>(size) + padding, '\0');
  if (std::fread(text.data(), 1, static_cast<std::size_t>(size), file.get()) != size) {
    return unreadable(subject, "cannot be read to its end");
  }
  return text;
}

}  // namespace

void TokenTable::set(std::int64_t id, Entry entry, std::int64_t offset, bool replace) {
  if (id < 0 || id >= Vocabulary::kMaxSize) {
    throw Refusal{ErrorCode::kMalformed, offset, "the token id " + std::to_string(id) + " is out of range"};
  }
  const auto i = static_cast<std::size_t>(id);
  if (i >= entries_.size()) entries_.resize(i + 1);
  if (entries_[i].known() && !replace) {
    throw Refusal{ErrorCode::kMalformed, offset, "the token id " + std::to_string(id) + " is taken already"};
  }
  entries_[i] = entry;
  bytes_ += entry.text().size();
}

Vocabulary Vocabulary::from_tokens(std::span<const Token> tokens, std::span<const bool> known, InputRules rules) {
  if (!known.empty() && known.size() != tokens.size()) {
    bad_call("from_tokens", "one flag per token", std::to_string(known.size()) + " flags");
  }
  if (std::ssize(tokens) > kMaxSize) {
    bad_call("from_tokens", "at most " + std::to_string(kMaxSize) + " tokens", std::to_string(tokens.size()));
  }
  VocabularyBuilder builder;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!known.empty() && !known[i]) {
      builder.add_hole();
      continue;
    }
    builder.pool() += tokens[i].bytes;
    builder.end_token(tokens[i].special);
  }
  return builder.finish(std::move(rules));
}

Result<Vocabulary> Vocabulary::from_file(const std::filesystem::path& path, std::span<const SpecialToken> special) {
  std::error_code ignored;
  const auto file = std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
  const bool ranks = file.extension() == ".tiktoken";
  if (!ranks && !special.empty()) {
    bad_call("Vocabulary.from_file", "special tokens only with a .tiktoken file", file.string());
  }
  if (!ranks && file.extension() != ".json") {
    return Error{.code = ErrorCode::kUnsupported,
                 .subject = file.string(),
                 .detail = "a vocabulary is read from a tokenizer.json or a .tiktoken file"};
  }
  const Result<std::string> text = read_file(file, ranks ? 0 : kJsonPadding);
  if (!text) return text.error();
  if (ranks) return from_tiktoken(text.value(), special, file.string());
  return read_tokenizer_json(std::string_view(text.value()).substr(0, text.value().size() - kJsonPadding),
                             file.string());
}

Result<Vocabulary> Vocabulary::from_tokenizer_json(std::string_view json, std::string subject) {
  std::string padded;
  padded.reserve(json.size() + kJsonPadding);
  padded.append(json).append(kJsonPadding, '\0');
  return read_tokenizer_json(std::string_view(padded).substr(0, json.size()), std::move(subject));
}

Result<std::string> Vocabulary::decode(std::span<const std::int64_t> ids) const {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!contains(ids[i])) return unknown_token(ids[i], static_cast<std::int64_t>(i));
    text += bytes(ids[i]);
  }
  return text;
}

Error unknown_token(std::int64_t id, std::int64_t position) {
  return {
      .code = ErrorCode::kUnknownToken,
      .subject = "labels",
      .offset = position,
      .detail = "the vocabulary has no token " + std::to_string(id) + " (position " + std::to_string(position) + ")"};
}

}  // namespace typetally
