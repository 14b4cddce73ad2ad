#include "catalog/catalog.hpp"

#include <algorithm>

namespace headworks::catalog {

Catalog::SnapshotPtr Catalog::current() const {
  const std::scoped_lock lock(current_mutex_);
  return current_;
}

void Catalog::publish(SnapshotPtr next) {
  const std::scoped_lock publishing(publish_mutex_);
  // The old snapshot may be the last one of its kind: it is freed after the lock, not under it.
  SnapshotPtr published = next;
  {
    const std::scoped_lock lock(current_mutex_);
    current_.swap(next);
  }
  for (const auto& [number, subscriber] : subscribers_) subscriber(published);
}

Catalog::Subscription Catalog::subscribe(Subscriber subscriber) {
  const std::scoped_lock publishing(publish_mutex_);
  subscriber(current());
  subscribers_.emplace_back(++last_number_, std::move(subscriber));
  return {*this, last_number_};
}

Catalog::Subscription& Catalog::Subscription::operator=(Subscription&& other) noexcept {
  if (this == &other) return *this;
  end();
  catalog_ = std::exchange(other.catalog_, nullptr);
  number_ = other.number_;
  return *this;
}

void Catalog::Subscription::end() {
  if (catalog_ == nullptr) return;
  Catalog& catalog = *std::exchange(catalog_, nullptr);
  const std::scoped_lock publishing(catalog.publish_mutex_);
  std::erase_if(catalog.subscribers_, [this](const auto& entry) { return entry.first == number_; });
}

}  // namespace headworks::catalog
