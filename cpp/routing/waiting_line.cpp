#include "routing/waiting_line.hpp"

#include <algorithm>
#include <cmath>

namespace headworks::routing {
namespace {

// A client that comes a little early is on time.
constexpr base::Duration kEarly = std::chrono::milliseconds{100};
// What is free "now" and still could not be had is looked at again after this.
constexpr base::Duration kLeastWake = std::chrono::milliseconds{5};

}  // namespace

std::size_t WaitingLine::Lane::waiting() const {
  std::size_t count = promised.size();
  for (const Queue& queue : queues) count += queue.waiting.size();
  return count;
}

WaitingLine::~WaitingLine() {
  for (auto& [number, lane] : lanes_)
    for (const auto& gauge : lane.awaited) gauge->add_awaiting(-1);
}

void WaitingLine::join(Request request, base::TimePoint now) {
  const std::uint64_t number = request.lane;
  Lane& lane = lanes_[number];
  lane.route = request.route;
  lane.keep = request.keep;
  request.asking.now = now;
  request.asking.in_line = true;
  advance(lane, now);
  if (!claim(lane, request, now)) {
    Waiting waiting{.request = std::move(request), .latest = {}};
    waiting.latest = std::min(now + limits_.max_wait, waiting.request.asking.deadline);
    const std::uint32_t ahead = place_of(lane, waiting.request);
    if (ahead == 0 && serve(waiting, now)) {
      // It had nobody before it, and somebody was free.
    } else if (waiting_ >= limits_.max_depth) {
      refuse(lane, waiting.request, true, now);
    } else {
      const auto slot = find_nth_slot(*waiting.request.route, waiting.request.asking, waiting.request.excluded,
                                      1 + ahead + promised_slots(lane));
      if (!slot || *slot > waiting.latest || limits_.max_wait == base::Duration::zero()) {
        refuse(lane, waiting.request, false, now);
      } else {
        lane_of_[waiting.request.id] = number;
        lane.first_latest = std::min(lane.first_latest, waiting.latest);
        enqueue(lane, std::move(waiting));
        advance(lane, now);
      }
    }
  }
  mark(lane);
  end_if_idle(number);
}

void WaitingLine::leave(std::uint64_t id, base::TimePoint now) {
  const auto found = lane_of_.find(id);
  if (found == lane_of_.end()) return;
  const std::uint64_t number = found->second;
  lane_of_.erase(found);
  Lane& lane = lanes_.at(number);
  const auto is_it = [&](const Waiting& waiting) { return waiting.request.id == id; };
  std::erase_if(lane.promised, is_it);
  for (Queue& queue : lane.queues) std::erase_if(queue.waiting, is_it);
  --waiting_;
  advance(lane, now);
  end_if_idle(number);
}

void WaitingLine::advance(base::TimePoint now) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(lanes_.size());
  for (auto& [number, lane] : lanes_) {
    advance(lane, now);
    numbers.push_back(number);
  }
  for (const std::uint64_t number : numbers) end_if_idle(number);
}

void WaitingLine::advance(Lane& lane, base::TimePoint now) {
  keep_promises(lane, now);
  while (serve_one(lane, now)) {
  }
  refuse_late(lane, now);
}

// For those whose moment has come and who may still appear, slots are kept: as many as are likely to be wanted.
void WaitingLine::keep_promises(Lane& lane, base::TimePoint now) {
  while (!lane.promises.empty() && lane.promises.front().at + limits_.grace <= now) {
    note_promise(false);
    lane.promises.pop_front();
    --promises_;
  }
  const auto due = static_cast<std::size_t>(
      std::find_if(lane.promises.begin(), lane.promises.end(), [&](const Promise& each) { return each.at > now; }) -
      lane.promises.begin());
  const std::size_t wanted = likely(due);
  while (lane.parked.size() > wanted) lane.parked.pop_back();
  while (lane.parked.size() < wanted) {
    Asking asking = lane.asking;
    asking.now = now;
    asking.in_line = true;
    PlanTrace trace;
    auto found = find_free(*lane.route, asking, {}, random_, trace, 0);
    // A backend that comes back is for those who are here: a lease that is kept waiting keeps others out.
    if (!found || !found->held.passage.empty()) break;
    lane.parked.push_back({.keep = lane.keep, .slot = std::move(*found)});
  }
}

