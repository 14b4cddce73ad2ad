#include "upstream/performance.hpp"

#include <algorithm>
#include <charconv>

#include "upstream/moments.hpp"

namespace headworks::upstream {
namespace {

constexpr std::string_view kDefaultText = "This is the answer of a healthy upstream, told in twelve words.";

std::string_view reason_of(std::uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 529:
      return "Overloaded";
    default:
      return "Status";
  }
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool has_header(const std::vector<HeaderLine>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const HeaderLine& h) { return same_name(h.name, name); });
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& out, std::uint16_t status) {
  const char digits[] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                         static_cast<char>('0' + status % 10)};
  out.append("HTTP/1.1 ").append(digits, 3).append(" ").append(reason_of(status)).append("\r\n");
}

// One date per second, not per answer.
std::string_view date_of(base::WallTime now) {
  thread_local std::int64_t second = -1;
  thread_local std::string text;
  const auto current = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (current != second) {
    second = current;
    text = format_http_date(now);
  }
  return text;
}

// One composition: the pieces that several of the functions below need.
class Composer {
 public:
  Composer(const Answer& answer, const Occasion& occasion) : answer_(answer), at_(occasion) {
    text_ = answer.text ? std::string_view(*answer.text) : kDefaultText;
    streams_ = !answer.body && answer.status < 300 && can_stream(at_.route) &&
               (at_.glance.stream || answer.stream.always);
    closes_ =
        answer.close != CloseAfter::keep || answer.framing == Framing::close || at_.request.wants_close();
    played_.status = answer.status;
    played_.parts.reserve(4);
  }

  Performance compose() && {
    if (answer_.delay.count() > 0) played_.parts.emplace_back(PausePart{answer_.delay});
    if (answer_.fault && answer_.fault->at == FaultPlace::request) {
      cut(answer_.fault->how);
    } else if (answer_.raw) {
      raw();
    } else {
      for (const std::uint16_t status : answer_.interim) interim(status);
      if (streams_) {
        stream();
      } else {
        whole();
      }
    }
    return std::move(played_);
  }

 private:
  // Ends the performance before its time.
  void cut(Cut how) {
    played_.cut = true;
    if (how == Cut::hang) played_.parts.emplace_back(HangPart{});
    played_.after = how == Cut::reset ? After::reset : After::close;
  }

  void end() {
    if (!answer_.extra.empty()) write(answer_.extra);
    if (closes_) {
      played_.after = After::close;
    } else if (answer_.stale != Stale::no) {
      played_.after = answer_.stale == Stale::close ? After::stale_close : After::stale_reset;
    }
  }

  void write(std::string bytes) { played_.parts.emplace_back(WritePart{std::move(bytes)}); }

  void write_slowly(std::string bytes, bool drips) {
    if (!drips) return write(std::move(bytes));
    played_.parts.emplace_back(DripPart{std::move(bytes), answer_.drip->bytes, answer_.drip->every});
  }

  void interim(std::uint16_t status) {
    std::string head;
    append_status_line(head, status);
    write(head.append("\r\n"));
  }

  void raw() {
    std::string bytes = *answer_.raw;
    const std::optional<Fault>& fault = answer_.fault;
    if (fault && fault->after && *fault->after < bytes.size()) bytes.resize(*fault->after);
    write_slowly(std::move(bytes), answer_.drip.has_value());
    if (fault) return cut(fault->how);
    end();
  }

  Content content(std::uint64_t output_tokens) const {
    const TokenCounts counts = answer_.usage.value_or(
        TokenCounts{.input = at_.request.body().size() / 4, .output = output_tokens, .cached = 0});
    return {.model = at_.glance.model,
            .text = text_,
            .number = answer_.counted_ids ? at_.number : 0,
            .input_tokens = counts.input,
            .output_tokens = counts.output,
            .cached_tokens = counts.cached,
            .usage = answer_.send_usage != SendUsage::never};
  }

  std::string head(std::string_view content_type, std::string_view framing_line) const {
    std::string out;
    out.reserve(384);
    append_status_line(out, answer_.status);
    const std::vector<HeaderLine>& own = answer_.headers;
    if (!has_header(own, "date")) append_line(out, "date", date_of(at_.now));
    if (!has_header(own, "content-type") && !content_type.empty())
      append_line(out, "content-type", content_type);
    if (!has_header(own, "x-request-id")) {
      append_line(out, "x-request-id",
                  "req_upstream_" + std::to_string(answer_.counted_ids ? at_.number : 0));
    }
    for (const HeaderLine& line : own) append_line(out, line.name, expand_moments(line.value, at_.now));
    if (!has_header(own, "content-length") && !has_header(own, "transfer-encoding")) out.append(framing_line);
    if (closes_ && answer_.close != CloseAfter::silent) out.append("connection: close\r\n");
    return out.append("\r\n");
  }

