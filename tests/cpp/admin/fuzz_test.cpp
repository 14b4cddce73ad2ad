// The fuzz targets of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_admin_route.cpp"
#include "../../fuzz/fuzz_cookie.cpp"
#include "../../fuzz/fuzz_escape.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, AdminRoute) {
  EXPECT_EQ(drive(admin_route, "admin_route", {"/", "//", "%2f", "%2F", "%00", "%2e", "..", "?", "#", "{id}", "backends", "HEAD ", " ", "%"}, 10'000), "");
}

TEST(Fuzz, Cookie) {
  EXPECT_EQ(drive(cookie, "cookie", {"headworks_session=", ";", "; ", "=", "\n", "cookie: ", "origin: ", "host: ", "sec-fetch-site: ", "same-origin", "http://", "null"}, 10'000), "");
}

TEST(Fuzz, Escape) {
  EXPECT_EQ(drive(escape, "escape", {"\n", "\r", "\"", "\\", "\x1b[", "\xff", "\xe2\x80\xae", "\xe2\x80\xa8", "\xc2\x85", "{", "}", "data: "}, 5'000), "");
}

}  // namespace
}  // namespace headworks::fuzz
