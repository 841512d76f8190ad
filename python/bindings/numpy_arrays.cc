#include "numpy_arrays.h"

#include <type_traits>
#include <utility>

#include "tensors.h"
#include "typetally/base/error.h"

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <numpy/arrayobject.h>

namespace typetally::python {
namespace {

int numpy_type(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
      return NPY_INT8;
    case DType::kInt32:
      return NPY_INT32;
    case DType::kInt64:
      return NPY_INT64;
    default:
      bad_call("numpy_array", "int8, int32 or int64", name(dtype));
  }
}

/// By kind and size: `long` and `long long` are types of their own and both of 8 bytes.
std::optional<DType> dtype_of(PyArrayObject* array) {
  if (!PyArray_ISSIGNED(array) || !PyArray_ISINTEGER(array) || !PyArray_ISBEHAVED_RO(array)) return std::nullopt;
  return integer_dtype(8 * PyArray_ITEMSIZE(array));
}

}  // namespace

void import_numpy() {
  if (_import_array() < 0) throw nb::python_error();
}

std::optional<NumpyValues> numpy_values(nb::handle value) {
  if (!PyArray_CheckExact(value.ptr())) return std::nullopt;
  auto* array = reinterpret_cast<PyArrayObject*>(value.ptr());
  const int rank = PyArray_NDIM(array);
  const npy_intp* shape = PyArray_DIMS(array);
  if (rank < 1 || rank > 2 || (rank == 2 && shape[0] != 1) || !PyArray_IS_C_CONTIGUOUS(array)) return std::nullopt;
  const auto dtype = dtype_of(array);
  if (!dtype) return std::nullopt;
  return NumpyValues{PyArray_DATA(array), *dtype, shape[rank - 1]};
}

nb::object numpy_array(DType dtype, std::span<const std::int64_t> shape, RecycledBlock block) {
  static_assert(std::is_same_v<npy_intp, std::int64_t>);
  PyObject* array =
      PyArray_SimpleNewFromData(static_cast<int>(shape.size()), shape.data(), numpy_type(dtype), block.get());
  if (array == nullptr) throw nb::python_error();
  auto result = nb::steal(array);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner_of(std::move(block)).release().ptr()) < 0) {
    throw nb::python_error();
  }
  return result;
}

}  // namespace typetally::python
