// A real loop, a real listener, a raw client: what the session promises a plane and a client.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "net/event_loop.hpp"
#include "net/listener.hpp"

namespace headworks::net {
namespace {

// Answers with what it got: method, target, body size.
class EchoHandler final : public Handler {
 public:
  Task<void> handle(Request& request, ResponseWriter& response) override {
    const auto body = co_await request.read_body(1 << 20);
    if (!body) {
      response.start(base::row_of(body.error().kind).status);
      co_await response.send(base::code_of(body.error().kind));
      co_return;
    }
    std::string text = std::string(request.head().method) + " " + std::string(request.head().target) + " " +
                       std::to_string(body->size()) + "\n";
    if (request.head().path() == "/stream") {
      response.start(200);
      co_await response.begin_stream(text);
      co_await response.write("more", false);
      co_await response.finish();
      co_return;
    }
    if (request.head().path() == "/cut") {
      response.start(200);
      co_await response.begin_stream(text);
      response.abandon();
      co_return;
    }
    response.start(200);
    co_await response.send(text);
  }
  void refuse(const base::Error& error, std::string_view, wire::HeadWriter& head, std::string& body) override {
    head.field("content-type", "text/plain");
    body = base::code_of(error.kind);
  }
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    auto sockets = open_listeners({"127.0.0.1", 0}, 1, port_);
    listener_ = std::make_unique<Listener>(loop_, sockets->front(), handler_, limits(), nullptr,
                                           std::make_shared<ConnectionCount>(), memory_);
    listener_->accept();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~SessionTest() override {
    loop_.stop();
    thread_.join();
  }

  static SessionLimits limits() {
    SessionLimits limits;
    limits.body_bytes = 1 << 20;
    limits.body_memory = {.bytes = 400'000, .large = 100'000, .large_percent = 75};
    return limits;
  }

  int connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port_);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    return fd;
  }

  // Everything until the server closes.
  static std::string read_all(int fd) {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
    ::close(fd);
    return all;
  }

  std::string exchange(std::string_view bytes) const {
    const int fd = connect();
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    return read_all(fd);
  }

  static int answers_in(const std::string& text) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  base::SystemClock clock_;
  base::Log log_{{}, clock_};
  EventLoop loop_{0, 1, log_};
  EchoHandler handler_;
  std::shared_ptr<BodyMemory> memory_ = std::make_shared<BodyMemory>();
  std::uint16_t port_ = 0;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

TEST_F(SessionTest, AnswersOneRequestAndCloses) {
  const std::string answer = exchange("POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz");
  EXPECT_NE(answer.find("HTTP/1.1 200 OK\r\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("connection: close"), std::string::npos);
  EXPECT_NE(answer.find("\r\n\r\nPOST /a?b=c 3\n"), std::string::npos);
}

TEST_F(SessionTest, AnswersPipelinedRequestsInOrder) {
  const std::string answer = exchange(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answers_in(answer), 3) << answer;
  EXPECT_LT(answer.find("GET /1 0"), answer.find("POST /2 3"));
  EXPECT_LT(answer.find("POST /2 3"), answer.find("GET /3 0"));
}

TEST_F(SessionTest, StreamsInChunksAndTenBodiesInRow) {
  std::string ten;
  for (int i = 0; i < 10; ++i) ten += "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n";
  ten += "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string answer = exchange(ten);
  EXPECT_EQ(answers_in(answer), 11);
  EXPECT_NE(answer.find("\r\n4\r\nmore\r\n0\r\n\r\n"), std::string::npos) << answer;
}

TEST_F(SessionTest, AnAbandonedStreamHasNoEnd) {
  const std::string answer = exchange("GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(answer.find("GET /cut 0"), std::string::npos);
  EXPECT_EQ(answer.find("\r\n0\r\n"), std::string::npos);
}

TEST_F(SessionTest, ABodyLargerThanABufferArrivesWhole) {
  const std::string body(200'000, 'x');
  const std::string answer = exchange("POST /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n" + body);
  EXPECT_NE(answer.find("POST /big 200000"), std::string::npos) << answer;
}

TEST_F(SessionTest, WhoFindsNoMemoryIsToldBeforeItsBodyIsRead) {
  BodyHold others(*memory_);
  ASSERT_TRUE(others.grow_to(250'000, limits().body_memory));
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\n";
  const std::string large = exchange(head + "Content-Length: 120000\r\n\r\nthe beginning of it");
  EXPECT_NE(large.find("HTTP/1.1 503"), std::string::npos) << large;
  EXPECT_NE(large.find("connection: close"), std::string::npos) << large;
  EXPECT_NE(large.find("\r\n\r\noverloaded"), std::string::npos) << large;
  EXPECT_EQ(memory_->bodies(), 250'000U);

  const std::string small = exchange(head + "Connection: close\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'x'));
  EXPECT_NE(small.find("POST /x 60000"), std::string::npos) << small;
  ASSERT_TRUE(others.grow_to(400'000, limits().body_memory));
  const std::string tiny = exchange(head + "Connection: close\r\nContent-Length: 15000\r\n\r\n" + std::string(15'000, 'x'));
  EXPECT_NE(tiny.find("POST /x 15000"), std::string::npos) << "what fits behind its head needs no memory\n" << tiny;
}

TEST_F(SessionTest, AChunkedBodyIsRefusedWhenItWouldGrowTooFar) {
  BodyHold others(*memory_);
  ASSERT_TRUE(others.grow_to(350'000, limits().body_memory));
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  const std::string refused = exchange(head + chunk + chunk + chunk + "0\r\n\r\n");
  EXPECT_NE(refused.find("\r\n\r\noverloaded"), std::string::npos) << refused;
  others.release();
  const std::string taken = exchange(head + chunk + chunk + chunk + "0\r\n\r\n");
  EXPECT_NE(taken.find("POST /x 49152"), std::string::npos) << taken;
  EXPECT_EQ(memory_->bodies(), 0U);
}

TEST_F(SessionTest, RefusesWhatIsNoRequestAndNeverReadsOn) {
  const std::string answer = exchange("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                                      "0\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(answers_in(answer), 1);
  EXPECT_NE(answer.find("HTTP/1.1 400"), std::string::npos) << answer;
}

TEST_F(SessionTest, AskedFor100ContinueItSaysSoBeforeTheBody) {
  const int fd = connect();
  const std::string_view head =
      "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
  ::send(fd, head.data(), head.size(), 0);
  char first[64] = {};
  EXPECT_GT(::recv(fd, first, sizeof first, 0), 0);
  EXPECT_EQ(std::string(first), "HTTP/1.1 100 Continue\r\n\r\n");
  ::send(fd, "ab", 2, 0);
  EXPECT_NE(read_all(fd).find("POST /e 2"), std::string::npos);
}

}  // namespace
}  // namespace headworks::net
