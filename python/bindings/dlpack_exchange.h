#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

namespace typetally::python {

namespace nb = nanobind;

constexpr std::uint32_t kDlpackMajor = 1;

struct DlpackVersion {
  std::uint32_t major;
  std::uint32_t minor;
};

/// DLPack's DLManagedTensorVersioned: a tensor that is handed over. Any thread may call the deleter.
struct ManagedTensor {
  DlpackVersion version;
  void* context;
  void (*deleter)(ManagedTensor* self);
  std::uint64_t flags;
  nb::dlpack::dltensor tensor;
};

/// DLPack's exchange table (ABI version 1), by which a library describes its tensors and makes new ones.
struct ExchangeTable {
  DlpackVersion version;
  const ExchangeTable* older;
  void* allocate;
  void* managed_from_object;
  /// A tensor object of `tensor`, which it takes over even if it fails: then -1 and a Python error.
  int (*adopt)(ManagedTensor* tensor, void** object);
  /// A tensor described without taking it over, some forty times faster than __dlpack__; -1 and a Python error.
  int (*describe)(void* object, nb::dlpack::dltensor* out);
};

/// The table of a type of tensors, null where it has none; it outlives everything.
const ExchangeTable* exchange_table(nb::handle type);

/// The same, remembered for the last type seen: a batch holds tensors of one kind. Types asked for must stay alive.
class ExchangeTables {
 public:
  const ExchangeTable* of(nb::handle type) {
    if (!type.is(last_type_)) {
      last_table_ = exchange_table(type);
      last_type_ = type;
    }
    return last_table_;
  }

 private:
  nb::handle last_type_;
  const ExchangeTable* last_table_ = nullptr;
};

}  // namespace typetally::python
