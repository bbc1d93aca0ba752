// Identities for tests, made when they are needed.
#pragma once

#include <gtest/gtest.h>

#include "sim/sim_clock.h"
#include "tls/certificates.h"
#include "tls/identity.h"

namespace aeon::tls {

inline constexpr int64_t kTestDay_s = 24 * 60 * 60;
inline constexpr int64_t kTestNow_s = SimClock::kOriginUnixNs / 1'000'000'000;
inline constexpr Period kWholeYear{.from_unix_s = kTestNow_s - kTestDay_s,
                                   .until_unix_s = kTestNow_s + 365 * kTestDay_s};

class FixedClock final : public Clock {
 public:
  explicit FixedClock(int64_t unix_s) : unix_s_(unix_s) {}
  uint64_t wall_ns() const override { return static_cast<uint64_t>(unix_s_) * 1'000'000'000; }

 private:
  const int64_t unix_s_;
};

inline Authority make_authority(Period period = kWholeYear) {
  Result<Authority> made = Authority::create(period);
  CHECK(made.is_ok());
  return *made;
}

// What `authority` issued, loaded when it was good.
inline Identity make_identity(const Authority& authority, Role role, Period period = kWholeYear) {
  const Result<CertificateAndKey> own = authority.issue(role, period);
  CHECK(own.is_ok());
  const FixedClock clock(period.from_unix_s + 1);
  Result<Identity> identity = Identity::of(authority.pem().certificate, *own, role, clock, "certs");
  CHECK(identity.is_ok());
  return *identity;
}

}  // namespace aeon::tls
