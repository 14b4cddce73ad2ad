#include "gauges/spend_meter.hpp"

#include <algorithm>

namespace headworks::gauges {
namespace {

constexpr int kAmountBits = 40;
constexpr std::uint64_t kAmountMask = (std::uint64_t{1} << kAmountBits) - 1;
constexpr std::uint32_t kNumberMask = (1U << 24) - 1;

std::uint64_t pack(std::uint32_t number, std::uint64_t amount) {
  return std::uint64_t{number} << kAmountBits | std::min(amount, kAmountMask);
}
std::uint32_t number_in(std::uint64_t word) { return static_cast<std::uint32_t>(word >> kAmountBits); }
std::uint64_t amount_in(std::uint64_t word) { return word & kAmountMask; }
std::uint64_t positive(std::int64_t amount) { return static_cast<std::uint64_t>(std::max<std::int64_t>(amount, 0)); }

std::chrono::year_month month_of(base::WallTime wall) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(wall)};
  return date.year() / date.month();
}

}  // namespace

std::uint32_t window_number(SpendWindow window, base::WallTime wall) {
  const auto count = [&]() -> std::int64_t {
    switch (window) {
      case SpendWindow::minute: return std::chrono::floor<std::chrono::minutes>(wall).time_since_epoch().count();
      case SpendWindow::hour: return std::chrono::floor<std::chrono::hours>(wall).time_since_epoch().count();
      case SpendWindow::day: return std::chrono::floor<std::chrono::days>(wall).time_since_epoch().count();
      case SpendWindow::month: break;
    }
    const std::chrono::year_month month = month_of(wall);
    return std::int64_t{static_cast<int>(month.year())} * 12 + static_cast<unsigned>(month.month()) - 1;
  };
  return static_cast<std::uint32_t>(count()) & kNumberMask;
}

base::WallTime window_end(SpendWindow window, base::WallTime wall) {
  switch (window) {
    case SpendWindow::minute: return std::chrono::floor<std::chrono::minutes>(wall) + std::chrono::minutes{1};
    case SpendWindow::hour: return std::chrono::floor<std::chrono::hours>(wall) + std::chrono::hours{1};
    case SpendWindow::day: return std::chrono::floor<std::chrono::days>(wall) + std::chrono::days{1};
    case SpendWindow::month: break;
  }
  const std::chrono::year_month next = month_of(wall) + std::chrono::months{1};
  return std::chrono::sys_days{next / std::chrono::day{1}};
}

std::optional<SpendMeter::Taken> SpendMeter::take(std::int64_t amount, std::int64_t limit, base::WallTime wall) {
  const std::uint32_t number = window_number(window_, wall);
  const std::uint64_t wanted = positive(amount), most = positive(limit);
  std::uint64_t word = word_.load(std::memory_order_acquire);
  for (;;) {
    const std::uint64_t spent = number_in(word) == number ? amount_in(word) : 0;
    if (spent >= most || spent + wanted > most) return std::nullopt;
    if (word_.compare_exchange_weak(word, pack(number, spent + wanted), std::memory_order_acq_rel))
      return Taken{.number = number, .amount = static_cast<std::int64_t>(wanted)};
  }
}

void SpendMeter::settle(const Taken& taken, std::int64_t amount) {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  for (;;) {
    if (number_in(word) != taken.number) return;
    const std::uint64_t others = amount_in(word) - std::min(amount_in(word), positive(taken.amount));
    if (word_.compare_exchange_weak(word, pack(taken.number, others + positive(amount)), std::memory_order_acq_rel))
      return;
  }
}

std::int64_t SpendMeter::spent(base::WallTime wall) const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  return number_in(word) == window_number(window_, wall) ? static_cast<std::int64_t>(amount_in(word)) : 0;
}

void SpendMeter::restore(std::int64_t spent, base::WallTime wall) {
  word_.store(pack(window_number(window_, wall), positive(spent)), std::memory_order_release);
}

}  // namespace headworks::gauges
