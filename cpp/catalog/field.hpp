// Field<Row>: one line of THE table of a kind of row: name, member, bounds, meaning. The same table parses a
// JSON object into the row, checks a row made by other means, formats it and describes it as JSON Schema;
// defaults are those of a fresh Row. Nothing else in Headworks knows what a backend or a setting may look
// like.
//
// Private to catalog/: others include row_json.hpp or configuration.hpp. Off the request path. Must not know:
// files, SQL, HTTP.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "catalog/problem.hpp"
#include "catalog/row_json.hpp"

namespace headworks::catalog {

// What surrounds one reading of a document.
struct Reading {
  std::vector<Problem>& problems;
  std::vector<Problem>& warnings;
  const KeySource& keys;
  Completeness completeness;
};

// Numbers: the value, inclusive. Text: the length in bytes.
struct Bounds {
  double min = 0;
  double max = 1'000'000'000;
};

enum class Access : std::uint8_t {
  optional,
  required,   // in a whole document
  read_only,  // shown, never accepted
};

// A field whose JSON is more than one scalar. Any function may be null but format.
template <class Row>
struct Special {
  void (*parse)(const boost::json::value& value, const std::string& path, Reading& reading,
                Row& row) = nullptr;
  void (*check)(const Row& row, const std::string& path, std::vector<Problem>& problems) = nullptr;
  boost::json::value (*format)(const Row& row) = nullptr;  // null value: the field does not appear
  boost::json::object (*schema)() = nullptr;
};

template <class Row>
struct Field {
  using Member = std::variant<std::string Row::*, bool Row::*, double Row::*, std::uint32_t Row::*,
                              std::uint64_t Row::*, std::int64_t Row::*, Special<Row>>;
  std::string_view name;
  Member member;
  std::string_view meaning;
  Bounds bounds{};
  Access access = Access::optional;
};

// Scalars. Each reports what is wrong and returns none, or returns the value.
std::optional<std::string> parse_text(const boost::json::value& value, const Bounds& bounds,
                                      const std::string& path, std::vector<Problem>& problems);
std::optional<bool> parse_boolean(const boost::json::value& value, const std::string& path,
                                  std::vector<Problem>& problems);
std::optional<double> parse_number(const boost::json::value& value, const Bounds& bounds, bool whole,
                                   const std::string& path, std::vector<Problem>& problems);
// A name out of a closed list.
std::optional<std::string> parse_choice(const boost::json::value& value,
                                        std::span<const std::string_view> known, const std::string& path,
                                        std::vector<Problem>& problems);

// The same bounds for values that did not come from JSON.
void check_text(std::string_view text, const Bounds& bounds, const std::string& path,
                std::vector<Problem>& problems);
void check_number(double number, const Bounds& bounds, bool whole, const std::string& path,
                  std::vector<Problem>& problems);

// A number as JSON: 120, not 1.2E2.
boost::json::value format_number(double number);

const boost::json::object* find_object(const boost::json::value& value, const std::string& path,
                                       std::vector<Problem>& problems);
const boost::json::array* find_array(const boost::json::value& value, const std::string& path,
                                     std::vector<Problem>& problems);

boost::json::object schema_of_scalar(std::string_view type, const Bounds& bounds);
boost::json::object schema_of_choice(std::span<const std::string_view> known);

template <class Row>
using Fields = std::span<const Field<Row>>;

template <class Row>
std::vector<std::string_view> names_of(Fields<Row> fields) {
  std::vector<std::string_view> names;
  for (const Field<Row>& field : fields)
    if (field.access != Access::read_only) names.push_back(field.name);
  return names;
}

template <class Row>
void parse_field(const Field<Row>& field, const boost::json::value& value, const std::string& path,
                 Reading& reading, Row& row) {
  std::visit(
      [&](auto member) {
        using Member = decltype(member);
        if constexpr (std::is_same_v<Member, Special<Row>>) {
          member.parse(value, path, reading, row);
        } else {
          using Value = std::remove_reference_t<decltype(row.*member)>;
          if constexpr (std::is_same_v<Value, std::string>) {
            if (auto text = parse_text(value, field.bounds, path, reading.problems))
              row.*member = *std::move(text);
          } else if constexpr (std::is_same_v<Value, bool>) {
            if (auto flag = parse_boolean(value, path, reading.problems)) row.*member = *flag;
          } else {
            constexpr bool kWhole = std::is_integral_v<Value>;
            if (auto number = parse_number(value, field.bounds, kWhole, path, reading.problems))
              row.*member = static_cast<Value>(*number);
          }
        }
      },
      field.member);
}

// Overlays the object's fields on `row`. Problems: unknown, read-only or badly typed fields, values out of
// bounds, and (when the document must be whole) required fields that are missing.
template <class Row>
void parse_fields(const boost::json::value& value, Fields<Row> fields, const std::string& path,
                  Reading& reading, Row& row) {
  const boost::json::object* object = find_object(value, path, reading.problems);
  if (object == nullptr) return;
  for (const auto& [key, member] : *object) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const auto& each) { return each.name == key; });
    if (field == fields.end()) {
      const std::vector<std::string_view> known = names_of(fields);
      reading.problems.push_back({path_to(path, key), "there is no such field", suggest(key, known)});
    } else if (field->access == Access::read_only) {
      reading.problems.push_back({path_to(path, key), "this field is read-only", "leave it out"});
    } else {
      parse_field(*field, member, path_to(path, key), reading, row);
    }
  }
  if (reading.completeness == Completeness::partial) return;
  for (const Field<Row>& field : fields)
    if (field.access == Access::required && !object->contains(field.name))
      reading.problems.push_back(
          {path_to(path, field.name), "this field is missing", std::string(field.meaning)});
}

