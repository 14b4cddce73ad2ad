#include "app/first_start.hpp"

#include <cstdio>

namespace headworks::app {

void tell_first_start(const FirstStart& start) {
  std::fprintf(stderr,
               "Headworks %s, first start.\n"
               "  applications:  %s/v1\n"
               "  administration: %s\n"
               "  admin token:   %s\n"
               "  client key:    %s   (named `default`; shown once)\n",
               HEADWORKS_VERSION, start.data_url.c_str(), start.admin_url.c_str(),
               start.token_file.empty() ? "from HEADWORKS_ADMIN_TOKEN" : start.token_file.c_str(),
               start.client_key.c_str());
}

}  // namespace headworks::app
