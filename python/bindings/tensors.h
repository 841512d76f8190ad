#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "typetally/base/tensor_view.h"
#include "typetally/base/token_type.h"

namespace typetally::python {

namespace nb = nanobind;

/// Any tensor that speaks DLPack or the buffer protocol, read-only ones too.
using AnyTensor = nb::ndarray<nb::ro>;

/// A contiguous array in host memory, as `typetally.base.tensors` hands them over.
template <class T>
using HostArray = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> to_span(const HostArray<T>& array) {
  return {array.data(), array.shape(0)};
}

/// An array that may be None: an empty span.
template <class T>
std::span<const T> to_span(const std::optional<HostArray<T>>& array) {
  return array ? to_span(*array) : std::span<const T>{};
}

/// int8 token types as the core's enumeration, which has the same representation.
inline std::span<const TokenType> to_types(std::span<const std::int8_t> types) {
  return {reinterpret_cast<const TokenType*>(types.data()), types.size()};
}

/// A NumPy array [n] that owns `values`.
template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> to_numpy(std::vector<T> values) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return {kept->data(), {kept->size()}, owner};
}

/// The dtype of signed integers of so many bits, where the core has it.
std::optional<DType> integer_dtype(std::int64_t bits);

/// A TensorView of somebody's tensor; it must not outlive the tensor. Throws std::invalid_argument for a dtype or a
/// device that the core does not know.
class BorrowedTensor {
 public:
  BorrowedTensor(const AnyTensor& tensor, const char* operation);
  BorrowedTensor(const BorrowedTensor&) = delete;
  BorrowedTensor& operator=(const BorrowedTensor&) = delete;

  const TensorView& view() const { return view_; }

 private:
  std::vector<std::int64_t> shape_;
  std::vector<std::int64_t> strides_;
  TensorView view_;
};

}  // namespace typetally::python
