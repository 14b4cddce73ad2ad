#include "dialect/parameters.hpp"

#include <algorithm>

#include "json/json_writer.hpp"

namespace headworks::dialect {

base::Result<std::string> change_parameters(json::JsonReader& reader, std::string_view body,
                                            std::span<const Parameter> set, std::span<const std::string> drop) {
  const auto goes = [&](std::string_view name) {
    return std::find(drop.begin(), drop.end(), name) != drop.end() ||
           std::any_of(set.begin(), set.end(), [&](const Parameter& each) { return each.name == name; });
  };
  std::string out(1, '{');
  const auto begin_member = [&] {
    if (out.size() > 1) out += ',';
  };
  // A member's bytes begin behind the comma (or brace) after the one before it.
  std::size_t before = body.find('{') + 1;
  const auto read = reader.read_object(body, 1024, [&](const json::Member& member) -> base::Result<void> {
    const std::size_t begin = body.find_first_not_of(" \t\r\n,", before);
    if (!goes(member.key)) {
      begin_member();
      out.append(body.substr(begin, member.value.end - begin));
    }
    before = member.value.end;
    return {};
  });
  if (!read) return read.error();
  for (const Parameter& each : set) {
    begin_member();
    json::append_string(out, each.name);
    out.append(":").append(each.value_json);
  }
  out += '}';
  out.reserve(out.size() + json::kPadding);
  return out;
}

}  // namespace headworks::dialect
