#include "wire/sse.hpp"

#include <gtest/gtest.h>

#include <string>
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
    const std::string piece(
        stream.substr(from, to - from));  // own memory: a stale view would show under ASan
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
  EXPECT_EQ(
      decode(
          "\xef\xbb\xbf: hi\n\nevent: ping\ndata:1\n\nid: 7\ndata: a\ndata: b\ndata\n\nevent:x\ndata:\n\n"),
      expected);
  EXPECT_EQ(decode(": hi\r\n\r\nevent: ping\r\ndata:1\r\n\r\nretry: 7\r\ndata: a\r\ndata: "
                   "b\r\ndata\r\n\r\nevent:x\r\ndata:\r\n\r\n"),
            expected);
  EXPECT_EQ(decode(": hi\r\revent: ping\rdata:1\r\rdata: a\rdata: b\rdata\r\revent:x\rdata:\r\r"), expected);
}

TEST(SseDecoder, AnUnfinishedEventIsNotHandedOut) {
  EXPECT_TRUE(decode("data: x\n").empty());
  EXPECT_TRUE(decode("data: x").empty());
}

TEST(SseDecoder, EverySplitGivesTheSame) {
  const std::string stream =
      "\xef\xbb\xbf: c\r\n\r\nevent: a\ndata: 1\n\ndata: 2\r\ndata: 3\r\n\r\nevent: b\rdata: 4\r\r\n\ndata: "
      "[DONE]\n\n";
  const Events whole = decode(stream);
  ASSERT_EQ(whole.size(), 4u);
  for (std::size_t first = 1; first <= stream.size(); ++first)
    for (std::size_t second = first; second <= stream.size(); ++second)
      EXPECT_EQ(decode(stream, {first, second}), whole);
  base::Random random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1 + random.below(4); at < stream.size(); at += 1 + random.below(6))
      cuts.push_back(at);
    EXPECT_EQ(decode(stream, cuts), whole);
  }
}

TEST(SseDecoder, AMarkMayComeInPiecesAndWhatOnlyLooksLikeOneIsContent) {
  const std::string marked =
      "\xef\xbb\xbf"
      "data: 1\n\ndata: 2\n\n";
  const Events expected = {{"", "1"}, {"", "2"}};
  for (std::size_t first = 1; first <= 4; ++first)
    for (std::size_t second = first; second <= 5; ++second)
      EXPECT_EQ(decode(marked, {first, second}), expected) << first << " " << second;
  const std::string unmarked =
      "\xef\xbb"
      "data: 1\n\ndata: 2\n\n";
  for (std::size_t first = 1; first <= 4; ++first)
    EXPECT_EQ(decode(unmarked, {first}), (Events{{"", "2"}}))
        << "the first line is a field without a meaning";
}

TEST(SseDecoder, TheUsualEventIsHandedOutWithoutACopy) {
  const std::string piece = "event: a\ndata: {\"x\":1}\n\n";
  SseDecoder decoder;
  decoder.feed(piece, [&](const SseEvent& event) {
    EXPECT_EQ(event.data.data(), piece.data() + 15);
    EXPECT_EQ(event.name.data(), piece.data() + 7);
    EXPECT_FALSE(event.continued);
    EXPECT_EQ(event.begin, 0u);
    EXPECT_EQ(event.end, piece.size());
  });
  EXPECT_TRUE(decoder.at_boundary());
}

TEST(SseDecoder, SaysWhereEventsLieInThePiece) {
  SseDecoder decoder;
  std::vector<std::tuple<std::size_t, std::size_t, bool>> ranges;
  const auto note = [&](const SseEvent& event) {
    ranges.emplace_back(event.begin, event.end, event.continued);
  };
  decoder.feed("data: 1\n\ndata: 2\n\ndat", note);
  EXPECT_FALSE(decoder.at_boundary());
  decoder.feed("a: 3\n\n: c\n\n", note);
  EXPECT_TRUE(decoder.at_boundary());
  using Range = std::tuple<std::size_t, std::size_t, bool>;
  EXPECT_EQ(ranges, (std::vector<Range>{{0, 9, false}, {9, 18, false}, {0, 6, true}, {6, 11, false}}));
}

TEST(SseDecoder, OfAnEventBeyondTheLimitTheBeginningAndTheEndAreKept) {
  SseDecoder decoder;
  std::vector<std::string> names;
  const std::string piece(16'384, 'x');
  const auto note = [&](const SseEvent& event) {
    names.emplace_back(event.name);
    if (event.name != "big") {
      EXPECT_FALSE(event.abridged);
      EXPECT_EQ(event.data, "y");
      return;
    }
    EXPECT_TRUE(event.abridged);
    EXPECT_TRUE(event.data.starts_with("{\"type\":\"big\""));
    EXPECT_TRUE(event.data.ends_with("\"usage\":{}}"));
    EXPECT_LE(event.data.size(), SseDecoder::kMaxEvent);
  };
  decoder.feed("event: big\ndata: {\"type\":\"big\",\"image\":\"", note);
  for (int i = 0; i < 200; ++i) decoder.feed(piece, note);
  EXPECT_TRUE(decoder.overflowed());
  decoder.feed("\",\"usage\":{}}\n\nevent: next\ndata: y\n\n", note);
  decoder.feed("event: next\ndata: y\n\n", note);
  EXPECT_EQ(names, (std::vector<std::string>{"big", "next", "next"}));
}

TEST(SseDecoder, ALongEventInSmallPiecesIsReadOnce) {
  // Quadratic time would take a minute here.
  SseDecoder decoder;
  std::size_t size = 0;
  decoder.feed("data: ", [&](const SseEvent&) {});
  for (int i = 0; i < 900'000; ++i) decoder.feed("x", [&](const SseEvent&) {});
  decoder.feed("\n\n", [&](const SseEvent& event) { size = event.data.size(); });
  EXPECT_EQ(size, 900'000u);
}

}  // namespace
}  // namespace headworks::wire
