#include "dlpack_exchange.h"

namespace typetally::python {

const ExchangeTable* exchange_table(nb::handle type) {
  const ExchangeTable* table = nullptr;
  static PyObject* const attribute = PyUnicode_InternFromString("__dlpack_c_exchange_api__");
  if (PyObject* capsule = PyObject_GetAttr(type.ptr(), attribute)) {
    table = static_cast<const ExchangeTable*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    Py_DECREF(capsule);
  }
  PyErr_Clear();
  while (table != nullptr && table->version.major != kDlpackMajor) table = table->older;
  return table;
}

}  // namespace typetally::python
