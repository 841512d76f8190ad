#include "typetally/typing/dataset_filter.h"

#include <algorithm>

namespace typetally {
namespace {

std::string canonical(std::string_view label) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const auto first = label.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  std::string text(label.substr(first, label.find_last_not_of(kSpace) - first + 1));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

bool contains(const std::vector<std::string>& labels, const std::string& label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

}  // namespace

DatasetFilter::DatasetFilter(const std::vector<std::string>& include, const std::vector<std::string>& exclude) {
  std::transform(include.begin(), include.end(), std::back_inserter(include_), canonical);
  std::transform(exclude.begin(), exclude.end(), std::back_inserter(exclude_), canonical);
}

bool DatasetFilter::admits(std::string_view label) const {
  const std::string wanted = canonical(label);
  const auto in = [&](const std::vector<std::string>& labels) {
    return contains(labels, "*") || contains(labels, wanted);
  };
  return in(include_) && !in(exclude_);
}

}  // namespace typetally
