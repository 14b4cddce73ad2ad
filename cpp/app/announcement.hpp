// What a server says when it is ready: the line for people and scripts, and at the first start where everything is.
#pragma once

#include <string>

namespace headworks::app {

struct Announcement {
  std::string data_url, admin_url;
  std::string admin_token;  // where it is
  std::string first_key;    // empty: this is not the first start
};

void announce(const Announcement& announcement);

}  // namespace headworks::app
