#include "app/announcement.hpp"

#include <cstdio>
#include <cstdlib>

#include "store/catalog_edits.hpp"
#include "vault/client_key.hpp"

namespace headworks::app {

base::Result<std::string> make_first_key(store::Store& store, const catalog::Catalog& catalog) {
  if (!catalog.current()->client_keys().empty()) return std::string();
  const base::Secret key = vault::make_client_key();
  const auto made = store.change({.actor = "first start"}, [&](store::CatalogTables& tables) {
    catalog::ConfiguredClientKey row;
    row.row.name = "default";
    row.key = key.copy();
    return store::put_client_key(tables, std::move(row));
  });
  if (!made) return made.error();
  return std::string(key.reveal());
}

void announce(const Announcement& said) {
  if (!said.first_key.empty()) {
    const bool named = std::getenv("HEADWORKS_ADMIN_TOKEN") != nullptr;
    const std::string token = named ? "from HEADWORKS_ADMIN_TOKEN" : said.admin_token_file;
    std::fprintf(stderr,
                 "Headworks %s, first start.\n"
                 "  applications:  %s/v1\n"
                 "  administration: %s\n"
                 "  admin token:   %s\n"
                 "  client key:    %s   (named `default`; shown once)\n",
                 HEADWORKS_VERSION, said.data_url.c_str(), said.admin_url.c_str(), token.c_str(),
                 said.first_key.c_str());
  }
  std::printf("headworks ready data=%s admin=%s\n", said.data_url.c_str(), said.admin_url.c_str());
  std::fflush(stdout);
}

}  // namespace headworks::app
