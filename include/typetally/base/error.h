#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace typetally {

/// Why data was refused. Bad calls throw std::invalid_argument instead (see bad_call).
enum class ErrorCode : std::uint8_t {
  kUnreadableFile,  ///< the file cannot be opened or read
  kMalformed,       ///< the bytes are not of the format that they claim
  kUnsupported,     ///< the format is known, this feature of it is not handled
  kUnknownName,     ///< a name (grammar, key, field) that does not exist
  kUnknownToken,    ///< a token id that the vocabulary lacks
  kMisaligned,      ///< labels do not decode to the payload
  kInvalidPayload,  ///< a payload that cannot be serialised
  kDisagreement,    ///< two sources of the same fact differ
};

/// The kebab-case name of a code, as shown in reports: "unknown-token".
std::string_view name(ErrorCode code);

/// An error in data: what was being read, where in it, and what is wrong.
struct Error {
  ErrorCode code;
  std::string subject;       ///< the file's name as the caller gave it, or the field
  std::int64_t offset = -1;  ///< bytes (or positions, where `detail` says so) from the subject's start; -1: no place
  std::string detail;        ///< one sentence, deterministic

  friend bool operator==(const Error&, const Error&) = default;
};

/// "tokenizer.json: byte 120: expected a string" — the one rendering of an Error.
std::string to_string(const Error& error);

/// Throws std::invalid_argument("[operation] expected <expected>, got <got>").
[[noreturn]] void bad_call(std::string_view operation, std::string_view expected, std::string_view got);

}  // namespace typetally
