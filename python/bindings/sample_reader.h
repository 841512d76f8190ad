#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "bindings.h"
#include "token_values.h"
#include "typetally/batch/collate.h"

namespace typetally::python {

/// The samples of one batch, read field by field and checked for length.
class SampleReader {
 public:
  /// `samples` are dictionaries; `convert(value, operation, what)` turns what is not read directly into a contiguous
  /// int64 array [tokens], or raises. Raises ValueError for no samples, no input_ids, or labels in some samples only.
  SampleReader(const nb::list& samples, std::string operation, nb::callable convert);

  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;

  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  /// The keys under which some sample has a value that is not None.
  const nb::set& names() const { return names_; }

  /// One key, and each sample's value of it; null where it is absent or None.
  struct Field {
    nb::object key;
    std::vector<nb::object> values;
  };
  /// Null where no sample has a value of that name.
  const Field* find(const char* name) const;

  /// What stands outside documents, and in those of samples without a value.
  struct Fill {
    std::int64_t padding;
    std::int64_t lacking;
  };
  /// Writes a field's values to their documents in `layout`.
  /// Raises ValueError for values that are not as many as the sample's input_ids, or do not fit into T.
  template <class T>
  void write(const Field& field, const BatchLayout& layout, Fill fill, T* out) const {
    if (&field == find(kIds)) {
      copy(layout, ids_, fill.padding, out);
      return;
    }
    const std::vector<TokenValues> read = values(field, fill.lacking);
    if (!copy(layout, read, fill.padding, out)) refuse_beyond_int8(field, read);
  }

  /// Remembers the type of the samples' tensors, which is mostly that of the batch.
  ExchangeTables& tables() const { return tables_; }

  /// Raise "[operation] expected <expected>, got <got>".
  [[noreturn]] void bad_value(const std::string& expected, const std::string& got) const;
  [[noreturn]] void bad_type(const std::string& expected, const std::string& got) const;

 private:
  static constexpr const char* kIds = "input_ids";

  Field& field_for(nb::handle key);
  void expect_in_all(const Field& field) const;
  std::vector<TokenValues> values(const Field& field, std::int64_t lacking) const;
  void read(const Field& field, std::size_t sample, TokenValues& out) const;
  [[noreturn]] void refuse_beyond_int8(const Field& field, const std::vector<TokenValues>& values) const;
  static std::string what(const Field& field, std::size_t sample);
  std::string message(const std::string& expected, const std::string& got) const;

  template <class T>
  static bool copy(const BatchLayout& layout, const std::vector<TokenValues>& values, std::int64_t padding, T* out) {
    std::vector<SampleView> views;
    views.reserve(values.size());
    for (const TokenValues& one : values) views.push_back(one.view());
    if constexpr (std::is_same_v<T, std::int8_t>) return copy_field(layout, views, padding, out);
    copy_field(layout, views, padding, out);
    return true;
  }

  std::size_t samples_;
  std::vector<Field> fields_;
  nb::set names_;
  std::string operation_;
  nb::callable convert_;
  mutable ExchangeTables tables_;
  std::vector<TokenValues> ids_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace typetally::python
