// The parts of the upstream that need no socket: reading requests, glancing at bodies, counting requests,
// telling time, speaking events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "upstream/body_glance.hpp"
#include "upstream/event_stream.hpp"
#include "upstream/moments.hpp"
#include "upstream/rate_limiter.hpp"
#include "upstream/request_reader.hpp"
#include "upstream/stamp.hpp"
#include "upstream/tick_wheel.hpp"

namespace headworks::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Feeds the bytes in pieces of random sizes and returns the bodies of the requests found.
std::vector<std::string> bodies_of(std::string_view bytes, base::Random& random) {
  std::vector<std::string> bodies;
  RequestReader reader;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, 1 + random.below(7));
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      piece.remove_prefix(reader.feed(piece));
      if (reader.broken()) return {"broken"};
      if (!reader.complete()) continue;
      bodies.emplace_back(reader.request().body());
      reader.next_request();
    }
  }
  return bodies;
}

TEST(RequestReader, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string bytes =
      "\r\nPOST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nt: v\r\n\r\n"
      "GET /bare HTTP/1.1\nhost: x\n\n";
  base::Random random(11);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(bodies_of(bytes, random), (std::vector<std::string>{"hello", "abcde", ""}));
  }
}

TEST(RequestReader, FindsKeysHeadersAndTheWishToClose) {
  RequestReader reader;
  reader.feed(
      "POST /v1/a?b HTTP/1.1\r\nAuthorization: bearer  sk-1\r\nX-Api-Key: sk-2\r\nConnection: Close\r\n\r\n");
  ASSERT_TRUE(reader.complete());
  const Request& request = reader.request();
  EXPECT_EQ(request.path(), "/v1/a");
  EXPECT_EQ(request.target(), "/v1/a?b");
  EXPECT_EQ(request.header("x-api-key"), "sk-2");
  EXPECT_FALSE(request.has_header("x-api"));
  EXPECT_TRUE(request.wants_close());
}

TEST(RequestReader, SaysWhenItCannotGoOn) {
  for (const std::string_view bytes :
       {"nonsense\r\n\r\n", "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"}) {
    RequestReader reader;
    for (std::string_view rest = bytes; !rest.empty() && !reader.broken();)
      rest.remove_prefix(reader.feed(rest));
    EXPECT_TRUE(reader.broken());
  }
}

TEST(BodyGlance, SeesOnlyTheTopLevel) {
  const auto glance = glance_at(
      R"( {"messages":[{"model":"inner","stream":true}],"a":"\"}","model":"x\"y", "stream" : true,
          "stream_options":{"other":{"include_usage":false},"include_usage":true},"n":1} )");
  EXPECT_EQ(glance.model, R"(x\"y)");
  EXPECT_TRUE(glance.stream);
  EXPECT_TRUE(glance.include_usage);
  EXPECT_FALSE(glance_at(R"({"stream":false,"stream_options":null,"model":7})").stream);
  for (const std::string_view odd : {"", "{", "[]", R"({"model)", R"({"model":")", R"({"a":[[)", "}"}) {
    EXPECT_EQ(glance_at(odd).model, "");
  }
}

base::TimePoint at(std::int64_t ms) { return base::TimePoint(milliseconds(ms)); }

