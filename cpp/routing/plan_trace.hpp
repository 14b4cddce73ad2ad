// PlanTrace: what a plan did besides trying: whom it passed over and why, and how long it waited, in order. The
// tries themselves are the exchange's attempts. Part of the plan: no allocation, at most kRecorded entries;
// what comes after them is counted by reason.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "routing/candidate.hpp"

namespace headworks::routing {

class PlanTrace {
 public:
  enum class Kind : std::uint8_t { passed_over, backoff, turn };
  struct Entry {
    std::uint32_t candidate = 0;  // passed_over
    float value = 0;              // passed_over: the strategy's score; a wait: seconds
    Kind kind = Kind::passed_over;
    Out out = Out::unusable;
    std::uint8_t attempts_before = 0;
  };
  static constexpr std::size_t kRecorded = 32;

  void pass_over(std::uint32_t candidate, Out out, double score, std::uint32_t attempts_before) {
    reasons_ |= 1U << static_cast<unsigned>(out);
    if (size_ == kRecorded) ++unlisted_[static_cast<std::size_t>(out)];
    else add({.candidate = candidate, .value = static_cast<float>(score), .out = out}, attempts_before);
  }
  void wait(Kind kind, base::Duration lasted, std::uint32_t attempts_before) {
    // A wait is worth more than the last of many that were passed over.
    if (size_ == kRecorded && entries_[--size_].kind == Kind::passed_over)
      ++unlisted_[static_cast<std::size_t>(entries_[size_].out)];
    add({.value = std::chrono::duration<float>(lasted).count(), .kind = kind}, attempts_before);
  }

  std::span<const Entry> entries() const { return {entries_.data(), size_}; }
  // How many more were passed over for this reason than are listed.
  std::uint32_t unlisted(Out out) const { return unlisted_[static_cast<std::size_t>(out)]; }

  // Whether `out` was a reason since the last forget_reasons(); whether nothing else was.
  bool has(Out out) const { return (reasons_ >> static_cast<unsigned>(out) & 1) != 0; }
  bool has_only(Out out) const { return reasons_ == 1U << static_cast<unsigned>(out); }
  void forget_reasons() { reasons_ = 0; }

 private:
  void add(Entry entry, std::uint32_t attempts_before) {
    entry.attempts_before = static_cast<std::uint8_t>(attempts_before);
    entries_[size_++] = entry;
  }

  std::array<Entry, kRecorded> entries_;
  std::uint32_t size_ = 0;
  std::uint32_t reasons_ = 0;
  std::array<std::uint32_t, kOuts> unlisted_{};
};

}  // namespace headworks::routing
