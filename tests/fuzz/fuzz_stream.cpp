// Streams of upstreams through the decoder and the meter: nothing is read outside of the piece, what is known
// at the end does not depend on how the bytes arrived, and counts stay sane.
#include "dialect/stream_meter.hpp"
#include "dialect/usage_reader.hpp"
#include "target.hpp"
#include "wire/sse.hpp"

namespace headworks::fuzz {

struct Metered {
  bool begun = false;
  bool complete = false;
  int removed = 0;
  int errors = 0;
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  bool operator==(const Metered&) const = default;
};

inline Metered meter(dialect::StreamShape shape, const std::vector<std::string_view>& pieces) {
  static json::JsonReader reader;
  wire::SseDecoder decoder;
  dialect::StreamMeter meter(shape, true);
  Metered result;
  for (const std::string_view piece : pieces) {
    const Exact exact(piece, json::kPadding);
    decoder.feed(exact.view(), [&](const wire::SseEvent& event) {
      const auto verdict = meter.on_event(reader, event);
      result.removed += verdict == dialect::StreamMeter::Verdict::remove;
      result.errors += verdict == dialect::StreamMeter::Verdict::error;
    });
  }
  const base::Usage usage = meter.usage(false);
  require(usage.cached_input_tokens <= usage.input_tokens && usage.cache_write_tokens <= usage.input_tokens &&
              usage.reasoning_tokens <= usage.output_tokens,
          "a part is not more than the whole");
  result.begun = meter.begun();
  result.complete = meter.complete();
  result.input = usage.input_tokens;
  result.output = usage.output_tokens;
  return result;
}

inline void stream(std::string_view input) {
  using enum dialect::StreamShape;
  for (const dialect::StreamShape shape : {chat, completions, responses, messages})
    require(meter(shape, {input}) == meter(shape, pieces_of(input)), "a stream means the same in pieces");
  const Exact exact(input, 0);
  base::Usage usage;
  dialect::read_usage(exact.view(), usage);
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(stream)
