#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bindings.h"
#include "recycled.h"
#include "typetally/base/tensor_view.h"

namespace typetally::python {

/// NumPy's own interface, for arrays that are read and made by the dozen per batch: the buffer protocol and nanobind's
/// arrays take some ten times as long for each. Raises ImportError where NumPy cannot be imported.
void import_numpy();

struct NumpyValues {
  const void* data;
  DType dtype;
  std::int64_t size;
};

/// The values of an array [n] or [1, n] of int8, int32 or int64 without gaps; nothing for anything else, subclasses
/// included.
std::optional<NumpyValues> numpy_values(nb::handle value);

/// An array over the block's memory.
nb::object numpy_array(DType dtype, std::span<const std::int64_t> shape, RecycledBlock block);

}  // namespace typetally::python