bool WaitingLine::claim(Lane& lane, Request& request, base::TimePoint now) {
  const auto promise = std::find_if(lane.promises.begin(), lane.promises.end(), [&](const Promise& each) {
    return each.key == request.key && each.identity == request.identity && each.at <= now + kEarly;
  });
  if (promise == lane.promises.end()) return false;
  note_promise(true);
  lane.promises.erase(promise);
  --promises_;
  // The kept slot is given back and taken again: upstreams count from when the call goes out.
  if (!lane.parked.empty()) lane.parked.pop_back();
  Waiting waiting{.request = std::move(request), .latest = {}};
  waiting.latest = waiting.request.asking.deadline;
  if (serve(waiting, now)) return true;
  lane_of_[waiting.request.id] = waiting.request.lane;
  lane.first_latest = std::min(lane.first_latest, waiting.latest);
  lane.promised.push_back(std::move(waiting));
  ++waiting_;
  return true;
}

bool WaitingLine::serve(Waiting& waiting, base::TimePoint now) {
  Request& request = waiting.request;
  request.asking.now = now;
  PlanTrace trace;
  auto found = find_free(*request.route, request.asking, request.excluded, random_, trace, 0);
  if (!found) return false;
  sink_({.id = request.id, .found = std::move(found), .ready = std::nullopt});
  return true;
}

// One request, of those with a promise first; then of the key whose turn it is. When its first one cannot be
// served (it wants more than is free), the next key may be.
bool WaitingLine::serve_one(Lane& lane, base::TimePoint now) {
  const auto pop = [&](std::deque<Waiting>& from) {
    lane_of_.erase(from.front().request.id);
    from.pop_front();
    --waiting_;
  };
  if (!lane.promised.empty() && serve(lane.promised.front(), now)) return pop(lane.promised), true;
  const std::size_t turn = lane.turn;
  for (std::size_t looked = 0; looked < lane.queues.size();) {
    lane.turn %= lane.queues.size();
    Queue& queue = lane.queues[lane.turn];
    if (queue.waiting.empty()) {
      lane.queues.erase(lane.queues.begin() + static_cast<std::ptrdiff_t>(lane.turn));
      continue;
    }
    if (queue.deficit == 0) queue.deficit = queue.weight;
    if (serve(queue.waiting.front(), now)) {
      pop(queue.waiting);
      if (--queue.deficit == 0 || queue.waiting.empty()) queue.deficit = 0, ++lane.turn;
      return true;
    }
    ++lane.turn;
    ++looked;
  }
  lane.turn = turn;  // nobody was served: it is still the same key's
  return false;
}

void WaitingLine::refuse_late(Lane& lane, base::TimePoint now) {
  if (lane.first_latest > now) return;
  lane.first_latest = base::TimePoint::max();
  const auto sweep = [&](std::deque<Waiting>& waiting) {
    for (auto each = waiting.begin(); each != waiting.end();) {
      if (each->latest > now) {
        lane.first_latest = std::min(lane.first_latest, each->latest);
        ++each;
        continue;
      }
      const Request request = std::move(each->request);
      each = waiting.erase(each);
      lane_of_.erase(request.id);
      --waiting_;
      refuse(lane, request, false, now);
    }
  };
  sweep(lane.promised);
  for (Queue& queue : lane.queues) sweep(queue.waiting);
}

void WaitingLine::refuse(Lane& lane, const Request& request, bool full, base::TimePoint now) {
  Asking asking = request.asking;
  asking.now = now;
  const std::uint32_t before = static_cast<std::uint32_t>(lane.waiting()) + promised_slots(lane);
  const auto slot = find_nth_slot(*request.route, asking, request.excluded, 1 + before);
  if (slot && promises_ < kMostPromises) {
    const auto after = std::upper_bound(lane.promises.begin(), lane.promises.end(), *slot,
                                        [](base::TimePoint at, const Promise& promise) { return at < promise.at; });
    lane.promises.insert(after, Promise{.key = request.key, .identity = request.identity, .at = *slot});
    ++promises_;
    lane.asking = asking;
    lane.asking.deadline = base::TimePoint::max();
  }
  sink_({.id = request.id, .found = std::nullopt, .ready = slot, .full = full});
}

