#include "wire/sse.hpp"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "base/random.hpp"

namespace headworks::wire {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

// Decodes `stream` cut at `cuts`; checks that the pieces' event ranges tile the stream.
Events decode(std::string_view stream, std::vector<std::size_t> cuts = {}) {
  cuts.push_back(stream.size());
  SseDecoder decoder;
  Events events;
  std::size_t from = 0;
  for (const std::size_t to : cuts) {
    const std::string piece(stream.substr(from, to - from));  // own memory: a stale view would show under ASan
    std::size_t last_end = 0;
    decoder.feed(piece, [&](const SseEvent& event) {
      EXPECT_GE(event.begin, event.continued ? 0 : last_end);
      EXPECT_LE(event.end, piece.size());
      last_end = event.end;
      if (event.has_data) events.emplace_back(event.name, event.data);
    });
    from = to;
  }
  return events;
}

TEST(SseDecoder, ReadsTheUsualStream) {
  EXPECT_EQ(decode("data: {\"a\":1}\n\ndata: [DONE]\n\n"), (Events{{"", "{\"a\":1}"}, {"", "[DONE]"}}));
}

TEST(SseDecoder, ReadsNamesCommentsAndAllLineEnds) {
  const Events expected = {{"ping", "1"}, {"", "a\nb\n"}, {"x", ""}};
  EXPECT_EQ(decode("\xef\xbb\xbf: hi\n\nevent: ping\ndata:1\n\nid: 7\ndata: a\ndata: b\ndata\n\nevent:x\ndata:\n\n"), expected);
  EXPECT_EQ(decode(": hi\r\n\r\nevent: ping\r\ndata:1\r\n\r\nretry: 7\r\ndata: a\r\ndata: b\r\ndata\r\n\r\nevent:x\r\ndata:\r\n\r\n"), expected);
  EXPECT_EQ(decode(": hi\r\revent: ping\rdata:1\r\rdata: a\rdata: b\rdata\r\revent:x\rdata:\r\r"), expected);
}

TEST(SseDecoder, AnUnfinishedEventIsNotHandedOut) {
  EXPECT_TRUE(decode("data: x\n").empty());
  EXPECT_TRUE(decode("data: x").empty());
}

TEST(SseDecoder, EverySplitGivesTheSame) {
  const std::string stream =
      "\xef\xbb\xbf: c\r\n\r\nevent: a\ndata: 1\n\ndata: 2\r\ndata: 3\r\n\r\nevent: b\rdata: 4\r\r\n\ndata: [DONE]\n\n";
  const Events whole = decode(stream);
  ASSERT_EQ(whole.size(), 4u);
  for (std::size_t first = 3; first <= stream.size(); ++first)
    for (std::size_t second = first; second <= stream.size(); ++second) EXPECT_EQ(decode(stream, {first, second}), whole);
  base::Random random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 3; at < stream.size(); at += 1 + random.below(6)) cuts.push_back(at);
    EXPECT_EQ(decode(stream, cuts), whole);
  }
}

TEST(SseDecoder, GivesUpOnAnEventBeyondItsLimit) {
  SseDecoder decoder;
  int events = 0;
  const std::string piece(16'384, 'x');
  decoder.feed("data: ", [&](const SseEvent&) { ++events; });
  for (int i = 0; i < 100; ++i) decoder.feed(piece, [&](const SseEvent&) { ++events; });
  EXPECT_TRUE(decoder.overflowed());
  decoder.feed("\n\ndata: y\n\n", [&](const SseEvent&) { ++events; });
  EXPECT_EQ(events, 0);
}

}  // namespace
}  // namespace headworks::wire
