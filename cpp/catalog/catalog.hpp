// Catalog: where the current snapshot is published. Writers publish a whole new one; whoever must hear of it
// at once (the event loops, by a message to themselves) subscribes.
//
// Thread-safe. Never asked on the request path: loops keep their own pointer. Must not know: SQL, loops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "catalog/snapshot.hpp"

namespace headworks::catalog {

class Catalog {
 public:
  using SnapshotPtr = std::shared_ptr<const Snapshot>;
  // Called on the publishing thread, one publication at a time, in the order of publication. Must return at
  // once, and must not publish, subscribe or end a subscription itself.
  using Subscriber = std::function<void(const SnapshotPtr&)>;

  // `first` must not be null.
  explicit Catalog(SnapshotPtr first) : current_(std::move(first)) {}
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // Never null.
  SnapshotPtr current() const;

  // Makes `next` the current snapshot, then tells the subscribers. REQUIRES not null.
  void publish(SnapshotPtr next);

  // Ends itself when destroyed; after that the subscriber is not running and is not called again.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept
        : catalog_(std::exchange(other.catalog_, nullptr)), number_(other.number_) {}
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { end(); }
    void end();

   private:
    friend class Catalog;
    Subscription(Catalog& catalog, std::uint64_t number) : catalog_(&catalog), number_(number) {}
    Catalog* catalog_ = nullptr;
    std::uint64_t number_ = 0;
  };

  // Called from now on, starting with the current snapshot before this returns: no publication is missed in
  // between. The catalog must outlive the subscription.
  [[nodiscard]] Subscription subscribe(Subscriber subscriber);

 private:
  mutable std::mutex current_mutex_;  // held for a pointer copy only
  SnapshotPtr current_;               // protected by current_mutex_
  std::mutex publish_mutex_;          // held while subscribers run; taken before current_mutex_
  std::uint64_t last_number_ = 0;     // protected by publish_mutex_
  std::vector<std::pair<std::uint64_t, Subscriber>> subscribers_;  // protected by publish_mutex_
};

}  // namespace headworks::catalog
