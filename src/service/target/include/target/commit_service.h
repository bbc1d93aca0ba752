// Commits over several targets, in two phases: docs/design/targets.md has the protocol and why it is enough.
//
// The target that a client sends a commit to coordinates it: all prepare at an epoch that it chose, it commits its own
// part, which decides, answers, and tells the others. Whoever has prepared and isn't told asks the coordinator;
// what that doesn't know of is aborted.
// Threading: one executor.
#pragma once

#include <map>
#include <set>

#include "placement/router.h"
#include "runtime/gate.h"
#include "runtime/world.h"
#include "target/targets.h"

namespace aeon::target {

class CommitService final : public PreparedListener {
 public:
  // All outlive it.
  CommitService(World& world, vos::Store& store, TargetService& service, Targets& targets);
  ~CommitService() override;

  void add_to(rpc::Dispatcher& dispatcher);
  // After the targets have joined: takes up what an earlier life of this target left undecided, in the background.
  Task<Status> start();
  Task<void> stop();

  // All of a transaction, whichever targets it is of; this one has one of its writes. The same uuid again gets the same
  // answer. kConflict: begin again; kInProgress: it is being committed already.
  // Of `request`, if its client may repeat it, the store remembers that it was done.
  Task<Result<Epoch>> commit(Uuid container, vos::Transaction transaction, vos::Durability durability,
                             RequestId request);
  Task<Result<wire::TargetOutcomeReply>> outcome(wire::TargetOutcomeRequest request, rpc::ServerCall&);

  void on_prepared(Uuid container, vos::TransactionId transaction, uint32_t coordinator) override;
  void on_decided(Uuid transaction) override;
  // Prepared here and not decided, and decided here without all having heard of it.
  size_t open_count() const { return prepared_.size() + kept_.size(); }

 private:
  struct Part {
    std::vector<TransactionRead> reads;
    std::vector<ObjectWrite> writes;
  };
  using Parts = std::map<uint32_t, Part>;
  struct Prepared {
    Uuid container;
    vos::TransactionId id;
    uint32_t coordinator = 0;
    Instant since;
  };
  struct Kept {
    Uuid container;
    vos::TransactionId id;
  };

  Result<Parts> split(vos::Transaction transaction) const;
  Task<Result<Epoch>> commit_parts(Uuid container, vos::TransactionId id, Epoch read_epoch, Parts parts,
                                   RequestId request);
  Task<Status> abort_parts(Uuid container, vos::TransactionId id, std::vector<uint32_t> others);
  Task<void> tell_commit(Uuid container, vos::TransactionId id, std::vector<uint32_t> others);
  Task<void> tell_abort(Uuid container, vos::TransactionId id, std::vector<uint32_t> others);
  std::vector<Question<wire::TargetDecideRequest>> tellings(Uuid container, vos::TransactionId id, bool is_commit,
                                                            const std::vector<uint32_t>& others) const;
  Epoch choose_epoch();

  Task<Status> load();
  Task<void> keep_deciding();
  Task<void> decide_what_is_left();
  Task<void> ask_outcome(Prepared prepared);

  World& world_;
  vos::Store& store_;
  TargetService& service_;
  Targets& targets_;
  std::optional<placement::Router> router_;
  Gate gate_;
  Signal changed_;
  std::set<Uuid> active_;  // Commits that this target coordinates now.
  std::map<Uuid, Prepared> prepared_;  // Here, by transaction.
  std::map<Uuid, Kept> kept_;  // Commits of this target that not all have heard of, by transaction.
};

}  // namespace aeon::target
