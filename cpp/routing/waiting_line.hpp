// WaitingLine: who waits for a free backend, in which order they get one, and what those are told who may not
// wait. Requests for one model and dialect stand in one lane; in it client keys take turns by their weights
// (deficit round robin, a request costs one), so that a batch of one key does not starve another.
//
// A request that cannot be served within max_wait (or its deadline) is refused with the moment of its slot,
// and that moment is a promise: when the same request of the same key comes again at that moment or within
// `grace` after it, it stands before all who have no promise, and slots
// are kept for those expected, by the share of clients that lately were seen to come back.
//
// While a lane has anyone or promises anything, its backends are marked as awaited: whoever wants one of them
// comes through the line. Decides only; owned by one thread. Must not know: sockets, coroutines, clocks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "routing/selection.hpp"

namespace headworks::routing {

class WaitingLine {
 public:
  struct Limits {
    base::Duration max_wait = std::chrono::seconds{10};
    std::uint32_t max_depth = 1000;
    // Covers the rounding of `retry-after` to whole seconds and the way of an answer and a request.
    base::Duration grace = std::chrono::milliseconds{1250};
  };
  static constexpr std::size_t kMostPromises = 10'000;

  struct Request {
    std::uint64_t id = 0;   // the caller's; unique among those in line
    std::uint64_t key = 0;  // of the client
    std::uint64_t identity = 0;  // tells it from the key's other requests, and is the same when it comes again
    std::uint32_t weight = 1;
    std::uint64_t lane = 0;  // dialect and model
    const RouteState* route = nullptr;
    std::shared_ptr<const void> keep;  // holds the route
    Asking asking;
    Excluded excluded;
  };
  // found: it has its backend. Otherwise it may not (or no longer) wait; `ready` is its promised moment, none
  // when it cannot be served at all; `full`: max_depth others wait.
  struct Answer {
    std::uint64_t id = 0;
    std::optional<Found> found;
    std::optional<base::TimePoint> ready;
    bool full = false;
  };
  using Sink = std::function<void(Answer&&)>;

  // `random` must outlive the line. What `sink` is called with, it takes; it must not call back.
  WaitingLine(base::Random& random, Sink sink) : random_(random), sink_(std::move(sink)) {}
  ~WaitingLine();
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  void set_limits(const Limits& limits) { limits_ = limits; }

  // Answered at once, or later by advance().
  void join(Request request, base::TimePoint now);
  // The client left; no answer comes any more. A request that is not in line is none to forget.
  void leave(std::uint64_t id, base::TimePoint now);
  // Time has passed, or a place was given back: serves who can be served.
  void advance(base::TimePoint now);
  // When advance() should be called next at the latest; none: when something happens.
  std::optional<base::TimePoint> next_wake(base::TimePoint now) const;

  std::size_t waiting() const { return waiting_; }
  std::size_t promises() const { return promises_; }
  // The share of promises that clients come back for, as it was lately.
  double kept_share() const { return kept_share_; }

 private:
  struct Waiting {
    Request request;
    base::TimePoint latest{};
  };
  struct Queue {  // of one key
    std::uint64_t key = 0;
    std::uint32_t weight = 1;
    std::uint32_t deficit = 0;
    std::deque<Waiting> waiting;
  };
  struct Promise {
    std::uint64_t key = 0;
    std::uint64_t identity = 0;
    base::TimePoint at{};
  };
  struct Parked {  // a slot kept for whoever comes first of those that were promised one
    std::shared_ptr<const void> keep;  // holds the route that it is of
    Found slot;
  };
  struct Lane {
    const RouteState* route = nullptr;
    std::shared_ptr<const void> keep;
    Asking asking;                 // of whom something was promised last
    std::deque<Waiting> promised;  // came back in time, in the order of their promises
    std::vector<Queue> queues;
    std::size_t turn = 0;  // whose turn it is
    std::deque<Promise> promises;  // by `at`
    std::vector<Parked> parked;
    base::TimePoint first_latest = base::TimePoint::max();
    std::vector<std::shared_ptr<gauges::BackendGauge>> awaited;
    std::size_t waiting() const;
    bool idle() const { return waiting() == 0 && promises.empty(); }
  };

  void advance(Lane& lane, base::TimePoint now);
  void refuse_late(Lane& lane, base::TimePoint now);
  void refuse(Lane& lane, const Request& request, bool full, base::TimePoint now);
  void keep_promises(Lane& lane, base::TimePoint now);
  bool claim(Lane& lane, Request& request, base::TimePoint now);
  bool serve_one(Lane& lane, base::TimePoint now);
  bool serve(Waiting& waiting, base::TimePoint now);
  void enqueue(Lane& lane, Waiting waiting);
  std::uint32_t place_of(const Lane& lane, const Request& request) const;
  std::size_t likely(std::size_t promises) const;
  std::uint32_t promised_slots(const Lane& lane) const;
  void mark(Lane& lane);
  void end_if_idle(std::uint64_t number);
  void note_promise(bool kept) { kept_share_ += ((kept ? 1.0 : 0.0) - kept_share_) / 64; }

  base::Random& random_;
  Sink sink_;
  Limits limits_;
  std::unordered_map<std::uint64_t, Lane> lanes_;
  std::unordered_map<std::uint64_t, std::uint64_t> lane_of_;  // of those in line
  std::size_t waiting_ = 0;
  std::size_t promises_ = 0;
  double kept_share_ = 1;
};

}  // namespace headworks::routing
