#include "upstream/route.hpp"

#include <algorithm>
#include <array>

namespace headworks::upstream {
namespace {

constexpr std::string_view kCreated = "1763942400";  // fixed, so that equal requests get equal answers

std::string number(std::uint64_t value) { return std::to_string(value); }

// "chatcmpl-" and the like with 24 digits: as long as the real ones, and unique by the request's number.
std::string id(std::string_view prefix, std::uint64_t value) {
  std::string digits = number(value);
  return std::string(prefix) + std::string(24 - std::min<std::size_t>(digits.size(), 24), '0') + digits;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_escaped(out, text);
  return out + '"';
}

std::string openai_usage(const Content& content, std::string_view input_name, std::string_view output_name) {
  return R"({")" + std::string(input_name) + R"(_tokens":)" + number(content.input_tokens) + R"(,")" +
         std::string(output_name) + R"(_tokens":)" + number(content.output_tokens) + R"(,"total_tokens":)" +
         number(content.input_tokens + content.output_tokens) + R"(,")" + std::string(input_name) +
         R"(_tokens_details":{"cached_tokens":)" + number(content.cached_tokens) + R"(},")" +
         std::string(output_name) + R"(_tokens_details":{"reasoning_tokens":0}})";
}

std::string anthropic_usage(const Content& content, std::uint64_t output) {
  return R"({"input_tokens":)" +
         number(content.input_tokens - std::min(content.input_tokens, content.cached_tokens)) +
         R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":)" + number(content.cached_tokens) +
         R"(,"output_tokens":)" + number(output) + "}";
}

// {"id":...,"object":...,"created":...,"model":... and nothing to close it.
std::string openai_start(std::string_view prefix, std::string_view object, const Content& content) {
  return R"({"id":")" + id(prefix, content.number) + R"(","object":")" + std::string(object) +
         R"(","created":)" + std::string(kCreated) + R"(,"model":")" + std::string(content.model) + '"';
}

std::string chat_body(const Content& content) {
  std::string out = openai_start("chatcmpl-", "chat.completion", content) +
                    R"(,"choices":[{"index":0,"message":{"role":"assistant","content":)" +
                    quoted(content.text) +
                    R"(,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}])";
  if (content.usage) out += R"(,"usage":)" + openai_usage(content, "prompt", "completion");
  return out + R"(,"service_tier":"default","system_fingerprint":"fp_headworks"})";
}

std::string completion_body(const Content& content) {
  std::string out = openai_start("cmpl-", "text_completion", content) + R"(,"choices":[{"text":)" +
                    quoted(content.text) + R"(,"index":0,"logprobs":null,"finish_reason":"stop"}])";
  if (content.usage) out += R"(,"usage":)" + openai_usage(content, "prompt", "completion");
  return out + "}";
}

// A response object of /v1/responses; `items` is the inside of "output".
std::string response_object(const Content& content, std::string_view status, std::string_view items,
                            bool usage) {
  std::string out =
      R"({"id":")" + id("resp_", content.number) + R"(","object":"response","created_at":)" +
      std::string(kCreated) + R"(,"status":")" + std::string(status) +
      R"(","error":null,"incomplete_details":null,"instructions":null,"model":")" +
      std::string(content.model) + R"(","output":[)" + std::string(items) +
      R"(],"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"auto","tools":[],"usage":)";
  return out + (usage ? openai_usage(content, "input", "output") : "null") + R"(,"metadata":{}})";
}

std::string response_item(const Content& content, std::string_view status, std::string_view parts) {
  return R"({"id":")" + id("msg_", content.number) + R"(","type":"message","status":")" +
         std::string(status) + R"(","role":"assistant","content":[)" + std::string(parts) + "]}";
}

std::string text_part(std::string_view text) {
  return R"({"type":"output_text","annotations":[],"text":)" + quoted(text) + "}";
}

std::string message_object(const Content& content, std::string_view blocks, std::string_view stop,
                           std::uint64_t output) {
  std::string out = R"({"id":")" + id("msg_", content.number) +
                    R"(","type":"message","role":"assistant","model":")" + std::string(content.model) +
                    R"(","content":[)" + std::string(blocks) + R"(],"stop_reason":)" + std::string(stop) +
                    R"(,"stop_sequence":null)";
  if (content.usage) out += R"(,"usage":)" + anthropic_usage(content, output);
  return out + "}";
}

