// The handles behind Pool and Container.
#pragma once

#include "client/connection.h"

namespace aeon::client {

PoolInfo from_wire(const wire::PoolInfo& info);
ContainerInfo from_wire(const wire::ContainerInfo& info);
inline wire::Access to_wire(Access access) { return static_cast<wire::Access>(access); }
static_assert(static_cast<int>(Access::kExclusive) == static_cast<int>(wire::Access::kExclusive));

// The number by which an engine knows a handle, until it restarts.
class HandleNumber {
 public:
  // `life` is the engine's as last heard of before the number was asked for.
  HandleNumber(rpc::Channel& channel, uint64_t life, uint64_t number)
      : channel_(channel), life_(life), turn_(channel.executor(), 1), number_(number) {}

  uint64_t number() const { return number_; }

  // `stale` was refused: gets another number by `handle.open_again()`, unless somebody has meanwhile. kStaleHandle: the
  // engine is the same as before, so the handle is gone for good.
  template <typename Handle>
  Task<Status> renew(Handle& handle, uint64_t stale) {
    co_await turn_.acquire();
    const Permit permit(turn_, 1);
    if (number_ != stale) co_return ok();
    uint64_t life = channel_.server_life();
    if (life == life_) {  // As last heard of; another target may know of a new one before we do.
      CO_TRY(co_await rpc::call(channel_, wire::HelloRequest()));
      life = channel_.server_life();
    }
    if (life == life_) co_return Status(Code::kStaleHandle, "the handle was closed");
    CO_TRY_ASSIGN(number_, co_await handle.open_again());
    life_ = life;
    co_return ok();
  }

 private:
  rpc::Channel& channel_;
  uint64_t life_;  // Of the engine that gave the number.
  Semaphore turn_;
  uint64_t number_;
};

class PoolHandle final : public Pool, public std::enable_shared_from_this<PoolHandle> {
 public:
  PoolHandle(std::shared_ptr<Connection> connection, uint64_t life, uint64_t handle, const PoolInfo& info,
             Access access)
      : connection_(std::move(connection)),
        handle_(connection_->channel(), life, handle),
        id_(info.id),
        access_(access) {}
  ~PoolHandle() override { connection_->close_pool(handle_.number()); }

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
  rpc::Channel& channel(uint32_t target = 0) { return connection_->channel(target); }
  HandleNumber& handle() { return handle_; }
  // Connects again to an engine that restarted; see HandleNumber.
  Task<Result<uint64_t>> open_again();

 private:
  const std::shared_ptr<Connection> connection_;
  HandleNumber handle_;
  const Uuid id_;
  const Access access_;
};

class ContainerHandle final : public Container, public std::enable_shared_from_this<ContainerHandle> {
 public:
  ContainerHandle(std::shared_ptr<PoolHandle> pool, uint64_t life, uint64_t handle, Uuid id, Access access,
                  const wire::Properties& properties);
  ~ContainerHandle() override { pool_->connection().close_container(handle_.number()); }

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
  uint32_t place_of(ObjectId object, ByteView dkey) const override;
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

  rpc::Channel& channel(uint32_t target = 0) { return pool_->connection().channel(target); }
  uint32_t target_count() const { return pool_->connection().target_count(); }
  bool asks_collectively(size_t targets) const { return pool_->connection().asks_collectively(targets); }
  // For the targets of objects.
  const placement::Router& router() const { return pool_->connection().router(); }
  HandleNumber& handle() { return handle_; }
  Task<Result<uint64_t>> open_again();
  // Whether what is fetched is verified here.
  bool verifies() const { return verifies_; }
  // Something was written to a target, and is durable only when it is flushed.
  void note_written(uint32_t target = 0) {
    if (is_flushed_later_ && unflushed_lives_[target] == 0) unflushed_lives_[target] = channel(target).server_life();
  }
  // kIo: an engine restarted before what it took was flushed. Nothing may be written behind the gap, as if it weren't
  // there, until a flush has told the caller.
  Status check_nothing_lost() const;

