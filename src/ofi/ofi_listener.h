// Who waits at an "ofi+…" address: an endpoint that hears hellos. Each gets a stream with an endpoint of its own.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "endpoint.h"
#include "runtime/gate.h"
#include "runtime/network.h"
#include "runtime/sync.h"

namespace aeon::ofi {

// Keeps a name on this host for one process at a time, and says whether anybody has it: the providers' own way leaves
// names behind when a process is killed.
class NameHolder {
 public:
  // kExists: somebody has it. What answers runs inside of `gate`.
  static Result<std::unique_ptr<NameHolder>> take(Gate& gate, Network& below, const std::string& name);
  ~NameHolder();
  // kUnavailable: nobody has it.
  static Task<Status> check_is_taken(Network* below, std::string name, Duration timeout);

 private:
  explicit NameHolder(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  static Task<void> answer(std::shared_ptr<Listener> listener);
  const std::shared_ptr<Listener> listener_;
};

class OfiListener final : public Listener, private Endpoint::Handler {
 public:
  static Result<std::unique_ptr<OfiListener>> open(std::shared_ptr<Fabric> fabric, Info info, Address address,
                                                   std::unique_ptr<NameHolder> name);
  ~OfiListener() override;

  Task<Result<std::unique_ptr<Stream>>> accept() override;
  void shut() override;
  const std::string& address() const override { return text_; }

 private:
  struct Hello {
    Bytes name;
    uint64_t token;
    bool is_again = false;
  };

  OfiListener(Reactor& reactor, Info info, std::unique_ptr<NameHolder> name)
      : reactor_(reactor), info_(std::move(info)), name_(std::move(name)), changed_(reactor) {}

  void on_message(uint32_t buffer, ByteView bytes) override;
  void on_sent() override {}
  void on_read(const Status&) override {}
  void on_failure(const Status& status) override;

  Result<std::unique_ptr<Stream>> welcome(const Hello& hello);
  Status answer(Kind kind, std::shared_ptr<Peer> to, uint64_t token, uint64_t own_token, ByteView payload);
  void refuse(ByteView bytes, const Status& why);
  void log_refusal(const Status& status);

  Reactor& reactor_;
  const Info info_;
  const std::unique_ptr<NameHolder> name_;
  std::unique_ptr<Endpoint> endpoint_;
  std::string text_;
  std::deque<Hello> hellos_;
  Signal changed_;
  bool is_shut_ = false;
  Instant next_log_{};
  uint64_t unlogged_ = 0;
};

}  // namespace aeon::ofi
