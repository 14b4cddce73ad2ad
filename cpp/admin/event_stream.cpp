// GET /events: what happens, as server-sent events. Each stream is one coroutine that looks four times a second at what
// is there for all (the last exchanges, the gauges, the revision) and keeps nothing for a client that does not read:
// while a write waits nothing is gathered, and the connection's write clock ends it.
#include <charconv>
#include <unordered_map>

#include "admin/endpoints.hpp"
#include "admin/exchange_json.hpp"
#include "admin/live_json.hpp"
#include "telemetry/latency_sketch.hpp"

namespace headworks::admin {
namespace {

constexpr base::Duration kLook = std::chrono::milliseconds{250};
constexpr base::Duration kSample = std::chrono::seconds{1};
constexpr std::size_t kExchangesPerLook = 12;  // about 50 a second; more are counted, not shown
constexpr std::uint32_t kMostStreams = 64;

class Stream {
 public:
  Stream(AdminContext& context, std::uint64_t after) : context_(context), shown_(after) {
    if (after == 0 || after > context.shared.recent.last_number()) shown_ = context.shared.recent.last_number();
    sampled_ = context.shared.recent.last_number();
    revision_ = context.snapshot()->revision();
    note_cooldowns(nullptr);
  }

  // Everything since the last look, as events.
  std::string look() {
    std::string out;
    const base::TimePoint now = context_.loop.refresh_now();
    note_exchanges(out);
    note_cooldowns(&out);
    if (const std::uint64_t revision = context_.snapshot()->revision(); revision != revision_) {
      revision_ = revision;
      append(out, "catalog", boost::json::serialize(boost::json::object{{"revision", revision}}));
    }
    if (now >= next_sample_) {
      next_sample_ = now + kSample;
      note_sample(out, now);
    }
    if (const std::size_t masked = context_.snapshot()->secrets().mask(out); masked != 0)
      context_.shared.metrics.add(telemetry::Metric::secrets_masked, {"events"}, static_cast<double>(masked));
    return out;
  }

 private:
  static void append(std::string& out, std::string_view event, std::string_view data, std::uint64_t id = 0) {
    out.append("event: ").append(event).append("\n");
    if (id != 0) out.append("id: ").append(std::to_string(id)).append("\n");
    out.append("data: ").append(data).append("\n\n");
  }

  void note_exchanges(std::string& out) {
    auto fresh = context_.shared.recent.latest(std::numeric_limits<std::size_t>::max(), shown_);
    if (fresh.empty()) return;
    const std::uint64_t newest = fresh.front().number;
    const std::uint64_t count = newest - shown_;
    fresh.resize(std::min(fresh.size(), kExchangesPerLook));
    for (auto entry = fresh.rbegin(); entry != fresh.rend(); ++entry) {
      std::string data;
      json::JsonWriter json(data);
      write_exchange(json, *entry->record, ExchangeState::finished, Detail::line);
      append(out, "exchange", data, entry->number);
    }
    if (count > fresh.size())
      append(out, "skipped", boost::json::serialize(boost::json::object{{"exchanges", count - fresh.size()}}));
    shown_ = newest;
  }

  // `out` null: only remembers how things stand.
  void note_cooldowns(std::string* out) {
    const auto snapshot = context_.snapshot();
    const base::TimePoint now = context_.loop.now();
    std::unordered_map<std::string, bool> resting;
    for (const catalog::BackendEntry& backend : snapshot->backends()) {
      const bool rests = backend.gauge->recovery().cooling(now);
      resting[backend.row.id] = rests;
      const auto before = resting_.find(backend.row.id);
      if (out == nullptr || rests == (before != resting_.end() && before->second)) continue;
      boost::json::object json{{"backend_id", backend.row.id}, {"backend", backend.row.name}, {"cooling", rests}};
      json["live"] = live_of(backend, now);
      append(*out, "cooldown", boost::json::serialize(json));
    }
    resting_ = std::move(resting);
  }

