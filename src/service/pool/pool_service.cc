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

PoolService::PoolService(World& world, vos::Store& store, target::Targets& targets)
    : world_(world), store_(store), targets_(targets), attributes_(world.executor, store, kAttributePrefix) {}

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
  CO_TRY_ASSIGN(const std::optional<Bytes> stored, co_await store_.get_metadata(kPoolRecordName));
  if (!stored.has_value()) co_return Status(Code::kNotFound, "the store holds no pool");
  PoolRecord record;
  CO_TRY(decode_record(*stored, "the pool", record));
  id_ = record.id;
  label_ = record.label;
  CO_TRY_ASSIGN(const auto attributes, co_await store_.list_metadata(kAttributePrefix));
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

// Targets that don't answer are left out, unless none of them does.
Task<Result<wire::PoolQueryReply>> PoolService::look(bool with_space) {
  wire::PoolQueryReply reply;
  reply.pool.id = id_;
  reply.pool.label = label_;
  reply.pool.target_count = targets_.count();
  reply.pool.container_count = user_ != nullptr ? user_->container_count() : 0;
  wire::TargetSpaceRequest request;
  request.with_space = with_space;
  const target::Combined<wire::TargetSpaceReply> answer = co_await targets_.ask_combined(request);
  if (answer.reply.has_value()) {
    reply.pool.capacity = answer.reply->capacity;
    reply.pool.free = answer.reply->free;
    reply.space = answer.reply->space;
  }
  if (free_outside_ != nullptr) {
    const ByteCount used = reply.pool.capacity - std::min(reply.pool.free, reply.pool.capacity);
    reply.pool.free = std::min(reply.pool.free, free_outside_());
    reply.pool.capacity = std::min(reply.pool.capacity, used + reply.pool.free);
  }
  // Numbers that leave out a target would be taken for the whole.
  if (with_space) CO_TRY(answer.first_error);
  co_return reply;
}

Task<wire::PoolInfo> PoolService::info() {
  const Result<wire::PoolQueryReply> looked = co_await look(false);
  co_return looked->pool;
}

Task<Result<wire::PoolListReply>> PoolService::list(wire::PoolListRequest, rpc::ServerCall&) {
  wire::PoolListReply reply;
  wire::PoolInfo pool = co_await info();
  reply.pools.push_back(std::move(pool));
  co_return reply;
}

Task<Result<wire::PoolConnectReply>> PoolService::connect(wire::PoolConnectRequest request, rpc::ServerCall&) {
  if (request.pool != label_ && Uuid::parse(request.pool) != id_) {
    co_return Status(Code::kNotFound, "no pool '" + request.pool + "'; this system has pool '" + label_ + "'");
  }
  wire::PoolConnectReply reply;
  reply.pool = co_await info();
  const bool is_held = !handles_.empty() && handles_.begin()->second == wire::Access::kExclusive;
  if (is_held || (request.access == wire::Access::kExclusive && !handles_.empty())) {
    co_return Status(Code::kBusy, "pool '" + label_ + "' is connected " + (is_held ? "exclusively" : "already") +
                                      "; disconnect it there first");
  }
  do {
    reply.handle = world_.random.next();
  } while (reply.handle == 0 || handles_.contains(reply.handle));
  handles_[reply.handle] = request.access;
  co_return reply;
}

Result<wire::EmptyReply> PoolService::disconnect(wire::PoolDisconnectRequest request, rpc::ServerCall&) {
  TRY(check(request.handle, false));
  handles_.erase(request.handle);
  if (user_ != nullptr) user_->on_pool_handle_closed(request.handle);
  return wire::EmptyReply{};
}

Task<Result<wire::PoolQueryReply>> PoolService::query(wire::PoolQueryRequest request, rpc::ServerCall&) {
  CO_TRY(check(request.handle, false));
  co_return co_await look(true);
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
