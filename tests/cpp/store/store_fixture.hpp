// A temporary directory, a manual clock, master keys and files' bytes for the tests of store/.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/clock.hpp"
#include "store/store.hpp"

namespace headworks::store {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "headworks-store-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name = "headworks.db") const { return directory_ + "/" + name; }

  static std::shared_ptr<const vault::KeyRing> ring(std::uint8_t seed = 1) {
    std::array<std::uint8_t, vault::KeyRing::kKeyBytes> key;
    key.fill(seed);
    return vault::KeyRing::make({key});
  }

  base::Result<std::unique_ptr<Store>> try_open(std::uint8_t seed = 1) {
    return Store::open({.path = path(),
                        .keys = ring(seed),
                        .clock = &clock_,
                        .busy_timeout = std::chrono::milliseconds{50}});
  }
  std::unique_ptr<Store> opened(std::uint8_t seed = 1) {
    auto store = try_open(seed);
    if (!store) throw std::runtime_error(store.error().message + " / " + store.error().detail);
    return *std::move(store);
  }

  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Every byte of every file of the directory.
  std::string all_bytes() const {
    std::string bytes;
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      bytes += bytes_of(entry.path().string());
    return bytes;
  }

  std::string directory_;
  base::ManualClock clock_;  // starts at 2023-11-14T22:13:20Z
};

inline catalog::Backend backend(std::string name, std::string pool = "primary", std::string_view key = "") {
  catalog::Backend row;
  row.name = std::move(name);
  row.api_base_url = "https://" + row.name + ".example/v1";
  row.pool = std::move(pool);
  row.api_key = base::Secret(key);
  return row;
}

}  // namespace headworks::store
