#include "tensors.h"

#include <string>

#include "typetally/base/error.h"

namespace typetally::python {
namespace {

using Code = nb::dlpack::dtype_code;

DType to_dtype(nb::dlpack::dtype dtype, const char* operation) {
  const auto is = [&](Code code, int bits) {
    return dtype.code == static_cast<std::uint8_t>(code) && dtype.bits == bits && dtype.lanes == 1;
  };
  if (is(Code::Bfloat, 16)) return DType::kBFloat16;
  if (is(Code::Float, 16)) return DType::kFloat16;
  if (is(Code::Float, 32)) return DType::kFloat32;
  if (is(Code::Float, 64)) return DType::kFloat64;
  if (const auto integers = integer_dtype(dtype.bits); integers && is(Code::Int, dtype.bits)) return *integers;
  bad_call(operation, "bfloat16, float16, float32 or float64",
           "DLPack dtype code " + std::to_string(dtype.code) + " of " + std::to_string(dtype.bits) + " bits");
}

Device to_device(const AnyTensor& tensor, const char* operation) {
  switch (tensor.device_type()) {
    case nb::device::cpu::value:
    case nb::device::cuda_host::value:
      return {DeviceKind::kCpu, 0};
    case nb::device::cuda::value:
    case nb::device::cuda_managed::value:
      return {DeviceKind::kCuda, tensor.device_id()};
    default:
      bad_call(operation, "a tensor on the CPU or on CUDA", "DLPack device " + std::to_string(tensor.device_type()));
  }
}

}  // namespace

std::optional<DType> integer_dtype(std::int64_t bits) {
  switch (bits) {
    case 8:
      return DType::kInt8;
    case 32:
      return DType::kInt32;
    case 64:
      return DType::kInt64;
    default:
      return std::nullopt;
  }
}

BorrowedTensor::BorrowedTensor(const AnyTensor& tensor, const char* operation)
    : shape_(tensor.ndim()), strides_(tensor.ndim()) {
  for (std::size_t d = 0; d < tensor.ndim(); ++d) {
    shape_[d] = static_cast<std::int64_t>(tensor.shape(d));
    strides_[d] = tensor.stride(d);
  }
  view_ = {tensor.data(), shape_, strides_, to_dtype(tensor.dtype(), operation), to_device(tensor, operation)};
}

}  // namespace typetally::python
