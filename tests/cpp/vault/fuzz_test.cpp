// The fuzz target of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_envelope.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Envelope) {
  EXPECT_EQ(drive(envelope, "envelope", {"hwe1:", "SFdFMQ", "=", "==", "A", "+", "/", "-", "_", " ", "\n"}, 10'000), "");
}

}  // namespace
}  // namespace headworks::fuzz
