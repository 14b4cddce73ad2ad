// Boost.JSON, compiled once: for configuration, admin bodies and scripts, never on the request path.
#include <boost/json/src.hpp>
