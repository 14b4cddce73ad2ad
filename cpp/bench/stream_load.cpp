#include "bench/stream_load.hpp"

#include <algorithm>

namespace headworks::bench {
namespace {

constexpr std::size_t kMostConnecting = 64;  // fewer than any backlog: a lost SYN costs a second
constexpr base::Duration kConnectTime = std::chrono::seconds(10);
constexpr base::Duration kLook = std::chrono::milliseconds(20);

base::TimePoint clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

StreamLoad::StreamLoad(const Options& options, Target target)
    : options_(options), target_(std::move(target)) {
  report_.mode = Mode::streams;
  report_.connections = options.streams;
  for (std::uint32_t tag = 0; tag < options.streams; ++tag) streams_.emplace_back(poller_, target_, tag);
}

Report StreamLoad::run() {
  connect_all();
  const auto on_ready = [this](std::uint32_t tag, std::uint32_t events) { on_lane(tag, events); };
  sent_ = clock_now();
  for (Stream& stream : streams_) {
    if (stream.over) continue;
    ++running_;
    if (stream.lane.send() == Lane::Event::failed) fail(stream, &Faults::broken);
  }
  const base::TimePoint end_at = sent_ + options_.duration;
  base::TimePoint now = sent_;
  for (; running_ > 0 && now < end_at && !options_.stop.stop_requested(); now = clock_now()) {
    poller_.wait(std::min(now + kLook, end_at), on_ready);
    if (!steady_ && report_.stream.started >= running_ && report_.stream.started > 0) {
      steady_ = true;
      if (options_.on_steady) options_.on_steady();
    }
  }
  report_.seconds = std::chrono::duration<double>(now - sent_).count();
  for (const Stream& stream : streams_) report_.bytes += stream.lane.received();
  return std::move(report_);
}

void StreamLoad::connect_all() {
  const base::TimePoint give_up = clock_now() + kConnectTime;
  connect_next();
  while (connecting_ > 0 && clock_now() < give_up) {
    poller_.wait(clock_now() + kLook,
                 [this](std::uint32_t tag, std::uint32_t events) { on_lane(tag, events); });
    connect_next();
  }
  for (Stream& stream : streams_) {
    if (!stream.over && !stream.lane.connected()) fail(stream, &Faults::connect);
  }
}

void StreamLoad::connect_next() {
  for (; next_connect_ < streams_.size() && connecting_ < kMostConnecting; ++next_connect_) {
    if (streams_[next_connect_].lane.connect()) {
      ++connecting_;
    } else {
      fail(streams_[next_connect_], &Faults::connect);
    }
  }
}

void StreamLoad::on_lane(std::uint32_t tag, std::uint32_t events) {
  Stream& stream = streams_[tag];
  if (stream.over) return;
  const bool was_connected = stream.lane.connected();
  const Lane::Event event = stream.lane.on_events(events, scratch_);
  if (!was_connected && event != Lane::Event::nothing) --connecting_;
  switch (event) {
    case Lane::Event::nothing:
    case Lane::Event::connected:
      return;
    case Lane::Event::bytes:
      return on_bytes(stream);
    case Lane::Event::answered:
      on_bytes(stream);
      return end(stream, true);
    case Lane::Event::failed:
      return fail(stream, was_connected ? &Faults::broken : &Faults::connect);
    case Lane::Event::closed:
      return fail(stream, &Faults::broken);
  }
}

void StreamLoad::on_bytes(Stream& stream) {
  std::string& body = stream.lane.body();
  if (body.empty()) return;
  const base::TimePoint now = clock_now();
  if (!stream.started) {
    stream.started = true;
    ++report_.stream.started;
    report_.first_event.record(static_cast<std::uint64_t>((now - sent_).count()));
  }
  const std::uint64_t before = report_.stream.events;
  stream.scanner.feed(body, [&](const Stamp& stamp) { on_stamp(stream, stamp, now); });
  if (const std::uint64_t events = report_.stream.events - before; events > 0) {
    ++report_.stream.reads;
    report_.stream.most_per_read = std::max(report_.stream.most_per_read, events);
  }
  count_messages(stream);
  body.clear();
}

void StreamLoad::on_stamp(Stream& stream, const Stamp& stamp, base::TimePoint now) {
  StreamCounts& counts = report_.stream;
  ++counts.events;
  if (!stream.name) stream.name = stamp.stream;
  if (*stream.name != stamp.stream) {
    ++counts.foreign;
    return;
  }
  if (stamp.sequence >= stream.next_sequence) {
    counts.missing += stamp.sequence - stream.next_sequence;
    stream.next_sequence = stamp.sequence + 1;
  } else if (stamp.sequence + 1 == stream.next_sequence) {
    ++counts.duplicated;
  } else {
    ++counts.reordered;
  }
  const auto ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
  report_.event_delay.record(ns > stamp.ns ? ns - stamp.ns : 0);
}

void StreamLoad::count_messages(Stream& stream) {
  const std::string_view body = stream.lane.body();
  if (stream.line_ended && body.front() == '\n') ++report_.stream.messages;
  for (std::size_t at = body.find("\n\n"); at != std::string_view::npos; at = body.find("\n\n", at + 2)) {
    ++report_.stream.messages;
  }
  stream.line_ended = body.back() == '\n' && !body.ends_with("\n\n");
}

void StreamLoad::end(Stream& stream, bool completed) {
  ++report_.answers;
  if (options_.progress != nullptr) options_.progress->answers.fetch_add(1, std::memory_order_relaxed);
  ++report_.statuses[stream.lane.status()];
  if (stream.lane.status() != options_.expect_status) {
    ++report_.faults.status;
  } else if (completed) {
    ++report_.stream.completed;
  }
  stream.over = true;
  --running_;
  stream.lane.disconnect();
}

void StreamLoad::fail(Stream& stream, std::uint64_t Faults::* fault) {
  ++(report_.faults.*fault);
  stream.over = true;
  if (running_ > 0) --running_;
  stream.lane.disconnect();
}

}  // namespace headworks::bench
