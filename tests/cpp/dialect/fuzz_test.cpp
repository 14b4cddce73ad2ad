// The fuzz targets of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_json_policy.cpp"
#include "../../fuzz/fuzz_stream.cpp"
#include "../../fuzz/fuzz_usage.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, JsonPolicy) {
  EXPECT_EQ(drive(json_policy, "json_policy", {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\u0065", "null", "true", "0", "-", "1e5", ".", " ", "\n", "\"model\":", "\"stream\":true,", "\xff", "\xed\xa0\x80", std::string(1, '\0')}, 20'000), "");
}

TEST(Fuzz, Stream) {
  EXPECT_EQ(drive(stream, "stream", {"\n\n", "data: ", "{", "}", "\"usage\":{", "\"", "\\", ":", "[", "]", "\"index\":", "9", "\"finish_reason\":\"x\"", "\"error\":", "event: error\n", "18446744073709551615"}, 3'000), "");
}

TEST(Fuzz, Usage) {
  EXPECT_EQ(drive(usage, "usage", {"\"usage\":{", "}", "{", "\"prompt_tokens\":", "\"input_tokens\":", "null", "-1", "1e300", "18446744073709551615", "\"", "\\"}, 10'000), "");
}

}  // namespace
}  // namespace headworks::fuzz
