// The load generator against a small blocking server that does as the test says.
#include "bench/bench.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace headworks::bench {
namespace {

using std::chrono::milliseconds;

// One thread per connection. For each request `answer` says what to send; an empty string closes the
// connection.
class Server {
 public:
  using Answer = std::function<std::string(int request)>;
  explicit Server(Answer answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 128);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& one : served_) one.join();
    ::close(listener_);
  }

  std::string url;
  std::atomic<int> requests{0};

 private:
  void accept_all() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0;
         fd = ::accept(listener_, nullptr, nullptr)) {
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      served_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::string in;
    char buffer[16'384];
    for (;;) {
      const std::size_t head = in.find("\r\n\r\n");
      const std::size_t length = in.find("content-length: ");
      if (head != std::string::npos && in.size() >= head + 4 + std::stoul(in.substr(length + 16))) {
        in.clear();
        const std::string out = answer_(requests.fetch_add(1));
        if (out.empty()) break;
        ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
        continue;
      }
      const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      in.append(buffer, static_cast<std::size_t>(size));
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  Answer answer_;
  int listener_;
  std::mutex mutex_;
  std::vector<int> open_;  // guarded by mutex_
  std::list<std::thread> served_;
  std::thread thread_;
};

std::string ok(std::string_view body, int status = 200) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

Options options_for(const Server& server, Mode mode) {
  Options options;
  options.mode = mode;
  options.url = server.url;
  options.connections = 4;
  options.duration = milliseconds(60);
  return options;
}

TEST(Closed, CountsEveryAnswerAndFindsNothingWrong) {
  Server server([](int) { return ok("same"); });
  const auto report = run(options_for(server, Mode::closed));
  ASSERT_TRUE(report.has_value());
  EXPECT_GT(report->answers, 0u);
  EXPECT_EQ(report->answers, static_cast<std::uint64_t>(server.requests));
  EXPECT_EQ(report->latency.count(), report->answers);
  EXPECT_EQ(report->faults.total(), 0u);
  EXPECT_EQ(report->statuses.at(200), report->answers);
}

TEST(Closed, StopsAfterTheRequestsAsked) {
  Server server([](int) { return ok("same"); });
  Options options = options_for(server, Mode::closed);
  options.duration = std::chrono::seconds(30);
  options.requests = 25;
  const auto report = run(options);
  EXPECT_EQ(report->answers, 25u);
  EXPECT_EQ(server.requests, 25);
}

TEST(Closed, FindsWrongStatusesBodiesAndBrokenConnections) {
  Server server([](int n) {
    return n == 3 ? ok("same", 500) : n == 5 ? ok("other") : n == 7 ? "" : ok("same");
  });
  Options options = options_for(server, Mode::closed);
  options.connections = 1;
  options.requests = 20;
  const auto report = run(options);
  EXPECT_EQ(report->faults.status, 1u);
  EXPECT_EQ(report->faults.different, 1u);
  EXPECT_EQ(report->faults.broken, 1u);
  EXPECT_EQ(report->answers, 19u);
}

TEST(Closed, GoesOnAfterAnAnswerThatClosesTheConnection) {
  Server server([](int) { return "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"; });
  Options options = options_for(server, Mode::closed);
  options.requests = 10;
  const auto report = run(options);
  EXPECT_EQ(report->answers, 10u);
  EXPECT_EQ(report->faults.total(), 0u);
}

TEST(Open, KeepsTheRateAndChargesAStallToEveryoneWhomItDelays) {
  Server server([](int n) {
    if (n == 0) ::poll(nullptr, 0, 40);  // the stall under test
    return ok("same");
  });
  Options options = options_for(server, Mode::open);
  options.connections = 1;
  options.rate = 1'000;
  options.requests = 50;
  options.duration = std::chrono::seconds(5);
  const auto report = run(options);
  EXPECT_EQ(report->answers, 50u);
  // Forty requests were due during the stall: their latency is counted from then, so half of all waited 15 ms
  // and more.
  EXPECT_GE(report->latency.quantile(0.5), 10'000'000u);
  EXPECT_GE(report->latency.max(), 38'000'000u);
}

TEST(Idle, HoldsConnectionsOfOneRequestEach) {
  Server server([](int) { return ok("same"); });
  Options options = options_for(server, Mode::idle);
  options.connections = 30;
  int steady = 0;
  options.on_steady = [&] { steady += server.requests; };
  const auto report = run(options);
  EXPECT_EQ(steady, 30);
  EXPECT_EQ(report->answers, 30u);
  EXPECT_EQ(report->faults.total(), 0u);
}

std::string chunk(std::string_view data) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

std::string event(int stream, int sequence) {
  char text[64];
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  std::snprintf(text, sizeof text, "@hw:%08d:%08d:%020lld@", stream, sequence, static_cast<long long>(now));
  return chunk("data: " + std::string(text) + "\n\n");
}

constexpr const char* kStreamHead = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

TEST(Streams, TimesEveryEventAndSeesTheStreamsEnd) {
  Server server([](int n) {
    std::string out = kStreamHead;
    for (int i = 0; i < 20; ++i) out += event(n, i);
    return out + chunk("data: [DONE]\n\n") + "0\r\n\r\n";
  });
  Options options = options_for(server, Mode::streams);
  options.streams = 5;
  options.duration = std::chrono::seconds(10);
  const auto report = run(options);
  EXPECT_EQ(report->stream.events, 100u);
  EXPECT_EQ(report->stream.messages, 105u);
  EXPECT_EQ(report->stream.completed, 5u);
  EXPECT_EQ(report->event_delay.count(), 100u);
  EXPECT_EQ(report->first_event.count(), 5u);
  EXPECT_LT(report->event_delay.max(), 5'000'000'000u);
  EXPECT_EQ(
      report->stream.missing + report->stream.duplicated + report->stream.reordered + report->stream.foreign,
      0u);
  EXPECT_EQ(report->faults.total(), 0u);
}

TEST(Streams, NoticesMissingDoubledReorderedAndForeignEventsAndACut) {
  Server server([](int n) {
    if (n > 0) return std::string();
    return kStreamHead + event(1, 0) + event(1, 1) + event(1, 1) + event(1, 4) + event(1, 2) + event(9, 5) +
           "0\r\n\r\n";
  });
  Options options = options_for(server, Mode::streams);
  options.streams = 2;
  options.duration = std::chrono::seconds(10);
  const auto report = run(options);
  EXPECT_EQ(report->stream.events, 6u);
  EXPECT_EQ(report->stream.missing, 2u);
  EXPECT_EQ(report->stream.duplicated, 1u);
  EXPECT_EQ(report->stream.reordered, 1u);
  EXPECT_EQ(report->stream.foreign, 1u);
  EXPECT_EQ(report->stream.completed, 1u);
  EXPECT_EQ(report->faults.broken, 1u);
}

TEST(Run, SaysThatNothingAnswers) {
  std::string url;
  {
    Server gone([](int) { return ok(""); });
    url = gone.url;
  }
  for (const Mode mode : {Mode::closed, Mode::open, Mode::streams, Mode::idle}) {
    Options options;
    options.mode = mode;
    options.url = url;
    options.connections = options.streams = 3;
    const auto report = run(options);
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().kind, base::ErrorKind::upstream_connect);
  }
}

TEST(Run, EndsEarlyWhenAsked) {
  Server server([](int) { return ok("same"); });
  Options options = options_for(server, Mode::closed);
  options.duration = std::chrono::hours(1);
  std::stop_source stop;
  options.stop = stop.get_token();
  stop.request_stop();
  EXPECT_TRUE(run(options).has_value());
}

TEST(Report, IsJsonWithMicroseconds) {
  Report report;
  report.latency.record(1'000'000);
  report.answers = 10;
  report.seconds = 2;
  const boost::json::value json = boost::json::parse(to_json(report, true));
  EXPECT_EQ(json.at("mode"), "closed");
  EXPECT_EQ(json.at("per_second"), 5.0);
  EXPECT_EQ(json.at("latency_us").at("p50"), 1000.0);
  EXPECT_EQ(json.at("latency_us").at("buckets_ns").as_array().size(), 1u);
}

}  // namespace
}  // namespace headworks::bench
