#include "wire/messages.h"

namespace aeon::wire {

std::string_view opcode_name(uint16_t opcode) {
  switch (static_cast<Opcode>(opcode)) {
    case Opcode::kHello: return "hello";
    case Opcode::kStatus: return "status";
    case Opcode::kPoolList: return "pool_list";
    case Opcode::kPoolConnect: return "pool_connect";
    case Opcode::kPoolDisconnect: return "pool_disconnect";
    case Opcode::kPoolQuery: return "pool_query";
    case Opcode::kPoolAttributes: return "pool_attributes";
    case Opcode::kPoolChangeAttributes: return "pool_change_attributes";
    case Opcode::kContainerCreate: return "container_create";
    case Opcode::kContainerOpen: return "container_open";
    case Opcode::kContainerClose: return "container_close";
    case Opcode::kContainerDestroy: return "container_destroy";
    case Opcode::kContainerList: return "container_list";
    case Opcode::kContainerQuery: return "container_query";
    case Opcode::kContainerProperties: return "container_properties";
    case Opcode::kContainerSetProperties: return "container_set_properties";
    case Opcode::kContainerAttributes: return "container_attributes";
    case Opcode::kContainerChangeAttributes: return "container_change_attributes";
    case Opcode::kSnapshotCreate: return "snapshot_create";
    case Opcode::kSnapshotList: return "snapshot_list";
    case Opcode::kSnapshotDestroy: return "snapshot_destroy";
    case Opcode::kAllocateNumbers: return "allocate_numbers";
    case Opcode::kContainerAggregate: return "container_aggregate";
    case Opcode::kContainerClone: return "container_clone";
    case Opcode::kContainerCommit: return "container_commit";
    case Opcode::kContainerDiscard: return "container_discard";
    case Opcode::kContainerEpochs: return "container_epochs";
    case Opcode::kObjectWrite: return "object_write";
    case Opcode::kObjectFetch: return "object_fetch";
    case Opcode::kListObjects: return "list_objects";
    case Opcode::kListDkeys: return "list_dkeys";
    case Opcode::kListAkeys: return "list_akeys";
    case Opcode::kListRecxs: return "list_recxs";
    case Opcode::kQueryKey: return "query_key";
    case Opcode::kQueryMaxEpoch: return "query_max_epoch";
    case Opcode::kFlush: return "flush";
    case Opcode::kTransactionBegin: return "transaction_begin";
    case Opcode::kTransactionCommit: return "transaction_commit";
    case Opcode::kCollective: return "collective";
    case Opcode::kTargetHandle: return "target_handle";
    case Opcode::kTargetForgetHandles: return "target_forget_handles";
    case Opcode::kTargetClock: return "target_clock";
    case Opcode::kTargetSpace: return "target_space";
    case Opcode::kTargetContainers: return "target_containers";
    case Opcode::kTargetCreateContainer: return "target_create_container";
    case Opcode::kTargetDestroyContainer: return "target_destroy_container";
    case Opcode::kTargetQueryContainer: return "target_query_container";
    case Opcode::kTargetCommit: return "target_commit";
    case Opcode::kTargetDiscard: return "target_discard";
    case Opcode::kTargetAggregate: return "target_aggregate";
    case Opcode::kTargetCreateSnapshot: return "target_create_snapshot";
    case Opcode::kTargetDestroySnapshot: return "target_destroy_snapshot";
    case Opcode::kTargetPrepare: return "target_prepare";
    case Opcode::kTargetDecide: return "target_decide";
    case Opcode::kTargetOutcome: return "target_outcome";
    case Opcode::kTargetCollective: return "target_collective";
    case Opcode::kTargetStatus: return "target_status";
  }
  return "unknown";
}

}  // namespace aeon::wire
