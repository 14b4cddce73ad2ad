// Channel: what two processes of a hand-over say to each other, word by word, and the descriptors that go along. Each
// word arrives whole or not at all; the other one's end is heard as the end of the channel.
//
// say() from one thread, hear() from one; end() from any. Must not know: what the words mean.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace headworks::app {

class Channel {
 public:
  static constexpr std::size_t kMostDescriptors = 128;  // in one word

  // Takes over the descriptor; -1: a channel that has ended.
  explicit Channel(int fd = -1) : fd_(fd) {}
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  ~Channel();

  // Two ends, both for this process alone. -1 and -1 when the system has none to give.
  static std::array<int, 2> make_pair();

  // Descriptors are copied to the other process; ours stay ours. False: nobody hears it.
  bool say(std::string_view word, std::span<const int> descriptors = {});

  struct Heard {
    std::string word;
    std::vector<int> descriptors;  // ours from now on
  };
  // None: the other one has ended, `limit` has passed, or `is_over` said so (asked every tenth of a second).
  std::optional<Heard> hear(base::Duration limit, const std::function<bool()>& is_over);

  // Wakes who hears, with none. Nothing is said or heard any more.
  void end();

 private:
  int fd_;
};

}  // namespace headworks::app
