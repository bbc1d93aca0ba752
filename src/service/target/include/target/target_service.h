// What a target does for the others of its system, on its store: their parts of containers, and of commits over several
// targets.
//
// Whatever is asked twice gets the same answer. Threading: one executor.
#pragma once

#include <functional>
#include <map>

#include "rpc/dispatcher.h"
#include "vos/store.h"
#include "wire/messages.h"

namespace aeon::target {

// Who must hear of what this target has promised to commit.
class PreparedListener {
 public:
  virtual ~PreparedListener() = default;
  virtual void on_prepared(Uuid container, vos::TransactionId transaction, uint32_t coordinator) = 0;
  virtual void on_decided(Uuid transaction) = 0;
};

class TargetService {
 public:
  // The store outlives the service.
  explicit TargetService(vos::Store& store) : store_(store) {}

  void add_to(rpc::Dispatcher& dispatcher);
  void set_listener(PreparedListener* listener) { listener_ = listener; }

  Task<Result<wire::EpochReply>> answer(wire::TargetClockRequest request);
  Task<Result<wire::TargetSpaceReply>> answer(wire::TargetSpaceRequest request);
  Task<Result<wire::TargetContainersReply>> answer(wire::TargetContainersRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetCreateContainerRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetDestroyContainerRequest request);
  Task<Result<wire::TargetQueryContainerReply>> answer(wire::TargetQueryContainerRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetCommitRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetDiscardRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetAggregateRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetCreateSnapshotRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetDestroySnapshotRequest request);
  // The data is attached to the writes.
  Task<Result<wire::EmptyReply>> answer(wire::TargetPrepareRequest request);
  Task<Result<wire::EmptyReply>> answer(wire::TargetDecideRequest request);

 private:
  vos::Store& store_;
  PreparedListener* listener_ = nullptr;
};

// What a prepared transaction's store keeps of who decides about it.
Bytes encode_coordinator(uint32_t coordinator);
Result<uint32_t> decode_coordinator(ByteView participants);

}  // namespace aeon::target
