#include <daos_errno.h>
#include <gtest/gtest.h>
#include <gurt/common.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace {

TEST(Errors, HaveTheNameOfTheirConstant){
#define CHECK_NAME(name, value, text)     \
  EXPECT_STREQ(d_errstr(-(name)), #name); \
  EXPECT_STREQ(d_errdesc(-(name)), text);
    DAOS_FOREACH_ERROR(CHECK_NAME)
#undef CHECK_NAME
}

TEST(Errors, FollowEachOtherInOrderOfValue) {
  int previous = 0;
#define CHECK_ORDER(name, value, text) \
  EXPECT_GT(name, previous) << #name;  \
  previous = name;
  DAOS_FOREACH_ERROR(CHECK_ORDER)
#undef CHECK_ORDER
  EXPECT_EQ(DER_LAST_VALID, previous + 1);
}

TEST(Errors, NameSuccess) {
  EXPECT_STREQ(d_errstr(0), "DER_SUCCESS");
  EXPECT_STREQ(d_errdesc(0), "Success");
}

TEST(Errors, OutsideTheListAreUnknown) {
  for (const int errnum : {-1, -999, -1000, -1047, -2000, -2053, -501000, 1003, INT_MAX, INT_MIN}) {
    EXPECT_STREQ(d_errstr(errnum), "DER_UNKNOWN") << errnum;
    EXPECT_STREQ(d_errdesc(errnum), "Unknown error") << errnum;
  }
}

TEST(Errors, SurviveTheWayToErrnoAndBack) {
  for (const int errnum : {0, EPERM, ENOMEM, ENOSPC, EEXIST, ENOENT, ECANCELED, EBUSY, EOVERFLOW, ETIMEDOUT, EAGAIN,
                           EPROTO, EINVAL, ENOTDIR, EIO, ENOTSUP}) {
    EXPECT_EQ(daos_der2errno(daos_errno2der(errnum)), errnum) << std::strerror(errnum);
    EXPECT_EQ(d_errno2der(errnum), daos_errno2der(errnum));
  }
}

TEST(Errors, BecomeTheErrnoThatFilesNeed) {
  EXPECT_EQ(daos_der2errno(-DER_NONEXIST), ENOENT);
  EXPECT_EQ(daos_der2errno(-DER_NO_HDL), EINVAL);
  EXPECT_EQ(daos_der2errno(-DER_EP_RO), EPERM);
  EXPECT_EQ(daos_der2errno(-DER_REC2BIG), E2BIG);
  EXPECT_EQ(daos_der2errno(-DER_TX_RESTART), ERESTART);
}

TEST(Errors, WithoutCounterpartBecomeGeneralOnes) {
  EXPECT_EQ(daos_der2errno(-DER_CSUM), EIO);
  EXPECT_EQ(daos_der2errno(INT_MIN), EIO);
  EXPECT_EQ(daos_der2errno(DER_NONEXIST), EINVAL);
  EXPECT_EQ(daos_errno2der(EXDEV), -DER_MISC);
  EXPECT_EQ(daos_errno2der(-ENOENT), -DER_UNKNOWN);
}

}  // namespace
