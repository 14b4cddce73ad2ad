// Server-sent events out of any split of the stream (WHATWG HTML, "event stream interpretation"): LF, CR LF and CR
// line ends, a byte order mark at the start, comments, data of several lines.
//
// An event that lies within one piece is handed out as views into it, without a copy. One that is split over pieces
// is collected in a buffer with a limit; beyond it the decoder gives up on the stream (overflowed()), which then is
// relayed without being read. Pure. Owned by one stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headworks::wire {

struct SseEvent {
  std::string_view name;  // empty: "message"
  std::string_view data;  // lines joined by LF
  bool has_data = false;  // comments and blank lines have none
  // Where it lies in the current piece: [begin, end), the blank line included. begin is 0 and `continued` true when it
  // began in an earlier piece.
  std::size_t begin = 0;
  std::size_t end = 0;
  bool continued = false;
};

class SseDecoder {
 public:
  static constexpr std::size_t kMaxEvent = 1 << 20;

  // Calls sink(const SseEvent&) for each event that ends in `piece`, in order. Views live for the call.
  template <class Sink>
  void feed(std::string_view piece, Sink&& sink) {
    SseEvent event;
    std::size_t at = begin_piece(piece);
    while (next(piece, at, event)) sink(static_cast<const SseEvent&>(event));
  }

  // Nothing of an unfinished event has been seen.
  bool at_boundary() const { return carry_.empty() || carry_spent_; }
  bool overflowed() const { return overflowed_; }

 private:
  std::size_t begin_piece(std::string_view piece);
  // The next event that ends in piece[at..]; moves `at` behind it. False: none is complete; the rest is kept.
  bool next(std::string_view piece, std::size_t& at, SseEvent& event);
  // Reads one event from text[from..]; its end (behind the blank line), or npos when it is not complete.
  std::size_t read_event(std::string_view text, std::size_t from, SseEvent& event);
  void read_line(std::string_view line, SseEvent& event);

  std::string carry_;   // an unfinished event
  std::string joined_;  // data of several lines
  bool carry_spent_ = false;  // carry_ is the event that was handed out last
  bool started_ = false;
  bool skip_line_feed_ = false;  // the last event ended with CR: a LF may follow
  bool overflowed_ = false;
};

}  // namespace headworks::wire
