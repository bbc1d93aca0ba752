// Who a process is to its TLS peers, and whom it believes: a certificate, its key, and the CA.
//
//   TRY_ASSIGN(Identity identity, Identity::load("/etc/aeon/certs", Role::kServer, clock));
//
// A directory has them as `aeon certs` makes them (certificates.h). What would fail with every peer is found when they
// are loaded: expired or not valid yet, of another CA, of the wrong role, a key that isn't the certificate's, or that
// others may read. Cheap to copy.
#pragma once

#include <memory>
#include <string>

#include "tls/certificates.h"

struct ssl_ctx_st;

namespace aeon::tls {

class Identity {
 public:
  // kNotFound, kPermission, kInvalidArgument; each names the file and what to do. Blocking.
  static Result<Identity> load(const std::string& directory, Role role, const Clock& clock);
  // The same, of what would be in the files; `place` stands for the directory in messages.
  static Result<Identity> of(const std::string& ca_certificate, const CertificateAndKey& own, Role role,
                             const Clock& clock, const std::string& place);

  Role role() const { return role_; }
  // When it is to be renewed at the latest.
  int64_t valid_until_unix_s() const { return valid_until_unix_s_; }
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  Identity(Role role, int64_t valid_until_unix_s, std::shared_ptr<ssl_ctx_st> context)
      : role_(role), valid_until_unix_s_(valid_until_unix_s), context_(std::move(context)) {}
  Role role_;
  int64_t valid_until_unix_s_;
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace aeon::tls
