// The parts of the load generator that need no socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/random.hpp"
#include "bench/answer_reader.hpp"
#include "bench/bench.hpp"
#include "bench/stamp_scanner.hpp"
#include "bench/target.hpp"

namespace headworks::bench {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(Histogram, ReadsBackEveryQuantileWithinOnePercent) {
  base::Random random(5);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    // All magnitudes, from 1 ns to hours.
    values.push_back(random.next() >> (20 + random.below(44)));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * 20'000))) - 1;
    const std::uint64_t exact = values[rank];
    EXPECT_GE(histogram.quantile(q), exact);
    EXPECT_LE(static_cast<double>(histogram.quantile(q)), static_cast<double>(exact) * 1.008 + 1);
  }
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.min(), values.front());
}

TEST(Histogram, TakesTheLargestValueAndIsZeroWhenEmpty) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.quantile(0.5), ~std::uint64_t{0});
}

TEST(Histogram, MergingIsRecordingBoth) {
  Histogram one, two, both;
  for (std::uint64_t v = 1; v < 1'000'000; v *= 3) one.record(v), both.record(v);
  for (std::uint64_t v = 7; v < 1'000'000; v *= 2) two.record(v, 2), both.record(v, 2);
  one.merge(two);
  EXPECT_EQ(one.buckets(), both.buckets());
  EXPECT_EQ(one.count(), both.count());
  EXPECT_DOUBLE_EQ(one.mean(), both.mean());
}

struct Read {
  std::string body;
  int status = 0;
  bool complete = false;
  bool broken = false;
  bool closes = false;
  std::size_t taken = 0;
};

Read read(std::string_view bytes, base::Random* cuts = nullptr) {
  AnswerReader reader;
  Read out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, cuts == nullptr ? bytes.size() : 1 + cuts->below(9));
    const std::size_t taken = reader.feed(piece, out.body);
    out.taken += taken;
    bytes.remove_prefix(taken);
    if (taken < piece.size()) break;
  }
  out.status = reader.status();
  out.complete = reader.complete();
  out.broken = reader.broken();
  out.closes = reader.closes();
  return out;
}

TEST(AnswerReader, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string sized =
      "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\nconnection: "
      "close\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nt: v\r\n\r\n";
  base::Random random(9);
  for (int i = 0; i < 100; ++i) {
    const Read one = read(sized, &random);
    EXPECT_TRUE(one.complete);
    EXPECT_EQ(one.body, "hello");
    EXPECT_EQ(one.status, 200);
    const Read two = read(chunked, &random);
    EXPECT_TRUE(two.complete);
    EXPECT_EQ(two.body, "abcde");
    EXPECT_EQ(two.status, 429);
    EXPECT_TRUE(two.closes);
  }
}

TEST(AnswerReader, StopsAtTheEndOfTheAnswer) {
  const Read one = read("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokEXTRA");
  EXPECT_TRUE(one.complete);
  EXPECT_EQ(one.body, "ok");
  EXPECT_EQ(one.taken, 40u);
  EXPECT_TRUE(read("HTTP/1.1 204 No Content\r\n\r\n").complete);
}

TEST(AnswerReader, ABodyWithoutLengthEndsWithTheConnection) {
  AnswerReader reader;
  std::string body;
  reader.feed("HTTP/1.1 200 OK\r\n\r\nall of it", body);
  EXPECT_FALSE(reader.complete());
  EXPECT_TRUE(reader.on_end());
  EXPECT_TRUE(reader.closes());
}

TEST(AnswerReader, SaysWhenItIsNotHttp) {
  for (const auto* bytes : {"SMTP ready\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n"}) {
    EXPECT_TRUE(read(bytes).broken) << bytes;
  }
}

TEST(StampScanner, FindsEveryStampHoweverTheBytesAreCut) {
  std::string bytes = "data: @@hw:@hw";
  for (int i = 0; i < 50; ++i) {
    char stamp[64];
    std::snprintf(stamp, sizeof stamp, "@hw:%08d:%08d:%020d@", 7, i, i * 1000);
    bytes += std::string(stamp) + std::string(static_cast<std::size_t>(i % 5), '@') + "\n\n";
  }
  base::Random random(2);
  for (int round = 0; round < 100; ++round) {
    StampScanner scanner;
    std::vector<std::uint64_t> seen;
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::string_view piece = rest.substr(0, 1 + random.below(round < 50 ? 3 : 100));
      scanner.feed(piece, [&](const Stamp& stamp) {
        EXPECT_EQ(stamp.stream, 7u);
        EXPECT_EQ(stamp.ns, stamp.sequence * 1000);
        seen.push_back(stamp.sequence);
      });
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(seen.size(), 50u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  }
}

TEST(Target, WritesARequestOfTheSizeAsked) {
  const std::string body = make_chat_body("m", 2'000, true);
  EXPECT_EQ(body.size(), 2'000u);
  EXPECT_EQ(boost::json::parse(body).at("stream"), true);
  EXPECT_GT(make_chat_body("m", 10, false).size(), 10u);

  Options options;
  options.url = "http://127.0.0.1:8080/prefix/";
  options.key = "k";
  options.headers = {{"x-a", "b"}};
  const auto target = make_target(options, false);
  ASSERT_TRUE(target.has_value());
  EXPECT_THAT(target->request,
              ::testing::StartsWith("POST /prefix/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n"
                                    "authorization: Bearer k\r\n"));
  EXPECT_THAT(target->request, HasSubstr("x-a: b\r\n"));
  options.url = "http://127.0.0.1:8080/v1";
  EXPECT_THAT(make_target(options, false)->request,
              ::testing::StartsWith("POST /v1/chat/completions HTTP/1.1"));
  options.url = "http://127.0.0.1:8080/prefix";
  options.body = "";
  options.path = "/v1/models";
  EXPECT_THAT(make_target(options, false)->request,
              ::testing::StartsWith("GET /prefix/v1/models HTTP/1.1\r\n"));
}

TEST(Target, RefusesWhatItCannotReach) {
  for (const auto* url : {"", "https://127.0.0.1", "127.0.0.1:80", "http://", "http://a:b"}) {
    Options options;
    options.url = url;
    const auto target = make_target(options, false);
    ASSERT_FALSE(target.has_value());
    EXPECT_EQ(target.error().kind, base::ErrorKind::invalid_configuration) << url;
  }
}

}  // namespace
}  // namespace headworks::bench
