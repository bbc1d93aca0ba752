#include "tls/certificates.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "openssl.h"

namespace aeon::tls {
namespace {

constexpr int64_t kDay_s = 24 * 60 * 60;
// Clocks of machines differ.
constexpr int64_t kSkewMax_s = 60 * 60;

Status cant_make(const char* what) {
  return Status(Code::kIo, std::string("can't make ") + what + ": " + openssl_error());
}

Result<std::string> random_name(const char* kind) {
  std::array<unsigned char, 8> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return cant_make("a name");
  std::string name = kind;
  for (const unsigned char byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

// Always of the same length.
bool set_random_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = static_cast<unsigned char>(0x40 | (bytes[0] & 0x3f));
  BIGNUM* const number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
  const bool is_set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return is_set;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct ExtensionText {
  int kind;
  const char* value;
};
constexpr std::array<ExtensionText, 4> kOfCa = {{
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
}};
constexpr std::array<ExtensionText, 5> kOfServer = {{
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "critical,serverAuth,clientAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
}};
constexpr std::array<ExtensionText, 5> kOfClient = {{
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "critical,clientAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
}};

bool set_subject(X509* certificate, const std::string& name) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const auto add = [subject](const char* field, const std::string& value) {
    const auto* const text = reinterpret_cast<const unsigned char*>(value.c_str());
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_ASC, text, -1, -1, 0) == 1;
  };
  return add("O", "Aeon") && add("CN", name);
}

// Signed by `issuer`, or by itself if that is null.
Result<CertificatePtr> make_certificate(EVP_PKEY* key, const std::string& name, Period period,
                                        std::span<const ExtensionText> extensions, X509* issuer, EVP_PKEY* issuer_key) {
  CertificatePtr made(X509_new());
  if (made == nullptr) return cant_make("a certificate");
  X509* const certificate = made.get();
  if (issuer == nullptr) issuer = certificate;
  bool is_made = X509_set_version(certificate, X509_VERSION_3) == 1 && set_random_serial(certificate) &&
                 ASN1_TIME_set(X509_getm_notBefore(certificate), period.from_unix_s) != nullptr &&
                 ASN1_TIME_set(X509_getm_notAfter(certificate), period.until_unix_s) != nullptr &&
                 X509_set_pubkey(certificate, key) == 1 && set_subject(certificate, name) &&
                 X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
  for (const ExtensionText& extension : extensions) {
    is_made = is_made && add_extension(certificate, issuer, extension.kind, extension.value);
  }
  // Ed25519 comes with its hash.
  if (!is_made || X509_sign(certificate, issuer_key, nullptr) == 0) return cant_make("a certificate");
  return made;
}

Result<CertificateAndKey> to_pem(X509* certificate, EVP_PKEY* key) {
  const auto text_of = [](BIO* text) {
    char* begin = nullptr;
    const auto size = BIO_get_mem_data(text, &begin);
    return std::string(begin, static_cast<size_t>(size));
  };
  const BioPtr first(BIO_new(BIO_s_mem())), second(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(first.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return cant_make("a certificate");
  }
  CertificateAndKey pem;
  pem.certificate = text_of(first.get());
  pem.key = text_of(second.get());
  return pem;
}

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return cant_make("a key");
  return key;
}

Result<int64_t> unix_seconds(const ASN1_TIME* time) {
  const std::unique_ptr<ASN1_TIME, Freer<ASN1_STRING_free>> origin(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, origin.get(), time) != 1) return cant_make("sense of a certificate's time");
  return int64_t{days} * kDay_s + seconds;
}

Result<Authority> open_authority(const Directory& directory) {
  CertificateAndKey pem;
  TRY_ASSIGN(const Bytes certificate, directory.read_file(kCaCertificateFile));
  pem.certificate = as_text(certificate);
  Result<Bytes> key = directory.read_file(kCaKeyFile);
  if (key.code() == Code::kNotFound) {
    return Status(Code::kNotFound, directory.path() +
                                       " has a CA's certificate without its key (ca.key), so nothing "
                                       "can be made here; use the directory that has it, or a new one");
  }
  TRY(key.status());
  pem.key = as_text(*key);
  Result<Authority> authority = Authority::open(pem);
  if (!authority.is_ok()) return authority.status().within(directory.path());
  return authority;
}

}  // namespace

std::string_view role_name(Role role) { return role == Role::kServer ? "server" : "client"; }
std::string certificate_file(Role role) { return std::string(role_name(role)) + ".crt"; }
std::string key_file(Role role) { return std::string(role_name(role)) + ".key"; }

