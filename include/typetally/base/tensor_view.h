#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace typetally {

enum class DType : std::uint8_t { kInt8, kInt32, kInt64, kBFloat16, kFloat16, kFloat32, kFloat64 };

std::string_view name(DType dtype);
std::size_t size_of(DType dtype);  ///< bytes of one element

enum class DeviceKind : std::uint8_t { kCpu, kCuda };

struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

/// A tensor that somebody else owns: `data` is the address of element [0, ..., 0].
struct TensorView {
  const void* data = nullptr;
  std::span<const std::int64_t> shape;    ///< elements per dimension
  std::span<const std::int64_t> strides;  ///< elements (not bytes) from one index to the next; may be 0 or negative
  DType dtype = DType::kFloat32;
  Device device;
};

}  // namespace typetally
