// StreamFilter: a stream's bytes on their way to the client. Reads the events as they pass and takes out the usage
// event that only we asked for; every other byte goes on unchanged.
//
// An unfinished event waits for its end: nobody can act on half an event, it could be the one to take out, and an
// upstream that is cut inside an event must not leave half a line in front of our error event. An event that is longer
// than kMaxHeld is none of ours and is let go piece by piece. Owned by one stream.
#pragma once

#include <string>
#include <string_view>

#include "dialect/stream_meter.hpp"
#include "json/json_reader.hpp"
#include "wire/sse.hpp"

namespace headworks::gateway {

class StreamFilter {
 public:
  static constexpr std::size_t kMaxHeld = 65'536;

  StreamFilter(dialect::StreamShape shape, bool remove_usage)
      : meter_(shape, remove_usage), holds_(shape != dialect::StreamShape::none) {}

  // What to send for `piece`: a view of it, or of this object, valid until the next call; may be empty.
  std::string_view feed(json::JsonReader& reader, std::string_view piece);
  // At the clean end of the body: reads a last event that lacks its blank line. What is still to be sent.
  std::string_view finish(json::JsonReader& reader);

  // The upstream sent its own error event. Before anything else it means: this attempt failed.
  bool error_seen() const { return error_seen_; }
  // The client has the beginning of an event and not its end.
  bool inside_event() const { return let_go_; }
  const dialect::StreamMeter& meter() const { return meter_; }

 private:
  dialect::StreamMeter meter_;
  wire::SseDecoder decoder_;
  bool holds_;
  bool error_seen_ = false;
  bool let_go_ = false;  // the beginning of the unfinished event was sent
  bool line_feed_may_follow_ = false;  // the last event's CR was the last byte of its piece
  bool removed_last_ = false;          // the last event was taken out
  std::string held_;     // the beginning of the unfinished event
  std::string out_;
};

}  // namespace headworks::gateway