Result<Authority> Authority::create(Period period) {
  TRY_ASSIGN(const KeyPtr key, make_key());
  TRY_ASSIGN(const std::string name, random_name("Aeon CA "));
  TRY_ASSIGN(const CertificatePtr certificate, make_certificate(key.get(), name, period, kOfCa, nullptr, key.get()));
  TRY_ASSIGN(const CertificateAndKey pem, to_pem(certificate.get(), key.get()));
  return open(pem);
}

Result<Authority> Authority::open(const CertificateAndKey& pem) {
  TRY_ASSIGN(std::vector<CertificatePtr> certificates, parse_certificates(pem.certificate, kCaCertificateFile));
  TRY_ASSIGN(KeyPtr key, parse_key(pem.key, kCaKeyFile));
  CertificatePtr& first = certificates.front();  // A second one is there while it takes over.
  if (X509_check_ca(first.get()) != 1)
    return Status(Code::kInvalidArgument, std::string(kCaCertificateFile) + " isn't a CA's certificate");
  if (X509_check_private_key(first.get(), key.get()) != 1) {
    openssl_error();
    return Status(Code::kInvalidArgument, "ca.key isn't the key of ca.crt: they are of different CAs");
  }
  return Authority(pem, std::shared_ptr<X509>(first.release(), Freer<X509_free>()),
                   std::shared_ptr<EVP_PKEY>(key.release(), Freer<EVP_PKEY_free>()));
}

Result<CertificateAndKey> Authority::issue(Role role, Period period) const {
  TRY_ASSIGN(const int64_t ca_until, unix_seconds(X509_get0_notAfter(certificate_.get())));
  period.until_unix_s = std::min(period.until_unix_s, ca_until);
  if (period.until_unix_s <= period.from_unix_s) {
    return Status(Code::kInvalidArgument, "the CA expired on " + time_text(X509_get0_notAfter(certificate_.get())) +
                                              "; make a new one in another directory, and give it to all");
  }
  TRY_ASSIGN(const KeyPtr key, make_key());
  TRY_ASSIGN(const std::string name, random_name(role == Role::kServer ? "Aeon server " : "Aeon client "));
  const std::span<const ExtensionText> extensions = role == Role::kServer ? kOfServer : kOfClient;
  TRY_ASSIGN(const CertificatePtr certificate,
             make_certificate(key.get(), name, period, extensions, certificate_.get(), key_.get()));
  return to_pem(certificate.get(), key.get());
}

Result<MadeCertificates> make_certificates(Directory& directory, const Clock& clock, CertificateOptions options) {
  if (options.valid_days < 1 || options.valid_days > kCertificateDaysMax ||
      options.ca_valid_days > kCertificateDaysMax) {
    return Status(Code::kInvalidArgument,
                  "certificates are valid for 1 to " + std::to_string(kCertificateDaysMax) + " days");
  }
  const auto now_s = static_cast<int64_t>(clock.wall_ns() / 1'000'000'000);
  Period period{.from_unix_s = now_s - kSkewMax_s, .until_unix_s = now_s + options.valid_days * kDay_s};
  MadeCertificates made;
  made.has_new_ca = !directory.has_file(kCaCertificateFile);
  if (made.has_new_ca) {
    // One whose certificate got lost may still be somebody's.
    if (directory.has_file(kCaKeyFile)) {
      return Status(Code::kInvalidArgument, directory.path() +
                                                " has a CA's key without its certificate (ca.crt): bring "
                                                "that back, or use another directory");
    }
    for (const Role role : {Role::kServer, Role::kClient}) {
      for (const std::string& name : {certificate_file(role), key_file(role)}) {
        if (!directory.has_file(name)) continue;
        return Status(Code::kExists, directory.path_of(name) +
                                         " is there without a CA (ca.crt): it may be somebody's "
                                         "only one, so use another directory");
      }
    }
    const int64_t ca_days = std::max(options.ca_valid_days, options.valid_days);
    TRY_ASSIGN(const Authority authority,
               Authority::create({.from_unix_s = period.from_unix_s, .until_unix_s = now_s + ca_days * kDay_s}));
    TRY(directory.replace_file(kCaKeyFile, as_bytes(authority.pem().key)));
    TRY(directory.replace_file(kCaCertificateFile, as_bytes(authority.pem().certificate)));
  }
  TRY_ASSIGN(const Authority authority, open_authority(directory));
  for (const Role role : {Role::kServer, Role::kClient}) {
    TRY_ASSIGN(const CertificateAndKey pem, authority.issue(role, period));
    TRY(directory.replace_file(key_file(role), as_bytes(pem.key)));
    TRY(directory.replace_file(certificate_file(role), as_bytes(pem.certificate)));
  }
  return made;
}

}  // namespace aeon::tls
