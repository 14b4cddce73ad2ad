// What the upstream saw: one entry per request, bounded, and counts that go on when the journal is off.
// Loop-owned. Must not know: sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "upstream/request_reader.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {

// How an exchange ended, from this side.
enum class End : std::uint8_t {
  open,           // it has not
  done,           // the answer was written whole
  cut,            // it was cut on this side, as the script says
  client_closed,  // the peer sent FIN before the answer was whole
  reset           // the peer sent RST
};

class Journal {
 public:
  struct Opening {
    std::uint64_t number;
    std::uint64_t connection;
    base::TimePoint at;
    std::optional<std::size_t> rule;
    std::uint16_t status;
    bool body_read;  // false for an early answer
  };

  void configure(JournalBounds bounds);
  void clear() { entries_.clear(); }

  void open(const Request& request, const Opening& opening);
  void on_first_byte(std::uint64_t number, base::TimePoint now);
  void on_end(std::uint64_t number, End end, std::uint64_t bytes, base::TimePoint now);
  // The peer's FIN or RST was seen on the connection whose newest request is `number`.
  void on_peer_closed(std::uint64_t number, base::TimePoint now);

  void count(const Request& request);
  void count_limited() { ++limited_; }
  void on_accepted() { ++accepted_, ++open_connections_; }
  void on_disconnected() { --open_connections_; }

  // JSON: a list of entries, oldest first. Times are CLOCK_MONOTONIC in ms (Python: time.monotonic() * 1000).
  //   number, connection, at_ms, method, target, headers [[name, value]], body, body_encoding "text" |
  //   "base64", body_bytes (of all of it), key, rule (index or null), status, bytes (of the answer),
  //   first_byte_ms, end (see End), end_ms, peer_closed_ms; absent times are null.
  std::string entries_json() const;
  // JSON: requests, limited, by_key, by_path, open_connections, accepted_connections, journal_entries.
  std::string stats_json() const;

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::uint64_t connection = 0;
    std::optional<std::size_t> rule;
    std::uint16_t status = 0;
    std::string method, target, key, body;
    std::vector<HeaderLine> headers;
    std::size_t body_bytes = 0;
    std::uint64_t bytes = 0;
    End end = End::open;
    base::TimePoint at;
    std::optional<base::TimePoint> first_byte, ended, peer_closed;
  };
  Entry* find(std::uint64_t number);

  JournalBounds bounds_;
  std::deque<Entry> entries_;  // by number, ascending
  std::map<std::string, std::uint64_t, std::less<>> by_key_, by_path_;
  std::uint64_t requests_ = 0, limited_ = 0, accepted_ = 0, open_connections_ = 0;
};

}  // namespace headworks::upstream
