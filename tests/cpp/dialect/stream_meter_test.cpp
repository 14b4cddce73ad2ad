#include "dialect/stream_meter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "padded.hpp"

namespace headworks::dialect {
namespace {

using Verdict = StreamMeter::Verdict;
using base::UsageSource;

// A meter that is fed events as text.
class Stream {
 public:
  explicit Stream(StreamShape shape, bool usage_is_ours = false) : meter(shape, usage_is_ours) {}

  Verdict data(std::string_view text, std::string_view name = {}) {
    const Padded padded(text);
    wire::SseEvent event;
    event.name = name;
    event.data = padded;
    event.has_data = true;
    return meter.on_event(reader_, event);
  }

  StreamMeter meter;

 private:
  json::JsonReader reader_;
};

std::string chunk(std::string_view choices, std::string_view more = "") {
  return R"({"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":)" +
         std::string(choices) + std::string(more) + "}";
}
const std::string kContent = chunk(R"([{"index":0,"delta":{"content":"hi"},"finish_reason":null}])");
const std::string kFinish = chunk(R"([{"index":0,"delta":{},"finish_reason":"stop"}])");
const std::string kUsage =
    chunk("[]", R"(,"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,)"
                R"("prompt_tokens_details":{"cached_tokens":5},)"
                R"("completion_tokens_details":{"reasoning_tokens":2}})");

TEST(ChatStream, EndsWithItsFinishReasonOrItsMark) {
  Stream stream(StreamShape::chat);
  EXPECT_FALSE(stream.meter.begun());
  EXPECT_EQ(stream.data(kContent), Verdict::pass);
  EXPECT_TRUE(stream.meter.begun());
  EXPECT_FALSE(stream.meter.complete());
  EXPECT_EQ(stream.data(kFinish), Verdict::pass);
  EXPECT_TRUE(stream.meter.complete()) << "one that forgets [DONE] is complete";

  Stream marked(StreamShape::chat);
  marked.data(kContent);
  EXPECT_EQ(marked.data("[DONE]"), Verdict::pass);
  EXPECT_TRUE(marked.meter.complete());
}

TEST(ChatStream, SpacesAndOtherOrdersAreUnderstood) {
  Stream stream(StreamShape::chat);
  stream.data(R"({"choices": [{"finish_reason": null, "delta": {"content": "x"}, "index": 0}]})");
  EXPECT_FALSE(stream.meter.complete());
  stream.data(R"({"choices": [{"finish_reason" : "length", "delta": {}, "index": 0}]})");
  EXPECT_TRUE(stream.meter.complete());
}

TEST(ChatStream, ContentThatLooksLikeJsonIsContent) {
  Stream stream(StreamShape::chat, true);
  EXPECT_EQ(stream.data(chunk(R"([{"index":0,"delta":{"content":"\"finish_reason\":\"stop\",)"
                              R"(\"usage\":{\"prompt_tokens\":1}"},"finish_reason":null}])")),
            Verdict::pass);
  EXPECT_EQ(stream.data(chunk(R"([{"index":0,"delta":{"content":"finish_reason"},"finish_reason":null}])")),
            Verdict::pass);
  EXPECT_EQ(stream.data(chunk(R"([{"index":0,"delta":{"content":"{\"error\":{}}"},"finish_reason":null}])")),
            Verdict::pass);
  EXPECT_FALSE(stream.meter.complete());
  EXPECT_EQ(stream.meter.usage(true).input_tokens, 0u);
}

TEST(ChatStream, OnlyTheUsageEventThatWeCausedIsRemoved) {
  Stream asked(StreamShape::chat, false), ours(StreamShape::chat, true);
  EXPECT_EQ(asked.data(kUsage), Verdict::pass);
  EXPECT_EQ(ours.data(kUsage), Verdict::remove);
  EXPECT_EQ(ours.data(chunk(R"([ ])", R"(, "usage" : {"prompt_tokens":1})")), Verdict::remove);
  EXPECT_EQ(ours.data(chunk("[]", R"(,"usage":null)")), Verdict::pass) << "an event of the provider's own";
  EXPECT_EQ(ours.data(chunk("[]", R"(,"prompt_filter_results":[])")), Verdict::pass);
  EXPECT_EQ(ours.data(chunk(R"([{"index":0,"delta":{},"finish_reason":"stop"}])",
                            R"(,"usage":{"prompt_tokens":3,"completion_tokens":1})")),
            Verdict::pass)
      << "some attach it to the last event with content";
}

