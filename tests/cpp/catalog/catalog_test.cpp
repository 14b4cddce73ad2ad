#include "catalog/catalog.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace headworks::catalog {
namespace {

Catalog::SnapshotPtr snapshot(std::uint64_t revision) {
  Rows rows;
  rows.revision = revision;
  return Snapshot::build(std::move(rows), nullptr).value();
}

TEST(Catalog, ASubscriberHearsOfTheCurrentSnapshotAndOfEveryLaterOne) {
  Catalog catalog(snapshot(1));
  std::vector<std::uint64_t> heard;
  auto subscription = catalog.subscribe([&](const auto& now) { heard.push_back(now->revision()); });
  catalog.publish(snapshot(2));
  EXPECT_EQ(catalog.current()->revision(), 2u);
  subscription.end();
  catalog.publish(snapshot(3));
  EXPECT_EQ(heard, (std::vector<std::uint64_t>{1, 2}));
}

TEST(Catalog, ARequestKeepsItsSnapshot) {
  Catalog catalog(snapshot(1));
  const auto held = catalog.current();
  catalog.publish(snapshot(2));
  EXPECT_EQ(held->revision(), 1u);
}

TEST(Catalog, IsReadWhileItIsPublished) {
  Catalog catalog(snapshot(0));
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> heard = 0;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!done) {
        auto subscription = catalog.subscribe([&](const auto& now) { heard = now->revision(); });
        const std::uint64_t revision = catalog.current()->revision();
        EXPECT_GE(revision, last);
        last = revision;
      }
    });
  for (std::uint64_t revision = 1; revision <= 200; ++revision) catalog.publish(snapshot(revision));
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(catalog.current()->revision(), 200u);
}

}  // namespace
}  // namespace headworks::catalog
