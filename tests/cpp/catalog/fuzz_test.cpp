// The fuzz target of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_configuration.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Configuration) {
  EXPECT_EQ(drive(configuration, "configuration", {"{", "}", "[", "]", ",", "\"", "null", "-1", "1e300", "\"name\":", "\"api_key\":\"${K}\",", "\"pools\":[", "*", "\\u0000", "99999999999999999999", "\"version\":2", "true"}, 3'000), "");
}

}  // namespace
}  // namespace headworks::fuzz
