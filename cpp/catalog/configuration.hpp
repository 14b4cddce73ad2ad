// Configuration: the document of surface section 3 as a value, or all that is wrong with it. THE validator:
// `check`, `apply`, `serve -c`, the admin API and headworksd all come here. JSON only; YAML and TOML are read
// by the Python face, which adds file and line to the JSON paths.
//
// Off the request path. Must not know: files, the environment (a KeySource does), SQL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/row_json.hpp"

namespace headworks::catalog {

// TLS of the data listener: PEM files. A relative path is relative to the document's folder; whoever opens it
// knows which one that is.
struct TlsFiles {
  std::string certificate;
  std::string private_key;
};

// Plug-ins: a list of modules, or an object with these fields.
struct Plugins {
  std::vector<std::string> modules;   // or files that end in .py, in order
  std::string isolation = "thread";   // or process
  std::uint32_t memory_mb = 0;        // of that process; 0: no limit
  bool entry_points = true;           // those of installed packages are loaded too
};

// A section that the document does not name is empty here. Rows have neither ids nor times, and source
// "file".
struct Configuration {
  std::optional<std::string> listen;  // "HOST:PORT"
  std::optional<std::string> admin_listen;
  std::optional<TlsFiles> tls;
  Settings settings;                    // defaults, overlaid with the document's
  std::vector<Setting> given_settings;  // only what the document names
  std::vector<Pool> pools;              // position = place in the document
  std::vector<Backend> backends;        // api_key is empty when there is none or it was only checked
  std::vector<ConfiguredClientKey> client_keys;
  std::vector<Price> prices;
  Plugins plugins;
};

struct ParsedConfiguration {
  Configuration configuration;    // REQUIRES ok(): otherwise half done
  std::vector<Problem> problems;  // all of them, in document order
  std::vector<Problem> warnings;
  bool ok() const { return problems.empty(); }
};

ParsedConfiguration parse_configuration(std::string_view json, const KeySource& keys);

// The first problems as one error of kind invalid_configuration, for whoever needs a Result. REQUIRES one
// problem.
base::Error error_of(const std::vector<Problem>& problems);

// Everything that a configuration file may hold of these rows, without secrets: what `export` prints.
std::string format_configuration(const Rows& rows);

// JSON Schema (2020-12) of the document, from the same tables.
std::string configuration_schema();

// "127.0.0.1:8080", "[::1]:0", "localhost:80", ":8080": the host may be empty (every address), the port
// 0..65535.
bool is_listen_address(std::string_view text);

}  // namespace headworks::catalog
