#include "sample_reader.h"

#include <nanobind/stl/string.h>

#include <utility>

namespace typetally::python {
namespace {

/// The value of a key, or null where it is absent or None.
nb::handle find(nb::handle sample, nb::handle key) {
  PyObject* value = PyDict_GetItemWithError(sample.ptr(), key.ptr());
  return value == Py_None ? nullptr : value;
}

}  // namespace

SampleReader::SampleReader(nb::list samples, std::string operation, nb::callable convert)
    : samples_(std::move(samples)), operation_(std::move(operation)), convert_(std::move(convert)) {
  const nb::str key(kIds.data());
  ids_.reserve(samples_.size());
  for (nb::handle sample : samples_) {
    const nb::handle value = PyDict_Check(sample.ptr()) ? find(sample, key) : nb::handle();
    if (!value.is_valid()) {
      const std::string text = "[" + operation_ + "] expected input_ids in sample " + std::to_string(ids_.size());
      throw nb::value_error((text + ", got none").c_str());
    }
    ids_.push_back(read(value, kIds.data(), ids_.size()));
    lengths_.push_back(ids_.back().size());
  }
}

std::size_t SampleReader::count(const char* name, bool required) const {
  const nb::str key(name);
  std::size_t found = 0;
  std::size_t without = samples_.size();
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    if (find(samples_[s], key).is_valid()) {
      ++found;
    } else if (without == samples_.size()) {
      without = s;
    }
  }
  if (required && found > 0 && found < samples_.size()) {
    const std::string text =
        "[" + operation_ + "] expected " + name + " in every sample, got none in sample " + std::to_string(without);
    throw nb::value_error(text.c_str());
  }
  return found;
}

std::vector<TokenValues> SampleReader::values(const char* name, std::int64_t fill) const {
  const nb::str key(name);
  std::vector<TokenValues> values;
  values.reserve(ids_.size());
  for (nb::handle sample : samples_) {
    const std::size_t s = values.size();
    const nb::handle value = find(sample, key);
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
