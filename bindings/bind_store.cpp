// Store: the nine operations of the seed contract over headworks.db, without a server; StoreReader: the reading ones
// beside a server. A backend crosses as a
// dict of its columns; mappings and metadata cross as JSON text (model_mappings_json, metadata_json), and
// headworks/models.py makes values of them.
#include "python.hpp"

#include <filesystem>

#include "catalog/row_json.hpp"
#include "store/store.hpp"
#include "store/store_reader.hpp"

namespace headworks::bindings {
namespace {

using catalog::Backend;

// Moves one entry of the dict into the field, if it is there; says which column has the wrong type.
template <class T>
void read(const py::dict& row, const char* column, T& field) {
  if (!row.contains(column)) return;
  try {
    field = row[column].cast<T>();
  } catch (const py::cast_error&) {
    throw Raised(base::fail(base::ErrorKind::invalid_configuration, std::string(column) + ": has the wrong type"));
  }
}

template <class T>
T named(const std::string& name, std::optional<T> found, const char* column) {
  if (!found) {
    throw Raised(base::fail(base::ErrorKind::invalid_configuration,
                            std::string(column) + ": '" + name + "' is not one of its values"));
  }
  return *found;
}

Backend backend_of(const py::dict& row) {
  Backend backend;
  read(row, "id", backend.id);
  read(row, "name", backend.name);
  read(row, "label", backend.label);
  read(row, "api_base_url", backend.api_base_url);
  read(row, "timeout_seconds", backend.timeout_seconds);
  read(row, "rpm_limit", backend.rpm_limit);
  read(row, "tpm_limit", backend.tpm_limit);
  read(row, "max_in_flight", backend.max_in_flight);
  read(row, "weight", backend.weight);
  read(row, "pool", backend.pool);
  read(row, "enabled", backend.enabled);
  read(row, "source", backend.source);
  read(row, "cooldown_until", backend.cooldown_until);
  read(row, "consecutive_429_count", backend.consecutive_429_count);
  read(row, "metadata_json", backend.metadata_json);
  std::string api{name_of(backend.api)}, status{name_of(backend.status)}, mappings = "{}", key;
  read(row, "api", api);
  backend.api = named(api, store::find_api_alias(api), "api");
  read(row, "status", status);
  backend.status = named(status, catalog::find_backend_status(status), "status");
  read(row, "model_mappings_json", mappings);
  backend.model_mappings = value_of(catalog::parse_model_mappings(mappings));
  read(row, "api_key_plain", key);
  backend.api_key = base::Secret(key);
  base::wipe(key);
  return backend;
}

py::dict dict_of(const Backend& backend) {
  py::dict row;
  row["id"] = backend.id;
  row["name"] = backend.name;
  row["label"] = backend.label;
  row["api_base_url"] = backend.api_base_url;
  row["api_key_plain"] = backend.api_key.empty() ? py::object(py::none()) : py::str(std::string(backend.api_key.reveal()));
  row["api_key_hint"] = backend.api_key_hint;
  row["key_state"] = name_of(backend.key_state);
  row["api"] = name_of(backend.api);
  row["timeout_seconds"] = backend.timeout_seconds;
  row["rpm_limit"] = backend.rpm_limit;
  row["tpm_limit"] = backend.tpm_limit;
  row["max_in_flight"] = backend.max_in_flight;
  row["weight"] = backend.weight;
  row["pool"] = backend.pool;
  row["enabled"] = backend.enabled;
  row["status"] = name_of(backend.status);
  row["model_mappings_json"] = catalog::format_model_mappings(backend.model_mappings);
  row["source"] = backend.source;
  row["cooldown_until"] = backend.cooldown_until;
  row["consecutive_429_count"] = backend.consecutive_429_count;
  row["metadata_json"] = backend.metadata_json;
  row["created_at"] = backend.created_at;
  row["updated_at"] = backend.updated_at;
  return row;
}

py::object dict_or_none(const std::optional<Backend>& backend) {
  return backend ? py::object(dict_of(*backend)) : py::object(py::none());
}

// Without a key file: the rule of the server for the database's folder; a new database makes a new key there.
base::Result<std::shared_ptr<const vault::KeyRing>> keys_for(const std::string& path,
                                                             const std::optional<std::string>& master_key_file) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  return master_key_file ? vault::KeyRing::load_file(*master_key_file)
                         : vault::KeyRing::load(folder.string(), !std::filesystem::exists(path));
}

class Store {
 public:
  Store(const std::string& path, const std::optional<std::string>& master_key_file)
      : store_(without_gil([&]() -> base::Result<std::unique_ptr<store::Store>> {
          auto keys = keys_for(path, master_key_file);
          if (!keys) return std::move(keys).error();
          return store::Store::open({.path = path, .keys = *std::move(keys)});
        })) {}

