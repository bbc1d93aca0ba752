#include "tls/identity.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "openssl.h"

namespace aeon::tls {
namespace {

// AES-128 first: as good as unbreakable, and a quarter faster.
constexpr const char* kCiphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr uint32_t kOpenToOthers = 0027;  // Written by the group, or anything by others.

// The files of an identity, for messages.
struct Names {
  std::string ca, certificate, key;
};

Status cant_use(const std::string& what) {
  return Status(Code::kInvalidArgument, "can't use " + what + ": " + openssl_error());
}

Status not_good(int error, X509* certificate, const Names& names, Role role) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Status(Code::kPermission, names.certificate + " expired on " + time_text(X509_get0_notAfter(certificate)) +
                                           "; renew it with 'aeon certs' where the CA's key is");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Status(Code::kPermission, names.certificate + " isn't valid before " +
                                           time_text(X509_get0_notBefore(certificate)) +
                                           "; is the clock of this machine right?");
    case X509_V_ERR_INVALID_PURPOSE:
      return Status(Code::kPermission, names.certificate + " is no " + std::string(role_name(role)) +
                                           "'s certificate; use the one that 'aeon certs' named so");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return Status(Code::kPermission, names.certificate + " isn't of the CA in " + names.ca +
                                           "; take both from one directory of 'aeon certs'");
    default:
      return Status(Code::kPermission, "can't use " + names.certificate + ": " + X509_verify_cert_error_string(error));
  }
}

Status check_own(X509_STORE* store, X509* certificate, Role role, const Clock& clock, const Names& names) {
  const StoreContextPtr check(X509_STORE_CTX_new());
  if (check == nullptr || X509_STORE_CTX_init(check.get(), store, certificate, nullptr) != 1)
    return cant_use(names.certificate);
  X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_time(rules, static_cast<int64_t>(clock.wall_ns() / 1'000'000'000));
  X509_VERIFY_PARAM_set_purpose(rules, role == Role::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(check.get()) == 1) return ok();
  const int error = X509_STORE_CTX_get_error(check.get());
  X509* const at = X509_STORE_CTX_get_current_cert(check.get());
  ERR_clear_error();
  Names named = names;
  if (X509_STORE_CTX_get_error_depth(check.get()) > 0 && at != nullptr) named.certificate = names.ca;
  return not_good(error, at != nullptr ? at : certificate, named, role);
}

Result<int64_t> end_of(X509* certificate) {
  const ASN1_TIME* const end = X509_get0_notAfter(certificate);
  const std::unique_ptr<ASN1_TIME, Freer<ASN1_STRING_free>> origin(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, origin.get(), end) != 1) return cant_use("a certificate's time");
  return int64_t{days} * 86400 + seconds;
}

Result<SslContextPtr> make_context() {
  SslContextPtr context(SSL_CTX_new(TLS_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), kCiphers) != 1) {
    return cant_use("OpenSSL");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Connections last, so nobody needs to take up an earlier session.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection keeps no buffers of 16 KiB.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

Result<std::string> read_text(const Directory& directory, const std::string& name) {
  Result<Bytes> content = directory.read_file(name);
  if (content.is_ok()) return std::string(as_text(*content));
  if (content.code() == Code::kNotFound) {
    return Status(Code::kNotFound, "no " + name + " in " + directory.path() +
                                       "; 'aeon certs DIR' makes certificates, to be copied from there");
  }
  return content.status();
}

Result<std::string> read_key(const Directory& directory, const std::string& name) {
  TRY_ASSIGN(std::string key, read_text(directory, name));
  TRY_ASSIGN(const uint32_t mode, directory.mode_of(name));
  if ((mode & kOpenToOthers) == 0) return key;
  const std::string path = directory.path_of(name);
  return Status(Code::kPermission,
                "others than the owner may use the key " + path + ", so it isn't safe; 'chmod 600 " + path + "'");
}

}  // namespace

Result<Identity> Identity::load(const std::string& directory, Role role, const Clock& clock) {
  TRY_ASSIGN(const Directory from, Directory::open(directory, false));
  TRY_ASSIGN(const std::string ca, read_text(from, kCaCertificateFile));
  CertificateAndKey own;
  TRY_ASSIGN(own.certificate, read_text(from, certificate_file(role)));
  TRY_ASSIGN(own.key, read_key(from, key_file(role)));
  return of(ca, own, role, clock, directory);
}

Result<Identity> Identity::of(const std::string& ca_certificate, const CertificateAndKey& own, Role role,
                              const Clock& clock, const std::string& place) {
  // Threads may still be using it when the process ends.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  const Names names{.ca = place + "/" + kCaCertificateFile,
                    .certificate = place + "/" + certificate_file(role),
                    .key = place + "/" + key_file(role)};
  TRY_ASSIGN(const std::vector<CertificatePtr> authorities, parse_certificates(ca_certificate, names.ca));
  TRY_ASSIGN(const std::vector<CertificatePtr> certificates, parse_certificates(own.certificate, names.certificate));
  TRY_ASSIGN(const KeyPtr key, parse_key(own.key, names.key));
  X509* const certificate = certificates.front().get();
  if (X509_check_private_key(certificate, key.get()) != 1) {
    ERR_clear_error();
    return Status(Code::kInvalidArgument, names.key + " isn't the key of " + names.certificate);
  }
  TRY_ASSIGN(const SslContextPtr context, make_context());
  X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
  for (const CertificatePtr& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1) return cant_use(names.ca);
  }
  TRY(check_own(store, certificate, role, clock, names));
  if (SSL_CTX_use_certificate(context.get(), certificate) != 1) return cant_use(names.certificate);
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) return cant_use(names.key);
  TRY_ASSIGN(const int64_t until, end_of(certificate));
  SSL_CTX_up_ref(context.get());
  return Identity(role, until, std::shared_ptr<SSL_CTX>(context.get(), Freer<SSL_CTX_free>()));
}

}  // namespace aeon::tls
