#include "pool/pool_service.h"

#include <algorithm>

#include "pool/names.h"
#include "pool/record.h"

namespace aeon::pool {
namespace {

constexpr const char* kPoolRecordName = "pool";
constexpr const char* kAttributePrefix = "pool/attribute/";

struct PoolRecord {
  Uuid id;
  std::string label;
  uint64_t created_unix_ns = 0;
  static void io(auto& archive, auto& self) { archive(self.id, self.label, self.created_unix_ns); }
};

}  // namespace

PoolService::PoolService(World& world, std::vector<vos::Store*> targets)
    : world_(world), targets_(std::move(targets)), attributes_(world.executor, *targets_.front(), kAttributePrefix) {}

Task<Status> PoolService::create(World& world, vos::Store& store, PoolSpec spec) {
  CO_TRY(check_label(spec.label, "pool label"));
  CO_TRY_ASSIGN(const std::optional<Bytes> existing, co_await store.get_metadata(kPoolRecordName));
  if (existing.has_value()) co_return Status(Code::kExists, "the store has a pool already");
  PoolRecord record;
  record.id = spec.id;
  record.label = std::move(spec.label);
  record.created_unix_ns = world.clock.wall_ns();
  std::vector<vos::Store::MetadataChange> changes(1);
  changes[0].name = kPoolRecordName;
  changes[0].value = encode_record(record);
  co_return co_await store.change_metadata(std::move(changes));
}

Task<Status> PoolService::load() {
  CO_TRY_ASSIGN(const std::optional<Bytes> stored, co_await targets_.front()->get_metadata(kPoolRecordName));
  if (!stored.has_value()) co_return Status(Code::kNotFound, "the store holds no pool");
  PoolRecord record;
  CO_TRY(decode_record(*stored, "the pool", record));
  id_ = record.id;
  label_ = record.label;
  CO_TRY_ASSIGN(const auto attributes, co_await targets_.front()->list_metadata(kAttributePrefix));
  for (const auto& [name, value] : attributes) CO_TRY(attributes_.add_record(name, value));
  co_return ok();
}

void PoolService::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::PoolListRequest>(*this, &PoolService::list);
  dispatcher.serve<wire::PoolConnectRequest>(*this, &PoolService::connect);
  dispatcher.serve<wire::PoolDisconnectRequest>(*this, &PoolService::disconnect);
  dispatcher.serve<wire::PoolQueryRequest>(*this, &PoolService::query);
  dispatcher.serve<wire::PoolAttributesRequest>(*this, &PoolService::attributes);
  dispatcher.serve<wire::PoolChangeAttributesRequest>(*this, &PoolService::change_attributes);
}

Result<wire::Access> PoolService::check(uint64_t handle, bool for_writing) const {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) {
    return Status(Code::kStaleHandle, "the pool handle was closed or is from before a restart; connect again");
  }
  if (for_writing && !may_write(found->second)) {
    return Status(Code::kPermission, "pool '" + label_ + "' is connected read-only; connect it read-write");
  }
  return found->second;
}

wire::PoolInfo PoolService::info() const {
  wire::PoolInfo info;
  info.id = id_;
  info.label = label_;
  info.target_count = static_cast<uint32_t>(targets_.size());
  for (vos::Store* const target : targets_) {
    const media::Space space = target->media().space();
    info.capacity += space.capacity;
    info.free += space.free;
  }
  if (free_outside_ != nullptr) {
    const ByteCount used = info.capacity - std::min(info.free, info.capacity);
    info.free = std::min(info.free, free_outside_());
    info.capacity = std::min(info.capacity, used + info.free);
  }
  info.container_count = user_ != nullptr ? user_->container_count() : 0;
  return info;
}

Result<wire::PoolListReply> PoolService::list(wire::PoolListRequest, rpc::ServerCall&) {
  wire::PoolListReply reply;
  reply.pools.push_back(info());
  return reply;
}

Result<wire::PoolConnectReply> PoolService::connect(wire::PoolConnectRequest request, rpc::ServerCall&) {
  if (request.pool != label_ && Uuid::parse(request.pool) != id_) {
    return Status(Code::kNotFound, "no pool '" + request.pool + "'; this system has pool '" + label_ + "'");
  }
  const bool is_held = !handles_.empty() && handles_.begin()->second == wire::Access::kExclusive;
  if (is_held || (request.access == wire::Access::kExclusive && !handles_.empty())) {
    return Status(Code::kBusy, "pool '" + label_ + "' is connected " + (is_held ? "exclusively" : "already") +
                                   "; disconnect it there first");
  }
  wire::PoolConnectReply reply;
  do {
    reply.handle = world_.random.next();
  } while (reply.handle == 0 || handles_.contains(reply.handle));
  handles_[reply.handle] = request.access;
  reply.pool = info();
  return reply;
}

Result<wire::EmptyReply> PoolService::disconnect(wire::PoolDisconnectRequest request, rpc::ServerCall&) {
  TRY(check(request.handle, false));
  handles_.erase(request.handle);
  if (user_ != nullptr) user_->on_pool_handle_closed(request.handle);
  return wire::EmptyReply{};
}

Task<Result<PoolSpace>> PoolService::space() {
  PoolSpace sum;
  for (vos::Store* const target : targets_) {
    CO_TRY_ASSIGN(const std::vector<Uuid> containers, co_await target->list_containers());
    for (const Uuid id : containers) {
      const Result<vos::ContainerInfo> container = co_await target->query_container(id);
      if (container.code() == Code::kNotFound) continue;  // Destroyed meanwhile.
      if (!container.is_ok()) co_return container.status();
      sum.containers += container->space;
    }
    CO_TRY_ASSIGN(const SpaceUse destroyed, co_await target->destroyed_space());
    sum.destroyed += destroyed;
    const media::Space space = target->media().space();
    sum.blocks += space.blocks_used;
    sum.index += space.index_used;
    sum.log += space.log_size;
    sum.reserved += space.reserved;
    sum.waiting += space.waiting;
    sum.free_pieces += space.free_extents;
    sum.largest_free = std::max(sum.largest_free, space.largest_free);
  }
  co_return sum;
}

Task<Result<wire::PoolQueryReply>> PoolService::query(wire::PoolQueryRequest request, rpc::ServerCall&) {
  CO_TRY(check(request.handle, false));
  wire::PoolQueryReply reply;
  CO_TRY_ASSIGN(reply.space, co_await space());
  reply.pool = info();
  co_return reply;
}

Result<wire::AttributesReply> PoolService::attributes(wire::PoolAttributesRequest request, rpc::ServerCall&) {
  TRY(check(request.handle, false));
  wire::AttributesReply reply;
  reply.attributes = attributes_.all();
  return reply;
}

Task<Result<wire::EmptyReply>> PoolService::change_attributes(wire::PoolChangeAttributesRequest request,
                                                              rpc::ServerCall&) {
  CO_TRY(check(request.handle, true));
  std::vector<vos::Store::MetadataChange> nothing_else;
  CO_TRY(co_await attributes_.change(std::move(request.changes), std::move(nothing_else)));
  co_return wire::EmptyReply{};
}

}  // namespace aeon::pool
