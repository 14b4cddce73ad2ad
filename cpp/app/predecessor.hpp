// Predecessor: the process that hands over to this one, as this one sees it: it is asked for its place, and when it has
// left gives the connections that become idle in it. Its channel's other end is successor.hpp. Must not know: loops.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "app/channel.hpp"

namespace headworks::app {

// The words of a hand-over, in their order. The new process has done all that can fail; the old one takes no new work and
// has written its levels; the new one serves. Instead of the first or the last one: kFailed and why.
inline constexpr std::string_view kPrepared = "prepared", kYours = "yours", kServing = "serving", kFailed = "failed: ";

class Predecessor {
 public:
  // Takes over the descriptor of the channel.
  explicit Predecessor(int channel) : channel_(channel) {}
  ~Predecessor();
  Predecessor(const Predecessor&) = delete;

  // Blocks until its place is free. False: it has ended, or stays where it is.
  bool ask_for_place();
  void say_failed(const std::string& why);
  // From now on this process serves. `adopt(kind, fd)`, kind as in inherited.hpp, is called on a thread of this object
  // until the predecessor or this object ends.
  void say_serving(std::function<void(std::string_view kind, int fd)> adopt);

 private:
  Channel channel_;
  std::thread thread_;
};

}  // namespace headworks::app
