#include "bindings.h"

namespace typetally::python {

void bind_text(nb::module_& /*module*/) {}

}  // namespace typetally::python
