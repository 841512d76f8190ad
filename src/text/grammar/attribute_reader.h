#pragma once

#include <cstddef>
#include <string_view>

#include "text/grammar/compiled.h"
#include "text/grammar/scan.h"

namespace typetally::marking {

/// The end of the name of an element that the table delimits with and that begins at `at`, whole or cut or without its
/// `>`; 0: no element.
std::size_t match_element(const Compiled& table, const Text& text, std::size_t at);

/// Types the attributes of an element, from behind its name to behind its `>`, or to where it should have been: before
/// a `<` or a word that is no attribute.
class AttributeReader {
 public:
  AttributeReader(const Compiled& table, Scan& scan) : table_(table), scan_(scan), text_(scan.text()) {}

  void read();
  bool has_known() const { return has_known_; }      ///< a description or coordinates were among them
  bool closes_itself() const { return is_closed_; }  ///< ends in `/>`

 private:
  bool attribute();
  void value(std::string_view name);
  std::size_t quoted_end(std::size_t begin, char quote) const;
  std::size_t numbers_end(std::size_t end) const;

  const Compiled& table_;
  Scan& scan_;
  const Text& text_;
  bool has_known_ = false;
  bool is_closed_ = false;
};

}  // namespace typetally::marking
