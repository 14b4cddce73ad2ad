#include "app/giving.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/thread.hpp"

namespace headworks::app {

Giving::~Giving() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (const auto& [kind, fd] : waiting_) ::close(fd);
}

net::Heir Giving::heir(std::string_view kind) {
  return [this, kind](int fd) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.emplace_back(kind, fd);
    }
    changed_.notify_one();
  };
}

void Giving::begin(Channel& channel) {
  thread_ = std::thread([this, &channel] {
    base::begin_thread("hw-give", base::Urgency::normal);
    run(channel);
  });
}

void Giving::run(Channel& channel) {
  for (;;) {
    Given given;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      given.swap(waiting_);
    }
    std::stable_sort(given.begin(), given.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t at = 0; at < given.size();) {
      std::vector<int> some;
      const std::string_view kind = given[at].first;
      for (; at < given.size() && given[at].first == kind && some.size() < Channel::kMostDescriptors; ++at)
        some.push_back(given[at].second);
      channel.say(kind, some);
      for (const int fd : some) ::close(fd);  // the other process has its own; or it is gone, and nobody serves them
    }
  }
}

}  // namespace headworks::app