 private:
  static Task<Status> flush_all(std::shared_ptr<ContainerHandle> self);
  Status note_flushed(uint32_t target, uint64_t writing_life, const Result<wire::FlushReply>& reply);

  const std::shared_ptr<PoolHandle> pool_;
  HandleNumber handle_;
  const Uuid id_;
  const Access access_;
  const bool verifies_;
  const bool is_flushed_later_;  // durability=flush.
  // Of each target's engine that took the first write since the last flush; 0: there is none.
  std::vector<uint64_t> unflushed_lives_;
};

// For as long as something undecided is worth waiting for: one of its targets may be starting again.
class Patience {
 public:
  explicit Patience(Executor& executor, Duration pause_max = std::chrono::milliseconds(20))
      : executor_(executor), pause_max_(pause_max) {}

  // Waits, longer each time. False, at once, when it has been too long since it was first called.
  Task<bool> wait() {
    if (until_ == Instant{}) until_ = executor_.now() + kMax;
    if (executor_.now() >= until_) co_return false;
    co_await sleep_for(executor_, pause_);
    pause_ = std::min(2 * pause_, pause_max_);
    co_return true;
  }

 private:
  static constexpr Duration kMax = std::chrono::seconds(20);
  Executor& executor_;
  const Duration pause_max_;
  Duration pause_ = std::chrono::microseconds(50);
  Instant until_{};
};

// Sends a request of a handle, which stays open until its end, to a target; with the handle's number put in. An engine
// that restarted knows no handles: then it is opened anew, and the request sent again, which wasn't done; once for each
// restart, however many come. What meets a commit over several targets that isn't decided yet is asked again until it
// is.
template <typename Handle, typename Request>
Task<Result<typename Request::Reply>> ask_at(std::shared_ptr<Handle> self, uint32_t target, Request request,
                                             rpc::Bulk bulk = rpc::Bulk()) {
  rpc::Channel& channel = self->channel(target);
  Patience patience(channel.executor());
  while (true) {
    if constexpr (requires { request.writes; }) CO_TRY(self->check_nothing_lost());
    const uint64_t number = self->handle().number();
    if constexpr (requires { request.handle; }) {
      request.handle = number;
    } else {
      request.pool = number;
    }
    rpc::Exchange exchange;
    CO_TRY(rpc::prepare(exchange, channel, request, bulk));
    CO_TRY(co_await channel.exchange(exchange));
    channel.note_answer(exchange);
    auto reply = rpc::open_reply<typename Request::Reply>(exchange);
    if (reply.code() == Code::kInProgress) {
      const bool goes_on = co_await patience.wait();
      if (!goes_on) co_return reply;
      continue;
    }
    if (reply.code() != Code::kStaleHandle) co_return reply;
    const Status renewed = co_await self->handle().renew(*self, number);
    if (renewed.code() == Code::kStaleHandle) co_return reply;  // It is what it seems.
    CO_TRY(renewed);
  }
}
// Of target 0: what isn't about objects.
template <typename Handle, typename Request>
Task<Result<typename Request::Reply>> ask(std::shared_ptr<Handle> self, Request request, rpc::Bulk bulk = rpc::Bulk()) {
  return ask_at(std::move(self), 0, std::move(request), bulk);
}
// `take` makes of the reply what the caller wants.
template <typename T, typename Handle, typename Request, typename Take>
Task<Result<T>> ask_for(std::shared_ptr<Handle> self, Request request, Take take) {
  Result<typename Request::Reply> reply = co_await ask(std::move(self), std::move(request));
  if (!reply.is_ok()) co_return reply.status();
  co_return take(std::move(*reply));
}
template <typename Handle, typename Request>
Task<Status> tell(std::shared_ptr<Handle> self, Request request) {
  const Result<wire::EmptyReply> reply = co_await ask(std::move(self), std::move(request));
  co_return reply.status();
}

}  // namespace aeon::client
