#pragma once

#include <nanobind/nanobind.h>

namespace typetally::python {

namespace nb = nanobind;

/// One function per room, in the order of the data flow; each adds that room's names to the module.
void bind_base(nb::module_& module);
void bind_text(nb::module_& module);
void bind_grammar(nb::module_& module);
void bind_typing(nb::module_& module);
void bind_batch(nb::module_& module);
void bind_collate(nb::module_& module);
void bind_tally(nb::module_& module);
void bind_report(nb::module_& module);

}  // namespace typetally::python
