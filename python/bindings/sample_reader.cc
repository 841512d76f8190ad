#include "sample_reader.h"

#include <nanobind/stl/string.h>

#include <stdexcept>
#include <utility>

namespace typetally::python {
namespace {

std::string name_of(const SampleReader::Field& field) { return nb::cast<std::string>(field.key); }

}  // namespace

SampleReader::SampleReader(const nb::list& samples, std::string operation, nb::callable convert)
    : samples_(samples.size()), operation_(std::move(operation)), convert_(std::move(convert)) {
  if (samples_ == 0) bad_value("samples", "none");
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
  for (const Field& field : fields_) names_.add(field.key);
  const Field* ids = find(kIds);
  ids_.reserve(samples_);
  lengths_.reserve(samples_);
  for (std::size_t s = 0; s < samples_; ++s) {
    if (ids == nullptr || !ids->values[s].is_valid()) bad_value("input_ids in sample " + std::to_string(s), "none");
    read(*ids, s, ids_.emplace_back());
    lengths_.push_back(ids_.back().size());
  }
  if (const Field* labels = find("labels")) expect_in_all(*labels);
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

void SampleReader::expect_in_all(const Field& field) const {
  for (std::size_t s = 0; s < samples_; ++s) {
    if (field.values[s].is_valid()) continue;
    bad_value(name_of(field) + " in every sample", "none in sample " + std::to_string(s));
  }
}

std::vector<TokenValues> SampleReader::values(const Field& field, std::int64_t lacking) const {
  std::vector<TokenValues> values(samples_);
  for (std::size_t s = 0; s < samples_; ++s) {
    if (!field.values[s].is_valid()) {
      values[s].fill(lengths_[s], lacking);
      continue;
    }
    read(field, s, values[s]);
    if (values[s].size() == lengths_[s]) continue;
    bad_value(what(field, s) + " as long as its input_ids (" + std::to_string(lengths_[s]) + ")",
              std::to_string(values[s].size()));
  }
  return values;
}

void SampleReader::read(const Field& field, std::size_t sample, TokenValues& out) const {
  if (out.read(field.values[sample], tables_)) return;
  if (out.read(convert_(field.values[sample], operation_, what(field, sample)), tables_)) return;
  throw nb::type_error("expected convert to give a contiguous int64 array");
}

void SampleReader::refuse_beyond_int8(const Field& field, const std::vector<TokenValues>& values) const {
  const auto refuse = [&](std::size_t sample, std::int64_t position, std::int64_t value) {
    if (std::in_range<std::int8_t>(value)) return;
    bad_value(what(field, sample) + " from -128 to 127",
              std::to_string(value) + " at position " + std::to_string(position));
  };
  for (std::size_t s = 0; s < values.size(); ++s) {
    const SampleView& view = values[s].view();
    for (std::int64_t i = 0; i < values[s].size(); ++i) {
      if (view.dtype == DType::kInt64) refuse(s, i, static_cast<const std::int64_t*>(view.data)[i]);
      if (view.dtype == DType::kInt32) refuse(s, i, static_cast<const std::int32_t*>(view.data)[i]);
    }
  }
  throw std::logic_error("expected a value beyond int8");
}

std::string SampleReader::what(const Field& field, std::size_t sample) {
  return name_of(field) + " of sample " + std::to_string(sample);
}

std::string SampleReader::message(const std::string& expected, const std::string& got) const {
  return "[" + operation_ + "] expected " + expected + ", got " + got;
}

void SampleReader::bad_value(const std::string& expected, const std::string& got) const {
  throw nb::value_error(message(expected, got).c_str());
}

void SampleReader::bad_type(const std::string& expected, const std::string& got) const {
  throw nb::type_error(message(expected, got).c_str());
}

}  // namespace typetally::python
