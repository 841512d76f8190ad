#include "bindings.h"

namespace typetally::python {

void bind_tally(nb::module_& /*module*/) {}

}  // namespace typetally::python
