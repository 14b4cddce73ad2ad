// The fuzz target of this floor over seeded inputs, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_envelope.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Envelope) {
  EXPECT_EQ(
      drive(envelope,
            {"hwe1:SFdFMQEAAAAAAWRlZmdoaWprbG1ub3CcanHo7VmOMfa8RKfM5nmMqQZVpSEVmfbwN4w8RnVh+Sz48wnm7CpV/"
             "qV4cT20dg==",
             "hwe1:SFdFMQIAAAAAAWRlZmdoaWprbG1ub3BxcnN0dXZ3eHl6exznF8J4McZ3uHFLFBcgirHWqoO4P93uhV9K8ZDLo/"
             "GYFgJ2NQSwDYGm1KodIyqhXg=="},
            {"hwe1:", "SFdFMQ", "=", "==", "A", "+", "/", "-", "_", " ", "\n"}, 10'000),
      "");
}

}  // namespace
}  // namespace headworks::fuzz
