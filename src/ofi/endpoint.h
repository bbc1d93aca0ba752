// An endpoint of libfabric: messages from whoever knows its name, messages to peers, and reads of peers' memory.
//
// Memory of both directions is its own and fixed. What the provider doesn't take yet is tried again, in any order.
// After close() the provider touches neither that memory nor a reader's, whatever was under way.
// Looking: providers move nothing by themselves. While something goes on here the reactor looks in every turn
// (SpinSource). Before it sleeps, the descriptor of the endpoint's own queue is waited for; where a provider has none,
// it is looked at by a timer, more and more seldom as long as nothing comes. Threading: only on the reactor. Handlers
// are called from the reactor's loop; they may post and ask, but not destroy.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fabric.h"
#include "message.h"
#include "runtime/readiness.h"
#include "runtime/spin_source.h"

namespace aeon::ofi {

// What libfabric gives back about an operation: it points to the first member.
struct Operation {
  enum class Kind : uint8_t { kReceive, kSend, kRead };
  fi_context2 context;
  Kind kind;
  uint32_t index;
};

class Endpoint final : private SpinSource, private Timer, private Readiness::Listener {
 public:
  class Handler {
   public:
    // The buffer is the handler's until give_back().
    virtual void on_message(uint32_t buffer, ByteView bytes) = 0;
    // There is a free slot again, or nothing is left to send.
    virtual void on_sent() = 0;
    // The read() has ended.
    virtual void on_read(const Status& status) = 0;
    // Something can't be sent or received.
    virtual void on_failure(const Status& status) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    uint32_t receive_count = 32;  // The window, and more words than there can be on their way.
    uint32_t send_count = 24;
  };
  // Where `info` says; at a place of its own if not `at_source`. kExists: somebody is there.
  static Result<std::unique_ptr<Endpoint>> open(std::shared_ptr<Fabric> fabric, const fi_info& info, bool at_source,
                                                Options options, Handler& handler);
  ~Endpoint() override;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  Fabric& fabric() { return *fabric_; }
  const std::shared_ptr<Fabric>& shared_fabric() const { return fabric_; }
  const Bytes& name() const { return name_; }

  size_t message_max() const { return fabric_->provider().message_max; }
  size_t free_slots() const { return free_slots_.size(); }
  // Memory for a message; there is a free slot. Then send() it.
  uint32_t take_slot();
  MutableBytes slot(uint32_t index);
  void send(uint32_t slot, size_t size, std::shared_ptr<Peer> to);
  void give_back(uint32_t buffer);
  bool has_sent_all() const { return is_closed_ || sending_ == 0; }

  // Reads a peer's memory; one at a time. on_read() says when it has ended.
  Status read(MutableBytes into, const std::shared_ptr<Peer>& from, uint64_t address, uint64_t key);
  bool is_reading() const { return reading_.has_value(); }

  // Nothing is told to a handler from now on; what is on its way goes on.
  void forget_handler() { handler_ = nullptr; }
  void close();
  bool is_closed() const { return is_closed_; }

  // Since when the provider hasn't taken what is to be sent.
  std::optional<Instant> stalled_since() const { return stalled_since_; }
  // Gives up what it hasn't taken since then.
  void drop_stalled(Instant since);

 private:
  struct Waiting {
    uint32_t slot;
    size_t size;
    Instant since;
  };
  struct Reading {
    MutableBytes into;
    std::shared_ptr<Peer> from;
    uint64_t address;
    uint64_t key;
    Registered registered;
    bool is_posted;
  };

  Endpoint(std::shared_ptr<Fabric> fabric, Options options, Handler& handler)
      : fabric_(std::move(fabric)), options_(options), handler_(&handler) {}
  Status open_parts(const fi_info& info, bool at_source);
  Status open_queue();
  Status make_memory();
  Status find_name();
  void post_receive(uint32_t buffer);
  int64_t post_send(uint32_t slot, size_t size);
  void free_slot(uint32_t slot);
  bool post_read();
  void end_read(const Status& status);
  void fail(const Status& status);

  bool look() override;
  void park() override;
  void unpark() override;
  void on_fire() override;
  void on_ready() override;
  void touch();
  void rest();
  void sleep_until_news();
  bool progress();
  bool read_queue();
  void read_error();
  bool must_retry() const { return !waiting_.empty() || !unposted_.empty() || (is_reading() && !reading_->is_posted); }
  bool retry();
  void on_complete(const Operation& operation, size_t size, const Status& status);

  const std::shared_ptr<Fabric> fabric_;
  const Options options_;
  Handler* handler_;
  std::unique_ptr<std::byte[]> memory_;  // Of receives, then of sends.
  std::vector<Operation> operations_;    // The same, and of the read.
  std::vector<std::shared_ptr<Peer>> receivers_;  // By slot, while it is on its way.
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> unposted_;  // Buffers that the provider doesn't take yet.
  std::vector<Waiting> waiting_;
  std::optional<Instant> stalled_since_;
  std::optional<Reading> reading_;
  size_t sending_ = 0;
  uint32_t receive_failures_ = 0;
  Registered registered_;
  Fid<fid_cq> queue_;
  Fid<fid_ep> endpoint_;
  std::unique_ptr<Readiness> readiness_;  // Of the queue, if the provider has a descriptor for it.
  Duration nap_{};                        // Before the next look.
  Bytes name_;
  bool is_closed_ = false;
};

}  // namespace aeon::ofi
