#include "typetally/base/error.h"

#include <stdexcept>

namespace typetally {

std::string_view name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnreadableFile:
      return "unreadable-file";
    case ErrorCode::kMalformed:
      return "malformed";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kUnknownName:
      return "unknown-name";
    case ErrorCode::kUnknownToken:
      return "unknown-token";
    case ErrorCode::kMisaligned:
      return "misaligned";
    case ErrorCode::kInvalidPayload:
      return "invalid-payload";
    case ErrorCode::kDisagreement:
      return "disagreement";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text = error.subject;
  if (error.offset >= 0) text += (text.empty() ? "" : ": ") + ("byte " + std::to_string(error.offset));
  return text + (text.empty() ? "" : ": ") + error.detail;
}

void bad_call(std::string_view operation, std::string_view expected, std::string_view got) {
  std::string text = "[";
  text.append(operation).append("] expected ").append(expected).append(", got ").append(got);
  throw std::invalid_argument(text);
}

}  // namespace typetally