  void close() { store_.close(); }
  // `operation(store::Store&)` answers a Result.
  template <class Operation>
  auto run(Operation operation) {
    store::Store& store = open();
    return without_gil([&] { return operation(store); });
  }
  bool master_key_fits() { return open().master_key_fits(); }

 private:
  store::Store& open() {
    if (store_.closed()) throw py::value_error("the store is closed");
    return *store_;
  }
  OfThisProcess<store::Store> store_;
};

// The same questions while a server has the database.
class StoreReader {
 public:
  StoreReader(const std::string& path, const std::optional<std::string>& master_key_file)
      : reader_(without_gil([&]() -> base::Result<std::unique_ptr<store::StoreReader>> {
          auto keys = keys_for(path, master_key_file);
          if (!keys) return std::move(keys).error();
          return store::StoreReader::open(path, *std::move(keys));
        })) {}

  template <class Question>
  auto run(Question question) {
    return without_gil([&] { return question(*reader_); });
  }

 private:
  std::unique_ptr<store::StoreReader> reader_;
};

py::dict create_backend(Store& self, const py::dict& row) {
  Backend backend = backend_of(row);
  return dict_of(self.run([&](store::Store& store) { return store.create_backend(std::move(backend)); }));
}

template <class From>
py::object get_backend(From& self, const std::string& id, bool decrypt_key) {
  return dict_or_none(self.run([&](auto& store) { return store.get_backend(id, decrypt_key); }));
}

template <class From>
py::list list_backends(From& self, const std::optional<std::string>& pool, bool enabled_only, bool decrypt_key) {
  const auto rows =
      self.run([&](auto& store) { return store.list_backends(pool, enabled_only, decrypt_key); });
  py::list list;
  for (const Backend& row : rows) list.append(dict_of(row));
  return list;
}

py::object update_backend(Store& self, const std::string& id, const std::string& updates_json) {
  auto updates = value_of(store::parse_backend_updates(updates_json));
  return dict_or_none(
      self.run([&](store::Store& store) { return store.update_backend(id, std::move(updates)); }));
}

bool set_backend_status(Store& self, const std::string& id, const std::string& status) {
  const auto found = named(status, catalog::find_backend_status(status), "status");
  return self.run([&](store::Store& store) { return store.set_backend_status(id, found); });
}

template <class From>
py::dict get_pool_stats(From& self) {
  py::dict pools;
  for (const store::PoolStats& row : self.run([](auto& store) { return store.get_pool_stats(); })) {
    py::dict counts;
    counts["total"] = row.total;
    counts["enabled"] = row.enabled;
    counts["healthy"] = row.healthy;
    counts["cooling"] = row.cooling;
    counts["error"] = row.error;
    pools[py::str(row.pool)] = counts;
  }
  return pools;
}

}  // namespace

void bind_store(py::module_& module) {
  using namespace py::literals;
  py::class_<Store>(module, "Store")
      .def(py::init<const std::string&, const std::optional<std::string>&>(), "path"_a,
           "master_key_file"_a = py::none())
      .def("close", &Store::close)
      .def_property_readonly("master_key_fits", &Store::master_key_fits)
      .def("create_backend", &create_backend, "row"_a)
      .def("get_backend", &get_backend<Store>, "backend_id"_a, "decrypt_key"_a)
      .def("list_backends", &list_backends<Store>, "pool"_a, "enabled_only"_a, "decrypt_key"_a)
      .def("update_backend", &update_backend, "backend_id"_a, "updates_json"_a)
      .def("delete_backend",
           [](Store& self, const std::string& id) {
             return self.run([&](store::Store& store) { return store.delete_backend(id); });
           },
           "backend_id"_a)
      .def("set_backend_status", &set_backend_status, "backend_id"_a, "status"_a)
      .def("set_backend_cooldown",
           [](Store& self, const std::string& id, const std::string& until, std::int64_t count) {
             return self.run([&](store::Store& store) { return store.set_backend_cooldown(id, until, count); });
           },
           "backend_id"_a, "cooldown_until"_a, "count"_a)
      .def("clear_backend_cooldown",
           [](Store& self, const std::string& id) {
             return self.run([&](store::Store& store) { return store.clear_backend_cooldown(id); });
           },
           "backend_id"_a)
      .def("get_pool_stats", &get_pool_stats<Store>);
  py::class_<StoreReader>(module, "StoreReader")
      .def(py::init<const std::string&, const std::optional<std::string>&>(), "path"_a,
           "master_key_file"_a = py::none())
      .def("get_backend", &get_backend<StoreReader>, "backend_id"_a, "decrypt_key"_a)
      .def("list_backends", &list_backends<StoreReader>, "pool"_a, "enabled_only"_a, "decrypt_key"_a)
      .def("get_pool_stats", &get_pool_stats<StoreReader>);
}

}  // namespace headworks::bindings
