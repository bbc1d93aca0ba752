#include "tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace aeon::tls {
namespace {

constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;  // 16 KiB.
constexpr size_t kBatch = 4 * kRecord;                // Encrypted before it is sent.
constexpr size_t kRecordOverhead = 64;                // At least.
constexpr size_t kRoomIdle = 4 * kKiB;                // To read into while nothing is expected.
constexpr size_t kRoom = 64 * kKiB;
constexpr size_t kMemoryKept = 16 * kKiB;
// What OpenSSL may answer by itself (new keys that the peer asks for) before the next write takes it along.
constexpr size_t kOutgoingMax = 2 * kBatch;
constexpr std::byte kWelcome{1};

// Why we don't take the peer's certificate.
std::string refusal_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate expired; renew it with 'aeon certs', and look at the clocks of both machines";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "its certificate isn't valid yet; look at the clocks of both machines";
    case X509_V_ERR_INVALID_PURPOSE:
      return "its certificate is for another role (one that may only be a client can't serve)";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "its certificate is of another CA than ours; give both sides certificates of one directory of 'aeon "
             "certs'";
    default: return std::string("its certificate isn't good: ") + X509_verify_cert_error_string(error);
  }
}

// Why the peer doesn't take ours, as far as its alert says; empty if it isn't about that.
std::string refusal_in_alert(int reason) {
  switch (reason) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it says that our certificate expired; renew it with 'aeon certs', and look at the clocks of both "
             "machines";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "our certificate is of another CA than its own; give both sides certificates of one directory of "
             "'aeon certs'";
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return "it says that our certificate is for another role (one that may only be a client can't serve)";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      return "it doesn't take our certificate, which may not be valid yet; look at the clocks of both machines";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED: return "it doesn't take our certificate";
    default: return {};
  }
}

}  // namespace

// ---- OpenSSL's ends of the memory -----------------------------------------------------------------------------------

int TlsStream::take_incoming(BIO* bio, char* into, size_t room, size_t* taken) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *taken = std::min(room, self.incoming_end_ - self.incoming_begin_);
  if (*taken == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, self.incoming_.get() + self.incoming_begin_, *taken);
  self.incoming_begin_ += *taken;
  return 1;
}

int TlsStream::put_outgoing(BIO* bio, const char* from, size_t size, size_t* put) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto* const bytes = reinterpret_cast<const std::byte*>(from);
  self.outgoing_.insert(self.outgoing_.end(), bytes, bytes + size);
  *put = size;
  return 1;
}

const BIO_METHOD* TlsStream::memory_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aeon stream");
    CHECK(method != nullptr);
    BIO_meth_set_read_ex(method, &take_incoming);
    BIO_meth_set_write_ex(method, &put_outgoing);
    BIO_meth_set_ctrl(method,
                      [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });  // NOLINT
    return method;
  }();
  return kMethod;
}

TlsStream::TlsStream(std::unique_ptr<Stream> below, const Identity& identity, Role role, int64_t now_unix_s,
                     std::string peer, uint64_t records_per_key)
    : below_(std::move(below)),
      role_(role),
      peer_(std::move(peer)),
      records_per_key_(records_per_key),
      ssl_(SSL_new(identity.context())) {
  BIO* const bio = BIO_new(memory_method());
  CHECK(ssl_ != nullptr && bio != nullptr);  // Out of memory.
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_.get()), now_unix_s);
  if (role == Role::kServer) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

// ---- Shaking hands --------------------------------------------------------------------------------------------------

bool TlsStream::may_be_server() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  return certificate != nullptr && (X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER) != 0;
}

Task<Status> TlsStream::shake_hands() {
  CO_TRY(co_await negotiate());
  is_established_ = true;
  std::byte welcome = kWelcome;
  if (role_ == Role::kServer) {
    const ByteView piece(&welcome, 1);
    co_return co_await write(std::span(&piece, 1));
  }
  const Result<size_t> count = co_await read(MutableBytes(&welcome, 1));
  CO_TRY(count);
  if (*count == 1 && welcome == kWelcome) co_return ok();
  co_return break_off(Status(Code::kUnavailable, peer_ + " speaks TLS, but isn't ours"));
}

Task<Status> TlsStream::negotiate() {
  while (true) {
    if (is_shut_) co_return closed();
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const bool wants_more = result != 1 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
    const Status failed = result == 1 || wants_more ? ok() : handshake_failed();
    // An alert, too. If it can't be sent, reading tells why.
    const Status sent = co_await send();
    if (!failed.is_ok()) co_return break_off(failed);
    if (result == 1) co_return sent;
    const Status received = co_await receive(kRoomIdle);
    if (!received.is_ok()) {
      const std::string why(received.message());
      co_return Status(Code::kUnavailable, "no TLS with " + peer_ + ": " + why);
    }
  }
}

Status TlsStream::handshake_failed() const {
  const long verified = SSL_get_verify_result(ssl_.get());  // NOLINT: OpenSSL's own type.
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    ERR_clear_error();
    return Status(Code::kPermission, "can't trust " + peer_ + ": " + refusal_of(static_cast<int>(verified)));
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    ERR_clear_error();
    return Status(Code::kPermission, "can't trust " + peer_ + ": it has no certificate");
  }
  const std::string refusal = refusal_in_alert(reason);
  if (!refusal.empty()) {
    ERR_clear_error();
    return Status(Code::kPermission, peer_ + " refuses us: " + refusal);
  }
  return Status(Code::kUnavailable, "no TLS with " + peer_ + " (" + openssl_error() + "); does it speak TLS 1.3?");
}

// ---- Bytes ----------------------------------------------------------------------------------------------------------

