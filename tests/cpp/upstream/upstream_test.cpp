// The upstream over real sockets: what a peer sees of each answer, each fault, and what the journal says
// afterwards.
#include "upstream/upstream.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>

#include "base/random.hpp"
#include "peer.hpp"

namespace headworks::upstream {
namespace {

namespace json = boost::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class UpstreamTest : public ::testing::Test {
 protected:
  void start(std::string_view script) {
    auto started = Upstream::start(0, script);
    ASSERT_TRUE(started.has_value()) << started.error().message;
    upstream = std::move(*started);
  }
  std::unique_ptr<Peer> peer() const { return std::make_unique<Peer>(upstream->port()); }
  std::string ask(std::string_view path, std::string_view body, std::string_view headers = "") const {
    const auto one = peer();
    one->post(path, body, headers);
    return one->read_answer();
  }
  json::array journal() const { return json::parse(upstream->journal()).as_array(); }
  // Waits until the last entry of the journal has ended.
  json::object last_ended() const {
    for (;;) {
      const json::array entries = journal();
      if (!entries.empty() && entries.back().at("end") != "open") return entries.back().as_object();
    }
  }
  std::unique_ptr<Upstream> upstream;
};

constexpr std::string_view kChat = "/v1/chat/completions";

TEST_F(UpstreamTest, AnswersEveryRouteInItsShape) {
  start("{}");
  const std::string_view body = R"({"model":"m-1","input":"x"})";
  EXPECT_THAT(ask(kChat, body), HasSubstr(R"("object":"chat.completion")"));
  EXPECT_THAT(ask("/v1/completions", body), HasSubstr(R"("object":"text_completion")"));
  EXPECT_THAT(ask("/v1/responses", body), HasSubstr(R"("object":"response")"));
  EXPECT_THAT(ask("/v1/embeddings", body), HasSubstr(R"("object":"embedding")"));
  EXPECT_THAT(ask("/v1/moderations", body), HasSubstr(R"("flagged":false)"));
  EXPECT_THAT(ask("/v1/messages", body), HasSubstr(R"("type":"message")"));
  EXPECT_THAT(ask("/v1/messages/count_tokens", body), HasSubstr(R"({"input_tokens":)"));
  EXPECT_THAT(ask("/v1/files", body), HasSubstr(R"("target":"/v1/files")"));
  for (const json::value& entry : journal()) EXPECT_EQ(entry.at("end"), "done");
}

TEST_F(UpstreamTest, EveryPlainAnswerIsJsonThatNamesTheModelAsked) {
  start("{}");
  for (const std::string_view path : {"/v1/chat/completions", "/v1/completions", "/v1/responses",
                                      "/v1/embeddings", "/v1/moderations", "/v1/rerank", "/v1/messages"}) {
    const std::string answer = ask(path, R"({"model":"m\"1"})");
    const json::value body = json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
    EXPECT_EQ(body.at("model"), "m\"1") << path;
  }
  const auto one = peer();
  one->send("GET /v1/models HTTP/1.1\r\n\r\n");
  EXPECT_THAT(one->read_answer(), HasSubstr(R"("object":"list")"));
  one->send("GET /v1/models HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n\r\n");
  EXPECT_THAT(one->read_answer(), HasSubstr(R"("has_more":false)"));
}

TEST_F(UpstreamTest, StreamsInTheShapeOfTheRoute) {
  start(R"([{"text":"alpha beta","close":"announced"}])");
  const auto streamed = [&](std::string_view path, std::string_view more) {
    const auto one = peer();
    one->post(path, R"({"model":"m","stream":true)" + std::string(more) + "}");
    return one->read_all();
  };
  const std::string chat = streamed(kChat, "");
  EXPECT_THAT(chat, HasSubstr(R"("content":"alpha ")"));
  EXPECT_THAT(chat, HasSubstr(R"("finish_reason":"stop")"));
  EXPECT_THAT(chat, Not(HasSubstr(R"("usage":)")));
  EXPECT_THAT(chat, HasSubstr("data: [DONE]\n\n"));
  EXPECT_THAT(chat, EndsWith("0\r\n\r\n"));
  EXPECT_THAT(streamed(kChat, R"(,"stream_options":{"include_usage":true})"),
              HasSubstr(R"("completion_tokens":2)"));
  EXPECT_THAT(streamed("/v1/messages", ""), HasSubstr("event: message_stop"));
  EXPECT_THAT(streamed("/v1/responses", ""), HasSubstr("event: response.completed"));
}

TEST_F(UpstreamTest, RulesAreTriedInOrderAndRunOut) {
  start(R"([{"path":"/v1/chat","times":1,"status":429,"headers":{"retry-after":"7"}},
            {"key":"k2","status":500}, {"model":"odd","status":404}, {"nth":2,"status":503}])");
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(ask(kChat, "{}", "authorization: Bearer k2\r\n"), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(ask(kChat, R"({"model":"odd"})"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(journal()[0].at("rule"), 0);
  EXPECT_TRUE(journal()[3].at("rule").is_null());
}

TEST_F(UpstreamTest, ARuleCanAnswerEachSoManyth) {
  start(R"([{"every":3,"times":2,"status":500}])");
  std::string statuses;
  for (int i = 0; i < 9; ++i) statuses += ask(kChat, "{}").at(9);
  EXPECT_EQ(statuses, "225225222");
}

TEST_F(UpstreamTest, LimitsEachKeyAndSaysWhenToComeBack) {
  start(R"({"rate_limit":{"rpm":1,"window":"fixed","seconds":50}})");
  EXPECT_THAT(ask(kChat, "{}", "x-api-key: a\r\n"), StartsWith("HTTP/1.1 200"));
  const std::string limited = ask(kChat, "{}", "x-api-key: a\r\n");
  EXPECT_THAT(limited, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(limited, HasSubstr("retry-after: 50\r\n"));
  EXPECT_THAT(ask(kChat, "{}", "x-api-key: b\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(json::parse(upstream->stats()).at("limited"), 1);
}

struct FaultCase {
  const char* name;
  const char* rule;
  bool reset;
  const char* ends_with;
};

class FaultTest : public UpstreamTest, public ::testing::WithParamInterface<FaultCase> {};

TEST_P(FaultTest, EndsTheConnectionAsAsked) {
  start("[" + std::string(GetParam().rule) + "]");
  const auto one = peer();
  one->post(kChat, R"({"model":"m","stream":true})");
  const std::string got = one->read_all();
  EXPECT_EQ(one->reset, GetParam().reset);
  EXPECT_THAT(got, EndsWith(GetParam().ends_with));
  EXPECT_EQ(last_ended().at("end"), "cut");
}

INSTANTIATE_TEST_SUITE_P(
    Table, FaultTest,
    ::testing::Values(
        FaultCase{"ResetAfterRequest", R"({"fault":{"at":"request","do":"reset"}})", true, ""},
        FaultCase{"CloseAfterRequest", R"({"fault":{"at":"request","do":"close"}})", false, ""},
        FaultCase{"ResetInHead", R"({"fault":{"at":"head","after":20,"do":"reset"}})", true, "OK\r\ndat"},
        FaultCase{"CloseInHead", R"({"fault":{"at":"head","after":17,"do":"close"}})", false, "200 OK\r\n"},
        FaultCase{"CloseInBody", R"({"body":"0123456789","fault":{"at":"body","after":4,"do":"close"}})",
                  false, "\r\n\r\n0123"},
        FaultCase{"ResetInChunk",
                  R"({"body":"0123456789","framing":"chunked","fault":{"at":"body","after":5,"do":"reset"}})",
                  true, "\r\n\r\na\r\n01"},
        FaultCase{"ResetAfterEvents",
                  R"({"stream":{"events":9},"fault":{"at":"event","after":2,"do":"reset"}})", true,
                  "\n\n\r\n"},
        FaultCase{"RawHalfHead", R"({"raw":"HTTP/1.1 200 OK\r\nCont","fault":{"at":"head","do":"reset"}})",
                  true, "\r\nCont"}),
    [](const auto& one) { return one.param.name; });

TEST_F(UpstreamTest, AStreamCanEndCleanlyBeforeItsEnd) {
  start(R"([{"close":"silent","fault":{"at":"event","after":3,"do":"end"},)"
        R"("stream":{"events":9,"stamp":true}}])");
  const auto one = peer();
  one->post(kChat, R"({"stream":true})");
  const std::string got = one->read_all();
  EXPECT_THAT(got, HasSubstr(":00000002:"));
  EXPECT_THAT(got, Not(HasSubstr(":00000003:")));
  EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(got, EndsWith("0\r\n\r\n"));
}

TEST_F(UpstreamTest, HangsUntilThePeerLeavesAndWritesDownWhen) {
  start(R"([{"fault":{"at":"event","after":1,"do":"hang"}}])");
  const auto one = peer();
  one->post(kChat, R"({"stream":true})");
  one->read_until("\"content\":\"This");
  EXPECT_TRUE(one->silent_for(30));
  EXPECT_EQ(journal()[0].at("end"), "open");
  one->close();
  const json::object entry = last_ended();
  EXPECT_EQ(entry.at("end"), "client_closed");
  EXPECT_TRUE(entry.at("peer_closed_ms").is_double());
}

TEST_F(UpstreamTest, AStaleConnectionGoesAwayOnItsNextRequest) {
  start(R"([{"times":1,"stale":"close"}])");
  const auto one = peer();
  one->post(kChat, "{}");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(one->silent_for(10));
  one->post(kChat, "{}");
  EXPECT_EQ(one->read_all(), "");
  EXPECT_EQ(last_ended().at("end"), "cut");
  EXPECT_EQ(journal().size(), 2u);
}

TEST_F(UpstreamTest, AnswersBeforeTheBodyIsRead) {
  start(R"([{"early":true,"status":413,"close":"announced"}])");
  const auto one = peer();
  one->send("POST /v1/files HTTP/1.1\r\ncontent-length: 1000000\r\n\r\nfirst bytes");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 413"));
}

TEST_F(UpstreamTest, KeepsTheConnectionAfterAnEarlyAnswerAndTheRestOfTheBody) {
  start(R"([{"times":1,"early":true,"status":400}])");
  const auto one = peer();
  one->send("POST /v1/files HTTP/1.1\r\ncontent-length: 10\r\n\r\n01234");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 400"));
  one->send("56789POST /v1/files HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(journal()[1].at("body"), "hi");
}

TEST_F(UpstreamTest, SendsInterimAnswersExtraBytesAndRawOnes) {
  start(R"([{"path":"/a","interim":[100,103],"body":"x","extra":"EXTRA","close":"silent"},
            {"path":"/b","raw":"HTTP/1.1 200\nbroken","close":"silent"}])");
  const auto one = peer();
  one->post("/a", "");
  const std::string a = one->read_all();
  EXPECT_THAT(a,
              StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(a, EndsWith("\r\n\r\nxEXTRA"));
  EXPECT_THAT(a, Not(HasSubstr("connection: close")));
  const auto two = peer();
  two->post("/b", "");
  EXPECT_EQ(two->read_all(), "HTTP/1.1 200\nbroken");
}

TEST_F(UpstreamTest, DripsAndDelays) {
  start(R"([{"body":"01234567","delay_ms":20,"drip":{"bytes":2,"every_ms":10},"close":"announced"}])");
  const auto began = std::chrono::steady_clock::now();
  const auto one = peer();
  one->post(kChat, "{}");
  EXPECT_THAT(one->read_all(), EndsWith("\r\n\r\n01234567"));
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(50));
}

TEST_F(UpstreamTest, PacesAStream) {
  start(R"([{"close":"silent","stream":{"events":6,"per_second":100,"first_event_ms":15}}])");
  const auto began = std::chrono::steady_clock::now();
  const auto one = peer();
  one->post(kChat, R"({"stream":true})");
  EXPECT_THAT(one->read_all(), HasSubstr("[DONE]"));
  // The second event comes within one interval of the first, then one per interval.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(15 + 40));
}

TEST_F(UpstreamTest, TreatsConnectionsAsAsked) {
  start(R"({"accept":{"do":"reset","times":1}})");
  const auto one = peer();
  one->read_all();
  EXPECT_TRUE(one->reset);
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(upstream->set_script(R"({"accept":{"do":"hang"}})").has_value());
  const auto two = peer();
  two->post(kChat, "{}");
  EXPECT_TRUE(two->silent_for(20));
}

TEST_F(UpstreamTest, CanBeABlackHoleForNewConnections) {
  start(R"({"accept":{"do":"stall"}})");
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(upstream->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
  EXPECT_EQ(::poll(&one, 1, 50), 0);
  ::close(fd);
  ASSERT_TRUE(upstream->set_script("{}").has_value());
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 200"));
}

TEST_F(UpstreamTest, PipelinedRequestsAreAnsweredInOrder) {
  start(R"([{"path":"/slow","delay_ms":10,"body":"1"}, {"body":"2"}])");
  const auto one = peer();
  one->send(
      "GET /slow HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\nGET /slow HTTP/1.1\r\nconnection: close\r\n\r\n");
  const std::string all = one->read_all();
  const std::size_t first = all.find("\r\n\r\n1HTTP");
  EXPECT_NE(first, std::string::npos);
  EXPECT_NE(all.find("\r\n\r\n2HTTP", first), std::string::npos);
  EXPECT_THAT(all, EndsWith("\r\n\r\n1"));
}

TEST_F(UpstreamTest, IsControlledOverItsOwnPort) {
  start(R"({"journal":{"entries":2,"body_bytes":3}})");
  for (int i = 0; i < 3; ++i)
    ask(kChat,
        "\xff\xfe"
        "abc",
        "x-tag: t\xe9\r\n");
  const auto one = peer();
  one->send("GET /__upstream/journal HTTP/1.1\r\nhost: x\r\n\r\n");
  const std::string answer = one->read_answer();
  const json::array entries = json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).as_array();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].at("number"), 3);
  EXPECT_EQ(entries[1].at("body_encoding"), "base64");
  EXPECT_EQ(entries[1].at("body"), "//5h");
  EXPECT_EQ(entries[1].at("body_bytes"), 5);
  one->send("DELETE /__upstream/journal HTTP/1.1\r\n\r\n");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(journal().empty());
  one->send("PUT /__upstream/script HTTP/1.1\r\ncontent-length: 16\r\n\r\n[{\"statas\":500}]");
  EXPECT_THAT(one->read_answer(), HasSubstr("$[0].statas: is not known here"));
  one->send("PUT /__upstream/script HTTP/1.1\r\ncontent-length: 16\r\n\r\n[{\"status\":500}]");
  EXPECT_THAT(one->read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(kChat, "{}"), StartsWith("HTTP/1.1 500"));
  const json::value stats = json::parse(upstream->stats());
  EXPECT_EQ(stats.at("by_path").at(kChat), 4);
}

TEST_F(UpstreamTest, SurvivesWhateverItIsSent) {
  start(R"([{"nth":5,"early":true,"status":413}, {"every":7,"stale":"reset"}])");
  base::Random random(17);
  const std::string good =
      "POST /v1/chat/completions?a HTTP/1.1\r\nauthorization: Bearer k\r\nexpect: 100-continue\r\n"
      "transfer-encoding: chunked\r\n\r\n1a\r\n{\"model\":\"m\",\"stream\":true\r\n1\r\n}\r\n0\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    std::string bytes = good + good;
    for (int change = 0; change < 3; ++change)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    bytes.resize(random.below(bytes.size()));
    const auto one = peer();
    one->send(bytes);
    if (random.below(2) == 0) one->silent_for(1);
  }
  EXPECT_THAT(ask("/v1/embeddings", "{}"), StartsWith("HTTP/1.1"));
  EXPECT_FALSE(upstream->journal().empty());
}

TEST_F(UpstreamTest, RefusesConnectionsOnceStoppedAndStillHasItsJournal) {
  start("{}");
  ask(kChat, "{}");
  upstream->stop();
  upstream->stop();
  EXPECT_FALSE(peer()->connected);
  EXPECT_EQ(journal().size(), 1u);
}

TEST_F(UpstreamTest, HoldsBackWhenThePeerDoesNotRead) {
  start(R"([{"stream":{"events":1000000,"event_bytes":1000,"per_second":0}}])");
  const auto one = peer();
  one->post(kChat, R"({"stream":true})");
  // The others are served while the first one's buffers are full.
  EXPECT_THAT(ask("/v1/embeddings", "{}"), StartsWith("HTTP/1.1 200"));
  one->close();
  const json::object entry = last_ended();
  EXPECT_LT(entry.at("bytes").to_number<double>(), 100e6);
}

}  // namespace
}  // namespace headworks::upstream