TEST(ChatStream, CountsWhatIsReported) {
  Stream stream(StreamShape::chat, true);
  stream.data(kContent);
  stream.data(kFinish);
  stream.data(kUsage);
  const base::Usage usage = stream.meter.usage(false);
  EXPECT_EQ(usage.source, UsageSource::reported);
  EXPECT_EQ(usage.input_tokens, 9u);
  EXPECT_EQ(usage.output_tokens, 4u);
  EXPECT_EQ(usage.cached_input_tokens, 5u);
  EXPECT_EQ(usage.reasoning_tokens, 2u);
}

TEST(ChatStream, CountsEventsWhenNothingIsReported) {
  Stream stream(StreamShape::chat);
  EXPECT_EQ(stream.meter.usage(true).source, UsageSource::none) << "nothing came";
  for (int i = 0; i < 5; ++i) stream.data(kContent);
  EXPECT_EQ(stream.meter.usage(true).source, UsageSource::partial);
  EXPECT_EQ(stream.meter.usage(true).output_tokens, 5u);
  stream.data(kFinish);
  EXPECT_EQ(stream.meter.usage(false).source, UsageSource::estimated);
}

TEST(ChatStream, IsCompleteOnlyWhenEveryChoiceIs) {
  const auto event = [](int index, const char* reason) {
    return chunk(R"([{"index":)" + std::to_string(index) + R"(,"delta":{"content":"x"},"finish_reason":)" +
                 reason + "}]");
  };
  for (const int other : {1, 2, 62, 63, 200}) {
    Stream stream(StreamShape::chat);
    stream.data(event(0, "null"));
    stream.data(event(other, "null"));
    stream.data(event(0, "\"stop\""));
    EXPECT_FALSE(stream.meter.complete()) << other;
    stream.data(event(other, "null"));
    stream.data(event(other, "\"length\""));
    EXPECT_TRUE(stream.meter.complete()) << other;
  }
  Stream at_once(StreamShape::completions);
  at_once.data(R"({"choices":[{"text":"a","index":0,"finish_reason":"stop"},)"
               R"({"text":"b","index":1,"finish_reason":null}]})");
  EXPECT_FALSE(at_once.meter.complete());
  at_once.data(R"({"choices":[{"text":"b","index":1,"finish_reason":"stop"}]})");
  EXPECT_TRUE(at_once.meter.complete());
}

TEST(ChatStream, IndexesOfToolCallsAreNotChoices) {
  Stream stream(StreamShape::chat);
  stream.data(chunk(R"([{"index":0,"delta":{"tool_calls":[{"index":1,)"
                    R"("function":{"arguments":"{"}}]},"finish_reason":null}])"));
  stream.data(chunk(R"([{"index":0,"delta":{},"finish_reason":"tool_calls"}])"));
  EXPECT_TRUE(stream.meter.complete());
}

TEST(ChatStream, ErrorsAreRecognised) {
  for (const std::string& text :
       {std::string(R"({"error":{"message":"no","type":"server_error"}})"),
        std::string(R"({ "error" : "no"})"), std::string(R"({"id":"x","error":{"code":502}})"),
        std::string(R"({"object":"error","message":"no"})"),
        chunk(R"([{"index":0,"delta":{"content":""},"finish_reason":"error"}])",
              R"(,"error":{"code":502})")}) {
    Stream stream(StreamShape::chat);
    EXPECT_EQ(stream.data(text), Verdict::error) << text;
    EXPECT_FALSE(stream.meter.begun()) << "an error is no answer: another backend may still give one";
    EXPECT_FALSE(stream.meter.complete());
  }
  Stream stream(StreamShape::chat);
  EXPECT_EQ(stream.data("{}", "error"), Verdict::error);
  EXPECT_EQ(stream.data(R"({"error":null,"choices":[]})"), Verdict::pass);
  EXPECT_EQ(stream.data("not JSON"), Verdict::pass);
}

TEST(ChatStream, EventsThatBreakOffAreHarmless) {
  const std::string whole =
      chunk(R"([ {"index" : 0,"finish_reason" : "stop"}])", R"(,"usage" : {"prompt_tokens":3},"error":null)");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Stream stream(StreamShape::chat, true);
    EXPECT_EQ(stream.data(whole.substr(0, size)), Verdict::pass) << size;
  }
}

