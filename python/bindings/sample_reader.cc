#include "sample_reader.h"

#include <nanobind/stl/string.h>

#include <utility>

namespace typetally::python {
SampleReader::SampleReader(const nb::list& samples, std::string operation, nb::callable convert)
    : samples_(samples.size()), operation_(std::move(operation)), convert_(std::move(convert)) {
  for (std::size_t s = 0; s < samples_; ++s) {
    PyObject* sample = PyList_GET_ITEM(samples.ptr(), static_cast<Py_ssize_t>(s));
    Py_ssize_t at = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    while (PyDict_Check(sample) && PyDict_Next(sample, &at, &key, &value)) {
      if (value == Py_None || !PyUnicode_Check(key)) continue;
      field_for(key).values[s] = nb::borrow(value);
    }
  }
  nb::set names;
  for (const Field& field : fields_) names.add(field.key);
  names_ = names;
  const Field* ids = find(kIds.data());
  ids_.reserve(samples_);
  lengths_.reserve(samples_);
  for (std::size_t s = 0; s < samples_; ++s) {
    if (ids == nullptr || !ids->values[s].is_valid()) {
      const std::string text = "[" + operation_ + "] expected input_ids in sample " + std::to_string(s);
      throw nb::value_error((text + ", got none").c_str());
    }
    ids_.push_back(read(ids->values[s], kIds.data(), s));
    lengths_.push_back(ids_.back().size());
  }
}

SampleReader::Field& SampleReader::field_for(nb::handle key) {
  // Keys are mostly the same object in every sample.
  for (Field& field : fields_) {
    if (field.key.ptr() == key.ptr()) return field;
  }
  for (Field& field : fields_) {
    if (PyUnicode_Compare(field.key.ptr(), key.ptr()) == 0) return field;
  }
  return fields_.emplace_back(Field{nb::borrow(key), std::vector<nb::object>(samples_)});
}

const SampleReader::Field* SampleReader::find(const char* name) const {
  for (const Field& field : fields_) {
    if (PyUnicode_CompareWithASCIIString(field.key.ptr(), name) == 0) return &field;
  }
  return nullptr;
}

void SampleReader::expect_in_all(const char* name) const {
  const Field* field = find(name);
  for (std::size_t s = 0; s < samples_; ++s) {
    if (field != nullptr && field->values[s].is_valid()) continue;
    const std::string text =
        "[" + operation_ + "] expected " + name + " in every sample, got none in sample " + std::to_string(s);
    throw nb::value_error(text.c_str());
  }
}

std::vector<TokenValues> SampleReader::values(const char* name, std::int64_t fill) const {
  const Field* field = find(name);
  std::vector<TokenValues> values;
  values.reserve(samples_);
  for (std::size_t s = 0; s < samples_; ++s) {
    const nb::handle value = field == nullptr ? nb::handle() : nb::handle(field->values[s]);
    values.push_back(value.is_valid() ? read(value, name, s) : TokenValues::filled(lengths_[s], fill));
    if (values.back().size() == lengths_[s]) continue;
    const std::string text = "[" + operation_ + "] expected " + name + " of sample " + std::to_string(s) +
                             " as long as its input_ids (" + std::to_string(lengths_[s]) + "), got " +
                             std::to_string(values.back().size());
    throw nb::value_error(text.c_str());
  }
  return values;
}

TokenValues SampleReader::read(nb::handle value, const char* name, std::size_t sample) const {
  if (auto values = TokenValues::read(value)) return std::move(*values);
  const std::string what = std::string(name) + " of sample " + std::to_string(sample);
  return TokenValues::of(nb::cast<HostArray<std::int64_t>>(convert_(value, operation_, what)));
}

}  // namespace typetally::python
