// Request heads: any split gives the verdict of one piece, and what is accepted is plain.
#include "target.hpp"
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

inline void head(std::string_view input) {
  require(judge_head(input, {input}) == judge_head(input, pieces_of(input)),
          "a head is judged the same in pieces");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(head)
