// What the first start of a data directory says, once.
#pragma once

#include <string>

namespace headworks::app {

struct FirstStart {
  const std::string& data_url;
  const std::string& admin_url;
  std::string token_file;  // empty: the token came from HEADWORKS_ADMIN_TOKEN
  const std::string& client_key;
};

// To stderr: where it listens, where the admin token is, and the client key that was made.
void tell_first_start(const FirstStart& start);

}  // namespace headworks::app