  std::string whole_body(std::string_view& content_type) const {
    content_type = "application/json";
    if (answer_.body) {
      content_type = answer_.content_type;
      return *answer_.body;
    }
    if (answer_.status >= 400) return error_body(is_anthropic(at_.request, at_.route), answer_.status);
    return answer_body(at_.route, at_.request, content(count_words(text_)));
  }

  void whole() {
    const bool bodiless = at_.request.method() == "HEAD" || answer_.status == 204 || answer_.status == 304;
    std::string_view content_type;
    std::string body = whole_body(content_type);
    std::string framing;
    if (answer_.framing == Framing::chunked) {
      framing = "transfer-encoding: chunked\r\n";
      char size[16];
      const auto size_end = std::to_chars(size, size + sizeof size, body.size(), 16).ptr;
      body = std::string(size, size_end) + "\r\n" + body + "\r\n0\r\n\r\n";
    } else if (answer_.framing == Framing::length && answer_.status != 204 && answer_.status != 304) {
      framing = "content-length: " + std::to_string(body.size()) + "\r\n";
    }
    if (bodiless) body.clear();
    send(head(bodiless ? std::string_view() : content_type, framing), std::move(body));
  }

  void send(std::string head_bytes, std::string body) {
    const bool drips = answer_.drip.has_value();
    const bool head_drips = drips && answer_.drip->head;
    if (cut_head(head_bytes, head_drips)) return;
    if (answer_.fault && answer_.fault->at == FaultPlace::body) {
      body.resize(static_cast<std::size_t>(
          std::min<std::uint64_t>(body.size(), answer_.fault->after.value_or(body.size() / 2))));
    }
    if (!drips) {
      write(head_bytes.append(body));
    } else {
      write_slowly(std::move(head_bytes), head_drips);
      write_slowly(std::move(body), true);
    }
    if (answer_.fault && answer_.fault->at == FaultPlace::body) {
      cut(answer_.fault->how);
    } else {
      end();
    }
  }

  bool cut_head(std::string& bytes, bool drips) {
    if (!answer_.fault || answer_.fault->at != FaultPlace::head) return false;
    bytes.resize(static_cast<std::size_t>(
        std::min<std::uint64_t>(bytes.size(), answer_.fault->after.value_or(bytes.size() / 2))));
    write_slowly(std::move(bytes), drips);
    cut(answer_.fault->how);
    return true;
  }

  void stream() {
    const bool chunked = answer_.framing != Framing::close;
    StreamShape shape = answer_.stream;
    const std::uint32_t events = shape.events.value_or(count_words(text_));
    Content said = content(events);
    // OpenAI's two older routes send usage only when asked; the others always.
    const bool on_request = at_.route == Route::chat || at_.route == Route::completions;
    if (on_request && answer_.send_usage == SendUsage::asked) said.usage = at_.glance.include_usage;
    StreamText words = stream_text(at_.route, said);
    std::optional<Fault> fault = answer_.fault;
    if (fault && fault->at != FaultPlace::event)
      fault->after.reset();  // half of the events is half of the body
    if (!shape.final_event || fault) words.final_event = words.usage_event = {};
    if (!shape.done || fault) words.done.clear();
    std::string head_bytes =
        head("text/event-stream; charset=utf-8", chunked ? "transfer-encoding: chunked\r\n" : "");
    if (cut_head(head_bytes, false)) return;
    write(std::move(head_bytes));
    if (shape.first_event.count() > 0) played_.parts.emplace_back(PausePart{shape.first_event});
    EventStream stream(std::move(words), text_, shape, at_.number, chunked);
    if (fault) stream.stop_after(fault->after.value_or(events / 2));
    if (fault && fault->how != Cut::end) stream.leave_open();
    played_.parts.emplace_back(StreamPart{std::move(stream)});
    if (!fault) return end();
    if (fault->how != Cut::end) return cut(fault->how);
    played_.cut = true;
    if (closes_) played_.after = After::close;
  }

  const Answer& answer_;
  const Occasion& at_;
  std::string_view text_;
  bool streams_ = false;
  bool closes_ = false;
  Performance played_;
};

}  // namespace

Performance compose(const Answer& answer, const Occasion& occasion) {
  return Composer(answer, occasion).compose();
}

Performance compose_json(std::uint16_t status, std::string body, const std::vector<HeaderLine>& headers,
                         bool close) {
  std::string bytes;
  append_status_line(bytes, status);
  append_line(bytes, "content-type", "application/json");
  append_line(bytes, "content-length", std::to_string(body.size()));
  for (const HeaderLine& line : headers) append_line(bytes, line.name, line.value);
  if (close) append_line(bytes, "connection", "close");
  bytes.append("\r\n").append(body);
  Performance played;
  played.status = status;
  played.after = close ? After::close : After::keep;
  played.parts.emplace_back(WritePart{std::move(bytes)});
  return played;
}

}  // namespace headworks::upstream
