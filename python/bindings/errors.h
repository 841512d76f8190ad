#pragma once

#include <stdexcept>
#include <utility>

#include "typetally/base/result.h"

namespace typetally::python {

/// The value, or a ValueError that says what is wrong with the data.
template <class T>
T unwrap(Result<T> result) {
  if (!result) throw std::invalid_argument(to_string(result.error()));
  return std::move(result).value();
}

}  // namespace typetally::python
