#pragma once

#include <optional>

#include "bindings.h"
#include "typetally/base/error.h"
#include "typetally/text/payload_writer.h"

namespace typetally::python {

/// Writes a Python object as `json.dumps` walks it: subclasses by their base, tuples as lists, keys converted. What
/// `json.dumps` refuses, and strings that are no Unicode text, come back as the reason. Depth is limited by memory
/// alone.
std::optional<Error> write_payload(nb::handle payload, PayloadWriter& writer);

/// A normaliser that calls `normalize(form, text)`; empty for the form "". `normalize` must outlive it.
Normalizer make_normalizer(nb::handle normalize, std::string_view form);

}  // namespace typetally::python