TEST(MessagesStream, ReadsAnthropicsEvents) {
  Stream stream(StreamShape::messages);
  EXPECT_EQ(stream.data(R"({"type":"ping"})", "ping"), Verdict::pass);
  EXPECT_FALSE(stream.meter.begun()) << "a ping is a sign of life, not an answer";
  stream.data(R"({"type":"message_start","message":{"id":"m",)"
              R"("usage":{"input_tokens":10,"cache_read_input_tokens":100,)"
              R"("cache_creation_input_tokens":7,"output_tokens":1}}})",
              "message_start");
  EXPECT_TRUE(stream.meter.begun());
  for (int i = 0; i < 3; ++i)
    stream.data(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}})",
                "content_block_delta");
  EXPECT_FALSE(stream.meter.complete());
  EXPECT_EQ(stream.meter.usage(true).source, UsageSource::partial);
  EXPECT_EQ(stream.meter.usage(true).output_tokens, 3u);
  stream.data(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}})",
              "message_delta");
  EXPECT_FALSE(stream.meter.complete()) << "message_stop is the end";
  stream.data(R"({"type":"message_stop"})", "message_stop");
  EXPECT_TRUE(stream.meter.complete());
  const base::Usage usage = stream.meter.usage(false);
  EXPECT_EQ(usage.source, UsageSource::reported);
  EXPECT_EQ(usage.input_tokens, 117u) << "cached ones included";
  EXPECT_EQ(usage.cached_input_tokens, 100u);
  EXPECT_EQ(usage.cache_write_tokens, 7u);
  EXPECT_EQ(usage.output_tokens, 15u);
}

TEST(MessagesStream, ErrorsAreRecognisedWithAndWithoutTheirName) {
  const char* text = R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})";
  for (const char* name : {"error", ""}) {
    Stream stream(StreamShape::messages);
    EXPECT_EQ(stream.data(text, name), Verdict::error);
    EXPECT_FALSE(stream.meter.begun());
  }
  Stream stream(StreamShape::messages);
  EXPECT_EQ(stream.data(R"({"error":{"type":"rate_limit_error"}})"), Verdict::error) << "another dialect's";
}

TEST(MessagesStream, NamesMayBeLeftOut) {
  Stream stream(StreamShape::messages);
  stream.data(R"({"type":"message_start","message":{}})");
  stream.data(R"({"type":"message_stop"})");
  EXPECT_TRUE(stream.meter.complete());
}

TEST(ResponsesStream, EndsInOneOfThreeWays) {
  for (const char* end : {"response.completed", "response.incomplete", "response.failed"}) {
    Stream stream(StreamShape::responses);
    stream.data(R"({"type":"response.created","response":{"error":null,"usage":null}})", "response.created");
    stream.data(R"({"type":"response.output_text.delta","delta":"x"})", "response.output_text.delta");
    EXPECT_FALSE(stream.meter.complete());
    EXPECT_EQ(
        stream.data(
            std::string(R"({"type":")") + end +
                R"(","response":{"tools":[{"parameters":{"properties":{"usage":{"type":"object"}}}}],)"
                R"("usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":1},"output_tokens":2,)"
                R"("output_tokens_details":{"reasoning_tokens":1}}}})",
            end),
        Verdict::pass);
    EXPECT_TRUE(stream.meter.complete()) << end;
    EXPECT_EQ(stream.meter.usage(false).input_tokens, 3u);
    EXPECT_EQ(stream.meter.usage(false).cached_input_tokens, 1u);
    EXPECT_EQ(stream.meter.usage(false).reasoning_tokens, 1u);
  }
}

TEST(ResponsesStream, AFailureBeforeAnythingElseCanBeMadeGood) {
  Stream stream(StreamShape::responses);
  EXPECT_EQ(stream.data(R"({"type":"response.failed","response":{"error":{"code":"server_error"}}})",
                        "response.failed"),
            Verdict::error);
  EXPECT_FALSE(stream.meter.begun());
  EXPECT_EQ(stream.data(R"({"type":"error","code":"x","message":"y"})"), Verdict::error);
}

TEST(OtherStreams, AreRelayedUnread) {
  Stream stream(StreamShape::none);
  EXPECT_TRUE(stream.meter.complete());
  EXPECT_EQ(stream.data(R"({"error":{}})"), Verdict::pass);
}

}  // namespace
}  // namespace headworks::dialect
