#include "upstream/journal.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "upstream/base64.hpp"

namespace headworks::upstream {
namespace {

namespace json = boost::json;

// Names beyond this many are counted together: a flood of keys or paths must not fill the memory.
constexpr std::size_t kMostNames = 10'000;

std::string_view name_of(End end) {
  switch (end) {
    case End::open:
      return "open";
    case End::done:
      return "done";
    case End::cut:
      return "cut";
    case End::client_closed:
      return "client_closed";
    case End::reset:
      return "reset";
  }
  return "open";
}

json::value milliseconds_of(const std::optional<base::TimePoint>& at) {
  if (!at) return nullptr;
  return static_cast<double>(at->time_since_epoch().count()) / 1e6;
}

// Header values may hold any byte; JSON strings may not.
std::string utf8_of(std::string_view bytes) {
  std::string out;
  if (is_utf8(bytes)) return std::string(bytes);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 63));
    }
  }
  return out;
}

void count_name(std::map<std::string, std::uint64_t, std::less<>>& counts, std::string_view name) {
  if (const auto found = counts.find(name); found != counts.end()) {
    ++found->second;
  } else {
    ++counts[counts.size() < kMostNames ? std::string(name) : "(others)"];
  }
}

json::object object_of(const std::map<std::string, std::uint64_t, std::less<>>& counts) {
  json::object out;
  for (const auto& [name, count] : counts) out[utf8_of(name)] = count;
  return out;
}

}  // namespace

void Journal::configure(JournalBounds bounds) {
  bounds_ = bounds;
  while (entries_.size() > bounds_.entries) entries_.pop_front();
}

void Journal::count(const Request& request) {
  ++requests_;
  count_name(by_key_, request.key());
  count_name(by_path_, request.path());
}

void Journal::open(const Request& request, const Opening& opening) {
  if (bounds_.entries == 0) return;
  if (entries_.size() >= bounds_.entries) entries_.pop_front();
  Entry& entry = entries_.emplace_back();
  entry.number = opening.number;
  entry.connection = opening.connection;
  entry.at = opening.at;
  entry.rule = opening.rule;
  entry.status = opening.status;
  entry.method = request.method();
  entry.target = request.target();
  entry.key = request.key();
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    entry.headers.push_back({std::string(request.header_name(i)), std::string(request.header_value(i))});
  }
  if (opening.body_read) {
    entry.body = request.body().substr(0, bounds_.body_bytes);
    entry.body_bytes = request.body().size();
  }
}

Journal::Entry* Journal::find(std::uint64_t number) {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), number,
                                      [](const Entry& entry, std::uint64_t n) { return entry.number < n; });
  return found != entries_.end() && found->number == number ? &*found : nullptr;
}

void Journal::on_first_byte(std::uint64_t number, base::TimePoint now) {
  if (Entry* entry = find(number)) entry->first_byte = now;
}

void Journal::on_end(std::uint64_t number, End end, std::uint64_t bytes, base::TimePoint now) {
  Entry* entry = find(number);
  if (entry == nullptr) return;
  entry->end = end;
  entry->bytes = bytes;
  entry->ended = now;
}

void Journal::on_peer_closed(std::uint64_t number, base::TimePoint now) {
  if (Entry* entry = find(number)) entry->peer_closed = now;
}

std::string Journal::entries_json() const {
  json::array out;
  for (const Entry& entry : entries_) {
    json::array headers;
    for (const HeaderLine& line : entry.headers) headers.push_back({utf8_of(line.name), utf8_of(line.value)});
    const bool text = is_utf8(entry.body);
    out.push_back({{"number", entry.number},
                   {"connection", entry.connection},
                   {"at_ms", milliseconds_of(entry.at)},
                   {"method", utf8_of(entry.method)},
                   {"target", utf8_of(entry.target)},
                   {"headers", std::move(headers)},
                   {"body", text ? entry.body : format_base64(entry.body)},
                   {"body_encoding", text ? "text" : "base64"},
                   {"body_bytes", entry.body_bytes},
                   {"key", utf8_of(entry.key)},
                   {"rule", entry.rule ? json::value(*entry.rule) : json::value(nullptr)},
                   {"status", entry.status},
                   {"bytes", entry.bytes},
                   {"first_byte_ms", milliseconds_of(entry.first_byte)},
                   {"end", name_of(entry.end)},
                   {"end_ms", milliseconds_of(entry.ended)},
                   {"peer_closed_ms", milliseconds_of(entry.peer_closed)}});
  }
  return json::serialize(out);
}

std::string Journal::stats_json() const {
  return json::serialize(json::object{{"requests", requests_},
                                      {"limited", limited_},
                                      {"by_key", object_of(by_key_)},
                                      {"by_path", object_of(by_path_)},
                                      {"open_connections", open_connections_},
                                      {"accepted_connections", accepted_},
                                      {"journal_entries", entries_.size()}});
}

}  // namespace headworks::upstream
