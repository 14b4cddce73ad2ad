// POST /playground: a request as a client would send it, from the dashboard, whose page may talk to this listener only.
// It goes over a socket to the data listener, so that what is seen is what a client sees: status, head and stream.
#include <algorithm>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "net/upstream_client.hpp"
#include "wire/head_writer.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using net::CallStatus;

constexpr std::array<std::string_view, 4> kPaths = {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"};
constexpr base::Duration kPatience = std::chrono::minutes{10};

struct Question {
  std::string path, key, body;
};

Result<Question> read_question(const Call& call) {
  const auto members = read_members(call.body, {"key", "path", "request"});
  if (!members) return members.error();
  const auto key = find_text(**members, "key"), path = find_text(**members, "path");
  for (const auto* read : {&key, &path})
    if (!*read) return read->error();
  Question question{.path = path->value_or(std::string(kPaths.front())), .key = key->value_or(""), .body = {}};
  if (std::find(kPaths.begin(), kPaths.end(), question.path) == kPaths.end())
    return wrong("$.path", "must be a route for generating", "/v1/chat/completions");
  const bool printable = std::all_of(question.key.begin(), question.key.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (question.key.empty() || !printable) return wrong("$.key", "must be a client key");
  const boost::json::value* request = (*members)->if_contains("request");
  if (request == nullptr || !request->is_object()) return wrong("$.request", "must be the body of the request");
  question.body = boost::json::serialize(*request);
  return question;
}

// Where the data listener is for who runs on the same machine.
Result<wire::Url> url_of_data(std::string_view data_url) {
  Result<wire::Url> url = wire::parse_url(data_url);
  if (!url) return url;
  if (url->host == "0.0.0.0") url->host = "127.0.0.1";
  if (url->host == "::") url->host = "::1";
  return url;
}

// What of an answer's head is shown: everything but its framing.
bool is_shown(std::string_view name) {
  constexpr std::array<std::string_view, 4> kOurs = {"connection", "transfer-encoding", "content-length", "cache-control"};
  return std::none_of(kOurs.begin(), kOurs.end(), [&](std::string_view ours) { return wire::same_name(name, ours); });
}

net::Task<> relay(net::UpstreamCall& call, base::TimePoint deadline, net::ResponseWriter& response) {
  net::IoStatus sent = co_await response.begin_stream({});
  while (sent == net::IoStatus::ok) {
    const net::UpstreamCall::Part part = call.poll_body();
    if (part.status == CallStatus::would_block) {
      const net::IoStatus waited = co_await call.readable(deadline);
      if (waited == net::IoStatus::ok) continue;
      response.abandon();
      co_return;
    }
    if (part.status == CallStatus::end) {
      call.finish();
      sent = co_await response.finish();
      co_return;
    }
    if (part.status != CallStatus::ok) {  // the client sees the cut, as it would there
      response.abandon();
      co_return;
    }
    sent = co_await response.write(part.bytes);
  }
}

}  // namespace

net::Task<Result<void>> play(AdminContext& context, Call& call, const wire::RequestHead&, net::ResponseWriter& response) {
  Result<Question> question = read_question(call);
  if (!question) co_return question.error();
  const Result<wire::Url> url = url_of_data(context.shared.data_url);
  if (!url) co_return url.error();
  std::string text;
  wire::HeadWriter head(text);
  head.request_line("POST", question->path);
  head.field("host", url->authority());
  std::string bearer = "Bearer " + question->key;
  head.field("authorization", bearer);
  head.field("content-type", "application/json");
  head.field("accept-encoding", "identity");
  if (question->path == "/v1/messages") head.field("anthropic-version", "2023-06-01");
  head.field("content-length", std::uint64_t{question->body.size()});
  head.end();
  const net::Endpoint endpoint(*url);
  const base::TimePoint deadline = context.loop.refresh_now() + kPatience;
  net::UpstreamCall asked(context.upstreams, endpoint,
                          {.connect = std::chrono::seconds{5}, .write = kPatience, .first_byte = kPatience, .total = deadline});
  const std::array<std::string_view, 1> pieces{question->body};
  const net::UpstreamCall::OnSending on_sending{[](void*, base::TimePoint) {}, nullptr};
  const CallStatus status = co_await asked.start(text, pieces, "POST", on_sending);
  base::wipe(text), base::wipe(bearer), base::wipe(question->key);
  if (status != CallStatus::ok) {
    base::Error error = base::fail(ErrorKind::upstream_connect, "the data listener does not answer");
    error.hint = "the playground calls it at " + url->authority() + "; with TLS its certificate must be good for that name";
    co_return error;
  }
  wire::HeadWriter writer = response.start(asked.head().status);
  for (const wire::Field& field : asked.head().fields)
    if (is_shown(field.name)) writer.field(field.name, field.value);
  writer.field("x-headworks-playground", "1");
  write_common(writer);
  net::Task<> relaying = relay(asked, deadline, response);
  co_await relaying;
  co_return Result<void>();
}

}  // namespace headworks::admin
