#include "openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace aeon::tls {
namespace {

// Where OpenSSL would ask for a passphrase at the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

BioPtr reader_of(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

}  // namespace

std::string openssl_error() {
  const unsigned long error = ERR_peek_last_error();  // NOLINT: OpenSSL's own type.
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "it says no reason";
}

Result<std::vector<CertificatePtr>> parse_certificates(std::string_view pem, const std::string& name) {
  const BioPtr reader = reader_of(pem);
  std::vector<CertificatePtr> certificates;
  while (X509* const next = PEM_read_bio_X509(reader.get(), nullptr, &no_passphrase, nullptr)) {
    certificates.emplace_back(next);
  }
  ERR_clear_error();  // The end is an error, too.
  if (certificates.empty()) return Status(Code::kInvalidArgument, name + " has no certificate (PEM)");
  return certificates;
}

Result<KeyPtr> parse_key(std::string_view pem, const std::string& name) {
  const BioPtr reader = reader_of(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &no_passphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) return Status(Code::kInvalidArgument, name + " has no key (PEM, without a passphrase)");
  return key;
}

std::string time_text(const ASN1_TIME* time) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(text.get(), time);
  char* begin = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &begin);
  return {begin, static_cast<size_t>(size)};
}

}  // namespace aeon::tls
