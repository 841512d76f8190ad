#include "text/tokenizer_json.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "text/piece_decoding.h"
#include "text/utf8.h"
#include "text/vocabulary_builder.h"

namespace typetally {
namespace {

namespace json = simdjson::ondemand;

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

// Qwen3's file has 75, with its merges.
constexpr std::size_t kBytesPerToken = 64;

constexpr std::string_view kSpaceMark = "\u2581";

/// One normalizer, pre-tokenizer or decoder; sequences are flattened.
struct Step {
  std::string type;
  std::string pattern;
  std::string content;
  std::string replacement;
  bool regex = false;
  bool prepends_space = false;
};

using Steps = std::vector<Step>;

void read_pattern(json::value value, Step& step) {
  if (value.type() != json::json_type::object) return;
  for (json::field field : value.get_object()) {
    const std::string_view key = field.unescaped_key();
    if (key == "String") step.pattern = field.value().get_string().value();
    if (key == "Regex") step.regex = true;
  }
}

void read_steps(json::value value, Steps& steps);

void read_step_field(std::string_view key, json::value value, Step& step, Steps& steps) {
  if (key == "normalizers" || key == "pretokenizers" || key == "decoders") {
    for (json::value item : value.get_array()) read_steps(item, steps);
  } else if (key == "pattern") {
    read_pattern(value, step);
  } else if (key == "add_prefix_space") {
    step.prepends_space |= value.get_bool().value();
  } else if (key == "prepend_scheme") {
    step.prepends_space |= value.get_string().value() != "never";
  } else if (key == "type" || key == "content" || key == "replacement") {
    if (value.type() != json::json_type::string) return;
    std::string& target = key == "type" ? step.type : key == "content" ? step.content : step.replacement;
    target = value.get_string().value();
  }
}

void read_steps(json::value value, Steps& steps) {
  if (value.type() != json::json_type::object) return;
  Step step;
  for (json::field field : value.get_object()) {
    const std::string_view key = field.unescaped_key();
    read_step_field(key, field.value(), step, steps);
  }
  if (step.type != "Sequence") steps.push_back(std::move(step));
}

bool has_step(const Steps& steps, std::string_view type) {
  return std::any_of(steps.begin(), steps.end(), [&](const Step& step) { return step.type == type; });
}

struct AddedToken {
  std::int64_t id = -1;
  std::string_view content;
  bool special = false;
  std::int64_t offset = 0;
};

[[noreturn]] void refuse(std::int64_t offset, std::string detail) {
  throw Refusal{ErrorCode::kMalformed, offset, std::move(detail)};
}

[[noreturn]] void unsupported(std::string detail) { throw Refusal{ErrorCode::kUnsupported, -1, std::move(detail)}; }

/// Views of strings point into the parser, so it lives as long as the reader.
class TokenizerReader {
 public:
  explicit TokenizerReader(std::string_view text) : text_(text), table_(text.size() / kBytesPerToken) {}

  Vocabulary read() {
    json::document document = open();
    try {
      for (json::field field : document.get_object()) {
        const std::string_view key = field.unescaped_key();
        read_field(key, field.value());
      }
      const char* rest = nullptr;
      if (document.current_location().get(rest) == simdjson::SUCCESS) {
        throw simdjson::simdjson_error(simdjson::TRAILING_CONTENT);
      }
    } catch (const simdjson::simdjson_error& error) {
      refuse(offset_of(error.error(), document), simdjson::error_message(error.error()));
    }
    return build();
  }

 private:
  std::int64_t offset_of(const char* at) const { return at - text_.data(); }

  /// Where reading stopped; simdjson notices at the start that a text ends early.
  std::int64_t offset_of(simdjson::error_code error, json::document& document) const {
    const char* at = nullptr;
    const bool placed = document.current_location().get(at) == simdjson::SUCCESS;
    return placed && error != simdjson::INCOMPLETE_ARRAY_OR_OBJECT ? offset_of(at) : std::ssize(text_);
  }

  json::document open() {
    json::document document;
    const auto error = parser_.iterate(text_.data(), text_.size(), text_.size() + kJsonPadding).get(document);
    if (error == simdjson::SUCCESS) return document;
    const auto place = error == simdjson::UTF8_ERROR ? valid_utf8_prefix(text_) : text_.size();
    refuse(static_cast<std::int64_t>(place), simdjson::error_message(error));
  }

  void read_field(std::string_view key, json::value value) {
    if (key == "added_tokens") return read_added(value);
    if (key == "model") return read_model(value);
    if (key == "normalizer") return read_steps(value, normalizers_);
    if (key == "pre_tokenizer") return read_steps(value, pre_tokenizers_);
    if (key == "decoder") return read_steps(value, decoders_);
  }

