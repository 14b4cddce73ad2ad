// How failures cross: the kind's stable code and the texts go over, Python chooses the class
// (headworks/errors.py: one table there, none here).
#include "python.hpp"

namespace headworks::bindings {
namespace {

void set_error(const char* factory, const py::tuple& arguments) {
  const py::object error = py::module_::import("headworks.errors").attr(factory)(*arguments);
  PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
}

void translate(std::exception_ptr pointer) {
  if (!pointer) return;
  try {
    std::rethrow_exception(pointer);
  } catch (const Raised& raised) {
    const base::Error& error = raised.error();
    set_error("_error_of", py::make_tuple(base::code_of(error.kind), error.message, error.detail, error.param));
  } catch (const RaisedStart& raised) {
    const app::StartFailure& failure = raised.failure();
    set_error("_start_error_of", py::make_tuple(static_cast<int>(failure.exit), failure.message));
  }
}

}  // namespace

void bind_errors(py::module_&) { py::register_local_exception_translator(translate); }

}  // namespace headworks::bindings
