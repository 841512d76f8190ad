#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "dlpack_exchange.h"
#include "recycled.h"
#include "typetally/base/tensor_view.h"

namespace typetally::python {

/// Makes arrays over recycled memory, NumPy's or Torch's.
class ArrayMaker {
 public:
  /// None: NumPy's; `torch.Tensor`: Torch's.
  ArrayMaker(nb::handle tensor_type, ExchangeTables& tables);

  /// An array of T (int8, int32 or int64) that holds what `write(T*)` fills in.
  template <class T, class Write>
  nb::object make(std::span<const std::int64_t> shape, Write write) const {
    static_assert(std::is_integral_v<T> && (sizeof(T) == 1 || sizeof(T) == 4 || sizeof(T) == 8));
    constexpr DType kDType = sizeof(T) == 1 ? DType::kInt8 : sizeof(T) == 4 ? DType::kInt32 : DType::kInt64;
    const std::int64_t size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    RecycledBlock block = take_recycled(static_cast<std::size_t>(size) * sizeof(T));
    write(static_cast<T*>(block.get()));
    return wrap(kDType, shape, std::move(block));
  }

 private:
  nb::object wrap(DType dtype, std::span<const std::int64_t> shape, RecycledBlock block) const;

  bool torch_;
  /// Null for NumPy, and for a Torch that has no such table yet and takes NumPy's arrays.
  const ExchangeTable* torch_table_ = nullptr;
};

}  // namespace typetally::python
