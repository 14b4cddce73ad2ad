#include "hooks/hook_types.hpp"

#include <algorithm>

#include "wire/char_class.hpp"
#include "wire/http_head.hpp"

namespace headworks::hooks {
namespace {

// What a plug-in may hand back at most; more is a mistake of its own.
constexpr std::size_t kMaxMessage = 8 * 1024;
constexpr std::size_t kMaxOrder = 4096;
constexpr std::size_t kMaxTags = 64;
constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxHeaders = 64;
constexpr std::size_t kMaxHeaderValue = 8 * 1024;

constexpr std::array<std::uint16_t, 8> kStatuses = {400, 401, 402, 403, 404, 413, 429, 503};

std::string fault_of(const Rejection& answer) {
  if (std::find(kStatuses.begin(), kStatuses.end(), answer.status) == kStatuses.end())
    return "a Reject's status is 400, 401, 402, 403, 404, 413, 429 or 503";
  return answer.message.size() > kMaxMessage ? "a Reject's message is at most 8 KiB" : "";
}

std::string fault_of(const HeaderChange& change) {
  if (change.name.empty() || change.name.size() > kMaxText || !wire::all_of(change.name, wire::kToken))
    return "that is no name of a header";
  if (wire::traits_of(change.name).request == wire::Passage::drop)
    return "the header " + change.name + " is the gateway's own";
  if (!change.value) return "";
  if (change.value->size() > kMaxHeaderValue || !wire::all_of(*change.value, wire::kValue))
    return "the value of the header " + change.name + " is too long, or holds control characters";
  return "";
}

std::string fault_of(const Changes& answer) {
  if (answer.model && (answer.model->empty() || answer.model->size() > 512)) return "a model has 1 to 512 bytes";
  if (answer.tags.size() > kMaxTags) return "more than 64 tags";
  for (const auto& [name, value] : answer.tags)
    if (name.size() > kMaxText || value.size() > kMaxText) return "a tag's name and value have at most 1,024 bytes";
  if (answer.timeout && *answer.timeout <= base::Duration::zero()) return "a timeout is more than 0 seconds";
  if (answer.headers.size() > kMaxHeaders) return "more than 64 headers";
  for (const HeaderChange& change : answer.headers)
    if (std::string fault = fault_of(change); !fault.empty()) return fault;
  return "";
}

std::string fault_of(const Order& answer) {
  if (answer.backends.empty()) return "an empty order leaves nobody to ask: return a Reject, or None for no opinion";
  return answer.backends.size() > kMaxOrder ? "an order names at most 4,096 backends" : "";
}

std::string fault_of(const Cool& answer) {
  return answer.duration <= base::Duration::zero() || answer.duration > std::chrono::hours{24}
             ? "Cool takes more than 0 and at most 86,400 seconds"
             : "";
}

template <class Other>
std::string fault_of(const Other&) {
  return "";
}

}  // namespace

bool fits(HookPoint point, const Answer& answer) {
  if (std::holds_alternative<Pass>(answer) || std::holds_alternative<Failure>(answer)) return true;
  switch (point) {
    case HookPoint::admit: return std::holds_alternative<Rejection>(answer) || std::holds_alternative<Changes>(answer);
    case HookPoint::route: return std::holds_alternative<Rejection>(answer) || std::holds_alternative<Order>(answer);
    case HookPoint::failed:
      return std::holds_alternative<Stop>(answer) || std::holds_alternative<Retry>(answer) ||
             std::holds_alternative<Cool>(answer);
    case HookPoint::finished: return false;
  }
  return false;
}

std::string find_fault(const Answer& answer) {
  return std::visit([](const auto& one) { return fault_of(one); }, answer);
}

}  // namespace headworks::hooks
