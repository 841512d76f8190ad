#include "numpy_arrays.h"

#include <algorithm>

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
  switch (PyArray_ITEMSIZE(array)) {
    case 1:
      return DType::kInt8;
    case 4:
      return DType::kInt32;
    case 8:
      return DType::kInt64;
    default:
      return std::nullopt;
  }
}

}  // namespace

void import_numpy() {
  if (_import_array() < 0) throw nb::python_error();
}

std::optional<NumpyValues> numpy_values(nb::handle value) {
  if (!PyArray_Check(value.ptr())) return std::nullopt;
  auto* array = reinterpret_cast<PyArrayObject*>(value.ptr());
  const int rank = PyArray_NDIM(array);
  const npy_intp* shape = PyArray_DIMS(array);
  if (rank < 1 || rank > 2 || (rank == 2 && shape[0] != 1) || !PyArray_IS_C_CONTIGUOUS(array)) return std::nullopt;
  const auto dtype = dtype_of(array);
  if (!dtype) return std::nullopt;
  return NumpyValues{PyArray_DATA(array), *dtype, shape[rank - 1]};
}

nb::object numpy_array(DType dtype, std::int64_t rows, std::int64_t columns, void* data, nb::object owner) {
  npy_intp shape[] = {rows, columns};
  PyObject* array = PyArray_SimpleNewFromData(2, shape, numpy_type(dtype), data);
  if (array == nullptr) throw nb::python_error();
  auto result = nb::steal(array);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner.release().ptr()) < 0) {
    throw nb::python_error();
  }
  return result;
}

nb::object numpy_copy(std::span<const std::int32_t> values) {
  npy_intp shape[] = {static_cast<npy_intp>(values.size())};
  PyObject* array = PyArray_SimpleNew(1, shape, NPY_INT32);
  if (array == nullptr) throw nb::python_error();
  std::copy(values.begin(), values.end(),
            static_cast<std::int32_t*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array))));
  return nb::steal(array);
}

}  // namespace typetally::python
