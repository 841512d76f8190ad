#include <nanobind/nanobind.h>

#include "bindings.h"
#include "typetally/report/metrics.h"

namespace typetally::python {

void bind_report(nb::module_& module) {
  module.def(
      "compute_metrics",
      [](const Tally& tally, bool extended) {
        nb::dict metrics;
        for (const auto& [key, value] : compute_metrics(tally, {.extended = extended})) metrics[key.c_str()] = value;
        return metrics;
      },
      nb::arg("tally"), nb::arg("extended"));
}

}  // namespace typetally::python