  // Of the exchanges since the last sample, as far as memory holds them: `finished` were, `looked_at` were summed.
  void note_sample(std::string& out, base::TimePoint now) {
    const std::uint64_t last = context_.shared.recent.last_number();
    std::uint64_t errors = 0, input = 0, output = 0, looked_at = 0;
    std::int64_t cost = 0;
    telemetry::LatencySketch total, first_byte;
    for (const auto& entry : context_.shared.recent.latest(std::numeric_limits<std::size_t>::max(), sampled_)) {
      ++looked_at;
      errors += entry.record->error ? 1 : 0;
      total.add(entry.record->total);
      for (const telemetry::AttemptRecord& attempt : entry.record->attempts) {
        input += attempt.usage.input_tokens, output += attempt.usage.output_tokens;
        cost += attempt.cost.value;
        if (!attempt.error && attempt.first_byte > base::Duration{}) first_byte.add(attempt.first_byte);
      }
    }
    const auto ms = [](base::Duration lasted) { return std::chrono::duration<double, std::milli>(lasted).count(); };
    const auto snapshot = context_.snapshot();
    boost::json::array backends;
    std::uint64_t in_flight = 0;
    for (const catalog::BackendEntry& backend : snapshot->backends()) {
      boost::json::object json = live_of(backend, now);
      json["id"] = backend.row.id, json["name"] = backend.row.name, json["pool"] = backend.row.pool;
      in_flight += backend.gauge->in_flight();
      backends.push_back(std::move(json));
    }
    const auto at = std::chrono::floor<std::chrono::milliseconds>(context_.loop.wall().time_since_epoch()).count();
    append(out, "sample",
           boost::json::serialize(boost::json::object{{"at_ms", at},
                                                      {"revision", snapshot->revision()},
                                                      {"finished", last - sampled_},
                                                      {"looked_at", looked_at},
                                                      {"errors", errors},
                                                      {"input_tokens", input},
                                                      {"output_tokens", output},
                                                      {"cost_usd", static_cast<double>(cost) / 1e6},
                                                      {"p50_ms", ms(total.quantile(0.5))},
                                                      {"p95_ms", ms(total.quantile(0.95))},
                                                      {"first_byte_p50_ms", ms(first_byte.quantile(0.5))},
                                                      {"first_byte_p95_ms", ms(first_byte.quantile(0.95))},
                                                      {"in_flight", in_flight},
                                                      {"backends", std::move(backends)}}));
    sampled_ = last;
  }

  AdminContext& context_;
  std::uint64_t shown_ = 0, sampled_ = 0, revision_ = 0;
  base::TimePoint next_sample_{};
  std::unordered_map<std::string, bool> resting_;
};

std::uint64_t last_event_of(const wire::RequestHead& head) {
  std::uint64_t number = 0;
  for (const wire::Field& field : head.fields)
    if (wire::same_name(field.name, "last-event-id"))
      std::from_chars(field.value.data(), field.value.data() + field.value.size(), number);
  return number;
}

struct Counted {
  explicit Counted(std::uint32_t& of) : count(of) { ++count; }
  ~Counted() { --count; }
  Counted(const Counted&) = delete;
  std::uint32_t& count;
};

}  // namespace

net::Task<base::Result<void>> stream_events(AdminContext& context, Call& call, const wire::RequestHead& head,
                                            net::ResponseWriter& response) {
  if (context.streams >= kMostStreams)
    co_return base::fail(base::ErrorKind::overloaded, "too many clients listen to events already");
  const Counted counted(context.streams);
  wire::HeadWriter writer = response.start(200);
  write_common(writer);
  writer.field("content-type", "text/event-stream");
  Stream stream(context, last_event_of(head));
  std::string out = "retry: 1000\n\n" + stream.look();
  net::IoStatus sent = co_await response.begin_stream(out);
  while (sent == net::IoStatus::ok && context.shared.ready()) {
    net::Sleep pause(context.loop, context.loop.now() + kLook);
    co_await pause;
    // Whose token or session has ended sees nothing more.
    if (!context.access.still_knows(call.identity, call.session, *context.snapshot(), context.loop.wall())) break;
    out = stream.look();
    if (out.empty()) continue;
    sent = co_await response.write(out);
  }
  if (sent == net::IoStatus::ok) sent = co_await response.finish();
  co_return base::Result<void>();
}

}  // namespace headworks::admin
