// Result<T>: a T, or the Error that says why there is none. For everything that can be expected to fail;
// exceptions mean a bug or a broken bootstrap.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>

#include "base/error.hpp"

namespace headworks::base {

// Thrown only when .value() is asked of a Result that holds an error: a bug at the caller.
class BadResultAccess : public std::logic_error {
 public:
  explicit BadResultAccess(Error error) : std::logic_error(error.message), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

BOOST_NORETURN inline void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw BadResultAccess(error);
}

template <class T>
using Result = boost::system::result<T, Error>;

inline Error fail(ErrorKind kind, std::string message, std::string detail = {}) {
  return Error{.kind = kind, .message = std::move(message), .detail = std::move(detail)};
}

}  // namespace headworks::base
