// Where load goes and what is sent there: the address and the bytes of the one request.
#pragma once

#include <netinet/in.h>

#include <string>

#include "base/result.hpp"
#include "bench/bench.hpp"

namespace headworks::bench {

struct Target {
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string request;  // head and body, sent as it is again and again
};

// Resolves the URL's host (blocking) and writes the request. `stream`: the body asks for one.
base::Result<Target> make_target(const Options& options, bool stream);

// A chat request of `bytes` bytes (a little more when that is too few).
std::string make_chat_body(std::string_view model, std::size_t bytes, bool stream);

}  // namespace headworks::bench
