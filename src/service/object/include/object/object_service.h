// Objects: writes, reads and listings of open containers, on the target's store. What is spread over targets is asked
// of each of them; only commits may be of several.
//
// Data isn't copied here: the store reads what is written from where the transport has it, and writes what is read
// where the transport wants it; in one process both are the caller's memory.
// Threading: one executor.
#pragma once

#include "target/commit_service.h"
#include "target/open_handles.h"

namespace aeon::object {

class ObjectService {
 public:
  // All outlive the service.
  ObjectService(vos::Store& store, target::OpenHandles& handles, target::Targets& targets,
                target::CommitService& commits)
      : store_(store), handles_(handles), targets_(targets), commits_(commits) {}

  void add_to(rpc::Dispatcher& dispatcher);

  Task<Result<wire::EpochReply>> write(wire::ObjectWriteRequest, rpc::ServerCall&);
  Task<Result<wire::ObjectFetchReply>> fetch(wire::ObjectFetchRequest, rpc::ServerCall&);
  Task<Result<wire::ListObjectsReply>> list_objects(wire::ListObjectsRequest, rpc::ServerCall&);
  Task<Result<wire::ListKeysReply>> list_dkeys(wire::ListDkeysRequest, rpc::ServerCall&);
  Task<Result<wire::ListKeysReply>> list_akeys(wire::ListAkeysRequest, rpc::ServerCall&);
  Task<Result<wire::ListRecxsReply>> list_recxs(wire::ListRecxsRequest, rpc::ServerCall&);
  Task<Result<wire::QueryKeyReply>> query_key(wire::QueryKeyRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> query_max_epoch(wire::QueryMaxEpochRequest, rpc::ServerCall&);
  Task<Result<wire::FlushReply>> flush(wire::FlushRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> begin_transaction(wire::TransactionBeginRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> commit_transaction(wire::TransactionCommitRequest, rpc::ServerCall&);

 private:
  Status check_placed(const ObjectWrite& write);

  vos::Store& store_;
  target::OpenHandles& handles_;
  target::Targets& targets_;
  target::CommitService& commits_;
  std::optional<placement::Router> router_;  // Made when the targets are known.
};

}  // namespace aeon::object
