// A stream between two endpoints that belong to it alone.
//
// Bytes go in numbered messages, at most kWindow of them unread. A piece of at least kOfferMin is offered instead: its
// writer waits while the other side reads it from there. Both sides ask for a sign of life when they hear nothing; one
// that gives none, or can't be reached, breaks the stream.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "endpoint.h"
#include "flow.h"
#include "runtime/network.h"
#include "runtime/sync.h"

namespace aeon::ofi {

inline constexpr size_t kOfferMin = 32 * 1024;

class OfiStream final : public Stream, private Endpoint::Handler, private Timer {
 public:
  // One that isn't connected: say_hello(), or be_accepted().
  static Result<std::unique_ptr<OfiStream>> open(std::shared_ptr<Fabric> fabric, const fi_info& info, std::string peer);
  ~OfiStream() override;

  // As who connects: tells the listener, and waits for its answer. kUnavailable: none in time, or it refuses.
  Task<Status> say_hello(std::shared_ptr<Peer> listener, ByteView listener_name, Instant deadline);
  // As who was connected to. The answer to who did is left to the listener: it knows the way.
  void be_accepted(std::shared_ptr<Peer> peer, uint64_t token);
  uint64_t token() const { return token_; }
  const Bytes& endpoint_name() const { return endpoint_->name(); }

  Task<Result<size_t>> read(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  void shut() override;
  void shut_after(ByteView last) override;
  const std::string& peer() const override { return peer_; }

 private:
  struct Offered {
    uint64_t sequence;
    Registered memory;
  };

  OfiStream(Reactor& reactor, std::string peer);

  void on_message(uint32_t buffer, ByteView bytes) override;
  void on_sent() override;
  void on_read(const Status& status) override;
  void on_failure(const Status& status) override;
  void on_fire() override;

  Status take(uint32_t buffer, const Message& message, bool& keeps_buffer);
  void take_answer(const Message& message);
  void set_peer(std::shared_ptr<Peer> peer, uint64_t token);
  size_t copy_out(MutableBytes into);
  Task<Result<size_t>> read_offer(MutableBytes into, Arrived* arrived);
  void finish_front();
  Task<Status> wait_for_slot();
  void send_data(uint32_t slot, size_t payload, const Offer& offer);
  Result<Offer> offer(ByteView piece);
  void take_back_offers();
  Task<Status> wait_for_offers(size_t left);
  void say(uint16_t flags);
  void say_what_is_due();
  void look_after(Duration interval);
  Status condition() const;
  void break_off(Status status);
  void close_endpoint();
  bool uses_others_memory() const { return endpoint_->is_reading() || !offered_.empty(); }

  Reactor& reactor_;
  const std::string peer_;
  const uint64_t token_;
  std::shared_ptr<Peer> to_;
  std::unique_ptr<Endpoint> endpoint_;
  uint64_t peer_token_ = 0;
  Bytes listener_name_;  // While the answer is awaited.

  Incoming incoming_;
  uint64_t told_consumed_ = 0;
  uint64_t offer_done_ = 0;  // Of the offer at the front.
  std::optional<Status> read_result_;
  Outgoing outgoing_;
  std::deque<Offered> offered_;
  bool lost_offers_ = false;
  uint16_t due_ = 0;         // Flags to say...
  bool is_word_due_ = false;  // ... or only how much has been read.

  Duration interval_{};
  Instant last_heard_{};
  std::optional<Instant> asked_at_;
  Status broken_;
  bool is_peer_ended_ = false;
  bool is_shut_ = false;
  Signal readable_;
  Signal writable_;
};

}  // namespace aeon::ofi
