// StreamMeter: reads a stream's events as they pass, for what a gateway must know: is this the usage event
// that only we asked for, has the final event come, is it an error, how many tokens so far.
//
// Sources: OpenAI API reference, "chat completion chunk" and "response" events; Anthropic API reference,
// "Streaming messages". Owned by one stream. A plain content event costs a few searches of its bytes, no
// parse.
#pragma once

#include <cstdint>

#include "base/usage.hpp"
#include "dialect/routes.hpp"
#include "json/json_reader.hpp"
#include "wire/sse.hpp"

namespace headworks::dialect {

class StreamMeter {
 public:
  // `usage_is_ours`: the client did not ask for usage, we did; its event is to be taken out.
  StreamMeter(StreamShape shape, bool usage_is_ours) : shape_(shape), usage_is_ours_(usage_is_ours) {}

  enum class Verdict : std::uint8_t {
    pass,
    remove,  // the usage event that we caused
    error,   // the upstream's own error event
  };
  // `event.data` has json::kPadding readable bytes behind it.
  Verdict on_event(json::JsonReader& reader, const wire::SseEvent& event);

  // The answer is complete: a clean end may follow. True for shapes whose end we do not know.
  bool complete() const { return final_seen_ || done_seen_ || all_finished() || shape_ == StreamShape::none; }
  // Any event with content, or the stream's own opening, has come: the point of no return.
  bool begun() const { return events_ > 0; }

  // What was used. `cut`: the stream did not complete.
  base::Usage usage(bool cut) const;

 private:
  Verdict on_openai_event(json::JsonReader& reader, std::string_view data);
  Verdict on_named_event(std::string_view name, std::string_view data);
  void note_choices(json::JsonReader& reader, std::string_view data);
  bool all_finished() const { return finished_ != 0 && (seen_ & ~finished_) == 0; }

  StreamShape shape_;
  bool usage_is_ours_;
  bool final_seen_ = false;
  bool done_seen_ = false;
  bool usage_seen_ = false;
  // Choices of a request with `n` end one by one. One bit each; those from 63 on share the last bit.
  std::uint64_t seen_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t content_events_ = 0;  // about one token each
  base::Usage usage_;
};

}  // namespace headworks::dialect
