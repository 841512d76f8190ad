#include "bindings.h"

namespace typetally::python {

void bind_typing(nb::module_& /*module*/) {}

}  // namespace typetally::python
