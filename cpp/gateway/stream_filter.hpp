// StreamFilter: a stream's bytes on their way to the client. Reads the events as they pass and takes out the usage
// event that only we asked for; every other byte goes on unchanged and at once.
//
// Only when such an event must be taken out is an unfinished event held back until its end has come (it could be that
// one); nobody can act on half an event. Owned by one stream.
#pragma once

#include <string>
#include <string_view>

#include "dialect/stream_meter.hpp"
#include "json/json_reader.hpp"
#include "wire/sse.hpp"

namespace headworks::gateway {

class StreamFilter {
 public:
  StreamFilter(dialect::StreamShape shape, bool remove_usage) : meter_(shape, remove_usage), remove_usage_(remove_usage) {}

  // What to send for `piece`: a view of it, or of this object, valid until the next call; may be empty.
  std::string_view feed(json::JsonReader& reader, std::string_view piece);
  // At the end of the body: what is still held back.
  std::string_view flush();

  // The upstream sent its own error event. Before anything else it means: this attempt failed.
  bool error_seen() const { return error_seen_; }
  const dialect::StreamMeter& meter() const { return meter_; }

 private:
  std::string_view feed_removing(json::JsonReader& reader, std::string_view piece);

  dialect::StreamMeter meter_;
  wire::SseDecoder decoder_;
  bool remove_usage_;
  bool error_seen_ = false;
  std::string held_;  // the beginning of an unfinished event
  std::string out_;
};

}  // namespace headworks::gateway