Task<Result<size_t>> TlsStream::read(MutableBytes into) {
  size_t room = into.size() < kRecord ? kRoomIdle : kRoom;
  while (true) {
    if (is_shut_) co_return closed();
    if (!broken_.is_ok()) co_return broken_;
    CO_TRY_ASSIGN(const size_t count, decrypt(into));
    if (count != 0 || has_ended_) co_return count;
    CO_TRY(co_await receive(room));
    room = kRoom;  // In the middle of a record.
  }
}

// As much as is there: 0 if that isn't a record, or if the peer has ended.
Result<size_t> TlsStream::decrypt(MutableBytes into) {
  size_t done = 0;
  while (done < into.size()) {
    ERR_clear_error();
    size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + done, into.size() - done, &count);
    if (result == 1) {
      done += count;
      if (incoming_begin_ == incoming_end_ && SSL_pending(ssl_.get()) == 0) break;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
      has_ended_ = true;
    } else if (error != SSL_ERROR_WANT_READ) {
      const std::string refusal = refusal_in_alert(ERR_GET_REASON(ERR_peek_last_error()));
      const Status broken =
          !refusal.empty()
              ? Status(Code::kPermission, peer_ + " refuses us: " + refusal)
              : Status(Code::kUnavailable, "what came from " + peer_ + " isn't what it sent: " + openssl_error());
      const Status status = break_off(broken);
      if (done == 0) return status;
    } else if (outgoing_.size() > kOutgoingMax) {
      const Status status = break_off(Status(Code::kUnavailable, peer_ + " asks for new keys again and again"));
      if (done == 0) return status;
    }
    break;
  }
  return done;
}

Task<Status> TlsStream::receive(size_t room) {
  DCHECK(incoming_begin_ == incoming_end_);
  if (incoming_capacity_ != room) {
    incoming_.reset(new std::byte[room]);
    incoming_capacity_ = room;
  }
  incoming_begin_ = incoming_end_ = 0;
  const Result<size_t> count = co_await below_->read(MutableBytes(incoming_.get(), room));
  if (is_shut_) co_return closed();
  if (!count.is_ok()) co_return break_off(count.status());
  if (*count == 0) {
    co_return break_off(
        Status(Code::kUnavailable, "the connection to " + peer_ + " was cut off: it ended without saying so"));
  }
  incoming_end_ = *count;
  co_return ok();
}

Task<Status> TlsStream::write(std::span<const ByteView> pieces) {
  Position at;
  while (true) {
    if (is_shut_) co_return closed();
    if (!broken_.is_ok()) co_return broken_;
    CO_TRY(encrypt(pieces, at));
    if (outgoing_.empty()) break;
    const Status sent = co_await send();
    if (!sent.is_ok()) co_return break_off(sent);
  }
  if (outgoing_.capacity() > kMemoryKept) outgoing_ = Bytes();
  if (sending_.capacity() > kMemoryKept) sending_ = Bytes();
  co_return ok();
}

// A batch from `at` on. Large pieces are encrypted from where they are; small ones share a record.
Status TlsStream::encrypt(std::span<const ByteView> pieces, Position& at) {
  std::array<std::byte, kRecord> shared;  // NOLINT: filled as far as it is used.
  size_t shared_size = 0;
  while (at.index < pieces.size() && outgoing_.size() < kBatch) {
    const ByteView rest = pieces[at.index].subspan(at.offset);
    if (rest.empty()) {
      ++at.index;
      at.offset = 0;
      continue;
    }
    size_t taken = 0;
    const bool is_last = at.index + 1 == pieces.size();
    if (shared_size == 0 && (rest.size() >= kRecord || is_last)) {
      taken = std::min(rest.size(), kRecord);
      TRY(encrypt_record(rest.first(taken)));
    } else {
      taken = std::min(rest.size(), kRecord - shared_size);
      std::memcpy(shared.data() + shared_size, rest.data(), taken);
      shared_size += taken;
      if (shared_size == kRecord) {
        TRY(encrypt_record(shared));
        shared_size = 0;
      }
    }
    at.offset += taken;
  }
  if (shared_size == 0) return ok();
  return encrypt_record(ByteView(shared).first(shared_size));
}

Status TlsStream::encrypt_record(ByteView plain) {
  if (plain.size() == kRecord && outgoing_.capacity() < kBatch + kRecord) {
    outgoing_.reserve(kBatch + kRecord + 5 * kRecordOverhead);
  }
  ERR_clear_error();
  // A key isn't good for any number of records (2^24.5 of full size with AES-GCM).
  const bool is_due = ++records_ % records_per_key_ == 0;
  size_t count = 0;
  if ((!is_due || SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) &&
      SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) == 1) {
    return ok();
  }
  return break_off(Status(Code::kUnavailable, "can't encrypt for " + peer_ + ": " + openssl_error()));
}

Task<Status> TlsStream::send() {
  if (outgoing_.empty()) co_return ok();
  std::swap(outgoing_, sending_);
  is_sending_ = true;
  const ByteView piece(sending_);
  const Status sent = co_await below_->write(std::span(&piece, 1));
  is_sending_ = false;
  sending_.clear();
  if (is_shut_) co_return closed();
  co_return sent;
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

// Nothing that comes or goes after this can be believed. The peer is told, if it can be.
Status TlsStream::break_off(Status status) {
  if (!broken_.is_ok()) return broken_;
  broken_ = std::move(status);
  if (is_sending_) {
    below_->shut();
  } else {
    below_->shut_after(outgoing_);
  }
  return broken_;
}

void TlsStream::shut() {
  if (std::exchange(is_shut_, true)) return;
  if (is_sending_ || !is_established_ || !broken_.is_ok()) {
    below_->shut();
    return;
  }
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  below_->shut_after(outgoing_);
}

Status TlsStream::closed() const { return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed"); }

}  // namespace aeon::tls
