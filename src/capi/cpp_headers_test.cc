#include <gtest/gtest.h>

#include "c_headers_test.c"  // NOLINT: the same program as C++.

namespace {

TEST(Headers, WorkInAProgramInC) { EXPECT_EQ(c_headers_fault_count(), 0); }

TEST(Headers, WorkInAProgramInCpp) { EXPECT_EQ(cpp_headers_fault_count(), 0); }

}  // namespace
