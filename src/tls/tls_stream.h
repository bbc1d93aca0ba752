// One TLS connection over another stream.
//
// OpenSSL reads from and writes to memory; this moves that memory. Each side first shakes hands, and the server then
// sends one byte, so that a client hears whether its certificate is taken before connect() returns.
#pragma once

#include <memory>
#include <string>

#include "openssl.h"
#include "runtime/executor.h"
#include "runtime/network.h"
#include "tls/identity.h"

namespace aeon::tls {

class TlsStream final : public Stream {
 public:
  // As a server accepts, or a client that has connected. `now_unix_s` is for certificates' times. `peer` is for
  // messages.
  TlsStream(std::unique_ptr<Stream> below, const Identity& identity, Role role, int64_t now_unix_s, std::string peer,
            uint64_t records_per_key);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Once, before anything else. kPermission: a certificate isn't good, here or there. kUnavailable: all else.
  Task<Status> shake_hands();

  Task<Result<size_t>> read(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  // Tells the peer that this is the end in order, unless a write is in progress.
  void shut() override;
  // By its certificate.
  bool may_be_server() const override;
  const std::string& peer() const override { return peer_; }

 private:
  // The first byte that isn't encrypted yet.
  struct Position {
    size_t index = 0;
    size_t offset = 0;
  };

  Task<Status> negotiate();
  Task<Status> receive(size_t room);
  Task<Status> send();
  Result<size_t> decrypt(MutableBytes into);
  Status encrypt(std::span<const ByteView> pieces, Position& at);
  Status encrypt_record(ByteView plain);
  Status handshake_failed() const;
  Status break_off(Status status);
  Status closed() const;

  static const BIO_METHOD* memory_method();
  static int take_incoming(BIO* bio, char* into, size_t room, size_t* taken);
  static int put_outgoing(BIO* bio, const char* from, size_t size, size_t* put);

  const std::unique_ptr<Stream> below_;
  const Role role_;
  const std::string peer_;
  const uint64_t records_per_key_;
  SslPtr ssl_;
  // From below, and not yet taken by OpenSSL, which takes all of it before it asks for more.
  std::unique_ptr<std::byte[]> incoming_;
  size_t incoming_capacity_ = 0;
  size_t incoming_begin_ = 0, incoming_end_ = 0;
  Bytes outgoing_;  // Encrypted.
  Bytes sending_;   // On its way.
  uint64_t records_ = 0;
  bool is_sending_ = false;
  bool is_established_ = false;
  bool is_shut_ = false;
  bool has_ended_ = false;  // The peer said so.
  Status broken_;
};

}  // namespace aeon::tls
