#include "handles.h"

namespace aeon::client {
namespace {

constexpr uint64_t kChecksumOff = 0;
constexpr uint64_t kDurableAtFlush = 1;

wire::ListLimits to_wire(const ListLimits& limits) {
  return {.count_max = limits.count_max, .bytes_max = limits.bytes_max};
}

std::vector<SnapshotInfo> take_snapshots(wire::SnapshotListReply reply) {
  std::vector<SnapshotInfo> snapshots;
  for (wire::SnapshotInfo& snapshot : reply.snapshots) {
    snapshots.push_back({.epoch = snapshot.epoch, .name = std::move(snapshot.name)});
  }
  return snapshots;
}
KeyPage take_keys(wire::ListKeysReply reply) { return {.keys = std::move(reply.keys), .next = std::move(reply.next)}; }
ObjectPage take_objects(wire::ListObjectsReply reply) {
  return {.objects = std::move(reply.objects), .changed = std::move(reply.changed), .next = std::move(reply.next)};
}
RecxPage take_recxs(wire::ListRecxsReply reply) {
  return {.recxs = std::move(reply.recxs), .next = std::move(reply.next)};
}
Epoch take_epoch(wire::EpochReply reply) { return reply.epoch; }
ContainerEpochs take_epochs(wire::ContainerEpochsReply reply) {
  return {.are_explicit = reply.are_explicit,
          .highest_committed = reply.highest_committed,
          .highest_committed_any = reply.highest_committed_any,
          .highest_written = reply.highest_written,
          .aggregated_through = reply.aggregated_through,
          .base = reply.base,
          .base_epoch = reply.base_epoch,
          .clones = std::move(reply.clones)};
}

Status may_be_lost() {
  return Status(Code::kIo, "the engine restarted: what was written since the flush before may be lost; write it again");
}

uint64_t number_of(const wire::Properties& properties, uint32_t id, uint64_t otherwise) {
  const auto found = properties.find(id);
  const auto* const number = found != properties.end() ? std::get_if<uint64_t>(&found->second) : nullptr;
  return number != nullptr ? *number : otherwise;
}

}  // namespace

ContainerHandle::ContainerHandle(std::shared_ptr<PoolHandle> pool, uint64_t life, uint64_t handle, Uuid id,
                                 Access access, const wire::Properties& properties)
    : pool_(std::move(pool)),
      handle_(pool_->channel(), life, handle),
      id_(id),
      access_(access),
      verifies_(number_of(properties, kPropChecksum, 1) != kChecksumOff),
      is_flushed_later_(number_of(properties, kPropDurability, 0) == kDurableAtFlush) {}

Task<Result<uint64_t>> ContainerHandle::open_again() {
  wire::ContainerOpenRequest request;
  request.container = id_.to_string();
  request.access = to_wire(access_);
  CO_TRY_ASSIGN(const wire::ContainerOpenReply reply, co_await ask(pool_, std::move(request)));
  co_return reply.handle;
}

Task<Result<ContainerInfo>> ContainerHandle::query() {
  return ask_for<ContainerInfo>(shared_from_this(), wire::ContainerQueryRequest(),
                                [](wire::ContainerQueryReply reply) { return from_wire(reply.container); });
}

Task<Result<SpaceSurvey>> ContainerHandle::survey_space() {
  wire::ContainerQueryRequest request;
  request.with_survey = true;
  return ask_for<SpaceSurvey>(shared_from_this(), std::move(request),
                              [](wire::ContainerQueryReply reply) { return reply.survey.value_or(SpaceSurvey()); });
}

Task<Result<Properties>> ContainerHandle::properties() {
  return ask_for<Properties>(shared_from_this(), wire::ContainerPropertiesRequest(),
                             [](wire::ContainerPropertiesReply reply) { return std::move(reply.properties); });
}

Task<Status> ContainerHandle::set_properties(Properties changed) {
  wire::ContainerSetPropertiesRequest request;
  request.changed = std::move(changed);
  return tell(shared_from_this(), std::move(request));
}

Task<Result<std::map<std::string, Bytes>>> ContainerHandle::attributes() {
  return ask_for<wire::Attributes>(shared_from_this(), wire::ContainerAttributesRequest(),
                                   [](wire::AttributesReply reply) { return std::move(reply.attributes); });
}

Task<Status> ContainerHandle::change_attributes(std::map<std::string, std::optional<Bytes>> changes) {
  wire::ContainerChangeAttributesRequest request;
  request.changes = std::move(changes);
  return tell(shared_from_this(), std::move(request));
}

Task<Result<Epoch>> ContainerHandle::create_snapshot(std::string name) {
  wire::SnapshotCreateRequest request;
  request.name = std::move(name);
  return ask_for<Epoch>(shared_from_this(), std::move(request), take_epoch);
}

Task<Result<std::vector<SnapshotInfo>>> ContainerHandle::snapshots() {
  return ask_for<std::vector<SnapshotInfo>>(shared_from_this(), wire::SnapshotListRequest(), take_snapshots);
}

Task<Status> ContainerHandle::destroy_snapshot(Epoch epoch) {
  wire::SnapshotDestroyRequest request;
  request.epoch = epoch;
  return tell(shared_from_this(), request);
}

Task<Result<ContainerEpochs>> ContainerHandle::epochs() {
  return ask_for<ContainerEpochs>(shared_from_this(), wire::ContainerEpochsRequest(), take_epochs);
}

Task<Status> ContainerHandle::commit(Epoch epoch) {
  wire::ContainerCommitRequest request;
  request.epoch = epoch;
  return tell(shared_from_this(), request);
}

Task<Status> ContainerHandle::discard(Epoch begin, Epoch end) {
  wire::ContainerDiscardRequest request;
  request.begin = begin;
  request.end = end;
  return tell(shared_from_this(), request);
}

Task<Status> ContainerHandle::aggregate(Epoch through) {
  wire::ContainerAggregateRequest request;
  request.through = through;
  return tell(shared_from_this(), request);
}

Task<Result<uint64_t>> ContainerHandle::allocate_object_numbers(uint64_t count) {
  wire::AllocateNumbersRequest request;
  request.count = count;
  return ask_for<uint64_t>(shared_from_this(), request, [](wire::AllocateNumbersReply reply) { return reply.first; });
}

Task<Result<ObjectPage>> ContainerHandle::list_objects(Anchor from, ListLimits limits, Epoch epoch) {
  return list_objects_at(std::move(from), limits, epoch, false);
}
Task<Result<ObjectPage>> ContainerHandle::list_objects_at(Anchor from, ListLimits limits, Epoch epoch,
                                                          bool in_transaction) {
  wire::ListObjectsRequest request;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<ObjectPage>(shared_from_this(), std::move(request), take_objects);
}

Task<Result<KeyPage>> ContainerHandle::list_dkeys(ObjectId object, Anchor from, ListLimits limits, Epoch epoch) {
  return list_dkeys_at(object, std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_dkeys_at(ObjectId object, Anchor from, ListLimits limits, Epoch epoch,
                                                     bool in_transaction) {
  wire::ListDkeysRequest request;
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<KeyPage>(shared_from_this(), std::move(request), take_keys);
}

Task<Result<KeyPage>> ContainerHandle::list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                  Epoch epoch) {
  return list_akeys_at(object, std::move(dkey), std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_akeys_at(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                     Epoch epoch, bool in_transaction) {
  wire::ListAkeysRequest request;
  request.object = object;
  request.dkey = std::move(dkey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<KeyPage>(shared_from_this(), std::move(request), take_keys);
}

Task<Result<RecxPage>> ContainerHandle::list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                   ListLimits limits, Epoch epoch) {
  return list_recxs_at(object, std::move(dkey), std::move(akey), std::move(from), limits, epoch, false);
}
Task<Result<RecxPage>> ContainerHandle::list_recxs_at(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                      ListLimits limits, Epoch epoch, bool in_transaction) {
  wire::ListRecxsRequest request;
  request.object = object;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<RecxPage>(shared_from_this(), std::move(request), take_recxs);
}

Task<Result<QueriedKey>> ContainerHandle::query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                    Epoch epoch) {
  return query_key_at(object, flags, std::move(dkey), std::move(akey), epoch, false);
}
Task<Result<QueriedKey>> ContainerHandle::query_key_at(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                       Epoch epoch, bool in_transaction) {
  wire::QueryKeyRequest request;
  request.object = object;
  request.flags = flags;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return ask_for<QueriedKey>(shared_from_this(), std::move(request),
                             [](wire::QueryKeyReply reply) { return std::move(reply.key); });
}

Task<Result<Epoch>> ContainerHandle::query_max_epoch(ObjectId object, Epoch epoch) {
  return query_max_epoch_at(object, epoch, false);
}
Task<Result<Epoch>> ContainerHandle::query_max_epoch_at(ObjectId object, Epoch epoch, bool in_transaction) {
  wire::QueryMaxEpochRequest request;
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return ask_for<Epoch>(shared_from_this(), request, take_epoch);
}

Task<Status> ContainerHandle::flush() { return send_flush(shared_from_this()); }

Task<Status> ContainerHandle::send_flush(std::shared_ptr<ContainerHandle> self) {
  const uint64_t writing_life = std::exchange(self->unflushed_life_, 0);
  const auto reply = co_await ask(self, wire::FlushRequest());
  if (!reply.is_ok()) {
    if (writing_life != 0) self->unflushed_life_ = writing_life;
    co_return reply.status();
  }
  if (writing_life == 0 || writing_life == self->channel().server_life()) co_return ok();
  co_return may_be_lost();
}

Status ContainerHandle::check_nothing_lost() const {
  if (unflushed_life_ == 0 || unflushed_life_ == pool_->channel().server_life()) return ok();
  return may_be_lost();
}

}  // namespace aeon::client
