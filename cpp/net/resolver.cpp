#include "net/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/thread.hpp"
#include "wire/ip_address.hpp"

namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

std::vector<Address> parse_literal(const std::string& host, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
    return {address};
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    return {address};
  }
  return {};
}

std::vector<Address> look_up(const std::string& host, std::uint16_t port, std::string& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found); code != 0) {
    error = ::gai_strerror(code);
    return {};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

Result<std::vector<Address>> without_forbidden(std::vector<Address> addresses, const std::string& error) {
  if (addresses.empty())
    return fail(ErrorKind::upstream_connect, "the upstream's name could not be resolved", error);
  std::erase_if(addresses, is_forbidden);
  if (addresses.empty())
    return fail(ErrorKind::upstream_connect, "the upstream's address is not one that may be called",
                "link-local, unspecified and multicast addresses are refused");
  return addresses;
}

}  // namespace

bool is_forbidden(const Address& address) {
  if (address.storage.ss_family == AF_INET)
    return wire::is_forbidden_v4(ntohl(reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr.s_addr));
  return wire::is_forbidden_v6(std::span<const std::uint8_t, 16>(
      reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr.s6_addr));
}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Resolver::ask(std::string host, std::uint16_t port, Answer answer) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back({std::move(host), port, std::move(answer)});
  if (idle_ < jobs_.size() && threads_.size() < kMaxThreads) {
    threads_.emplace_back([this] {
      base::begin_thread("hw-resolver", base::Urgency::normal);
      work();
    });
  }
  wake_.notify_one();
}

void Resolver::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    lock.unlock();
    std::string error;
    std::vector<Address> addresses = look_up(job.host, job.port, error);
    job.answer(std::move(addresses), std::move(error));
    lock.lock();
  }
}

NameRecord::Verdict NameRecord::judge(base::TimePoint now) const {
  const base::Duration age = now - answered_;
  if (!addresses_.empty() && now - confirmed_ < kStale) {
    const bool due = age >= (error_.empty() ? kFresh : kNegative);
    return due && !asked_ ? Verdict::use_and_refresh : Verdict::use;
  }
  if (asked_) return Verdict::wait;
  return known_ && !error_.empty() && age < kNegative ? Verdict::fail : Verdict::ask;
}

void NameRecord::on_answer(std::vector<Address> addresses, std::string error, base::TimePoint now) {
  asked_ = false;
  known_ = true;
  answered_ = now;
  error_ = std::move(error);
  if (!addresses.empty()) {
    addresses_ = std::move(addresses);
    confirmed_ = now;
    error_.clear();
  } else if (error_.empty()) {
    error_ = "no address";
  }
}

void DnsCache::fetch(const std::string& key, const std::string& host, std::uint16_t port) {
  state_->entries[key].record.on_asked();
  resolver_->ask(host, port,
                 [&loop = loop_, weak = std::weak_ptr(state_), key](std::vector<Address> addresses, std::string error) {
                   loop.post([&loop, weak, key, addresses = std::move(addresses), error = std::move(error)] {
                     const auto state = weak.lock();
                     if (!state) return;
                     Entry& entry = state->entries[key];
                     entry.record.on_answer(addresses, error, loop.now());
                     for (Sleep* waiter : std::exchange(entry.waiters, {})) waiter->interrupt();
                   });
                 });
}

Task<Result<std::vector<Address>>> DnsCache::resolve(const std::string& host, std::uint16_t port,
                                                     base::TimePoint deadline, Sleep*& waiting) {
  if (auto literal = parse_literal(host, port); !literal.empty()) co_return without_forbidden(std::move(literal), {});
  const std::string key = host + ":" + std::to_string(port);
  switch (state_->entries[key].record.judge(loop_.now())) {
    case NameRecord::Verdict::use_and_refresh: fetch(key, host, port); [[fallthrough]];
    case NameRecord::Verdict::use: {
      const NameRecord& record = state_->entries[key].record;
      co_return without_forbidden(record.addresses(), record.error());
    }
    case NameRecord::Verdict::fail: co_return without_forbidden({}, state_->entries[key].record.error());
    case NameRecord::Verdict::ask: fetch(key, host, port); break;
    case NameRecord::Verdict::wait: break;
  }
  Sleep sleep(loop_, deadline);
  state_->entries[key].waiters.push_back(&sleep);
  waiting = &sleep;
  co_await sleep;
  waiting = nullptr;
  std::erase(state_->entries[key].waiters, &sleep);
  const NameRecord& record = state_->entries[key].record;
  if (record.asked()) co_return fail(ErrorKind::upstream_connect, "the upstream's name was not resolved in time");
  if (!record.error().empty()) co_return without_forbidden({}, record.error());
  co_return without_forbidden(record.addresses(), {});
}

}  // namespace headworks::net
