// The first start: the client key that it makes, so that the first request of a new user works. And what a server says when
// it is ready: the line for people and scripts, and at the first start where everything is.
#pragma once

#include <string>

#include "catalog/catalog.hpp"
#include "store/store.hpp"

namespace headworks::app {

struct Announcement {
  std::string data_url, admin_url;
  std::string admin_token_file;  // where it is, unless the environment says it
  std::string first_key;    // empty: this is not the first start
};

// Without any client key, one named `default`: the key, to be shown once. Empty: there are keys.
base::Result<std::string> make_first_key(store::Store& store, const catalog::Catalog& catalog);

void announce(const Announcement& announcement);

}  // namespace headworks::app
