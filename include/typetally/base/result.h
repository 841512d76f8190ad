#pragma once

#include <utility>
#include <variant>

#include "typetally/base/error.h"

namespace typetally {

/// A value, or the Error that stands in its place. Reading the wrong one throws std::bad_variant_access.
template <class T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function returns either with a plain `return`.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& { return std::get<0>(content_); }
  T& value() & { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

}  // namespace typetally