std::string embeddings_body(const Content& content) {
  std::string out =
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[)"
      R"(0.0023064255,-0.009327292,0.015797347,-0.0077816,0.0131592,-0.0049,0.0200617,-0.0112]}],"model":")" +
      std::string(content.model) + '"';
  if (content.usage) {
    out += R"(,"usage":{"prompt_tokens":)" + number(content.input_tokens) + R"(,"total_tokens":)" +
           number(content.input_tokens) + "}";
  }
  return out + "}";
}

std::string moderation_body(const Content& content) {
  return R"({"id":")" + id("modr-", content.number) + R"(","model":")" + std::string(content.model) +
         R"(","results":[{"flagged":false,"categories":{"hate":false,"violence":false},)"
         R"("category_scores":{"hate":0.0000012,"violence":0.0000034}}]})";
}

std::string rerank_body(const Content& content) {
  return R"({"id":")" + id("rerank-", content.number) + R"(","model":")" + std::string(content.model) +
         R"(","results":[{"index":0,"relevance_score":0.93}],"usage":{"total_tokens":)" +
         number(content.input_tokens) + "}}";
}

constexpr std::string_view kOpenAiModels =
    R"({"object":"list","data":[)"
    R"({"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"},)"
    R"({"id":"llama-70b","object":"model","created":1721172741,"owned_by":"meta"}]})";
constexpr std::string_view kAnthropicModels =
    R"({"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5",)"
    R"("created_at":"2025-09-29T00:00:00Z"}],"has_more":false,"first_id":"claude-sonnet-4-5",)"
    R"("last_id":"claude-sonnet-4-5"})";

std::string_view last_segment(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string model_body(const Request& request) {
  std::string out = R"({"id":")";
  append_escaped(out, last_segment(request.path()));
  return out + R"(","object":"model","created":1721172741,"owned_by":"system"})";
}

std::string echo_body(const Request& request) {
  return R"({"object":"echo","method":)" + quoted(request.method()) + R"(,"target":)" +
         quoted(request.target()) + "}";
}

StreamText openai_stream(const Content& content, bool chat) {
  const std::string start = "data: " +
                            openai_start(chat ? "chatcmpl-" : "cmpl-",
                                         chat ? "chat.completion.chunk" : "text_completion", content) +
                            (chat ? "" : R"(,"system_fingerprint":"fp_headworks")");
  StreamText out;
  if (chat) {
    out.opening = start + R"(,"system_fingerprint":"fp_headworks","choices":[{"index":0,)"
                          R"("delta":{"role":"assistant","content":""},"finish_reason":null}]})"
                          "\n\n";
    out.event_prefix = start + R"(,"choices":[{"index":0,"delta":{"content":")";
    out.event_suffix = R"("},"finish_reason":null}]})"
                       "\n\n";
    out.final_event = start + R"(,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
                              "\n\n";
  } else {
    out.event_prefix = start + R"(,"choices":[{"text":")";
    out.event_suffix = R"(","index":0,"logprobs":null,"finish_reason":null}]})"
                       "\n\n";
    out.final_event = start + R"(,"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]})"
                              "\n\n";
  }
  if (content.usage) {
    out.usage_event =
        start + R"(,"choices":[],"usage":)" + openai_usage(content, "prompt", "completion") + "}\n\n";
  }
  out.done = "data: [DONE]\n\n";
  return out;
}

std::string named_event(std::string_view type, std::string_view members) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
         std::string(members) + "}\n\n";
}

StreamText responses_stream(const Content& content) {
  const std::string place =
      R"(,"item_id":")" + id("msg_", content.number) + R"(","output_index":0,"content_index":0)";
  const std::string item = response_item(content, "completed", text_part(content.text));
  StreamText out;
  const std::string empty = R"(,"response":)" + response_object(content, "in_progress", "", false);
  out.opening = named_event("response.created", R"(,"sequence_number":0)" + empty) +
                named_event("response.in_progress", R"(,"sequence_number":1)" + empty) +
                named_event("response.output_item.added", R"(,"sequence_number":2,"output_index":0,"item":)" +
                                                              response_item(content, "in_progress", "")) +
                named_event("response.content_part.added",
                            R"(,"sequence_number":3)" + place + R"(,"part":)" + text_part(""));
  out.event_prefix = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"" +
                     place + R"(,"delta":")";
  out.event_suffix = R"(","logprobs":[]})"
                     "\n\n";
  out.final_event =
      named_event("response.output_text.done", place + R"(,"text":)" + quoted(content.text)) +
      named_event("response.content_part.done", place + R"(,"part":)" + text_part(content.text)) +
      named_event("response.output_item.done", R"(,"output_index":0,"item":)" + item) +
      named_event("response.completed",
                  R"(,"response":)" + response_object(content, "completed", item, content.usage));
  return out;
}

