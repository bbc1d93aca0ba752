// Making a private CA and what it signs.
//
//   Directory directory = …;
//   TRY(make_certificates(directory, clock, {}));   // ca.crt, ca.key, server.crt, server.key, client.crt, client.key
//
// Keys are Ed25519. A certificate says what its owner may do: a server serves, and may call other servers; a client
// only calls. Names of hosts are in none: whoever has a server's certificate of a CA is a server to those who trust it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "runtime/directory.h"
#include "runtime/world.h"

struct evp_pkey_st;
struct x509_st;

namespace aeon::tls {

enum class Role : uint8_t { kServer, kClient };
std::string_view role_name(Role role);  // "server", "client": also the names of their files.

// As PEM.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

struct Period {
  int64_t from_unix_s = 0;
  int64_t until_unix_s = 0;
};

class Authority {
 public:
  // A new one, which signs itself.
  static Result<Authority> create(Period period);
  // kInvalidArgument: not a CA's certificate and its key.
  static Result<Authority> open(const CertificateAndKey& pem);

  // Not longer than the authority itself is valid. kInvalidArgument if that leaves nothing.
  Result<CertificateAndKey> issue(Role role, Period period) const;
  const CertificateAndKey& pem() const { return pem_; }

 private:
  Authority(CertificateAndKey pem, std::shared_ptr<x509_st> certificate, std::shared_ptr<evp_pkey_st> key)
      : pem_(std::move(pem)), certificate_(std::move(certificate)), key_(std::move(key)) {}
  CertificateAndKey pem_;
  std::shared_ptr<x509_st> certificate_;
  std::shared_ptr<evp_pkey_st> key_;
};

inline constexpr const char* kCaCertificateFile = "ca.crt";
inline constexpr const char* kCaKeyFile = "ca.key";
std::string certificate_file(Role role);  // "server.crt"
std::string key_file(Role role);  // "server.key"

inline constexpr int64_t kCertificateDaysMax = 36500;
struct CertificateOptions {
  int64_t valid_days = 730;  // Of the server's and the client's.
  int64_t ca_valid_days = 3650;
};
struct MadeCertificates {
  bool has_new_ca = false;
};
// Makes what a directory lacks of a CA, and certificates for server and client, replacing those that are there: that is
// how they are renewed. Files are readable by their owner only. kNotFound, kInvalidArgument: a CA without its key, or
// the other way round; kExists: others' files have their names.
Result<MadeCertificates> make_certificates(Directory& directory, const Clock& clock, CertificateOptions options);

}  // namespace aeon::tls
