#include "app/predecessor.hpp"

#include "base/thread.hpp"

namespace headworks::app {
namespace {

constexpr base::Duration kPatience = std::chrono::seconds{30};
constexpr base::Duration kAlways = std::chrono::years{1};

bool never() { return false; }

}  // namespace

Predecessor::~Predecessor() {
  channel_.end();
  if (thread_.joinable()) thread_.join();
}

bool Predecessor::ask_for_place() {
  if (!channel_.say(kPrepared)) return false;
  const auto heard = channel_.hear(kPatience, never);
  return heard && heard->word == kYours;
}

void Predecessor::say_failed(const std::string& why) { channel_.say(std::string(kFailed) + why); }

void Predecessor::say_serving(std::function<void(std::string_view, int)> adopt) {
  channel_.say(kServing);
  thread_ = std::thread([this, adopt = std::move(adopt)] {
    base::begin_thread("hw-adopt", base::Urgency::normal);
    while (const auto heard = channel_.hear(kAlways, never))
      for (const int fd : heard->descriptors) adopt(heard->word, fd);
  });
}

}  // namespace headworks::app
