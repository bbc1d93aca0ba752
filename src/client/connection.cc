#include "client/connection.h"

#include "base/log.h"
#include "handles.h"

namespace aeon::client {
namespace {

constexpr const char* kRelease = "0.1.0";

}  // namespace

Connection::Connection(std::shared_ptr<rpc::Channel> channel, Start start, std::shared_ptr<void> owner,
                       OpenTarget open_target)
    : owner_(std::move(owner)),
      link_(std::make_shared<Link>(std::move(channel))),
      start_(std::move(start)),
      open_target_(std::move(open_target)) {}

Task<Status> Connection::hello(Duration timeout) {
  wire::HelloRequest request;
  request.release = kRelease;
  CO_TRY_ASSIGN(const wire::HelloReply reply, co_await rpc::call(channel(), std::move(request), rpc::Bulk(), timeout));
  CO_TRY(wire::check_version(reply.version, "engine"));
  channel().set_version(reply.version);
  system_name_ = reply.system;
  co_return open_targets(reply);
}

Status Connection::open_targets(const wire::HelloReply& reply) {
  if (reply.target_count <= 1 || !others_.empty()) return ok();
  if (reply.target_count > placement::kTargetsMax ||
      (!reply.targets.empty() && reply.targets.size() != reply.target_count)) {
    return Status(Code::kCorrupt, "the engine tells of targets that can't be");
  }
  if (open_target_ == nullptr) return Status(Code::kInvalidArgument, "only systems of one target can be reached so");
  const auto clock = std::make_shared<rpc::HeardEpochs>();
  std::vector<std::shared_ptr<rpc::Channel>> others;
  for (uint32_t target = 1; target < reply.target_count; ++target) {
    const std::vector<std::string> addresses =
        reply.targets.empty() ? std::vector<std::string>() : reply.targets[target].addresses;
    TRY_ASSIGN(std::shared_ptr<rpc::Channel> opened, open_target_(target, addresses));
    opened->set_version(reply.version);
    opened->use(clock);
    others.push_back(std::move(opened));
  }
  channel().use(clock);
  others_ = std::move(others);
  router_ = placement::Router(reply.target_count);
  collectives_from_ = reply.collectives_from;
  return ok();
}

Task<Result<std::vector<PoolInfo>>> Connection::list_pools() {
  const auto self = shared_from_this();
  CO_TRY_ASSIGN(const wire::PoolListReply reply, co_await rpc::call(channel(), wire::PoolListRequest()));
  std::vector<PoolInfo> pools;
  for (const wire::PoolInfo& pool : reply.pools) pools.push_back(from_wire(pool));
  co_return pools;
}

Task<Result<std::shared_ptr<Pool>>> Connection::connect_pool(std::string pool, Access access) {
  const auto self = shared_from_this();
  co_await settle();
  wire::PoolConnectRequest request;
  request.pool = std::move(pool);
  request.access = to_wire(access);
  const uint64_t life = channel().server_life();
  CO_TRY_ASSIGN(const wire::PoolConnectReply reply, co_await rpc::call(channel(), std::move(request)));
  co_return std::make_shared<PoolHandle>(self, life, reply.handle, from_wire(reply.pool), access);
}

// ---- Closing --------------------------------------------------------------------------------------------------------

template <typename Request>
Task<void> Connection::close_handle(std::shared_ptr<Link> link, uint64_t handle) {
  Request request;
  request.handle = handle;
  const Result<wire::EmptyReply> reply = co_await rpc::call(*link->channel, request);
  // Stale: the container was destroyed by force, or the engine restarted. Then it's closed as well.
  if (!reply.is_ok() && reply.code() != Code::kStaleHandle && reply.code() != Code::kUnavailable) {
    log::warn("handle_close_failed", {{"status", reply.status()}});
  }
  link->closing_count.fetch_sub(1);
  link->changed.notify_all();
}

void Connection::close_pool(uint64_t handle) {
  if (link_->is_closed.load()) return;
  link_->closing_count.fetch_add(1);
  start_(close_handle<wire::PoolDisconnectRequest>(link_, handle));
}

void Connection::close_container(uint64_t handle) {
  if (link_->is_closed.load()) return;
  link_->closing_count.fetch_add(1);
  start_(close_handle<wire::ContainerCloseRequest>(link_, handle));
}

Task<void> Connection::settle() {
  const std::shared_ptr<Link> link = link_;
  while (link->closing_count.load() != 0) co_await link->changed.wait();
}

}  // namespace aeon::client
