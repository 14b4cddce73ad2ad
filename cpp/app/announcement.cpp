#include "app/announcement.hpp"

#include <cstdio>

namespace headworks::app {

void announce(const Announcement& said) {
  if (!said.first_key.empty()) {
    std::fprintf(stderr,
                 "Headworks %s, first start.\n"
                 "  applications:  %s/v1\n"
                 "  administration: %s\n"
                 "  admin token:   %s\n"
                 "  client key:    %s   (named `default`; shown once)\n",
                 HEADWORKS_VERSION, said.data_url.c_str(), said.admin_url.c_str(), said.admin_token.c_str(),
                 said.first_key.c_str());
  }
  std::printf("headworks ready data=%s admin=%s\n", said.data_url.c_str(), said.admin_url.c_str());
  std::fflush(stdout);
}

}  // namespace headworks::app
