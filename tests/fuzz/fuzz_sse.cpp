// The event decoder against a plain reading of the WHATWG text, in one piece and in many.
#include <optional>
#include <utility>

#include "target.hpp"
#include "wire/sse.hpp"

namespace headworks::fuzz {

struct PlainEvent {
  std::string name;
  std::optional<std::string> data;
  bool operator==(const PlainEvent&) const = default;
};

// "Interpreting an event stream", line by line. Blocks without data are kept: the relay counts their bytes.
inline std::vector<PlainEvent> read_plainly(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<PlainEvent> events;
  PlainEvent event;
  for (std::size_t end; (end = text.find_first_of("\r\n")) != std::string_view::npos;) {
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    if (line.empty()) {
      events.push_back(std::exchange(event, {}));
      continue;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (line.substr(0, colon) == "event") event.name = value;
    if (line.substr(0, colon) != "data") continue;
    if (event.data)
      event.data->append("\n").append(value);
    else
      event.data = value;
  }
  return events;
}

inline std::vector<PlainEvent> decode(const std::vector<std::string_view>& pieces) {
  std::vector<PlainEvent> events;
  wire::SseDecoder decoder;
  for (const std::string_view piece : pieces) {
    const Exact exact(piece);
    std::size_t last = 0;
    decoder.feed(exact.view(), [&](const wire::SseEvent& event) {
      require(event.begin >= last && event.end >= event.begin && event.end <= piece.size(),
              "ranges tile the piece");
      require(!event.continued || last == 0, "only the first event of a piece began before it");
      last = event.end;
      PlainEvent plain{std::string(event.name), std::nullopt};
      if (event.has_data) plain.data = event.data;
      events.push_back(plain);
    });
  }
  return events;
}

inline void sse(std::string_view input) {
  const std::vector<PlainEvent> expected = read_plainly(input);
  require(decode({input}) == expected, "one piece reads as the text says");
  require(decode(pieces_of(input)) == expected, "many pieces read as one");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(sse)
