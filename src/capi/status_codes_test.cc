#include "status_codes.h"

#include <daos_errno.h>
#include <gtest/gtest.h>
#include <gurt/common.h>

#include <cerrno>
#include <cstring>

namespace aeon::capi {
namespace {

constexpr int kLastCode = static_cast<int>(Code::kInProgress);

TEST(StatusCodes, EveryFaultHasACodeOfItsOwnName) {
  EXPECT_EQ(to_der(Code::kOk), 0);
  for (int i = 1; i <= kLastCode; ++i) {
    const int der = to_der(static_cast<Code>(i));
    EXPECT_LT(der, 0) << code_name(static_cast<Code>(i));
    EXPECT_STRNE(d_errstr(der), "DER_UNKNOWN");
    EXPECT_NE(der, -DER_MISC) << code_name(static_cast<Code>(i));
  }
}

TEST(StatusCodes, EveryFaultIsAPositiveErrno) {
  EXPECT_EQ(to_errno(Code::kOk), 0);
  for (int i = 1; i <= kLastCode; ++i) EXPECT_GT(to_errno(static_cast<Code>(i)), 0) << i;
}

TEST(StatusCodes, AgreeOnWhatProgramsAskFor) {
  EXPECT_EQ(to_der(Code::kNotFound), -DER_NONEXIST);
  EXPECT_EQ(to_der(Code::kCorrupt), -DER_CSUM);
  EXPECT_EQ(to_der(Code::kStaleHandle), -DER_NO_HDL);
  EXPECT_EQ(to_errno(Code::kNotEmpty), ENOTEMPTY);
  EXPECT_EQ(to_errno(Code::kReadOnly), EPERM);
  for (const Code code :
       {Code::kNotFound, Code::kExists, Code::kNoSpace, Code::kBusy, Code::kCorrupt, Code::kConflict}) {
    EXPECT_EQ(daos_der2errno(to_der(code)), to_errno(code)) << code_name(code);
  }
}

TEST(StatusCodes, ADamagedSystemIsOfABadFormat) {
  EXPECT_EQ(to_der_of_opening(Code::kCorrupt), -DER_DF_INVAL);
  EXPECT_EQ(to_der_of_opening(Code::kVersionUnsupported), -DER_DF_INCOMPT);
  EXPECT_EQ(to_der_of_opening(Code::kNotFound), -DER_NONEXIST);
}

}  // namespace
}  // namespace aeon::capi