void WaitingLine::enqueue(Lane& lane, Waiting waiting) {
  auto queue = std::find_if(lane.queues.begin(), lane.queues.end(),
                            [&](const Queue& each) { return each.key == waiting.request.key; });
  if (queue == lane.queues.end()) {
    lane.queues.push_back({.key = waiting.request.key, .weight = 1, .deficit = 0, .waiting = {}});
    queue = lane.queues.end() - 1;
  }
  queue->weight = std::max(waiting.request.weight, 1U);
  queue->waiting.push_back(std::move(waiting));
  ++waiting_;
}

// How many are served before a request that joins now.
std::uint32_t WaitingLine::place_of(const Lane& lane, const Request& request) const {
  std::size_t own = 0, before = lane.promised.size();
  for (const Queue& queue : lane.queues)
    if (queue.key == request.key) own = queue.waiting.size();
  const std::size_t rounds = (own + std::max(request.weight, 1U)) / std::max(request.weight, 1U);
  for (const Queue& queue : lane.queues)
    if (queue.key != request.key) before += std::min<std::size_t>(queue.waiting.size(), rounds * queue.weight);
  return static_cast<std::uint32_t>(own + before);
}

// How many of so many promises will hardly be exceeded: the share that clients kept lately, an allowance for how
// badly it is known, and three times the spread of a binomial.
std::size_t WaitingLine::likely(std::size_t promises) const {
  const double share = std::min(1.0, kept_share_ + 0.15);
  const auto count = static_cast<double>(promises);
  const double most = share * count + 3 * std::sqrt(count * share * (1 - share));
  return std::min(promises, static_cast<std::size_t>(std::ceil(most)));
}

// Slots that promises will still take.
std::uint32_t WaitingLine::promised_slots(const Lane& lane) const {
  const std::size_t all = likely(lane.promises.size());
  return static_cast<std::uint32_t>(all - std::min(all, lane.parked.size()));
}

std::optional<base::TimePoint> WaitingLine::next_wake(base::TimePoint now) const {
  std::optional<base::TimePoint> wake;
  const auto consider = [&](std::optional<base::TimePoint> at) {
    if (at && (!wake || *at < *wake)) wake = at;
  };
  const auto consider_head = [&](const std::deque<Waiting>& waiting) {
    if (waiting.empty()) return;
    Asking asking = waiting.front().request.asking;
    asking.now = now;
    consider(find_earliest(*waiting.front().request.route, asking, waiting.front().request.excluded));
  };
  for (const auto& [number, lane] : lanes_) {
    consider_head(lane.promised);
    for (const Queue& queue : lane.queues) consider_head(queue.waiting);
    if (lane.first_latest != base::TimePoint::max()) consider(lane.first_latest);
    for (const Promise& promise : lane.promises) {
      consider(promise.at <= now ? promise.at + limits_.grace : promise.at);
      if (promise.at > now) break;
    }
  }
  if (wake) *wake = std::max(*wake, now + kLeastWake);
  return wake;
}

void WaitingLine::mark(Lane& lane) {
  if (lane.idle() || !lane.awaited.empty()) return;
  for (const RouteState::Tier& tier : lane.route->tiers())
    for (const catalog::Target& target : tier.row->targets) {
      target.backend->gauge->add_awaiting(1);
      lane.awaited.push_back(target.backend->gauge);
    }
}

void WaitingLine::end_if_idle(std::uint64_t number) {
  const auto found = lanes_.find(number);
  if (found == lanes_.end() || !found->second.idle()) return;
  for (const auto& gauge : found->second.awaited) gauge->add_awaiting(-1);
  lanes_.erase(found);
}

}  // namespace headworks::routing
