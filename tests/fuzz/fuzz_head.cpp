// Request heads and the chunked coding: any split gives the verdict of one piece.
#include "target.hpp"
#include "wire/chunked.hpp"
#include "wire/http_head.hpp"

namespace headworks::fuzz {

struct HeadVerdict {
  bool accepted = false;
  std::size_t size = 0;
  bool operator==(const HeadVerdict&) const = default;
};

inline HeadVerdict judge_head(std::string_view input, const std::vector<std::string_view>& pieces) {
  wire::HeadScanner scanner(wire::HeadScanner::Kind::request, {});
  std::size_t arrived = 0;
  for (const std::string_view piece : pieces) {
    arrived += piece.size();
    const Exact exact(input.substr(0, arrived));
    const auto end = scanner.scan(exact.view());
    if (!end) return {};
    if (*end == 0) continue;
    wire::RequestHead head;
    if (!wire::parse_request_head(exact.view().substr(0, *end), head)) return {};
    require(head.http_1_0 || !head.host.empty(), "a request names its host");
    require(head.target.starts_with('/') || head.method == "CONNECT" || head.method == "TRACE",
            "a target is a path");
    for (const wire::Field& field : head.fields)
      require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
              "a value is one line");
    return {true, *end};
  }
  return {};
}

struct Unchunked {
  bool accepted = false;
  bool done = false;
  std::string content = {};
  bool operator==(const Unchunked&) const = default;
};

inline Unchunked decode_chunks(const std::vector<std::string_view>& pieces) {
  wire::ChunkedDecoder decoder(wire::ChunkedDecoder::From::client);
  Unchunked result;
  for (const std::string_view piece : pieces) {
    const Exact exact(piece);
    for (std::string_view rest = exact.view(); !rest.empty() && !result.done;) {
      const auto step = decoder.next(rest);
      if (!step) return {};
      require(step->consumed > 0 && step->consumed <= rest.size(), "each step makes progress");
      result.content += step->payload;
      result.done = step->done;
      rest.remove_prefix(step->consumed);
    }
    if (result.done) break;
  }
  result.accepted = true;
  return result;
}

inline void head(std::string_view input) {
  require(judge_head(input, {input}) == judge_head(input, pieces_of(input)),
          "a head is judged the same in pieces");
  require(decode_chunks({input}) == decode_chunks(pieces_of(input)), "chunks are decoded the same in pieces");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(head)
