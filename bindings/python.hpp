// The first include of every file in bindings/: pybind11 under one name, and the two things that all bindings
// need: how an Error becomes a Python exception, and how long work lets other Python threads run.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <unistd.h>

#include <exception>
#include <memory>
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

// Something with threads of its own. A forked child has none of them: there nothing of it is called, and it is left
// as it is instead of waiting for ever in its destructor.
template <class T>
class OfThisProcess {
 public:
  explicit OfThisProcess(std::unique_ptr<T> value) : value_(std::move(value)) {}
  OfThisProcess(OfThisProcess&& other) noexcept : value_(std::move(other.value_)), process_(other.process_) {}
  OfThisProcess& operator=(OfThisProcess&&) = delete;
  ~OfThisProcess() { close(); }

  void close() {
    if (process_ != ::getpid()) (void)value_.release();
    const WithoutGil released;
    value_.reset();
  }
  bool closed() const { return value_ == nullptr; }
  T& operator*() { return *checked(); }
  T* operator->() { return checked(); }

 private:
  T* checked() {
    if (process_ == ::getpid()) return value_.get();
    throw Raised(base::fail(base::ErrorKind::bad_request,
                            "this was made before the process was forked, and has no threads here; start processes "
                            "with the method 'spawn', or make it after the fork"));
  }

  std::unique_ptr<T> value_;
  pid_t process_ = ::getpid();
};

void bind_errors(py::module_& module);
void bind_about(py::module_& module);
void bind_server(py::module_& module);
void bind_hooks(py::module_& module);
void bind_store(py::module_& module);
void bind_upstream(py::module_& module);
void bind_bench(py::module_& module);
void bind_simulation(py::module_& module);
void bind_routing(py::module_& module);
void bind_arrow(py::module_& module);

}  // namespace headworks::bindings
