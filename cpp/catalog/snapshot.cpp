#include "catalog/snapshot.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "catalog/bundled_prices.hpp"
#include "catalog/request_lines.hpp"
#include "catalog/utc_time.hpp"
#include "vault/client_key.hpp"

namespace headworks::catalog {
namespace {

base::Error invalid(std::string message) {
  return base::fail(base::ErrorKind::invalid_configuration, std::move(message));
}

gauges::Rates rates_of(const Backend& row, const Settings& settings) {
  return {.rpm = row.rpm_limit,
          .tpm = row.tpm_limit,
          .window = gauges::ClientGauge::kWindow + std::chrono::milliseconds{settings.buckets.margin_ms}};
}

gauges::SpendLimit limit_of(const Budget& budget) {
  const auto windows = budget_windows();
  const auto found = std::find(windows.begin(), windows.end(), budget.window);
  using enum gauges::SpendOf;
  const gauges::SpendOf of = budget.requests != 0 ? requests : budget.tokens != 0 ? tokens : usd;
  const gauges::Spend most{.cost = {static_cast<std::int64_t>(budget.usd * 1e6 + 0.5)},
                           .tokens = budget.tokens,
                           .requests = budget.requests};
  return {.window = static_cast<gauges::SpendWindow>(found - windows.begin()), .most = most.of(of), .of = of};
}

std::uint64_t place_of(const KeyDigest& digest) {
  std::uint64_t place;
  std::memcpy(&place, digest.data(), sizeof place);
  return place;
}

const ModelMapping* find_mapping(const Backend& row, std::string_view model) {
  const ModelMapping* best = nullptr;
  std::size_t best_fit = 0;
  for (const ModelMapping& mapping : row.model_mappings) {
    const std::size_t fit = fit_of(mapping.canonical, model);
    if (fit > best_fit) best = &mapping, best_fit = fit;
  }
  return best;
}

std::optional<base::Error> check_mappings(const Backend& row) {
  for (const ModelMapping& mapping : row.model_mappings) {
    const auto stars = [](std::string_view text) { return std::count(text.begin(), text.end(), '*'); };
    if (mapping.canonical.empty() || mapping.model.empty())
      return invalid("backend '" + row.name + "' maps a model without a name");
    if (stars(mapping.canonical) > 1 || stars(mapping.model) > stars(mapping.canonical))
      return invalid("backend '" + row.name + "': the mapping of '" + mapping.canonical +
                     "' may hold one * on each side, and one on the right needs one on the left");
  }
  return std::nullopt;
}

}  // namespace

bool ClientKeyEntry::allows(std::string_view model) const {
  return std::any_of(row.models.begin(), row.models.end(),
                     [&](const std::string& pattern) { return matches(pattern, model); });
}

base::Result<std::shared_ptr<const Snapshot>> Snapshot::build(Rows rows, const Snapshot* previous) {
  std::shared_ptr<Snapshot> snapshot{new Snapshot(std::move(rows))};
  if (auto error = snapshot->index_pools(previous)) return *std::move(error);
  if (auto error = snapshot->take_backends(previous)) return *std::move(error);
  if (auto error = snapshot->take_client_keys(previous)) return *std::move(error);
  snapshot->index_model_names();
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

std::optional<base::Error> Snapshot::index_pools(const Snapshot* previous) {
  // An outage of everybody costs all pools together at most so many calls more than there are requests.
  constexpr std::uint32_t kRetries = 20;
  const auto pools = static_cast<std::uint32_t>(std::max<std::size_t>(rows_.pools.size(), 1));
  const std::uint32_t reserve = std::clamp(kRetries / pools, 1U, kRetries / 2);
  for (std::uint32_t position = 0; position < rows_.pools.size(); ++position) {
    const Pool& pool = rows_.pools[position];
    if (pool.name.empty()) return invalid("a pool has no name");
    if (!pool_positions_.emplace(pool.name, position).second)
      return invalid("there are two pools of the name '" + pool.name + "'");
    const auto known = strategy_names();
    if (std::find(known.begin(), known.end(), pool.strategy) == known.end())
      return invalid("pool '" + pool.name + "': there is no strategy '" + pool.strategy + "'");
    std::shared_ptr<gauges::RetryBudget> budget;
    for (std::size_t before = 0; previous != nullptr && before < previous->rows_.pools.size(); ++before)
      if (previous->rows_.pools[before].name == pool.name) budget = previous->retry_budgets_[before];
    retry_budgets_.push_back(budget ? std::move(budget) : std::make_shared<gauges::RetryBudget>(reserve));
  }
  backends_by_pool_.resize(rows_.pools.size());
  return std::nullopt;
}

std::optional<base::Error> Snapshot::take_backends(const Snapshot* previous) {
  backends_.reserve(rows_.backends.size());
  for (Backend& row : rows_.backends) {
    BackendEntry& entry = backends_.emplace_back();
    entry.row = std::move(row);
    if (auto error = index_backend(entry, previous)) return error;
  }
  rows_.backends.clear();
  std::vector<std::string_view> keys;
  for (const BackendEntry& entry : backends_) keys.push_back(entry.row.api_key.reveal());
  secrets_ = SecretFinder(keys);
  join_origins(previous);
  return std::nullopt;
}

std::optional<base::Error> Snapshot::index_backend(BackendEntry& entry, const Snapshot* previous) {
  const Backend& row = entry.row;
  entry.index = static_cast<std::uint32_t>(&entry - backends_.data());
  if (row.id.empty() || row.name.empty())
    return invalid("a backend has no " + std::string(row.id.empty() ? "id" : "name"));
  if (!backend_ids_.emplace(row.id, entry.index).second)
    return invalid("there are two backends of the id '" + row.id + "'");
  if (!backend_names_.emplace(row.name, entry.index).second)
    return invalid("there are two backends of the name '" + row.name + "'");
  const auto pool = pool_positions_.find(row.pool);
  if (pool == pool_positions_.end())
    return invalid("backend '" + row.name + "': there is no pool '" + row.pool + "'");
  backends_by_pool_[pool->second].push_back(entry.index);
  base::Result<wire::Url> url = wire::parse_url(row.api_base_url);
  if (url) {
    entry.url = *std::move(url);
    entry.request_lines = make_request_lines(row, entry.url);
  } else if (row.enabled) {
    base::Error error = std::move(url).error();
    error.message = "backend '" + row.name + "': " + error.message;
    return error;
  }
  if (auto error = check_mappings(row)) return error;
  const BackendEntry* before = previous == nullptr ? nullptr : previous->find_backend(row.id);
  const gauges::Rates rates = rates_of(row, rows_.settings);
  if (before == nullptr || before->row.id != row.id) {
    entry.gauge = std::make_shared<gauges::BackendGauge>(rates);
  } else if (before->row.api_key.reveal() != row.api_key.reveal()) {
    entry.gauge = before->gauge->of_another_key(rates);
  } else if (rates_of(before->row, previous->settings()) == rates) {
    entry.gauge = before->gauge;
  } else {
    entry.gauge = std::make_shared<gauges::BackendGauge>(*before->gauge, rates);
  }
  if (std::any_of(row.model_mappings.begin(), row.model_mappings.end(),
                  [](const ModelMapping& mapping) { return mapping.extra_json.size() > 2; })) {
    std::vector<Problem> ignored;  // rows of a sidecar may hold anything; the doors of ours refuse it
    for (const ModelMapping& mapping : row.model_mappings)
      entry.mapping_settings.push_back(read_mapping_settings(mapping.extra_json, "$", ignored));
  }
  return std::nullopt;
}

// One gauge per origin, whoever shares it.
void Snapshot::join_origins(const Snapshot* previous) {
  std::unordered_map<std::string, std::pair<std::shared_ptr<gauges::OriginGauge>, std::uint32_t>> origins;
  if (previous != nullptr)
    for (const BackendEntry& before : previous->backends_) origins[before.url.origin()].first = before.origin;
  for (const BackendEntry& entry : backends_) {
    auto& [gauge, count] = origins[entry.url.origin()];
    if (!gauge) gauge = std::make_shared<gauges::OriginGauge>();
    if (entry.usable()) ++count;
  }
  for (BackendEntry& entry : backends_) {
    const auto& [gauge, count] = origins[entry.url.origin()];
    entry.origin = gauge;
    entry.siblings = std::max<std::uint32_t>(count, 1);
  }
}

std::optional<base::Error> Snapshot::take_client_keys(const Snapshot* previous) {
  client_keys_.reserve(rows_.client_keys.size());
  for (ClientKey& moved : rows_.client_keys) {
    ClientKeyEntry& entry = client_keys_.emplace_back();
    entry.row = std::move(moved);
    const ClientKey& row = entry.row;
    const auto index = static_cast<std::uint32_t>(client_keys_.size() - 1);
    if (row.id.empty()) return invalid("a client key has no id");
    if (!client_key_ids_.emplace(row.id, index).second)
      return invalid("there are two client keys of the id '" + row.id + "'");
    if (row.expires_at) {
      const auto expiry = parse_utc(*row.expires_at);
      if (!expiry) return invalid("client key '" + row.name + "': expires_at is not a UTC time");
      entry.expires_at = *expiry;
    }
    const ClientKeyEntry* before = previous == nullptr ? nullptr : previous->find_client_key_by_id(row.id);
    if (before == nullptr) {
      entry.gauge = std::make_shared<gauges::ClientGauge>(row.rpm_limit, row.tpm_limit);
    } else if (before->row.rpm_limit == row.rpm_limit && before->row.tpm_limit == row.tpm_limit) {
      entry.gauge = before->gauge;
    } else {
      entry.gauge = std::make_shared<gauges::ClientGauge>(*before->gauge, row.rpm_limit, row.tpm_limit);
    }
    for (const Budget& budget : row.budgets) entry.budgets.push_back(limit_of(budget));
  }
  rows_.client_keys.clear();
  return index_digests();
}

std::optional<base::Error> Snapshot::index_digests() {
  for (std::uint32_t index = 0; index < client_keys_.size(); ++index) {
    const ClientKey& row = client_keys_[index].row;
    credentials_.push_back({.digest = row.digest, .key = index});
    if (!row.previous_until) continue;
    const auto until = parse_utc(*row.previous_until);
    if (!until) return invalid("client key '" + row.name + "': previous_until is not a UTC time");
    credentials_.push_back({.digest = row.previous_digest, .key = index, .until = *until});
  }
  digest_places_.assign(std::bit_ceil(std::max<std::size_t>(credentials_.size() * 2, 2)), kFree);
  const std::size_t mask = digest_places_.size() - 1;
  for (std::uint32_t index = 0; index < credentials_.size(); ++index) {
    const Credential& credential = credentials_[index];
    std::size_t place = place_of(credential.digest) & mask;
    for (; digest_places_[place] != kFree; place = (place + 1) & mask) {
      const Credential& other = credentials_[digest_places_[place]];
      if (other.digest == credential.digest)
        return invalid("client keys '" + client_keys_[other.key].row.name + "' and '" +
                       client_keys_[credential.key].row.name + "' are the same key");
    }
    digest_places_[place] = index;
  }
  return std::nullopt;
}

const ClientKeyEntry* Snapshot::find_client_key(const KeyDigest& digest, base::WallTime now) const {
  const std::size_t mask = digest_places_.size() - 1;
  for (std::size_t place = place_of(digest) & mask; digest_places_[place] != kFree;
       place = (place + 1) & mask) {
    const Credential& credential = credentials_[digest_places_[place]];
    if (!vault::equal(credential.digest, digest)) continue;
    const ClientKeyEntry& entry = client_keys_[credential.key];
    return std::min(credential.until, entry.expires_at) <= now ? nullptr : &entry;
  }
  return nullptr;
}

const ClientKeyEntry* Snapshot::find_client_key_by_id(std::string_view id) const {
  const auto found = client_key_ids_.find(id);
  return found == client_key_ids_.end() ? nullptr : &client_keys_[found->second];
}

const BackendEntry* Snapshot::find_backend(std::string_view id_or_name) const {
  for (const auto* index : {&backend_ids_, &backend_names_}) {
    const auto found = index->find(id_or_name);
    if (found != index->end()) return &backends_[found->second];
  }
  return nullptr;
}

const Price* Snapshot::find_price(std::string_view model) const { return find_best_price(rows_.prices, model); }

Route Snapshot::make_route(Api api, std::string_view model) const {
  Route route;
  const Price* listed = model.empty() ? nullptr : find_price(model);
  for (std::size_t position = 0; position < rows_.pools.size(); ++position) {
    Tier tier{.pool = &rows_.pools[position], .retries = retry_budgets_[position].get(), .targets = {}};
    for (const std::uint32_t index : backends_by_pool_[position]) {
      const BackendEntry& backend = backends_[index];
      if (!backend.usable() || backend.row.api != api) continue;
      Target target{.backend = &backend, .model = std::string(model), .price = listed};
      if (!model.empty() && !backend.row.model_mappings.empty()) {
        const ModelMapping* mapping = find_mapping(backend.row, model);
        if (mapping == nullptr) continue;
        target.model = substitute(mapping->canonical, mapping->model, model);
        target.context_tokens = mapping->context_tokens;
        if (!backend.mapping_settings.empty())
          target.settings = &backend.mapping_settings[static_cast<std::size_t>(
              mapping - backend.row.model_mappings.data())];
        if (target.settings != nullptr && target.settings->price) target.price = &*target.settings->price;
      }
      if (target.price == nullptr) target.price = BundledPrices::get().find(backend.url.host, target.model);
      target.model_hash = model_hash(target.model);
      tier.targets.push_back(std::move(target));
    }
    if (!tier.targets.empty()) route.tiers.push_back(std::move(tier));
  }
  return route;
}

void Snapshot::index_model_names() {
  const auto add = [this](std::string_view name) {
    if (name.find('*') == std::string_view::npos) model_names_.insert(name);
  };
  for (const BackendEntry& backend : backends_)
    for (const ModelMapping& mapping : backend.row.model_mappings) add(mapping.canonical);
  for (const Price& price : rows_.prices) add(price.model);
}

std::vector<std::string> Snapshot::listed_models() const {
  std::vector<std::string> names;
  for (const BackendEntry& backend : backends_) {
    if (!backend.usable()) continue;
    for (const ModelMapping& mapping : backend.row.model_mappings)
      if (mapping.canonical.find('*') == std::string::npos) names.push_back(mapping.canonical);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace headworks::catalog
