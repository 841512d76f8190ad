#include "bindings.h"
#include "numpy_arrays.h"

NB_MODULE(_core, module) {
  using namespace typetally::python;
  module.doc() = "The C++ core of typetally; use the package, which validates and documents.";
  // What a trainer's globals and threads still hold when the interpreter ends is reported as a leak, to a user who can
  // do nothing about it.
  nanobind::set_leak_warnings(false);
  import_numpy();
  bind_base(module);
  bind_text(module);
  bind_grammar(module);
  bind_typing(module);
  bind_batch(module);
  bind_collate(module);
  bind_tally(module);
  bind_report(module);
}
