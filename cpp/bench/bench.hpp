// The load generator: `headworks bench` and headworks.bench(). One thread, one epoll loop of its own,
// independent of net/ as the upstream is. Four shapes of load:
//
//   closed   N connections, each sends the next request when its answer is there: the most that can be
//   carried. open     requests at a fixed rate, whatever the answers do; latency counts from the moment when
//   the
//            request should have been sent, so a stall is paid by everyone whom it delays (no coordinated
//            omission).
//   streams  M connections, all requests sent at one instant; events are timed by the stamps that the
//            programmable upstream puts into them, which show each event's delay, and whether one is missing,
//            double, out of order or from another stream.
//   idle     N connections, one request each, then held open: for measuring what an idle connection costs.
//
// Every answer is checked while it is measured: status, and equality with the expected body.
// Must not know: Headworks. It measures any gateway.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "bench/histogram.hpp"

namespace headworks::bench {

enum class Mode : std::uint8_t { closed, open, streams, idle };

// How far a run is, for whoever watches from another thread.
struct Progress {
  std::atomic<std::uint64_t> answers{0};
};

struct Options {
  Mode mode = Mode::closed;
  std::string url;  // http://HOST:PORT[/PREFIX]; plain HTTP only
  std::string path = "/v1/chat/completions";
  std::string key;  // Authorization: Bearer; empty: none
  std::string model = "bench";
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;  // absent: a chat request of about request_bytes
  std::uint32_t request_bytes = 2'000;
  std::uint32_t connections = 64;                               // closed, open, idle
  std::uint32_t streams = 100;                                  // streams
  double rate = 1'000;                                          // open: requests per second
  std::chrono::nanoseconds duration = std::chrono::seconds(5);  // idle: how long to hold
  std::uint64_t requests = 0;  // closed, open: stop after so many; 0: when the time is over
  int expect_status = 200;
  std::optional<std::string> expect_body;  // absent: equal to the first answer's
  bool compare_bodies = true;
  std::stop_token stop;             // asks for an early, orderly end
  Progress* progress = nullptr;     // kept up to date; null: nobody watches
  std::function<void()> on_steady;  // idle: all connections are held; streams: each has had its first event
};

// Counts of what went wrong; all zero in a valid run.
struct Faults {
  std::uint64_t connect = 0;  // a connection could not be made
  std::uint64_t broken = 0;   // the connection ended, or what came was not HTTP, before the answer was whole
  std::uint64_t status = 0;   // another status than expected
  std::uint64_t different = 0;   // another body than expected
  std::uint64_t unfinished = 0;  // open: no answer two seconds after the end
  std::uint64_t total() const { return connect + broken + status + different + unfinished; }
};

struct StreamCounts {
  std::uint64_t events = 0;    // stamped ones
  std::uint64_t messages = 0;  // all: what an empty line ends
  std::uint64_t reads = 0;     // receives that brought at least one
  std::uint64_t missing = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t foreign = 0;    // another stream's
  std::uint64_t started = 0;    // streams that had a first event
  std::uint64_t completed = 0;  // streams whose body ended whole
  std::uint64_t most_per_read = 0;
};

struct Report {
  Mode mode = Mode::closed;
  double seconds = 0;
  std::uint64_t connections = 0;
  std::uint64_t answers = 0;  // whole answers, right or wrong
  std::uint64_t bytes = 0;    // received
  std::map<int, std::uint64_t> statuses;
  Faults faults;
  Histogram latency;  // ns; closed: from sending; open: from when it should have been sent
  StreamCounts stream;
  Histogram first_event;  // ns; from the instant when all streams were sent to the first byte of a body
  Histogram event_delay;  // ns; from the upstream's stamp to its receipt here
};

// Runs to the end; blocks. Kind invalid_configuration for options that make no sense, upstream_connect when
// nothing answers at the URL at all.
base::Result<Report> run(const Options& options);

// {"mode", "seconds", "connections", "answers", "per_second", "bytes", "statuses", "faults": {...},
//  "latency_us": {"count", "mean", "min", "p50", "p90", "p99", "p999", "max"}, "stream": {...},
//  "first_event_us": {...}, "event_delay_us": {...}}; `buckets` adds the histogram as [[upper bound ns,
//  count]].
std::string to_json(const Report& report, bool buckets = false);
// A few lines for people.
std::string to_text(const Report& report);

// The flags of the command as options. Kind bad_request, with its usage as the message, for what cannot be meant.
struct Command {
  Options options;
  bool json = false;
  bool buckets = false;
};
base::Result<Command> read_command(const std::vector<std::string>& arguments);

// The command `headworks bench`. Exit codes: 0 fine, 1 some answer was wrong or nothing answered, 2 wrong
// usage.
int run_bench(int argc, char** argv);

}  // namespace headworks::bench
