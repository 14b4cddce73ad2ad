// Reads HTTP/1.1 requests out of a byte stream, leniently: this side takes what it is given and writes it
// down, so that tests can see what a gateway really sent. Content-Length and chunked; bare LF is taken for
// CRLF. Shares no code with net/ on purpose: a mistake there must not be mirrored here. Must not know:
// sockets, scripts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headworks::upstream {

class Request {
 public:
  std::string_view method() const { return text(method_); }
  std::string_view target() const { return text(target_); }
  std::string_view path() const { return target().substr(0, target().find('?')); }
  std::string_view version() const { return text(version_); }
  std::size_t header_count() const { return fields_.size(); }
  std::string_view header_name(std::size_t index) const { return text(fields_[index].name); }
  std::string_view header_value(std::size_t index) const { return text(fields_[index].value); }

  // The first value of the header, "" when there is none. `name` in lower case.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  // The credential of `authorization: Bearer` or `x-api-key`.
  std::string_view key() const;
  // Whether the client wants the connection to end after the answer.
  bool wants_close() const;

  std::string_view body() const { return body_; }

 private:
  friend class RequestReader;
  // Offsets, not views: the head moves with the request.
  struct Span {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  struct Field {
    Span name;
    Span value;
  };
  std::string_view text(Span span) const { return std::string_view(head_).substr(span.at, span.size); }

  std::string head_;
  std::string body_;
  Span method_, target_, version_;
  std::vector<Field> fields_;
};

class RequestReader {
 public:
  // Takes bytes; returns how many. Stops after the head and at the end of the request: call again with the
  // rest.
  std::size_t feed(std::string_view bytes);

  bool idle() const { return state_ == State::head && request_.head_.empty(); }
  bool head_complete() const { return state_ != State::head; }
  bool complete() const { return state_ == State::complete; }
  // What cannot be read at all: no request line, a chunk size that is none. The connection is of no more use.
  bool broken() const { return state_ == State::broken; }
  const Request& request() const { return request_; }
  void next_request();

 private:
  enum class State : std::uint8_t {
    head,
    sized_body,
    chunk_size,
    chunk_data,
    chunk_end,
    trailer,
    complete,
    broken
  };

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_line(std::string_view bytes);
  std::size_t feed_data(std::string_view bytes);
  void parse_head();
  void decide_framing();
  void on_line(std::string_view line);

  Request request_;
  State state_ = State::head;
  std::uint64_t remaining_ = 0;  // of the body, or of the chunk
  std::string line_;             // a chunk-size or trailer line that is not complete yet
};

}  // namespace headworks::upstream
