// A container as all targets of the system have it, as if it were in one store.
//
// Threading: one executor. Tasks must have ended before it goes.
#pragma once

#include <optional>

#include "runtime/world.h"
#include "target/targets.h"

namespace aeon::container {

class AllTargets {
 public:
  // All outlive it; `store` is this target's.
  AllTargets(World& world, vos::Store& store, target::Targets& targets)
      : world_(world), store_(store), targets_(targets) {}

  uint32_t count() const { return targets_.count(); }

  // On all or, as far as they can be reached to take it back, on none.
  Task<Status> create(Uuid container, bool has_explicit_epochs, std::optional<vos::CloneBase> base);
  Task<Status> destroy(Uuid container);

  struct Whole {
    wire::TargetQueryContainerReply sum;  // Epochs are those that hold for all of it.
    Epoch highest_committed_any;
  };
  Task<Result<Whole>> query(Uuid container, bool with_survey);

  // At one epoch, later than all that was acknowledged.
  Task<Result<Epoch>> create_snapshot(Uuid container, bool has_explicit_epochs);
  Task<Status> destroy_snapshot(Uuid container, Epoch epoch);
  Task<Status> commit(Uuid container, Epoch epoch);
  Task<Status> discard(Uuid container, Epoch begin, Epoch end);
  Task<Status> aggregate(Uuid container, Epoch through);

  // What targets have of containers that aren't `known`, from creations and destructions that a crash cut short, goes.
  // Targets that don't answer are left as they are.
  Task<void> destroy_leftovers(std::vector<Uuid> known);
  // Likewise, of snapshots.
  Task<void> destroy_leftover_snapshots(Uuid container, std::vector<Epoch> known);

 private:
  Task<Result<Epoch>> newest_readable(Uuid container, bool has_explicit_epochs);
  Task<Status> create_once(wire::TargetCreateContainerRequest request);
  Task<Status> snapshot_once(wire::TargetCreateSnapshotRequest request);
  Task<bool> may_try_again(Code code, bool has_explicit_epochs, int attempt);

  World& world_;
  vos::Store& store_;
  target::Targets& targets_;
};

}  // namespace aeon::container
