#include "bindings.h"

namespace typetally::python {

void bind_report(nb::module_& /*module*/) {}

}  // namespace typetally::python
