#include "bindings.h"
#include "typetally/base/parallel.h"

namespace typetally::python {

void bind_base(nb::module_& module) {
  module.def("set_num_threads", &set_num_threads, nb::arg("n"),
             "Sets how many threads parallel work uses in this process; 0 stands for all cores.");
  module.def("num_threads", &num_threads);
}

}  // namespace typetally::python