  void read_added(json::value list) {
    for (json::value item : list.get_array()) {
      AddedToken token;
      token.offset = offset_of(item.raw_json_token().data());
      bool has_content = false;
      for (json::field field : item.get_object()) {
        const std::string_view key = field.unescaped_key();
        if (key == "id") token.id = field.value().get_int64();
        if (key == "special") token.special = field.value().get_bool();
        if (key != "content") continue;
        token.content = field.value().get_string();
        has_content = true;
      }
      if (token.id < 0 || !has_content) refuse(token.offset, "an added token needs an id and a content");
      added_.push_back(token);
    }
  }

  void read_model(json::value model) {
    has_model_ = true;
    for (json::field field : model.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "type") model_type_ = field.value().get_string().value();
      if (key == "byte_fallback") byte_fallback_ = field.value().get_bool();
      if (key == "vocab") read_vocab(field.value());
    }
  }

  void read_vocab(json::value vocab) {
    if (vocab.type() == json::json_type::array) return read_pieces(vocab);
    for (json::field field : vocab.get_object()) {
      const std::int64_t offset = offset_of(field.key().raw()) - 1;  // raw() is past the opening quote
      const std::string_view text = field.unescaped_key();
      table_.set(field.value().get_int64(), {text, false}, offset, false);
    }
  }

  /// Unigram: [[piece, score], ...], in the order of ids.
  void read_pieces(json::value vocab) {
    std::int64_t id = 0;
    for (json::value pair : vocab.get_array()) {
      const std::int64_t offset = offset_of(pair.raw_json_token().data());
      std::string_view piece;
      std::int64_t parts = 0;
      for (json::value part : pair.get_array()) {
        if (parts++ == 0) piece = part.get_string();
      }
      if (parts != 2) refuse(offset, "a piece is a text and a score");
      table_.set(id++, {piece, false}, offset, false);
    }
  }

  PieceDecoding decoding() const {
    for (const char* type : {"WordPiece", "BPEDecoder", "CTC"}) {
      if (has_step(decoders_, type)) unsupported(std::string("the decoder ") + type + " is not supported");
    }
    PieceDecoding found;
    if (decoders_.empty()) {
      found.byte_level = has_step(pre_tokenizers_, "ByteLevel");
      found.byte_fallback = byte_fallback_;
      for (const Step& step : normalizers_) {
        if (step.type == "Replace" && step.pattern == " ") found.replacements.emplace_back(step.content, " ");
      }
      add_metaspace(pre_tokenizers_, found);
      return found;
    }
    found.byte_level = has_step(decoders_, "ByteLevel");
    found.byte_fallback = has_step(decoders_, "ByteFallback");
    for (const Step& step : decoders_) {
      if (step.type != "Replace") continue;
      if (step.regex) unsupported("a decoder that replaces a regular expression is not supported");
      if (!step.pattern.empty()) found.replacements.emplace_back(step.pattern, step.content);
    }
    add_metaspace(decoders_, found);
    return found;
  }

  static void add_metaspace(const Steps& steps, PieceDecoding& found) {
    for (const Step& step : steps) {
      if (step.type != "Metaspace") continue;
      found.replacements.emplace_back(step.replacement.empty() ? kSpaceMark : step.replacement, " ");
    }
  }

  InputRules input_rules() const {
    InputRules rules;
    for (const Step& step : normalizers_) {
      const bool unicode = step.type == "NFC" || step.type == "NFD" || step.type == "NFKC" || step.type == "NFKD";
      if (unicode && rules.normalization.empty()) rules.normalization = step.type;
      rules.prepends_space |= step.type == "Prepend";
    }
    for (const Step& step : pre_tokenizers_) rules.prepends_space |= step.prepends_space;
    return rules;
  }

  Vocabulary build() {
    if (!has_model_) refuse(std::ssize(text_), "there is no model: this is not a tokenizer.json");
    if (!model_type_.empty() && model_type_ != "BPE" && model_type_ != "Unigram") {
      unsupported("the model is " + model_type_ + "; BPE and Unigram are supported");
    }
    if (table_.entries().empty()) refuse(std::ssize(text_), "the model has no vocab");
    for (const AddedToken& token : added_) {
      table_.set(token.id, {token.content, token.special}, token.offset, true);
    }
    VocabularyBuilder builder;
    builder.reserve(table_.entries().size(), table_.bytes());
    const PieceDecoding pieces = decoding();
    for (const TokenTable::Entry& entry : table_.entries()) {
      if (entry.known()) append_piece(pieces, entry.text(), builder.pool());
      entry.known() ? builder.end_token(entry.special()) : builder.add_hole();
    }
    return builder.finish(input_rules());
  }

  std::string_view text_;
  json::parser parser_;
  std::vector<AddedToken> added_;
  Steps normalizers_, pre_tokenizers_, decoders_;
  TokenTable table_;
  std::string model_type_;
  bool has_model_ = false;
  bool byte_fallback_ = false;
};

}  // namespace

Result<Vocabulary> read_tokenizer_json(std::string_view padded_json, std::string subject) {
  try {
    return TokenizerReader(padded_json).read();
  } catch (const Refusal& refusal) {
    return Error{refusal.code, std::move(subject), refusal.offset, refusal.detail};
  }
}

}  // namespace typetally
