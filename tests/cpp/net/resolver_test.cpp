#include "net/resolver.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

namespace headworks::net {
namespace {

using base::TimePoint;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Verdict = NameRecord::Verdict;

constexpr TimePoint kNow{hours{10}};

std::vector<Address> address(std::uint32_t number) {
  Address made;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&made.storage);
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = htonl(number);
  made.size = sizeof *v4;
  return {made};
}

std::uint32_t number_of(const NameRecord& record) {
  return ntohl(reinterpret_cast<const sockaddr_in&>(record.addresses().front().storage).sin_addr.s_addr);
}

TEST(NameRecord, IsAskedOnceAndThenUsedWhileFresh) {
  NameRecord record;
  EXPECT_EQ(record.judge(kNow), Verdict::ask);
  record.on_asked();
  EXPECT_EQ(record.judge(kNow + seconds{3}), Verdict::wait);
  record.on_answer(address(7), "", kNow + seconds{3});
  EXPECT_EQ(record.judge(kNow + seconds{4}), Verdict::use);
  EXPECT_EQ(record.judge(kNow + seconds{32}), Verdict::use);
}

TEST(NameRecord, AnOldAnswerServesWhileANewOneIsFetchedAndThenChanges) {
  NameRecord record;
  record.on_asked();
  record.on_answer(address(7), "", kNow);
  EXPECT_EQ(record.judge(kNow + seconds{31}), Verdict::use_and_refresh);
  record.on_asked();
  EXPECT_EQ(record.judge(kNow + minutes{5}), Verdict::use) << "a slow name keeps nobody waiting";
  record.on_answer(address(8), "", kNow + minutes{5});
  EXPECT_EQ(number_of(record), 8u);
  EXPECT_EQ(record.judge(kNow + minutes{5} + seconds{1}), Verdict::use);
}

// SERVFAIL, NXDOMAIN, a timeout: whatever the reason, what was good is believed for an hour, and no longer.
TEST(NameRecord, FailuresKeepTheLastGoodAnswerForAnHourAndNoLonger) {
  NameRecord record;
  record.on_asked();
  record.on_answer(address(7), "", kNow);
  TimePoint now = kNow;
  int asked = 0;
  while (now - kNow < hours{1}) {
    const Verdict verdict = record.judge(now);
    ASSERT_TRUE(verdict == Verdict::use || verdict == Verdict::use_and_refresh);
    ASSERT_EQ(number_of(record), 7u);
    if (verdict == Verdict::use_and_refresh) {
      record.on_asked();
      record.on_answer({}, "temporary failure", now);
      ++asked;
    }
    now += milliseconds{500};
  }
  EXPECT_GT(asked, 3000) << "a name that fails is asked again soon";
  EXPECT_NE(record.judge(now + seconds{1}), Verdict::use);
  EXPECT_EQ(record.judge(now + seconds{1}), Verdict::ask);
  record.on_asked();
  record.on_answer({}, "temporary failure", now + seconds{1});
  EXPECT_EQ(record.judge(now + seconds{1}), Verdict::fail);
  record.on_asked();
  record.on_answer(address(9), "", now + seconds{2});
  EXPECT_EQ(record.judge(now + seconds{2}), Verdict::use);
}

TEST(NameRecord, AFailureIsBelievedForAMoment) {
  NameRecord record;
  record.on_asked();
  record.on_answer({}, "no such name", kNow);
  EXPECT_EQ(record.judge(kNow + milliseconds{900}), Verdict::fail);
  EXPECT_EQ(record.error(), "no such name");
  EXPECT_EQ(record.judge(kNow + milliseconds{1100}), Verdict::ask);
}

}  // namespace
}  // namespace headworks::net
