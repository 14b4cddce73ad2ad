// versions(): what this build is made of. Each floor says the version of the library that it fences.
#include <boost/version.hpp>

#include "app/gateway_app.hpp"
#include "json/json_reader.hpp"
#include "json/json_writer.hpp"
#include "net/tls.hpp"
#include "store/sqlite.hpp"
#include "vault/sealer.hpp"

namespace headworks::app {

std::string versions() {
  const std::string boost = std::to_string(BOOST_VERSION / 100'000) + "." + std::to_string(BOOST_VERSION / 100 % 1000) +
                            "." + std::to_string(BOOST_VERSION % 100);
  std::string text;
  json::JsonWriter json(text);
  json.open_object().key("headworks").string(HEADWORKS_VERSION).key("boost").string(boost);
  json.key("simdjson").string(json::simdjson_version()).key("sqlite").string(store::sqlite_version());
  json.key("libsodium").string(vault::libsodium_version()).key("openssl").string(net::openssl_version());
  json.close_object();
  return text;
}

}  // namespace headworks::app
