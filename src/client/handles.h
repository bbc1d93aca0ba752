// The handles behind Pool and Container.
#pragma once

#include "client/connection.h"

namespace aeon::client {

PoolInfo from_wire(const wire::PoolInfo& info);
ContainerInfo from_wire(const wire::ContainerInfo& info);
inline wire::Access to_wire(Access access) { return static_cast<wire::Access>(access); }
static_assert(static_cast<int>(Access::kExclusive) == static_cast<int>(wire::Access::kExclusive));

class PoolHandle final : public Pool, public std::enable_shared_from_this<PoolHandle> {
 public:
  PoolHandle(std::shared_ptr<Connection> connection, uint64_t handle, PoolInfo info, Access access)
      : connection_(std::move(connection)), handle_(handle), id_(info.id), access_(access) {}
  ~PoolHandle() override { connection_->close_pool(handle_); }

  Uuid id() const override { return id_; }
  Access access() const override { return access_; }
  Task<Result<PoolInfo>> query() override;
  Task<Result<std::vector<ContainerInfo>>> list_containers() override;
  Task<Result<Uuid>> create_container(ContainerSpec spec) override;
  Task<Result<Uuid>> clone_container(std::string base, Epoch epoch, ContainerSpec spec) override;
  Task<Result<std::shared_ptr<Container>>> open_container(std::string container, Access access) override;
  Task<Status> destroy_container(std::string container, bool force) override;
  Task<Result<std::map<std::string, Bytes>>> attributes() override;
  Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) override;

  Connection& connection() { return *connection_; }
  uint64_t handle() const { return handle_; }

 private:
  const std::shared_ptr<Connection> connection_;
  const uint64_t handle_;
  const Uuid id_;
  const Access access_;
};

class ContainerHandle final : public Container, public std::enable_shared_from_this<ContainerHandle> {
 public:
  ContainerHandle(std::shared_ptr<PoolHandle> pool, uint64_t handle, Uuid id, Access access, bool verifies)
      : pool_(std::move(pool)), handle_(handle), id_(id), access_(access), verifies_(verifies) {}
  ~ContainerHandle() override { pool_->connection().close_container(handle_); }

  Uuid id() const override { return id_; }
  Access access() const override { return access_; }
  Executor& executor() override { return channel().executor(); }

  Task<Result<ContainerInfo>> query() override;
  Task<Result<SpaceSurvey>> survey_space() override;
  Task<Result<Properties>> properties() override;
  Task<Status> set_properties(Properties changed) override;
  Task<Result<std::map<std::string, Bytes>>> attributes() override;
  Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) override;
  Task<Result<Epoch>> create_snapshot(std::string name) override;
  Task<Result<std::vector<SnapshotInfo>>> snapshots() override;
  Task<Status> destroy_snapshot(Epoch epoch) override;
  Task<Result<ContainerEpochs>> epochs() override;
  Task<Status> commit(Epoch epoch) override;
  Task<Status> discard(Epoch begin, Epoch end) override;
  Task<Status> aggregate(Epoch through) override;
  Task<Result<uint64_t>> allocate_object_numbers(uint64_t count) override;
  Task<Result<std::shared_ptr<Transaction>>> begin_transaction() override;
  Task<Result<Epoch>> write(std::vector<ObjectWrite> writes, Epoch epoch) override;
  Task<Result<std::vector<FetchedAkey>>> fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                               uint32_t conditions, Epoch epoch) override;
  Task<Result<ObjectPage>> list_objects(Anchor from, ListLimits limits, Epoch epoch) override;
  Task<Result<KeyPage>> list_dkeys(ObjectId object, Anchor from, ListLimits limits, Epoch epoch) override;
  Task<Result<KeyPage>> list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits, Epoch epoch) override;
  Task<Result<RecxPage>> list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from, ListLimits limits,
                                    Epoch epoch) override;
  Task<Result<QueriedKey>> query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey, Epoch epoch) override;
  Task<Result<Epoch>> query_max_epoch(ObjectId object, Epoch epoch) override;
  Task<Status> flush() override;

  // The same reads for a transaction too.
  Task<Result<std::vector<FetchedAkey>>> fetch_at(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                                  uint32_t conditions, Epoch epoch, bool in_transaction);
  Task<Result<ObjectPage>> list_objects_at(Anchor from, ListLimits limits, Epoch epoch, bool in_transaction);
  Task<Result<KeyPage>> list_dkeys_at(ObjectId object, Anchor from, ListLimits limits, Epoch epoch,
                                      bool in_transaction);
  Task<Result<KeyPage>> list_akeys_at(ObjectId object, Bytes dkey, Anchor from, ListLimits limits, Epoch epoch,
                                      bool in_transaction);
  Task<Result<RecxPage>> list_recxs_at(ObjectId object, Bytes dkey, Bytes akey, Anchor from, ListLimits limits,
                                       Epoch epoch, bool in_transaction);
  Task<Result<QueriedKey>> query_key_at(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey, Epoch epoch,
                                        bool in_transaction);
  Task<Result<Epoch>> query_max_epoch_at(ObjectId object, Epoch epoch, bool in_transaction);

  rpc::Channel& channel() { return pool_->connection().channel(); }
  uint64_t handle() const { return handle_; }
  // Whether what is fetched is verified here.
  bool verifies() const { return verifies_; }

 private:
  const std::shared_ptr<PoolHandle> pool_;
  const uint64_t handle_;
  const Uuid id_;
  const Access access_;
  const bool verifies_;
};

// One request; the handle `self` stays open until its end. `take` makes of the reply what the caller wants.
template <typename T, typename Handle, typename Request, typename Take>
Task<Result<T>> ask_for(std::shared_ptr<Handle> self, rpc::Channel& channel, Request request, Take take) {
  Result<typename Request::Reply> reply = co_await rpc::call(channel, std::move(request));
  static_cast<void>(self);
  if (!reply.is_ok()) co_return reply.status();
  co_return take(std::move(*reply));
}
template <typename Handle, typename Request>
Task<Status> tell(std::shared_ptr<Handle> self, rpc::Channel& channel, Request request) {
  const Result<wire::EmptyReply> reply = co_await rpc::call(channel, std::move(request));
  static_cast<void>(self);
  co_return reply.status();
}

}  // namespace aeon::client
