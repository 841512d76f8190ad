#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bindings.h"
#include "token_values.h"
#include "typetally/batch/collate.h"

namespace typetally::python {

/// The samples of one batch, read field by field and checked for length.
class SampleReader {
 public:
  /// `samples` are dictionaries; `convert(value, operation, what)` turns what is not read directly into a contiguous
  /// int64 array [tokens], or raises.
  SampleReader(const nb::list& samples, std::string operation, nb::callable convert);

  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;

  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  /// The keys under which some sample has a value that is not None.
  const nb::object& names() const { return names_; }
  bool has(const char* name) const { return find(name) != nullptr; }
  /// Raises ValueError that names the first sample without a value.
  void expect_in_all(const char* name) const;
  /// Each sample's values of a field; a sample without them has `fill` throughout.
  /// Raises ValueError for values that are not as many as its input_ids.
  std::vector<TokenValues> values(const char* name, std::int64_t fill) const;

  template <class T>
  void write(const BatchLayout& layout, const char* name, std::int64_t fill, T* out) const {
    if (name == kIds) return copy(layout, ids_, fill, out);
    copy(layout, values(name, fill), fill, out);
  }

 private:
  static constexpr std::string_view kIds = "input_ids";

  /// One key, and each sample's value of it; null where it is absent or None.
  struct Field {
    nb::object key;
    std::vector<nb::object> values;
  };

  Field& field_for(nb::handle key);
  const Field* find(const char* name) const;

  template <class T>
  static void copy(const BatchLayout& layout, const std::vector<TokenValues>& values, std::int64_t fill, T* out) {
    std::vector<SampleView> views;
    views.reserve(values.size());
    for (const TokenValues& one : values) views.push_back(one.view());
    copy_field(layout, views, fill, out);
  }

  TokenValues read(nb::handle value, const char* name, std::size_t sample) const;

  std::size_t samples_;
  std::vector<Field> fields_;
  nb::object names_;
  std::string operation_;
  nb::callable convert_;
  std::vector<TokenValues> ids_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace typetally::python
