// Objects: writes, reads and listings of open containers, on the target's store.
//
// Data isn't copied here: the store reads what is written from where the transport has it, and writes what is read
// where the transport wants it; in one process both are the caller's memory.
// Threading: one executor.
#pragma once

#include "container/container_service.h"

namespace aeon::object {

class ObjectService {
 public:
  // Both outlive the service. `target_count` is the system's, for object classes.
  ObjectService(vos::Store& store, container::ContainerService& containers, uint32_t target_count)
      : store_(store), containers_(containers), target_count_(target_count) {}

  void add_to(rpc::Dispatcher& dispatcher);

  Task<Result<wire::EpochReply>> write(wire::ObjectWriteRequest, rpc::ServerCall&);
  Task<Result<wire::ObjectFetchReply>> fetch(wire::ObjectFetchRequest, rpc::ServerCall&);
  Task<Result<wire::ListObjectsReply>> list_objects(wire::ListObjectsRequest, rpc::ServerCall&);
  Task<Result<wire::ListKeysReply>> list_dkeys(wire::ListDkeysRequest, rpc::ServerCall&);
  Task<Result<wire::ListKeysReply>> list_akeys(wire::ListAkeysRequest, rpc::ServerCall&);
  Task<Result<wire::ListRecxsReply>> list_recxs(wire::ListRecxsRequest, rpc::ServerCall&);
  Task<Result<wire::QueryKeyReply>> query_key(wire::QueryKeyRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> query_max_epoch(wire::QueryMaxEpochRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> flush(wire::FlushRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> begin_transaction(wire::TransactionBeginRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> commit_transaction(wire::TransactionCommitRequest, rpc::ServerCall&);

 private:
  vos::Store& store_;
  container::ContainerService& containers_;
  const uint32_t target_count_;
};

}  // namespace aeon::object
