// The price table that comes with the program (bundled_prices.json, made by .ci/prices): what providers usually ask, by
// the host of their API and by model. It fills the gaps of the catalog's own prices, and says where it is from.
// Immutable: callable from every thread. Must not know: the catalog's rows, requests.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/rows.hpp"

namespace headworks::catalog {

class BundledPrices {
 public:
  // The one that stands in the program; read at the first call.
  static const BundledPrices& get();

  // What the provider behind `host` asks for a model, as it calls it; its own name before patterns, the longest literal
  // part first. Null: the table does not say. Lives as long as the program.
  const Price* find(std::string_view host, std::string_view model) const;

  const std::string& date() const { return date_; }      // on which these prices were in force: YYYY-MM-DD
  const std::string& source() const { return source_; }  // of the figures
  struct Provider {
    std::vector<std::string> hosts;
    std::vector<Price> prices;  // by model
  };
  std::span<const Provider> providers() const { return providers_; }

 private:
  BundledPrices();
  std::string date_, source_;
  std::vector<Provider> providers_;
};

}  // namespace headworks::catalog
