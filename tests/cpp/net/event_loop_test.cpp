#include "net/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace headworks::net {
namespace {

struct Counter final : Pollable {
  void on_ready(Readiness) override { ++times; }
  int times = 0;
};

class EventLoopTest : public ::testing::Test {
 protected:
  EventLoopTest() { ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()); }
  ~EventLoopTest() override {
    for (const int fd : ends_) ::close(fd);
  }
  void turn() {
    loop_.post([this] { loop_.stop(); });
    loop_.run();
  }

  base::SystemClock clock_;
  base::Log log_{{}, clock_};
  EventLoop loop_{0, 1, log_};
  std::array<int, 2> ends_{};
};

TEST_F(EventLoopTest, WhatIsWatchedHears) {
  Counter counter;
  ASSERT_EQ(loop_.watch(ends_[0], counter), 0);
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  turn();
  EXPECT_GE(counter.times, 1);
  loop_.unwatch(ends_[0], counter);
}

// As a child process has one between its fork and its exec.
TEST_F(EventLoopTest, ACopyOfTheDescriptorDoesNotKeepTheWatch) {
  Counter counter;
  ASSERT_EQ(loop_.watch(ends_[0], counter), 0);
  const int copy = ::dup(ends_[0]);
  loop_.unwatch(ends_[0], counter);
  ::close(std::exchange(ends_[0], copy));
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  turn();
  EXPECT_EQ(counter.times, 0);
}

}  // namespace
}  // namespace headworks::net
