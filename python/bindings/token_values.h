#pragma once

#include <Python.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tensors.h"
#include "typetally/batch/collate.h"

namespace typetally::python {

/// One sample's values of one field, in host memory that stays valid as long as this lives: [tokens] or [1, tokens] of
/// int8, int32 or int64. Lists are converted; NumPy arrays and Torch tensors are read where they lie.
class TokenValues {
 public:
  /// Nothing, where `value` is of a kind that is left to the package's slower door (other dtypes, devices, strides).
  static std::optional<TokenValues> read(nb::handle value);
  /// What that door gives.
  static TokenValues of(HostArray<std::int64_t> array);
  static TokenValues filled(std::int64_t size, std::int64_t value);

  TokenValues(const TokenValues&) = delete;
  TokenValues& operator=(const TokenValues&) = delete;
  TokenValues(TokenValues&&) = default;
  TokenValues& operator=(TokenValues&&) = delete;
  ~TokenValues() = default;

  const SampleView& view() const { return view_; }
  std::int64_t size() const { return size_; }

 private:
  struct ReleaseBuffer {
    void operator()(Py_buffer* buffer) const {
      PyBuffer_Release(buffer);
      delete buffer;
    }
  };

  TokenValues() = default;
  bool read_list(nb::handle value);
  bool read_numpy(nb::handle value);
  bool read_buffer(nb::handle value);
  bool read_tensor(nb::handle value);

  SampleView view_;
  std::int64_t size_ = 0;
  std::vector<std::int64_t> converted_;
  std::optional<HostArray<std::int64_t>> array_;
  std::unique_ptr<Py_buffer, ReleaseBuffer> buffer_;
  nb::object owner_;
};

}  // namespace typetally::python
