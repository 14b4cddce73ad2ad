#include "gauges/token_meter.hpp"

#include <algorithm>

namespace headworks::gauges {
namespace {

constexpr int kTokenBits = 36;
constexpr std::uint64_t kTokenMask = (std::uint64_t{1} << kTokenBits) - 1;
constexpr std::uint64_t kMostTokens = kTokenMask / 2;

std::uint64_t pack(std::uint64_t second, std::uint64_t tokens) {
  return second << kTokenBits | std::min(tokens, kTokenMask);
}
std::uint64_t second_in(std::uint64_t word) { return word >> kTokenBits; }
std::uint64_t tokens_in(std::uint64_t word) { return word & kTokenMask; }

std::uint64_t second_of(base::TimePoint at) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count(), 0));
}

std::uint32_t slots_for(std::uint64_t limit, base::Duration window) {
  if (limit == 0) return 0;
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(window).count()) + 1;
}

}  // namespace

TokenMeter::TokenMeter(std::uint64_t limit, base::Duration window)
    : limit_(std::min(limit, kMostTokens)),
      window_(window),
      slots_(slots_for(limit, window)),
      ring_(slots_ == 0 ? nullptr : new std::atomic<std::uint64_t>[slots_] {}) {}

// A counter is taken out with its own compare-and-swap, so that it leaves the sum exactly once.
void TokenMeter::expire(std::uint64_t second) {
  std::uint64_t swept = swept_.load(std::memory_order_acquire);
  if (swept >= second || !swept_.compare_exchange_strong(swept, second, std::memory_order_acq_rel)) return;
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    std::uint64_t word = ring_[slot].load(std::memory_order_acquire);
    while (tokens_in(word) != 0 && second_in(word) + slots_ <= second) {
      if (!ring_[slot].compare_exchange_weak(word, pack(second_in(word), 0), std::memory_order_acq_rel)) continue;
      sum_.fetch_sub(static_cast<std::int64_t>(tokens_in(word)), std::memory_order_acq_rel);
      break;
    }
  }
}

void TokenMeter::add(std::uint64_t second, std::uint64_t tokens) {
  std::atomic<std::uint64_t>& slot = ring_[second % slots_];
  std::uint64_t word = slot.load(std::memory_order_acquire);
  for (;;) {
    if (second_in(word) >= second) {  // a later second has come meanwhile: counting there is only stricter
      if (slot.compare_exchange_weak(word, pack(second_in(word), tokens_in(word) + tokens))) return;
      continue;
    }
    if (!slot.compare_exchange_weak(word, pack(second, tokens), std::memory_order_acq_rel)) continue;
    sum_.fetch_sub(static_cast<std::int64_t>(tokens_in(word)), std::memory_order_acq_rel);
    return;
  }
}

std::optional<TokenMeter::Taken> TokenMeter::take(std::uint64_t tokens, base::TimePoint now) {
  tokens = std::min(tokens, kMostTokens);
  if (slots_ == 0) return Taken{.second = 0, .tokens = tokens};
  const std::uint64_t second = second_of(now);
  expire(second);
  const auto wanted = static_cast<std::int64_t>(tokens);
  std::int64_t sum = sum_.load(std::memory_order_acquire);
  do {
    if (sum > 0 && sum + wanted > static_cast<std::int64_t>(limit_)) return std::nullopt;
  } while (!sum_.compare_exchange_weak(sum, sum + wanted, std::memory_order_acq_rel));
  add(second, tokens);
  return Taken{.second = second, .tokens = tokens};
}

void TokenMeter::settle(const Taken& taken, std::uint64_t used) {
  used = std::min(used, kMostTokens);
  if (slots_ == 0 || used == taken.tokens) return;
  std::atomic<std::uint64_t>& slot = ring_[taken.second % slots_];
  std::uint64_t word = slot.load(std::memory_order_acquire);
  for (;;) {
    if (second_in(word) != taken.second) return;  // out of the window
    const std::uint64_t held = tokens_in(word);
    const std::uint64_t next = used >= taken.tokens ? held + (used - taken.tokens)
                                                    : held - std::min(held, taken.tokens - used);
    if (!slot.compare_exchange_weak(word, pack(taken.second, next), std::memory_order_acq_rel)) continue;
    sum_.fetch_add(static_cast<std::int64_t>(next) - static_cast<std::int64_t>(held), std::memory_order_acq_rel);
    return;
  }
}

base::TimePoint TokenMeter::earliest(std::uint64_t tokens, base::TimePoint now) const {
  if (slots_ == 0) return now;
  // The usual case; the sum may still hold what has expired, but never less than what counts.
  const std::int64_t held = std::max<std::int64_t>(sum_.load(std::memory_order_acquire), 0);
  if (static_cast<std::uint64_t>(held) + tokens <= limit_) return now;
  const std::vector<Second> seconds = recent(now);
  std::uint64_t sum = 0;
  for (const Second& each : seconds) sum += each.tokens;
  for (const Second& each : seconds) {
    if (sum == 0 || sum + tokens <= limit_) return now;
    sum -= each.tokens;
    now = std::max(now, each.at + std::chrono::seconds{slots_});
  }
  return now;
}

std::uint64_t TokenMeter::level(base::TimePoint now) {
  if (slots_ == 0) return 0;
  expire(second_of(now));
  const std::int64_t sum = std::max<std::int64_t>(sum_.load(std::memory_order_acquire), 0);
  return limit_ - std::min(limit_, static_cast<std::uint64_t>(sum));
}

std::vector<TokenMeter::Second> TokenMeter::recent(base::TimePoint now) const {
  const std::uint64_t second = second_of(now);
  std::vector<Second> seconds;
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    const std::uint64_t word = ring_[slot].load(std::memory_order_acquire);
    if (tokens_in(word) != 0 && second_in(word) + slots_ > second)
      seconds.push_back({base::TimePoint{std::chrono::seconds{second_in(word)}}, tokens_in(word)});
  }
  std::sort(seconds.begin(), seconds.end(), [](const Second& a, const Second& b) { return a.at < b.at; });
  return seconds;
}

void TokenMeter::restore(std::span<const Second> seconds) {
  if (slots_ == 0) return;
  for (const Second& each : seconds) {
    sum_.fetch_add(static_cast<std::int64_t>(each.tokens), std::memory_order_acq_rel);
    add(second_of(each.at), each.tokens);
  }
}

}  // namespace headworks::gauges