TEST(RateLimiter, AFixedWindowForgetsEverythingAtItsEnd) {
  RateLimiter limiter({.rpm = 2, .window = Window::fixed, .period = seconds(60)});
  EXPECT_FALSE(limiter.take("a", at(0)));
  EXPECT_FALSE(limiter.take("a", at(59'000)));
  EXPECT_EQ(limiter.take("a", at(59'500)), milliseconds(500));
  EXPECT_FALSE(limiter.take("b", at(59'500)));
  EXPECT_FALSE(limiter.take("a", at(60'000)));
  EXPECT_FALSE(limiter.take("a", at(60'001)));
  EXPECT_TRUE(limiter.take("a", at(60'002)));
}

TEST(RateLimiter, ASlidingWindowNeverHoldsMoreThanTheLimit) {
  RateLimiter limiter({.rpm = 2, .window = Window::sliding, .period = seconds(60)});
  EXPECT_FALSE(limiter.take("a", at(0)));
  EXPECT_FALSE(limiter.take("a", at(59'000)));
  EXPECT_EQ(limiter.take("a", at(59'500)), milliseconds(500));
  EXPECT_FALSE(limiter.take("a", at(60'000)));
  EXPECT_EQ(limiter.take("a", at(60'001)), milliseconds(58'999));
}

TEST(RateLimiter, ABucketRefillsEvenly) {
  RateLimiter limiter({.rpm = 2, .window = Window::bucket, .period = seconds(60)});
  EXPECT_FALSE(limiter.take("a", at(0)));
  EXPECT_FALSE(limiter.take("a", at(0)));
  const auto wait = limiter.take("a", at(15'000));
  ASSERT_TRUE(wait);
  EXPECT_NEAR(static_cast<double>(wait->count()), 15e9, 1e6);
  EXPECT_FALSE(limiter.take("a", at(30'001)));
}

TEST(RateLimiter, NothingIsWithinALimitOfZero) {
  RateLimiter limiter({.rpm = 0, .window = Window::sliding, .period = seconds(1)});
  EXPECT_EQ(limiter.take("a", at(0)), seconds(1));
}

TEST(Moments, AreWrittenInEveryFormOfRetryAfter) {
  const base::WallTime now{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110
  EXPECT_EQ(expand_moments("${http_date+0}", now), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(expand_moments("${rfc850+0}", now), "Sunday, 06-Nov-94 08:49:37 GMT");
  EXPECT_EQ(expand_moments("${asctime+0}", now), "Sun Nov  6 08:49:37 1994");
  EXPECT_EQ(expand_moments("a ${epoch+7} b ${epoch-7}", now), "a 784111784 b 784111770");
  EXPECT_EQ(expand_moments("${epoch_ms+1}", now), "784111778000");
  EXPECT_EQ(expand_moments("${rfc3339+3600}", now), "1994-11-06T09:49:37Z");
  for (const auto* plain : {"7", "${nothing+1}", "${http_date}", "${", "$ {epoch+1}"}) {
    EXPECT_EQ(expand_moments(plain, now), plain);
  }
}

EventStream make_stream(const StreamShape& shape, std::uint64_t number) {
  const Content content{.model = "m", .text = "one two"};
  return EventStream(stream_text(Route::chat, content), "one two", shape, number, false);
}

TEST(EventStream, HasEventsOfExactlyTheSizeAsked) {
  StreamShape shape;
  shape.events = 3;
  shape.event_bytes = 300;
  shape.stamp = true;
  EventStream stream = make_stream(shape, 12);
  for (std::uint32_t i = 0; i < 3; ++i) {
    std::string event;
    stream.append_next(event, base::TimePoint(base::Duration(1'234'567)));
    EXPECT_EQ(event.size(), 300u);
    EXPECT_THAT(event,
                ::testing::HasSubstr("@hw:00000012:0000000" + std::to_string(i) + ":00000000000001234567@"));
  }
  EXPECT_TRUE(stream.finished());
}

TEST(EventStream, SaysTheTextWordByWord) {
  EventStream stream = make_stream({}, 1);
  std::string events;
  while (!stream.finished()) stream.append_next(events, {});
  EXPECT_THAT(events, ::testing::HasSubstr(R"({"content":"one "})"));
  EXPECT_THAT(events, ::testing::HasSubstr(R"({"content":"two"})"));
}

TEST(EventStream, SpreadsStreamsOverTheInterval) {
  StreamShape shape;
  shape.events = 10;
  shape.per_second = 50;
  std::array<int, 20> in_millisecond{};
  for (std::uint64_t number = 0; number < 1000; ++number) {
    EventStream stream = make_stream(shape, number);
    std::string ignored;
    EXPECT_EQ(stream.due(at(0)), at(0));
    stream.append_next(ignored, at(0));
    const auto second = stream.due(at(0));
    stream.append_next(ignored, second);
    EXPECT_NEAR(static_cast<double>((stream.due(at(0)) - second).count()), 20e6, 1e3);
    ++in_millisecond.at(
        std::min<std::size_t>(static_cast<std::size_t>((second - at(0)) / milliseconds(1)), 19));
  }
  for (const int count : in_millisecond) EXPECT_NEAR(count, 50, 5);
}

TEST(Stamp, HasItsFixedWidthWhateverTheNumbers) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{7}, ~std::uint64_t{0}}) {
    std::string out;
    append_stamp(out, number, number, number);
    EXPECT_EQ(out.size(), kStampSize);
  }
}

class CountingTimer final : public TickTimer {
 public:
  std::vector<base::TimePoint> fired;
  ~CountingTimer() override = default;

 private:
  void on_timer(base::TimePoint now) override { fired.push_back(now); }
};

TEST(TickWheel, FiresEachTimerOnceAndNeverEarly) {
  base::Random random(3);
  TickWheel wheel(at(0));
  std::vector<std::unique_ptr<CountingTimer>> timers;
  std::vector<base::TimePoint> due;
  for (int i = 0; i < 500; ++i) {
    due.push_back(base::TimePoint(base::Duration(random.below(10'000'000'000))));
    timers.push_back(std::make_unique<CountingTimer>());
    wheel.arm(*timers.back(), due.back());
  }
  timers[0]->disarm();
  for (base::TimePoint now = at(0); now <= at(10'001); now += milliseconds(1)) wheel.advance(now);
  EXPECT_TRUE(timers[0]->fired.empty());
  for (std::size_t i = 1; i < timers.size(); ++i) {
    ASSERT_EQ(timers[i]->fired.size(), 1u);
    EXPECT_GE(timers[i]->fired[0], due[i]);
    EXPECT_LT(timers[i]->fired[0], due[i] + milliseconds(2));
  }
  EXPECT_EQ(wheel.timeout(at(10'001)), -1);
}

TEST(TickWheel, SaysHowLongToSleep) {
  TickWheel wheel(at(0));
  CountingTimer timer;
  EXPECT_EQ(wheel.timeout(at(0)), -1);
  wheel.arm(timer, at(250));
  EXPECT_EQ(wheel.timeout(at(0)), 250);
  EXPECT_EQ(wheel.timeout(at(300)), 0);
}

}  // namespace
}  // namespace headworks::upstream
