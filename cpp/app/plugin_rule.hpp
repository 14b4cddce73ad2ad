// A configuration that names plug-ins is for somebody who runs them: their word would be missing otherwise.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "catalog/configuration.hpp"

namespace headworks::app {

inline std::optional<base::Error> refuse_plugins(const catalog::Configuration& configuration, bool runs_plugins) {
  if (runs_plugins || configuration.plugins.modules.empty()) return std::nullopt;
  return base::fail(base::ErrorKind::invalid_configuration,
                    "the configuration names plug-ins, which headworksd does not run: start it with `headworks serve`");
}

}  // namespace headworks::app
