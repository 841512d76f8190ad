#pragma once

#include <cstddef>

#include "text/grammar/compiled.h"
#include "text/grammar/prose.h"
#include "text/grammar/scan.h"

namespace typetally::marking {

/// Types a whole answer by a table: running text, and the structures that begin in it.
class Engine {
 public:
  Engine(const Compiled& table, Scan& scan) : table_(table), scan_(scan), text_(scan.text()) {}

  void run();

 private:
  std::size_t next_trigger(std::size_t from);
  std::size_t visit(std::size_t at);
  std::size_t visit_angle(std::size_t at);
  std::size_t visit_special(std::size_t at, std::size_t end);
  std::size_t visit_tag(std::size_t at, const Tag& tag);
  std::size_t visit_element(std::size_t at, std::size_t name_end);
  void begin_body(TagRole role);
  bool is_broken_token(std::size_t at, std::size_t end) const;
  std::size_t visit_fence(std::size_t at);
  std::size_t visit_json(std::size_t at);
  std::size_t visit_brackets(std::size_t at);
  std::size_t visit_line(std::size_t at);
  std::size_t visit_command(std::size_t at);
  void end_stretch(std::size_t end);

  const Compiled& table_;
  Scan& scan_;
  const Text& text_;
  Stretch stretch_ = Stretch::kProse;
  bool in_fence_ = false;
};

}  // namespace typetally::marking
