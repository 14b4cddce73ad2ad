// The fuzz target of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_database.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Database) {
  EXPECT_EQ(drive(database, "database", {std::string("\0\0\1", 3), "\x40\x00\xff", "\x80\x80\x80", "\xff\xff\x10", "\x01"}, 150), "");
}

}  // namespace
}  // namespace headworks::fuzz