StreamText messages_stream(const Content& content) {
  StreamText out;
  out.opening =
      named_event("message_start", R"(,"message":)" + message_object(content, "", "null", 1)) +
      named_event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
      named_event("ping", "");
  out.event_prefix =
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"";
  out.event_suffix = "\"}}\n\n";
  std::string delta = R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null})";
  if (content.usage) delta += R"(,"usage":{"output_tokens":)" + number(content.output_tokens) + "}";
  out.final_event = named_event("content_block_stop", R"(,"index":0)") + named_event("message_delta", delta) +
                    named_event("message_stop", "");
  return out;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto is_special = [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  };
  for (auto rest = text.begin(); rest != text.end();) {
    const auto special = std::find_if(rest, text.end(), is_special);
    out.append(rest, special);
    if (special == text.end()) return;
    if (static_cast<unsigned char>(*special) < 0x20) {
      out.append("\\u00").append({kHex[*special >> 4 & 15], kHex[*special & 15]});
    } else {
      out.append({'\\', *special});
    }
    rest = special + 1;
  }
}

Route route_of(const Request& request) {
  static constexpr std::array<std::pair<std::string_view, Route>, 8> kEnds{{
      {"/chat/completions", Route::chat},
      {"/completions", Route::completions},
      {"/responses", Route::responses},
      {"/embeddings", Route::embeddings},
      {"/moderations", Route::moderations},
      {"/rerank", Route::rerank},
      {"/messages", Route::messages},
      {"/messages/count_tokens", Route::count_tokens},
  }};
  const std::string_view path = request.path();
  if (request.method() == "POST") {
    for (const auto& [end, route] : kEnds) {
      if (path.ends_with(end)) return route;
    }
    return Route::other;
  }
  if (path.ends_with("/models")) {
    return request.has_header("anthropic-version") ? Route::anthropic_models : Route::models;
  }
  return path.find("/models/") != std::string_view::npos ? Route::model : Route::other;
}

bool is_anthropic(const Request& request, Route route) {
  return route == Route::messages || route == Route::count_tokens || request.has_header("anthropic-version");
}

bool can_stream(Route route) {
  return route == Route::chat || route == Route::completions || route == Route::responses ||
         route == Route::messages;
}

std::string answer_body(Route route, const Request& request, const Content& content) {
  switch (route) {
    case Route::chat:
      return chat_body(content);
    case Route::completions:
      return completion_body(content);
    case Route::responses:
      return response_object(content, "completed",
                             response_item(content, "completed", text_part(content.text)), content.usage);
    case Route::embeddings:
      return embeddings_body(content);
    case Route::moderations:
      return moderation_body(content);
    case Route::rerank:
      return rerank_body(content);
    case Route::messages:
      return message_object(content, R"({"type":"text","text":)" + quoted(content.text) + "}",
                            R"("end_turn")", content.output_tokens);
    case Route::count_tokens:
      return R"({"input_tokens":)" + number(content.input_tokens) + "}";
    case Route::models:
      return std::string(kOpenAiModels);
    case Route::anthropic_models:
      return std::string(kAnthropicModels);
    case Route::model:
      return model_body(request);
    case Route::other:
      return echo_body(request);
  }
  return {};
}

std::string error_body(bool anthropic, std::uint16_t status) {
  std::string_view type = status >= 500 ? "api_error" : "invalid_request_error";
  if (status == 401) type = "authentication_error";
  if (status == 403) type = "permission_error";
  if (status == 404) type = "not_found_error";
  if (status == 429) type = "rate_limit_error";
  if (status == 529) type = "overloaded_error";
  const std::string message = "The programmable upstream answers " + std::to_string(status) + ".";
  if (anthropic) {
    return R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":")" + message +
           R"("},"request_id":"req_upstream"})";
  }
  return R"({"error":{"message":")" + message + R"(","type":")" + std::string(type) +
         R"(","param":null,"code":)" + (status == 429 ? R"("rate_limit_exceeded")" : "null") + "}}";
}

StreamText stream_text(Route route, const Content& content) {
  if (route == Route::messages) return messages_stream(content);
  if (route == Route::responses) return responses_stream(content);
  return openai_stream(content, route == Route::chat);
}

}  // namespace headworks::upstream
