// The containers of a pool: names, properties, attributes, handles, snapshots, object numbers.
//
// A container is in the metadata (name → record, docs/design/requests.md) and in the stores of all targets. It is
// created in the stores first and destroyed there last, so that what a crash leaves behind is a container without a
// record: load() destroys those. Handles live as long as the engine's process. Destroying by force, and disconnecting
// the pool handle they were opened by, makes them stale. Threading: one executor, which owns it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pool/pool_service.h"
#include "target/open_handles.h"

namespace aeon::container {

class AllTargets;

class ContainerService final : public pool::PoolUser, public target::OpenHandles {
 public:
  // All outlive the service. `store` is this target's, and keeps the metadata.
  ContainerService(World& world, vos::Store& store, target::Targets& targets, pool::PoolService& pool);
  ~ContainerService() override;

  Task<Status> load();
  // Writes what is kept in memory meanwhile: times of opening, numbers reserved but not given out.
  Task<Status> save();
  // Before the targets are gone: ends what goes on in the background.
  Task<void> stop();
  void add_to(rpc::Dispatcher& dispatcher);

  Result<target::OpenContainer> find(uint64_t handle, bool for_writing) const override;
  Task<Result<target::OpenContainer>> look_up(uint64_t handle, bool for_writing) override;

  void on_pool_handle_closed(uint64_t handle) override;
  uint32_t container_count() const override { return static_cast<uint32_t>(containers_.size()); }

  Task<Result<wire::ContainerCreateReply>> create(wire::ContainerCreateRequest, rpc::ServerCall&);
  Result<wire::ContainerOpenReply> open(wire::ContainerOpenRequest, rpc::ServerCall&);
  Result<wire::EmptyReply> close(wire::ContainerCloseRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> destroy(wire::ContainerDestroyRequest, rpc::ServerCall&);
  Task<Result<wire::ContainerListReply>> list(wire::ContainerListRequest, rpc::ServerCall&);
  Task<Result<wire::ContainerQueryReply>> query(wire::ContainerQueryRequest, rpc::ServerCall&);
  Result<wire::ContainerPropertiesReply> properties(wire::ContainerPropertiesRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> set_properties(wire::ContainerSetPropertiesRequest, rpc::ServerCall&);
  Result<wire::AttributesReply> attributes(wire::ContainerAttributesRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> change_attributes(wire::ContainerChangeAttributesRequest, rpc::ServerCall&);
  Task<Result<wire::EpochReply>> create_snapshot(wire::SnapshotCreateRequest, rpc::ServerCall&);
  Result<wire::SnapshotListReply> list_snapshots(wire::SnapshotListRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> destroy_snapshot(wire::SnapshotDestroyRequest, rpc::ServerCall&);
  Task<Result<wire::AllocateNumbersReply>> allocate_numbers(wire::AllocateNumbersRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> aggregate(wire::ContainerAggregateRequest, rpc::ServerCall&);
  Task<Result<wire::ContainerCreateReply>> clone(wire::ContainerCloneRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> commit(wire::ContainerCommitRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> discard(wire::ContainerDiscardRequest, rpc::ServerCall&);
  Task<Result<wire::ContainerEpochsReply>> epochs(wire::ContainerEpochsRequest, rpc::ServerCall&);
  // For other targets.
  Result<wire::TargetHandleReply> tell_handle(wire::TargetHandleRequest, rpc::ServerCall&);

 private:
  struct Container;
  struct Handle;
  using ContainerRef = std::shared_ptr<Container>;
  using MetadataChanges = std::vector<vos::Store::MetadataChange>;

  // What is given for a container to be made, with its label among the properties.
  struct NewContainer {
    RequestId request;
    std::optional<Uuid> id;
    wire::Properties properties;
    std::optional<vos::CloneBase> base;
    uint64_t allocated_number = 0;
    wire::Attributes attributes;
  };
  // Under `naming_`.
  Task<Result<wire::ContainerCreateReply>> add(NewContainer given);
  Result<ContainerRef> find_open(uint64_t handle, bool for_writing) const;
  Result<ContainerRef> find_named(std::string_view name) const;
  Status check_label_free(const std::string& label, const Container* except) const;
  Status load_record(std::string_view name, ByteView value);
  Task<Result<bool>> load_snapshots(ContainerRef container);
  void drop_handles(const Container& container);
  // Other targets believe them no longer.
  void tell_gone(std::vector<uint64_t> handles);
  Task<void> tell_others_gone(std::vector<uint64_t> handles);
  Task<Result<wire::ContainerInfo>> info(ContainerRef container);
  Task<Status> erase_records(MetadataChanges erased, MetadataChanges also, RequestId request);
  Task<void> destroy_snapshot_later(Uuid container, Epoch epoch);
  Task<Status> save_numbers(ContainerRef container, uint64_t reserved_below);

  World& world_;
  vos::Store& store_;
  target::Targets& targets_;
  const std::unique_ptr<AllTargets> all_;
  pool::PoolService& pool_;
  Gate background_;
  Mutex naming_;  // Held by what adds, removes or renames containers.
  std::map<Uuid, ContainerRef> containers_;
  std::map<std::string, Uuid, std::less<>> labels_;
  std::map<uint64_t, Handle> handles_;
};

}  // namespace aeon::container
