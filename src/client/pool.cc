#include "handles.h"

namespace aeon::client {

PoolInfo from_wire(const wire::PoolInfo& info) {
  return {.id = info.id,
          .label = info.label,
          .target_count = info.target_count,
          .capacity = info.capacity,
          .free = info.free,
          .container_count = info.container_count,
          .space = {}};
}

ContainerInfo from_wire(const wire::ContainerInfo& info) {
  return {.id = info.id,
          .label = info.label,
          .layout_type = info.layout_type,
          .highest_committed = info.highest_committed,
          .last_snapshot = info.last_snapshot,
          .snapshot_count = info.snapshot_count,
          .handle_count = info.handle_count,
          .opened_unix_ns = info.opened_unix_ns,
          .modified_unix_ns = info.modified_unix_ns,
          .space = info.space,
          .aggregation = info.aggregation};
}

namespace {

constexpr uint32_t kContainersPerPage = 1024;

Task<Result<std::vector<ContainerInfo>>> list_all(std::shared_ptr<PoolHandle> self) {
  co_await self->connection().settle();
  std::vector<ContainerInfo> containers;
  wire::ContainerListRequest request;
  request.count_max = kContainersPerPage;
  while (true) {
    CO_TRY_ASSIGN(const wire::ContainerListReply page, co_await ask(self, request));
    for (const wire::ContainerInfo& container : page.containers) containers.push_back(from_wire(container));
    if (page.is_end || page.containers.empty()) co_return containers;
    request.after = page.containers.back().id;
  }
}

Task<Result<std::shared_ptr<Container>>> open(std::shared_ptr<PoolHandle> self, std::string container, Access access) {
  co_await self->connection().settle();  // The handle that would be in the way may be one just dropped.
  wire::ContainerOpenRequest request;
  request.container = std::move(container);
  request.access = to_wire(access);
  const uint64_t life = self->channel().server_life();
  CO_TRY_ASSIGN(const wire::ContainerOpenReply reply, co_await ask(self, std::move(request)));
  co_return std::make_shared<ContainerHandle>(self, life, reply.handle, reply.id, access, reply.properties);
}

Task<Status> destroy(std::shared_ptr<PoolHandle> self, std::string container, bool force) {
  co_await self->connection().settle();
  wire::ContainerDestroyRequest request;
  request.container = std::move(container);
  request.force = force;
  const auto reply = co_await ask(self, std::move(request));
  co_return reply.status();
}

}  // namespace

Task<Result<uint64_t>> PoolHandle::open_again() {
  wire::PoolConnectRequest request;
  request.pool = id_.to_string();
  request.access = to_wire(access_);
  CO_TRY_ASSIGN(const wire::PoolConnectReply reply, co_await rpc::call(channel(), std::move(request)));
  co_return reply.handle;
}

Task<Result<PoolInfo>> PoolHandle::query() {
  wire::PoolQueryRequest request;
  return ask_for<PoolInfo>(shared_from_this(), request, [](wire::PoolQueryReply reply) {
    PoolInfo info = from_wire(reply.pool);
    info.space = reply.space;
    return info;
  });
}

Task<Result<std::vector<ContainerInfo>>> PoolHandle::list_containers() { return list_all(shared_from_this()); }

Task<Result<Uuid>> PoolHandle::create_container(ContainerSpec spec) {
  wire::ContainerCreateRequest request;
  request.label = std::move(spec.label);
  request.id = spec.id;
  request.properties = std::move(spec.properties);
  return ask_for<Uuid>(shared_from_this(), std::move(request),
                       [](wire::ContainerCreateReply reply) { return reply.id; });
}

Task<Result<Uuid>> PoolHandle::clone_container(std::string base, Epoch epoch, ContainerSpec spec) {
  wire::ContainerCloneRequest request;
  request.base = std::move(base);
  request.epoch = epoch;
  request.label = std::move(spec.label);
  request.id = spec.id;
  request.properties = std::move(spec.properties);
  return ask_for<Uuid>(shared_from_this(), std::move(request),
                       [](wire::ContainerCreateReply reply) { return reply.id; });
}

Task<Result<std::shared_ptr<Container>>> PoolHandle::open_container(std::string container, Access access) {
  return open(shared_from_this(), std::move(container), access);
}

Task<Status> PoolHandle::destroy_container(std::string container, bool force) {
  return destroy(shared_from_this(), std::move(container), force);
}

Task<Result<std::map<std::string, Bytes>>> PoolHandle::attributes() {
  wire::PoolAttributesRequest request;
  return ask_for<wire::Attributes>(shared_from_this(), request,
                                   [](wire::AttributesReply reply) { return std::move(reply.attributes); });
}

Task<Status> PoolHandle::change_attributes(std::map<std::string, std::optional<Bytes>> changes) {
  wire::PoolChangeAttributesRequest request;
  request.changes = std::move(changes);
  return tell(shared_from_this(), std::move(request));
}

}  // namespace aeon::client
