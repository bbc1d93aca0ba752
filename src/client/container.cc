#include "handles.h"

namespace aeon::client {
namespace {

wire::ListLimits to_wire(const ListLimits& limits) {
  return {.count_max = limits.count_max, .bytes_max = limits.bytes_max};
}

// What every request about a container begins with.
template <typename Request>
Request request_for(uint64_t handle) {
  Request request;
  request.handle = handle;
  return request;
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

}  // namespace

Task<Result<ContainerInfo>> ContainerHandle::query() {
  return ask_for<ContainerInfo>(shared_from_this(), channel(), request_for<wire::ContainerQueryRequest>(handle_),
                                [](wire::ContainerQueryReply reply) { return from_wire(reply.container); });
}

Task<Result<SpaceSurvey>> ContainerHandle::survey_space() {
  auto request = request_for<wire::ContainerQueryRequest>(handle_);
  request.with_survey = true;
  return ask_for<SpaceSurvey>(shared_from_this(), channel(), std::move(request),
                              [](wire::ContainerQueryReply reply) { return reply.survey.value_or(SpaceSurvey()); });
}

Task<Result<Properties>> ContainerHandle::properties() {
  return ask_for<Properties>(shared_from_this(), channel(), request_for<wire::ContainerPropertiesRequest>(handle_),
                             [](wire::ContainerPropertiesReply reply) { return std::move(reply.properties); });
}

Task<Status> ContainerHandle::set_properties(Properties changed) {
  auto request = request_for<wire::ContainerSetPropertiesRequest>(handle_);
  request.changed = std::move(changed);
  return tell(shared_from_this(), channel(), std::move(request));
}

Task<Result<std::map<std::string, Bytes>>> ContainerHandle::attributes() {
  return ask_for<wire::Attributes>(shared_from_this(), channel(),
                                   request_for<wire::ContainerAttributesRequest>(handle_),
                                   [](wire::AttributesReply reply) { return std::move(reply.attributes); });
}

Task<Status> ContainerHandle::change_attributes(std::map<std::string, std::optional<Bytes>> changes) {
  auto request = request_for<wire::ContainerChangeAttributesRequest>(handle_);
  request.changes = std::move(changes);
  return tell(shared_from_this(), channel(), std::move(request));
}

Task<Result<Epoch>> ContainerHandle::create_snapshot(std::string name) {
  auto request = request_for<wire::SnapshotCreateRequest>(handle_);
  request.name = std::move(name);
  return ask_for<Epoch>(shared_from_this(), channel(), std::move(request), take_epoch);
}

Task<Result<std::vector<SnapshotInfo>>> ContainerHandle::snapshots() {
  return ask_for<std::vector<SnapshotInfo>>(shared_from_this(), channel(),
                                            request_for<wire::SnapshotListRequest>(handle_), take_snapshots);
}

Task<Status> ContainerHandle::destroy_snapshot(Epoch epoch) {
  auto request = request_for<wire::SnapshotDestroyRequest>(handle_);
  request.epoch = epoch;
  return tell(shared_from_this(), channel(), request);
}

Task<Result<ContainerEpochs>> ContainerHandle::epochs() {
  return ask_for<ContainerEpochs>(shared_from_this(), channel(), request_for<wire::ContainerEpochsRequest>(handle_),
                                  take_epochs);
}

Task<Status> ContainerHandle::commit(Epoch epoch) {
  auto request = request_for<wire::ContainerCommitRequest>(handle_);
  request.epoch = epoch;
  return tell(shared_from_this(), channel(), request);
}

Task<Status> ContainerHandle::discard(Epoch begin, Epoch end) {
  auto request = request_for<wire::ContainerDiscardRequest>(handle_);
  request.begin = begin;
  request.end = end;
  return tell(shared_from_this(), channel(), request);
}

Task<Status> ContainerHandle::aggregate(Epoch through) {
  auto request = request_for<wire::ContainerAggregateRequest>(handle_);
  request.through = through;
  return tell(shared_from_this(), channel(), request);
}

Task<Result<uint64_t>> ContainerHandle::allocate_object_numbers(uint64_t count) {
  auto request = request_for<wire::AllocateNumbersRequest>(handle_);
  request.count = count;
  return ask_for<uint64_t>(shared_from_this(), channel(), request,
                           [](wire::AllocateNumbersReply reply) { return reply.first; });
}

Task<Result<ObjectPage>> ContainerHandle::list_objects(Anchor from, ListLimits limits, Epoch epoch) {
  return list_objects_at(std::move(from), limits, epoch, false);
}
Task<Result<ObjectPage>> ContainerHandle::list_objects_at(Anchor from, ListLimits limits, Epoch epoch,
                                                          bool in_transaction) {
  auto request = request_for<wire::ListObjectsRequest>(handle_);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<ObjectPage>(shared_from_this(), channel(), std::move(request), take_objects);
}

Task<Result<KeyPage>> ContainerHandle::list_dkeys(ObjectId object, Anchor from, ListLimits limits, Epoch epoch) {
  return list_dkeys_at(object, std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_dkeys_at(ObjectId object, Anchor from, ListLimits limits, Epoch epoch,
                                                     bool in_transaction) {
  auto request = request_for<wire::ListDkeysRequest>(handle_);
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<KeyPage>(shared_from_this(), channel(), std::move(request), take_keys);
}

Task<Result<KeyPage>> ContainerHandle::list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                  Epoch epoch) {
  return list_akeys_at(object, std::move(dkey), std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_akeys_at(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                     Epoch epoch, bool in_transaction) {
  auto request = request_for<wire::ListAkeysRequest>(handle_);
  request.object = object;
  request.dkey = std::move(dkey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<KeyPage>(shared_from_this(), channel(), std::move(request), take_keys);
}

Task<Result<RecxPage>> ContainerHandle::list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                   ListLimits limits, Epoch epoch) {
  return list_recxs_at(object, std::move(dkey), std::move(akey), std::move(from), limits, epoch, false);
}
Task<Result<RecxPage>> ContainerHandle::list_recxs_at(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                      ListLimits limits, Epoch epoch, bool in_transaction) {
  auto request = request_for<wire::ListRecxsRequest>(handle_);
  request.object = object;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for<RecxPage>(shared_from_this(), channel(), std::move(request), take_recxs);
}

Task<Result<QueriedKey>> ContainerHandle::query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                    Epoch epoch) {
  return query_key_at(object, flags, std::move(dkey), std::move(akey), epoch, false);
}
Task<Result<QueriedKey>> ContainerHandle::query_key_at(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                       Epoch epoch, bool in_transaction) {
  auto request = request_for<wire::QueryKeyRequest>(handle_);
  request.object = object;
  request.flags = flags;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return ask_for<QueriedKey>(shared_from_this(), channel(), std::move(request),
                             [](wire::QueryKeyReply reply) { return std::move(reply.key); });
}

Task<Result<Epoch>> ContainerHandle::query_max_epoch(ObjectId object, Epoch epoch) {
  return query_max_epoch_at(object, epoch, false);
}
Task<Result<Epoch>> ContainerHandle::query_max_epoch_at(ObjectId object, Epoch epoch, bool in_transaction) {
  auto request = request_for<wire::QueryMaxEpochRequest>(handle_);
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return ask_for<Epoch>(shared_from_this(), channel(), request, take_epoch);
}

Task<Status> ContainerHandle::flush() {
  return tell(shared_from_this(), channel(), request_for<wire::FlushRequest>(handle_));
}

}  // namespace aeon::client
