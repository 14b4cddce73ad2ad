// Server-sent events out of any split of the stream (WHATWG HTML, "event stream interpretation"): LF, CR LF
// and CR line ends, a byte order mark at the start, comments, data of several lines.
//
// An event that lies within one piece is handed out as views into it, without a copy. One that is split over
// pieces is collected in a buffer, in time linear in its size. Of one that is longer than kMaxEvent only the
// beginning and the end are kept: the name, the type and the usage stand there. Pure. Owned by one stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headworks::wire {

struct SseEvent {
  std::string_view name;  // empty: "message"
  std::string_view data;  // lines joined by LF; SseDecoder::kReadable bytes behind it may be read
  bool has_data = false;  // comments and blank lines have none
  bool abridged = false;  // it was too long: the middle of `data` is missing
  // Where it lies in the current piece: [begin, end), the blank line included. begin is 0 and `continued`
  // true when it began in an earlier piece.
  std::size_t begin = 0;
  std::size_t end = 0;
  bool continued = false;
};

class SseDecoder {
 public:
  static constexpr std::size_t kMaxEvent = 1 << 20;
  // Bytes behind a piece that must be readable (their content does not matter): a JSON reader loads past the
  // end. The decoder's own buffers have them too.
  static constexpr std::size_t kReadable = 64;

  // Calls sink(const SseEvent&) for each event that ends in `piece`, in order. Views live for the call.
  template <class Sink>
  void feed(std::string_view piece, Sink&& sink) {
    SseEvent event;
    std::size_t at = begin_piece(piece);
    while (next(piece, at, event)) sink(static_cast<const SseEvent&>(event));
  }

  // Nothing of an unfinished event has been seen.
  bool at_boundary() const { return carry_.empty() || carry_spent_; }
  // An event was longer than kMaxEvent: who holds events back until their end must let go.
  bool overflowed() const { return overflowed_; }

 private:
  // How far an unfinished event has been looked at, so that no byte of it is looked at twice.
  struct Unfinished {
    bool line_begun = false;  // its last line has bytes already: the next line end does not end the event
    bool cr_last = false;     // its last byte is a CR: a LF may belong to it
  };

  std::size_t begin_piece(std::string_view piece);
  std::size_t skip_mark(std::string_view piece);
  // The next event that ends in piece[at..]; moves `at` behind it. False: none is complete; the rest is kept.
  bool next(std::string_view piece, std::size_t& at, SseEvent& event);
  // The end of the unfinished event (behind its blank line) in `text`, which follows it; npos: not there.
  std::size_t find_end(std::string_view text);
  // Reads one event from text[from..]; its end, or npos (and unfinished_) when it is not complete.
  std::size_t read_event(std::string_view text, std::size_t from, SseEvent& event);
  void read_line(std::string_view line, SseEvent& event);
  void collect(std::string_view text);

  std::string carry_;   // an unfinished event
  std::string joined_;  // data of several lines
  Unfinished unfinished_;
  std::size_t mark_seen_ = 0;  // bytes of the byte order mark that have come
  bool started_ = false;       // past the place where a mark may stand
  bool carry_spent_ = false;   // carry_ is the event that was handed out last
  bool carry_abridged_ = false;
  bool skip_line_feed_ = false;  // the last event ended with CR: a LF may follow
  bool overflowed_ = false;
};

}  // namespace headworks::wire
