// The first include of every file in bindings/: pybind11 under one name, and the two things that all bindings
// need: how an Error becomes a Python exception, and how long work lets other Python threads run.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <utility>

#include "app/gateway_app.hpp"
#include "base/result.hpp"

namespace headworks::bindings {

namespace py = pybind11;
// Around everything that waits. C++ never calls Python, so nothing inside ever wants the lock back.
using WithoutGil = py::gil_scoped_release;

// An Error on its way to Python; bind_errors.cpp makes it the exception of its kind (headworks.errors).
class Raised : public std::exception {
 public:
  explicit Raised(base::Error error) : error_(std::move(error)) {}
  const base::Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  base::Error error_;
};

// The same for a server that did not start.
class RaisedStart : public std::exception {
 public:
  explicit RaisedStart(app::StartFailure failure) : failure_(std::move(failure)) {}
  const app::StartFailure& failure() const { return failure_; }
  const char* what() const noexcept override { return failure_.message.c_str(); }

 private:
  app::StartFailure failure_;
};

// The value, or the error as an exception.
template <class T>
T value_of(base::Result<T> result) {
  if (!result) throw Raised(std::move(result).error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Runs `work` (which answers a Result) while other Python threads go on.
template <class Work>
auto without_gil(Work&& work) {
  auto result = [&work] {
    const WithoutGil released;
    return work();
  }();
  return value_of(std::move(result));
}

void bind_errors(py::module_& module);
void bind_about(py::module_& module);
void bind_server(py::module_& module);
void bind_hooks(py::module_& module);
void bind_store(py::module_& module);
void bind_upstream(py::module_& module);
void bind_bench(py::module_& module);

}  // namespace headworks::bindings
