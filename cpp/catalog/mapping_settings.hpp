// What a model mapping says beyond the upstream's name: price, clocks, parameters to set or to drop. It is
// stored in the mapping's object as it came (ModelMapping::extra_json); this reads the part that we know.
// Value types. Must not know: requests, sockets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/problem.hpp"
#include "catalog/rows.hpp"

namespace headworks::catalog {

// A top-level member of the request body that is given this value (JSON text), whatever the client said.
struct ParameterValue {
  std::string name;
  std::string value_json;
};

struct MappingSettings {
  std::optional<Price> price;      // what this backend takes; else the price table's
  Clocks timeouts;                 // before the backend's own
  std::vector<ParameterValue> set;
  std::vector<std::string> drop;   // top-level members that are left out of the body
  bool changes_body() const { return !set.empty() || !drop.empty(); }
};

// Reads `price`, `timeouts`, `set` and `drop` of the object; other members are none of ours. Problems with
// their paths below `path`.
MappingSettings read_mapping_settings(std::string_view extra_json, const std::string& path,
                                      std::vector<Problem>& problems);

}  // namespace headworks::catalog
