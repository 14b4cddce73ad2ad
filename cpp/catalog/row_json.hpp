// Rows and JSON: what the configuration file, the admin API, `export` and the Python face all read and write.
// One table of fields per kind of row (backend_fields.cpp, row_fields.cpp, settings_fields.cpp) drives all of
// it.
//
// Off the request path. Thread-safe: pure functions. Must not know: files, SQL, HTTP.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "catalog/problem.hpp"
#include "catalog/rows.hpp"

namespace headworks::catalog {

// Where a secret in a document comes from.
//   `${NAME}`, `os.environ/NAME`   the environment
//   `file:PATH`                    a file
//   anything else                  the secret itself
struct KeySource {
  enum class References : std::uint8_t {
    refused,   // the admin API: nobody reads the server's files or environment through it
    checked,   // `check`: the form is checked, the secret stays empty
    resolved,  // by `resolve`
  };
  References references = References::refused;
  // Takes the whole reference ("${NAME}", "file:PATH"); its Error::message says which one is missing. See
  // KeyReferences.
  std::function<base::Result<base::Secret>(std::string_view reference)> resolve;
  bool warn_of_literals = false;
};

// Whether a document must name every required field (a new row) or overlays an existing row (PATCH).
enum class Completeness : std::uint8_t { whole, partial };

// Which fields are shown: all (the admin API), or those that a configuration file may hold.
enum class View : std::uint8_t { admin, configuration };

// A client key as a document gives it. `key` is empty when the document did not name it.
struct ConfiguredClientKey {
  ClientKey row;  // without digest and hint
  base::Secret key;
};

struct Outcome {
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
  bool ok() const { return problems.empty(); }
};

// Overlays `document` on the row. On problems the row is half done: throw it away. Paths start with `path`.
// api_key is filled in only when the document gives one.
Outcome parse_backend(const boost::json::value& document, Completeness, const KeySource&, Backend& row,
                      const std::string& path = "$");
Outcome parse_pool(const boost::json::value& document, Completeness, Pool& row,
                   const std::string& path = "$");
Outcome parse_client_key(const boost::json::value& document, Completeness, const KeySource&,
                         ConfiguredClientKey& row, const std::string& path = "$");
Outcome parse_price(const boost::json::value& document, Completeness, Price& row,
                    const std::string& path = "$");
// Always partial: what is not named keeps its value.
Outcome parse_settings(const boost::json::value& document, Settings& settings, const std::string& path = "$");

// Takes out of a row's admin view what no document may name: what is left parses.
void drop_read_only_backend(boost::json::object& row);
void drop_read_only_pool(boost::json::object& row);
void drop_read_only_client_key(boost::json::object& row);
void drop_read_only_price(boost::json::object& row);

// The same rules for rows that were made by other means (Python, an import).
std::vector<Problem> check_backend(const Backend& row);
std::vector<Problem> check_pool(const Pool& row);

// Never a secret: api_key_hint, client key hint.
boost::json::object format_backend(const Backend& row, View view);
boost::json::object format_pool(const Pool& row, View view);
boost::json::object format_client_key(const ClientKey& row, View view);
boost::json::object format_price(const Price& row, View view);
boost::json::object format_settings(const Settings& settings);

// {"canonical": {"model": ..., "context_tokens": ..., ...}} and back; the column model_mappings_json. Reading
// takes the short form ("canonical": "model") and, for rows of a sidecar, objects that name the upstream's
// model otherwise.
std::string format_model_mappings(const std::vector<ModelMapping>& mappings);
base::Result<std::vector<ModelMapping>> parse_model_mappings(std::string_view text);

// A backend's own clocks; the column timeouts_json. What cannot be read is left at 0.
std::string format_clocks(const Clocks& clocks);
Clocks parse_clocks(std::string_view text);

// One setting is one row of the store: "retry.max_attempts" and its JSON text.
struct Setting {
  std::string key;
  std::string value_json;
  bool operator==(const Setting&) const = default;
};
// The settings that a document names, in its order. REQUIRES that parse_settings accepted it.
std::vector<Setting> flatten_settings(const boost::json::object& document);
// The document's form of flat settings, for parse_settings.
boost::json::object unflatten_settings(const std::vector<Setting>& settings);

}  // namespace headworks::catalog
