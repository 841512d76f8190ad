#include "token_values.h"

#include <optional>
#include <string_view>
#include <utility>

#include "numpy_arrays.h"
#include "tensors.h"

namespace typetally::python {
namespace {

/// The length of a shape [n] or [1, n] without gaps; strides in units of one element, null: no gaps.
template <class Size>
std::optional<std::int64_t> length_of(std::int64_t rank, const Size* shape, const Size* strides, Size unit) {
  if (rank < 1 || rank > 2 || (rank == 2 && shape[0] != 1)) return std::nullopt;
  const std::int64_t n = shape[rank - 1];
  if (n > 1 && strides != nullptr && strides[rank - 1] != unit) return std::nullopt;
  return n;
}

}  // namespace

bool TokenValues::read(nb::handle value, ExchangeTables& tables) {
  return read_list(value) || read_numpy(value) || read_tensor(value, tables) || read_buffer(value);
}

void TokenValues::fill(std::int64_t size, std::int64_t value) {
  converted_.assign(static_cast<std::size_t>(size), value);
  view_ = {converted_.data(), DType::kInt64};
  size_ = size;
}

bool TokenValues::read_list(nb::handle value) {
  if (!PyList_CheckExact(value.ptr())) return false;
  const Py_ssize_t n = PyList_GET_SIZE(value.ptr());
  converted_.resize(static_cast<std::size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyList_GET_ITEM(value.ptr(), i);
    int overflow = 0;
    if (!PyLong_CheckExact(item)) return false;
    converted_[static_cast<std::size_t>(i)] = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (overflow != 0) return false;
  }
  view_ = {converted_.data(), DType::kInt64};
  size_ = n;
  return true;
}

bool TokenValues::read_numpy(nb::handle value) {
  const auto values = numpy_values(value);
  if (!values) return false;
  view_ = {values->data, values->dtype};
  size_ = values->size;
  owner_ = nb::borrow(value);
  return true;
}

bool TokenValues::read_tensor(nb::handle value, ExchangeTables& tables) {
  const ExchangeTable* table = tables.of(value.type());
  if (table == nullptr || table->describe == nullptr) return false;
  nb::dlpack::dltensor tensor{};
  if (table->describe(value.ptr(), &tensor) != 0) {
    PyErr_Clear();
    return false;
  }
  const auto dtype = integer_dtype(tensor.dtype.bits);
  const bool readable = tensor.device.device_type == nb::device::cpu::value && tensor.dtype.lanes == 1 &&
                        tensor.dtype.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Int) && dtype;
  const auto length = length_of<std::int64_t>(tensor.ndim, tensor.shape, tensor.strides, 1);
  if (!readable || !length) return false;
  view_ = {static_cast<const char*>(tensor.data) + tensor.byte_offset, *dtype};
  size_ = *length;
  owner_ = nb::borrow(value);
  return true;
}

bool TokenValues::read_buffer(nb::handle value) {
  if (!PyObject_CheckBuffer(value.ptr())) return false;
  nb::object memory = nb::steal(PyMemoryView_FromObject(value.ptr()));
  if (!memory.is_valid()) {
    PyErr_Clear();
    return false;
  }
  const Py_buffer& buffer = *PyMemoryView_GET_BUFFER(memory.ptr());
  const std::string_view format = buffer.format == nullptr ? "" : buffer.format;
  const bool integers = format == "b" || format == "i" || format == "l" || format == "q";
  const auto dtype = integer_dtype(8 * buffer.itemsize);
  const auto length = length_of<Py_ssize_t>(buffer.ndim, buffer.shape, buffer.strides, buffer.itemsize);
  if (!integers || !dtype || !length || buffer.suboffsets != nullptr) return false;
  view_ = {buffer.buf, *dtype};
  size_ = *length;
  owner_ = std::move(memory);
  return true;
}

}  // namespace typetally::python
