#include "catalog/bundled_prices.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace headworks::catalog {

extern const std::string_view kBundledPricesText;  // CMake makes it of the file

BundledPrices::BundledPrices() {
  const boost::json::object table = boost::json::parse(kBundledPricesText).as_object();
  date_ = table.at("date").as_string();
  source_ = table.at("source").as_string();
  for (const boost::json::value& each : table.at("providers").as_array()) {
    Provider& provider = providers_.emplace_back();
    for (const boost::json::value& host : each.at("hosts").as_array()) provider.hosts.emplace_back(host.as_string());
    for (const auto& [model, row] : each.at("models").as_object())
      provider.prices.push_back({.model = std::string(model),
                                 .input = row.at("input").to_number<double>(),
                                 .output = row.at("output").to_number<double>(),
                                 .cached_input = row.at("cached_input").to_number<double>(),
                                 .source = "bundled"});
  }
}

const BundledPrices& BundledPrices::get() {
  static const BundledPrices table;
  return table;
}

const Price* BundledPrices::find(std::string_view host, std::string_view model) const {
  for (const Provider& provider : providers_)
    if (std::find(provider.hosts.begin(), provider.hosts.end(), host) != provider.hosts.end())
      return find_best_price(provider.prices, model);
  return nullptr;
}

}  // namespace headworks::catalog
