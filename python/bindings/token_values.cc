#include "token_values.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "numpy_arrays.h"

namespace typetally::python {
namespace {

/// The part of DLPack's exchange table (ABI version 1) that is used here: a tensor described without taking it over,
/// some forty times faster than __dlpack__.
struct ExchangeTable {
  struct {
    std::uint32_t major;
    std::uint32_t minor;
  } version;
  const ExchangeTable* older;
  void* allocate;
  void* managed_from_object;
  void* managed_to_object;
  int (*describe)(void* object, nb::dlpack::dltensor* out);
};
constexpr std::uint32_t kExchangeMajor = 1;
constexpr const char* kExchangeAttribute = "__dlpack_c_exchange_api__";

/// The table of a tensor's type, remembered for the last type seen: a batch holds tensors of one kind.
const ExchangeTable* exchange_table(PyTypeObject* type) {
  static PyTypeObject* last_type = nullptr;
  static const ExchangeTable* last_table = nullptr;
  if (type == last_type) return last_table;
  const ExchangeTable* table = nullptr;
  PyObject* capsule = PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), kExchangeAttribute);
  if (capsule != nullptr) {
    table = static_cast<const ExchangeTable*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    Py_DECREF(capsule);
  }
  PyErr_Clear();
  while (table != nullptr && table->version.major != kExchangeMajor) table = table->older;
  if (table != nullptr && table->describe == nullptr) table = nullptr;
  Py_INCREF(type);  // so that no other type comes to its address
  Py_XDECREF(last_type);
  last_type = type;
  last_table = table;
  return table;
}

std::optional<DType> integer_dtype(std::int64_t bytes) {
  switch (bytes) {
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

/// The length of a shape [n] or [1, n] without gaps; strides in units of one element, null: no gaps.
template <class Size>
std::optional<std::int64_t> length_of(std::int64_t rank, const Size* shape, const Size* strides, Size unit) {
  if (rank < 1 || rank > 2 || (rank == 2 && shape[0] != 1)) return std::nullopt;
  const std::int64_t n = shape[rank - 1];
  if (n > 1 && strides != nullptr && strides[rank - 1] != unit) return std::nullopt;
  return n;
}

}  // namespace

std::optional<TokenValues> TokenValues::read(nb::handle value) {
  TokenValues values;
  if (!values.read_list(value) && !values.read_numpy(value) && !values.read_tensor(value) && !values.read_buffer(value))
    return std::nullopt;
  return values;
}

TokenValues TokenValues::of(HostArray<std::int64_t> array) {
  TokenValues values;
  values.view_ = {array.data(), DType::kInt64};
  values.size_ = static_cast<std::int64_t>(array.shape(0));
  values.array_ = std::move(array);
  return values;
}

TokenValues TokenValues::filled(std::int64_t size, std::int64_t value) {
  TokenValues values;
  values.converted_.assign(static_cast<std::size_t>(size), value);
  values.view_ = {values.converted_.data(), DType::kInt64};
  values.size_ = size;
  return values;
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

bool TokenValues::read_tensor(nb::handle value) {
  const ExchangeTable* table = exchange_table(Py_TYPE(value.ptr()));
  if (table == nullptr) return false;
  nb::dlpack::dltensor tensor{};
  if (table->describe(value.ptr(), &tensor) != 0) {
    PyErr_Clear();
    return false;
  }
  const auto dtype = integer_dtype(tensor.dtype.bits / 8);
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
  auto opened = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(value.ptr(), opened.get(), PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return false;
  }
  buffer_.reset(opened.release());
  const std::string_view format = buffer_->format == nullptr ? "" : buffer_->format;
  const bool integers = format == "b" || format == "i" || format == "l" || format == "q";
  const auto dtype = integer_dtype(buffer_->itemsize);
  const auto length = length_of<Py_ssize_t>(buffer_->ndim, buffer_->shape, buffer_->strides, buffer_->itemsize);
  if (!integers || !dtype || !length) return false;
  view_ = {buffer_->buf, *dtype};
  size_ = *length;
  return true;
}

}  // namespace typetally::python
