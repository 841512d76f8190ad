#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace typetally {

/// Which data set labels count. Labels and entries are compared stripped and lower-cased; "*" stands for all, an empty
/// `include` for none, and `exclude` wins.
class DatasetFilter {
 public:
  DatasetFilter(const std::vector<std::string>& include, const std::vector<std::string>& exclude);
  bool admits(std::string_view label) const;

 private:
  std::vector<std::string> include_;
  std::vector<std::string> exclude_;
};

}  // namespace typetally
