#include "array_maker.h"

#include <algorithm>
#include <array>
#include <memory>

#include "numpy_arrays.h"

namespace typetally::python {
namespace {

constexpr std::size_t kMaxRank = 2;

/// A tensor on its way to Torch, and what it needs as long as Torch has it.
struct OwnedTensor {
  ManagedTensor managed{};
  std::array<std::int64_t, kMaxRank> shape{};
  std::array<std::int64_t, kMaxRank> strides{};
  RecycledBlock block;
};

nb::object adopted(const ExchangeTable& table, DType dtype, std::span<const std::int64_t> shape, RecycledBlock block) {
  auto owned = std::make_unique<OwnedTensor>();
  owned->block = std::move(block);
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d]) {
    owned->shape[d] = shape[d];
    owned->strides[d] = stride;
  }
  ManagedTensor& managed = owned->managed;
  managed.version = {kDlpackMajor, 0};
  managed.context = owned.get();
  managed.deleter = [](ManagedTensor* self) { delete static_cast<OwnedTensor*>(self->context); };
  managed.tensor.data = owned->block.get();
  managed.tensor.device = {nb::device::cpu::value, 0};
  managed.tensor.ndim = static_cast<std::int32_t>(shape.size());
  managed.tensor.dtype = {static_cast<std::uint8_t>(nb::dlpack::dtype_code::Int),
                          static_cast<std::uint8_t>(8 * size_of(dtype)), 1};
  managed.tensor.shape = owned->shape.data();
  managed.tensor.strides = owned->strides.data();
  void* object = nullptr;
  if (table.adopt(&owned.release()->managed, &object) != 0) throw nb::python_error();
  return nb::steal(static_cast<PyObject*>(object));
}

}  // namespace

ArrayMaker::ArrayMaker(nb::handle tensor_type, ExchangeTables& tables) : torch_(!tensor_type.is_none()) {
  if (torch_) torch_table_ = tables.of(tensor_type);
}

nb::object ArrayMaker::wrap(DType dtype, std::span<const std::int64_t> shape, RecycledBlock block) const {
  if (torch_table_ != nullptr) return adopted(*torch_table_, dtype, shape, std::move(block));
  nb::object array = numpy_array(dtype, shape, std::move(block));
  return torch_ ? nb::module_::import_("torch").attr("from_numpy")(array) : array;
}

}  // namespace typetally::python