template <class Row>
void check_fields(const Row& row, Fields<Row> fields, const std::string& path,
                  std::vector<Problem>& problems) {
  for (const Field<Row>& field : fields) {
    const std::string at = path_to(path, field.name);
    std::visit(
        [&](auto member) {
          if constexpr (std::is_same_v<decltype(member), Special<Row>>) {
            if (member.check != nullptr) member.check(row, at, problems);
          } else {
            using Value = std::remove_cvref_t<decltype(row.*member)>;
            if constexpr (std::is_same_v<Value, std::string>) {
              check_text(row.*member, field.bounds, at, problems);
            } else if constexpr (!std::is_same_v<Value, bool>) {
              check_number(static_cast<double>(row.*member), field.bounds, std::is_integral_v<Value>, at,
                           problems);
            }
          }
        },
        field.member);
  }
}

template <class Row>
boost::json::object format_fields(const Row& row, Fields<Row> fields, View view) {
  boost::json::object out;
  for (const Field<Row>& field : fields) {
    if (view == View::configuration && field.access == Access::read_only) continue;
    std::visit(
        [&](auto member) {
          if constexpr (std::is_same_v<decltype(member), Special<Row>>) {
            boost::json::value value = member.format(row);
            if (!value.is_null() || view == View::admin) out.emplace(field.name, std::move(value));
          } else {
            using Value = std::remove_cvref_t<decltype(row.*member)>;
            if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
              out.emplace(field.name, format_number(static_cast<double>(row.*member)));
            } else {
              out.emplace(field.name, row.*member);
            }
          }
        },
        field.member);
  }
  return out;
}

// Where defaults come from. Not inlined: g++ 12 would follow the members of types that a small Row does not
// have, and warn of reading past its end.
template <class Row>
[[gnu::noinline]] const Row& fresh_row() {
  static const Row row{};
  return row;
}

// JSON Schema of a whole document's object, with the defaults of a fresh Row.
template <class Row>
boost::json::object schema_of_fields(Fields<Row> fields) {
  boost::json::object properties;
  boost::json::array required;
  const Row& fresh = fresh_row<Row>();
  for (const Field<Row>& field : fields) {
    if (field.access == Access::read_only) continue;
    if (field.access == Access::required) required.push_back(boost::json::value(field.name));
    boost::json::object schema = std::visit(
        [&](auto member) -> boost::json::object {
          if constexpr (std::is_same_v<decltype(member), Special<Row>>) {
            return member.schema();
          } else {
            using Value = std::remove_cvref_t<decltype(fresh.*member)>;
            if constexpr (std::is_same_v<Value, bool>)
              return {{"type", "boolean"}, {"default", fresh.*member}};
            else if constexpr (std::is_same_v<Value, std::string>)
              return schema_of_scalar("string", field.bounds);
            else {
              auto scalar = schema_of_scalar(std::is_integral_v<Value> ? "integer" : "number", field.bounds);
              scalar["default"] = format_number(static_cast<double>(fresh.*member));
              return scalar;
            }
          }
        },
        field.member);
    schema["description"] = field.meaning;
    properties.emplace(field.name, std::move(schema));
  }
  boost::json::object out{
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  if (!required.empty()) out.emplace("required", std::move(required));
  return out;
}

// The tables.
Fields<Backend> backend_fields();
Fields<Pool> pool_fields();
Fields<ConfiguredClientKey> client_key_fields();
Fields<Price> price_fields();
Fields<Settings> settings_fields();

}  // namespace headworks::catalog
