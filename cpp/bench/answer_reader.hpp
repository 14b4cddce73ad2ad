// Reads HTTP/1.1 answers out of a byte stream: head, then a body by Content-Length, in chunks, or until the
// end of the connection. Of its own, so that the load generator does not share the mistakes of what it
// measures. Must not know: sockets, what an answer should say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headworks::bench {

class AnswerReader {
 public:
  // Takes bytes, appends what is body to `body`, returns how many were taken: less than all only at the end
  // of the answer or when it is broken.
  std::size_t feed(std::string_view bytes, std::string& body);
  // The peer closed. Whether that makes a whole answer (a body without a length).
  bool on_end() const { return state_ == State::until_close; }
  void next_answer();

  bool idle() const { return state_ == State::head && head_.empty(); }
  bool head_complete() const { return state_ != State::head && state_ != State::broken; }
  bool complete() const { return state_ == State::complete; }
  bool broken() const { return state_ == State::broken; }
  int status() const { return status_; }
  // The connection cannot be used again.
  bool closes() const { return closes_; }

 private:
  enum class State : std::uint8_t {
    head,
    sized,
    until_close,
    chunk_size,
    chunk_data,
    chunk_end,
    trailer,
    complete,
    broken
  };
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_data(std::string_view bytes, std::string& body);
  std::size_t feed_line(std::string_view bytes);
  void parse_head(std::string_view head);
  void on_line(std::string_view line);

  State state_ = State::head;
  std::string head_;  // only while it is not complete
  std::string line_;
  std::uint64_t remaining_ = 0;
  int status_ = 0;
  bool closes_ = false;
};

}  // namespace headworks::bench
