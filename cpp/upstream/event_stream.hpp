// The events of one stream: what each says and when it is due. A pure machine: bytes out, time in.
// Must not know: sockets, scripts' JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "upstream/route.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {

class EventStream {
 public:
  // `text` is cut into words, one per event, over and over. With event_bytes each event is filled up to
  // exactly that size (framing not counted); with `stamp` it says who, which and when instead of words.
  // `number` names the stream in stamps and gives it its place in the tick: streams of one rate do not all
  // speak in the same millisecond.
  EventStream(StreamText text, std::string_view words, const StreamShape& shape, std::uint64_t number,
              bool chunked);

  // What the route sends before the first piece of text.
  void append_opening(std::string& out) const { append_framed(out, text_.opening); }
  void append_next(std::string& out, base::TimePoint now);
  // Everything after the last event: the final event, usage, [DONE], the last chunk.
  void append_closing(std::string& out) const;

  bool finished() const { return sent_ == events_; }
  std::uint32_t sent() const { return sent_; }
  // How many events there will be; a fault may lower it.
  void stop_after(std::uint64_t events);
  // The body will not be ended: no last chunk.
  void leave_open() { open_ = true; }
  bool rated() const { return per_second_ > 0; }
  // When the next event is due, for a stream whose first event went out at `start`. REQUIRES: rated().
  base::TimePoint due(base::TimePoint start) const;

 private:
  void append_framed(std::string& out, std::string_view bytes) const;

  StreamText text_;
  std::vector<std::string> pieces_;  // escaped
  std::uint32_t events_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t event_bytes_ = 0;
  std::uint64_t number_ = 0;
  double per_second_ = 0;
  double phase_ = 0;  // of the interval, in (0, 1]
  bool stamp_ = false;
  bool chunked_ = true;
  bool open_ = false;
  std::string scratch_;
};

// How many words `text` has: as many events as a stream without a number of its own.
std::uint32_t count_words(std::string_view text);

}  // namespace headworks::upstream
