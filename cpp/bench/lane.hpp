// One client connection of the load generator and the loop that they share. Says what came; what to do about
// it is the load's business. Loop-owned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "bench/answer_reader.hpp"
#include "bench/target.hpp"

namespace headworks::bench {

// epoll with a timeout in nanoseconds.
class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  int fd() const { return epoll_; }
  // Waits until something happens or `until`; calls ready(tag, events) for each.
  template <class Ready>
  void wait(base::TimePoint until, Ready&& ready) {
    const int count = collect(until);
    for (int i = 0; i < count; ++i) ready(tags_[i], events_[i]);
  }

 private:
  static constexpr int kMost = 256;
  int collect(base::TimePoint until);
  int epoll_;
  std::uint32_t tags_[kMost];
  std::uint32_t events_[kMost];
};

class Lane {
 public:
  enum class Event : std::uint8_t {
    nothing,
    connected,
    bytes,     // some of an answer came; body() has grown
    answered,  // the answer is whole
    failed,    // no connection, or it ended before the answer was whole
    closed     // the peer closed while nothing was asked of it
  };

  Lane(Poller& poller, const Target& target, std::uint32_t tag)
      : poller_(&poller), target_(&target), tag_(tag) {}
  ~Lane() { disconnect(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Starts connecting; false when even that fails.
  bool connect();
  void disconnect();
  // Sends the request. REQUIRES: connected() and idle().
  Event send();
  Event on_events(std::uint32_t events, std::string& scratch);
  // Makes ready for the next request after `answered`. False when the connection cannot be used again.
  bool next();

  bool connected() const { return fd_ >= 0 && !connecting_; }
  bool idle() const { return !asked_; }
  int status() const { return reader_.status(); }
  std::string& body() { return body_; }
  std::uint64_t received() const { return received_; }

 private:
  Event push();
  Event receive(std::string& scratch);
  void watch(std::uint32_t events);

  Poller* poller_;
  const Target* target_;
  std::uint32_t tag_;
  int fd_ = -1;
  std::uint32_t watched_ = 0;
  bool connecting_ = false;
  bool asked_ = false;
  std::size_t sent_ = 0;
  std::uint64_t received_ = 0;
  AnswerReader reader_;
  std::string body_;
};

}  // namespace headworks::bench
