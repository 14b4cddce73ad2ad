#include "store/sidecar_import.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "catalog/utc_time.hpp"
#include "wire/url.hpp"

namespace headworks::store {
namespace {

using base::Result;
using catalog::Backend;

std::string text_in(const SidecarRow& row, std::string_view column, std::string_view otherwise = {}) {
  const auto found = row.find(column);
  return found == row.end() || found->second.empty() ? std::string(otherwise) : found->second;
}

double number_in(const SidecarRow& row, std::string_view column, double otherwise, double least, double most) {
  const std::string text = text_in(row, column);
  const double number = text.empty() ? otherwise : std::strtod(text.c_str(), nullptr);
  return std::isfinite(number) ? std::clamp(number, least, most) : otherwise;
}

// What its columns say; without its key. `works`: it can be called as it is.
Backend backend_of(const SidecarRow& row, bool& works) {
  Backend made;
  made.id = text_in(row, "id");
  made.name = text_in(row, "name", made.id);
  made.label = text_in(row, "label");
  made.api_base_url = text_in(row, "api_base_url");
  const auto api = find_api_alias(text_in(row, "api", "openai"));
  made.api = api.value_or(catalog::Api::openai);
  made.timeout_seconds = number_in(row, "timeout_seconds", made.timeout_seconds, 0.1, 86'400);
  made.rpm_limit = static_cast<std::uint32_t>(number_in(row, "rpm_limit", 0, 0, 1e9));
  made.pool = text_in(row, "pool", "primary");
  made.source = "import";
  made.created_at = text_in(row, "created_at");
  made.updated_at = text_in(row, "updated_at");
  if (auto mappings = catalog::parse_model_mappings(text_in(row, "model_mappings_json", "{}")))
    made.model_mappings = *std::move(mappings);
  if (const std::string metadata = text_in(row, "metadata_json", "{}"); is_json_object(metadata))
    made.metadata_json = metadata;
  works = api && wire::parse_url(made.api_base_url).has_value();
  made.enabled = works && number_in(row, "enabled", 1, 0, 1) != 0;
  return made;
}

}  // namespace

Result<SidecarImport> import_sidecar(CatalogTables& tables, const std::vector<SidecarRow>& rows,
                                     const std::optional<vault::SidecarKey>& key) {
  SidecarImport done;
  for (const SidecarRow& row : rows) {
    bool works = true;
    Backend made = backend_of(row, works);
    const bool here = (!made.id.empty() && tables.backends.find(made.id, Keys::closed)) ||
                      (!made.name.empty() && tables.backends.find_by_name(made.name, Keys::closed));
    if (here) {
      done.kept.push_back(made.name);
      continue;
    }
    const std::string stored = text_in(row, "api_key_encrypted");
    if (!stored.empty() && !vault::looks_sealed_by_sidecar(stored)) {
      made.api_key = base::Secret(std::string_view(stored));  // from before it had encryption
    } else if (!stored.empty()) {
      auto clear = key ? vault::open_sidecar_key(*key, stored) : std::nullopt;
      if (clear) made.api_key = *std::move(clear);
      else made.enabled = false;
    }
    const bool missing = !stored.empty() && made.api_key.empty();
    const std::string name = made.name;
    made.api_key_hint = made.api_key.empty() ? std::string() : made.api_key.hint();
    Result<Backend> inserted = create_backend(tables, std::move(made), Times::kept);
    if (!inserted) {
      base::Error error = inserted.error();
      error.message = "backend '" + name + "': " + error.message;
      return error;
    }
    done.imported.push_back(inserted->name);
    if (missing) done.keys_missing.push_back(inserted->name);
    if (!works) done.parked.push_back(inserted->name);
    const auto until = catalog::parse_utc(text_in(row, "cooldown_until"));
    if (until && *until > tables.wall) {
      const auto count = static_cast<std::int64_t>(number_in(row, "consecutive_429_count", 0, 0, 1e9));
      if (auto cooled = cool_backend(tables, inserted->id, {.until = *until, .consecutive = count, .reason = "import"}); !cooled)
        return cooled.error();
      done.cooling.push_back({inserted->id, *until});
    }
  }
  done.edits = tables.edits;
  return done;
}

}  // namespace headworks::store
