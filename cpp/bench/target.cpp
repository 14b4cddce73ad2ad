#include "bench/target.hpp"

#include <netdb.h>

#include <cstring>

namespace headworks::bench {
namespace {

struct Parts {
  std::string host, port, prefix, authority;
};

base::Result<Parts> parse(const std::string& url) {
  const auto wrong = [&] {
    return base::fail(base::ErrorKind::invalid_configuration,
                      "'" + url + "' is not of the form http://HOST:PORT");
  };
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return wrong();
  const std::string rest = url.substr(kScheme.size());
  Parts parts;
  parts.authority = rest.substr(0, rest.find('/'));
  if (const std::size_t slash = rest.find('/'); slash != std::string::npos) parts.prefix = rest.substr(slash);
  while (parts.prefix.ends_with('/')) parts.prefix.pop_back();
  // People paste the base URL of an SDK, which ends in /v1; the paths here begin with it.
  if (parts.prefix.ends_with("/v1")) parts.prefix.resize(parts.prefix.size() - 3);
  const std::size_t colon = parts.authority.rfind(':');
  const bool has_port = colon != std::string::npos && parts.authority.find(']', colon) == std::string::npos;
  parts.host = parts.authority.substr(0, has_port ? colon : std::string::npos);
  parts.port = has_port ? parts.authority.substr(colon + 1) : "80";
  if (parts.host.starts_with('[') && parts.host.ends_with(']'))
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  if (parts.host.empty() || parts.port.find_first_not_of("0123456789") != std::string::npos) return wrong();
  return parts;
}

}  // namespace

std::string make_chat_body(std::string_view model, std::size_t bytes, bool stream) {
  std::string start = R"({"model":")" + std::string(model) + R"(","temperature":0.7,"max_tokens":256,)";
  if (stream) start += R"("stream":true,"stream_options":{"include_usage":true},)";
  start +=
      R"("messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":")";
  constexpr std::string_view kEnd = R"("}]})";
  constexpr std::string_view kWords = "The quick brown fox jumps over the lazy dog and asks for an answer. ";
  std::string words;
  const std::size_t frame = start.size() + kEnd.size();
  while (frame + words.size() < bytes) words += kWords;
  if (frame + words.size() > bytes && bytes > frame) words.resize(bytes - frame);
  return start + words + std::string(kEnd);
}

base::Result<Target> make_target(const Options& options, bool stream) {
  const auto parts = parse(options.url);
  if (!parts) return parts.error();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found);
      failed != 0) {
    return base::fail(base::ErrorKind::upstream_connect, parts->host + ": " + ::gai_strerror(failed));
  }
  Target target;
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.address_size = found->ai_addrlen;
  ::freeaddrinfo(found);

  const std::string body =
      options.body ? *options.body : make_chat_body(options.model, options.request_bytes, stream);
  const bool post = !body.empty();
  target.request = (post ? "POST " : "GET ") + parts->prefix + options.path +
                   " HTTP/1.1\r\nhost: " + parts->authority + "\r\n";
  if (!options.key.empty()) target.request += "authorization: Bearer " + options.key + "\r\n";
  target.request += "user-agent: headworks-bench\r\naccept: */*\r\n";
  for (const auto& [name, value] : options.headers) target.request += name + ": " + value + "\r\n";
  if (post) {
    target.request +=
        "content-type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n";
  }
  target.request += "\r\n" + body;
  return target;
}

}  // namespace headworks::bench
