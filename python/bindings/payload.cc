#include "payload.h"

#include <nanobind/stl/string.h>

#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace typetally::python {
namespace {

/// A payload that cannot be written; ends the walk.
struct Unwritable {
  std::string reason;
};

std::string class_name(nb::handle value) { return nb::cast<std::string>(nb::handle(value.type()).attr("__name__")); }

std::string_view utf8(nb::handle text) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (data == nullptr) {
    PyErr_Clear();
    throw Unwritable{"a string holds a lone surrogate, which no text can"};
  }
  return {data, static_cast<std::size_t>(size)};
}

// json writes numbers by their base type's text, whatever a subclass (an IntEnum) prints.
std::string decimal(nb::handle integer) {
  const auto text = nb::steal<nb::object>(PyLong_Type.tp_repr(integer.ptr()));
  if (!text.is_valid()) throw nb::python_error();
  return nb::cast<std::string>(text);
}

/// Walks a payload with a stack of its own, since payloads may nest deeper than the machine's.
class Walk {
 public:
  explicit Walk(PayloadWriter& writer) : writer_(writer) {}

  void run(nb::handle payload) {
    value(payload);
    while (!open_.empty()) {
      Open& top = open_.back();
      if (top.next >= PySequence_Fast_GET_SIZE(top.items.ptr())) {
        close();
        continue;
      }
      const auto item = nb::borrow<nb::object>(PySequence_Fast_GET_ITEM(top.items.ptr(), top.next++));
      top.dict ? pair(item) : value(item);
    }
  }

 private:
  struct Open {
    nb::object container;
    nb::object items;  // a list or tuple: the values, or (key, value) pairs
    Py_ssize_t next;
    bool dict;
  };

  void value(nb::handle item) {
    PyObject* object = item.ptr();
    if (object == Py_None) {
      writer_.null();
    } else if (object == Py_True || object == Py_False) {
      writer_.boolean(object == Py_True);
    } else if (PyUnicode_Check(object)) {
      writer_.string(utf8(item));
    } else if (PyLong_Check(object)) {
      writer_.integer(decimal(item));
    } else if (PyFloat_Check(object)) {
      writer_.real(PyFloat_AS_DOUBLE(object));
    } else if (PyList_Check(object) || PyTuple_Check(object) || PyDict_Check(object)) {
      open(item);
    } else {
      throw Unwritable{"an object of type " + class_name(item) + " is not JSON serializable"};
    }
  }

  void open(nb::handle container) {
    if (!inside_.insert(container.ptr()).second) throw Unwritable{"the payload contains itself"};
    const bool dict = PyDict_Check(container.ptr());
    nb::object items =
        dict ? nb::steal<nb::object>(PyMapping_Items(container.ptr())) : nb::borrow<nb::object>(container);
    if (!items.is_valid()) throw nb::python_error();
    open_.push_back({nb::borrow<nb::object>(container), std::move(items), 0, dict});
    dict ? writer_.begin_dict() : writer_.begin_list();
  }

  void close() {
    open_.back().dict ? writer_.end_dict() : writer_.end_list();
    inside_.erase(open_.back().container.ptr());
    open_.pop_back();
  }

  void pair(nb::handle item) {
    if (!PyTuple_Check(item.ptr()) || PyTuple_GET_SIZE(item.ptr()) != 2) {
      throw Unwritable{"a dict's items are not pairs"};
    }
    key(PyTuple_GET_ITEM(item.ptr(), 0));
    value(PyTuple_GET_ITEM(item.ptr(), 1));
  }

  void key(nb::handle item) {
    PyObject* object = item.ptr();
    if (PyUnicode_Check(object)) {
      writer_.key(utf8(item));
    } else if (PyFloat_Check(object)) {
      writer_.key(python_float(PyFloat_AS_DOUBLE(object)));
    } else if (object == Py_True || object == Py_False) {
      writer_.key(object == Py_True ? "true" : "false");
    } else if (object == Py_None) {
      writer_.key("null");
    } else if (PyLong_Check(object)) {
      writer_.key(decimal(item));
    } else {
      throw Unwritable{"keys must be str, int, float, bool or None, not " + class_name(item)};
    }
  }

  PayloadWriter& writer_;
  std::vector<Open> open_;
  std::unordered_set<PyObject*> inside_;
};

}  // namespace

std::optional<Error> write_payload(nb::handle payload, PayloadWriter& writer) {
  const auto refused = [](std::string reason) {
    return Error{.code = ErrorCode::kInvalidPayload, .subject = "payload", .detail = std::move(reason)};
  };
  try {
    Walk(writer).run(payload);
  } catch (const Unwritable& unwritable) {
    return refused(unwritable.reason);
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;
    return refused(class_name(error.value()) + ": " + nb::cast<std::string>(nb::str(error.value())));
  }
  return std::nullopt;
}

Normalizer make_normalizer(nb::handle normalize, std::string_view form) {
  if (form.empty()) return {};
  return [normalize, form = std::string(form)](std::string_view text) {
    return nb::cast<std::string>(normalize(form.c_str(), nb::str(text.data(), text.size())));
  };
}

}  // namespace typetally::python
