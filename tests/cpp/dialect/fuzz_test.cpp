// The fuzz targets of this floor over seeded inputs, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_json_policy.cpp"
#include "../../fuzz/fuzz_stream.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, JsonPolicy) {
  EXPECT_EQ(
      drive(json_policy,
            {R"({"model":"a","stream":true,"messages":[{"role":"user",)"
             R"("content":"h\u00e9\ud83d\ude00\n"}],"max_tokens":12})",
             R"( { "mod\u0065l" : "x" ,)"
             R"( "stream_options" : { "include_usage" : false , "b":[1,{}] }, "stream":true } )",
             R"({"model":"a","stream":true,"stream_options":null,"n":[-0.5e+3,0,1E9,true,false,null,[],{}]})",
             "{\"model\":\"\xc3\xa9\",\"a\":{\"b\":{\"c\":[[[]]]}}}"},
            {"{",
             "}",
             "[",
             "]",
             ",",
             ":",
             "\"",
             "\\",
             "\\u",
             "\\ud800",
             "\\udc00",
             "\\u0065",
             "null",
             "true",
             "0",
             "-",
             "1e5",
             ".",
             " ",
             "\n",
             "\"model\":",
             "\"stream\":true,",
             "\xff",
             "\xed\xa0\x80",
             std::string(1, '\0')},
            20'000),
      "");
}

TEST(Fuzz, Stream) {
  EXPECT_EQ(
      drive(stream,
            {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
             "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\ndata: "
             "[DONE]\n\n",
             "event: message_start\ndata: "
             "{\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":7}}}\n\n"
             "event: message_delta\ndata: {\"usage\":{\"output_tokens\":15}}\n\nevent: message_stop\ndata: "
             "{}\n\n",
             "event: response.completed\ndata: "
             "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,"
             "\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":2}}}\n\n",
             "data: {\"error\":{\"message\":\"x\"}}\n\n"},
            {"\n\n", "data: ", "{", "}", "\"usage\":{", "\"", "\\", ":", "[", "]", "\"index\":", "9",
             "\"finish_reason\":\"x\"", "\"error\":", "event: error\n", "18446744073709551615"},
            3'000),
      "");
}

}  // namespace
}  // namespace headworks::fuzz
