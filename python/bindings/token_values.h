#pragma once

#include <cstdint>
#include <vector>

#include "dlpack_exchange.h"
#include "typetally/batch/collate.h"

namespace typetally::python {

/// One sample's values of one field, in host memory that stays valid as long as this lives: [tokens] or [1, tokens] of
/// int8, int32 or int64. Lists are converted; NumPy arrays and Torch tensors are read where they lie.
class TokenValues {
 public:
  TokenValues() = default;
  TokenValues(const TokenValues&) = delete;
  TokenValues& operator=(const TokenValues&) = delete;
  TokenValues(TokenValues&&) = default;
  TokenValues& operator=(TokenValues&&) = delete;
  ~TokenValues() = default;

  /// False where `value` is of a kind that is left to the package's slower door (other dtypes, devices, strides).
  bool read(nb::handle value, ExchangeTables& tables);
  void fill(std::int64_t size, std::int64_t value);

  const SampleView& view() const { return view_; }
  std::int64_t size() const { return size_; }

 private:
  bool read_list(nb::handle value);
  bool read_numpy(nb::handle value);
  bool read_tensor(nb::handle value, ExchangeTables& tables);
  bool read_buffer(nb::handle value);

  SampleView view_;
  std::int64_t size_ = 0;
  std::vector<std::int64_t> converted_;
  nb::object owner_;
};

}  // namespace typetally::python
