// What changes an open container: properties, attributes, snapshots, numbers, history.
#include "all_targets.h"
#include "base/log.h"
#include "container/container_service.h"
#include "container_state.h"

namespace aeon::container {
namespace {

constexpr uint64_t kNumbersReserved = 1 << 16;  // Given out between two writes of the record.
constexpr size_t kRecordSizeMax = 8 * kKiB;
constexpr Duration kLaterPause = std::chrono::seconds(1);

Status gone(const std::string& name) {
  return Status(Code::kStaleHandle, "container '" + name + "' was destroyed meanwhile");
}

}  // namespace

Task<Result<wire::EmptyReply>> ContainerService::set_properties(wire::ContainerSetPropertiesRequest request,
                                                                rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  CO_TRY(check_changed(request.changed));
  const Permit naming = co_await naming_.lock();
  const Permit turn = co_await container->turn.lock();
  if (container->is_destroyed) co_return gone(container->name());
  const std::string label_before = container->label();
  const std::string label = request.changed.contains(kPropLabel) ? text_of(request.changed, kPropLabel) : label_before;
  if (!label.empty()) CO_TRY(check_label_free(label, container.get()));

  wire::Properties before = container->properties;
  const uint64_t modified_before = container->modified_unix_ns;
  for (auto& [property, value] : request.changed) container->properties[property] = value;
  container->modified_unix_ns = world_.clock.wall_ns();
  std::vector<vos::Store::MetadataChange> changes;
  changes.push_back(container->record_change());
  Status status = ok();
  if (changes[0].value->size() > kRecordSizeMax) {
    status = Status(Code::kTooBig, "the container's properties exceed 8 KiB together");
  } else {
    status = co_await store_.change_metadata(std::move(changes));
  }
  if (!status.is_ok()) {
    container->properties = std::move(before);
    container->modified_unix_ns = modified_before;
    co_return status;
  }
  if (label != label_before) {
    if (!label_before.empty()) labels_.erase(label_before);
    if (!label.empty()) labels_[label] = container->id;
  }
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> ContainerService::change_attributes(wire::ContainerChangeAttributesRequest request,
                                                                   rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  const Permit turn = co_await container->turn.lock();
  if (container->is_destroyed) co_return gone(container->name());
  container->modified_unix_ns = world_.clock.wall_ns();
  std::vector<vos::Store::MetadataChange> also;
  also.push_back(container->record_change());
  CO_TRY(co_await container->attributes.change(std::move(request.changes), std::move(also)));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EpochReply>> ContainerService::create_snapshot(wire::SnapshotCreateRequest request,
                                                                 rpc::ServerCall& call) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  if (!request.name.empty()) CO_TRY(pool::check_label(request.name, "snapshot name"));
  const Permit turn = co_await container->turn.lock();
  if (container->is_destroyed) co_return gone(container->name());
  for (const auto& [epoch, name] : container->snapshots) {
    if (!name.empty() && name == request.name) {
      co_return Status(Code::kExists, "container '" + container->name() + "' has a snapshot '" + name + "' already");
    }
  }
  const uint64_t count_max = number_of(container->properties, kPropSnapshotMax);
  if (count_max != 0 && container->snapshots.size() >= count_max) {
    co_return Status(Code::kTooBig, "container '" + container->name() + "' has its " + std::to_string(count_max) +
                                        " snapshots (property snapshot_max); destroy one first");
  }
  CO_TRY_ASSIGN(const Epoch epoch,
                co_await all_->create_snapshot(container->id, number_of(container->properties, kPropEpochs) == 1));
  container->snapshots[epoch] = request.name;
  container->modified_unix_ns = world_.clock.wall_ns();
  SnapshotRecord record;
  record.name = request.name;
  std::vector<vos::Store::MetadataChange> changes(1);
  changes[0].name = snapshot_name(container->id, epoch);
  changes[0].value = pool::encode_record(record);
  changes.push_back(container->record_change());
  DoneRequest done;
  done.epoch = epoch;
  Status recorded = co_await store_.change_metadata(std::move(changes), call.id(), done);
  if (!recorded.is_ok()) {
    container->snapshots.erase(epoch);
    ignore(co_await all_->destroy_snapshot(container->id, epoch), "without a record it goes at the next start");
    co_return recorded;
  }
  wire::EpochReply reply;
  reply.epoch = epoch;
  co_return reply;
}

Task<Result<wire::EmptyReply>> ContainerService::destroy_snapshot(wire::SnapshotDestroyRequest request,
                                                                  rpc::ServerCall& call) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  const Permit turn = co_await container->turn.lock();
  if (container->is_destroyed) co_return gone(container->name());
  if (!container->snapshots.contains(request.epoch)) {
    co_return Status(Code::kNotFound, "container '" + container->name() + "' has no snapshot at epoch " +
                                          std::to_string(request.epoch.value));
  }
  // Without its record it is gone for all who ask; whatever of it can't be destroyed now is later.
  container->modified_unix_ns = world_.clock.wall_ns();
  MetadataChanges erased(1), also(1);
  erased[0].name = snapshot_name(container->id, request.epoch);
  also[0] = container->record_change();
  CO_TRY(co_await erase_records(std::move(erased), std::move(also), call.id()));
  container->snapshots.erase(request.epoch);
  const Status destroyed = co_await all_->destroy_snapshot(container->id, request.epoch);
  if (!destroyed.is_ok()) background_.spawn(destroy_snapshot_later(container->id, request.epoch));
  co_return wire::EmptyReply{};
}

// At the latest the next start does.
Task<void> ContainerService::destroy_snapshot_later(Uuid container, Epoch epoch) {
  Status destroyed(Code::kInProgress);
  while (!destroyed.is_ok() && destroyed.code() != Code::kNotFound) {
    co_await sleep_for(world_.executor, kLaterPause);
    if (background_.is_closing()) co_return;
    destroyed = co_await all_->destroy_snapshot(container, epoch);
    log::info("snapshot_destroyed_later", {{"container", container}, {"status", destroyed}});
  }
}

Task<Status> ContainerService::save_numbers(ContainerRef container, uint64_t reserved_below) {
  NumbersRecord numbers;
  numbers.reserved_below = reserved_below;
  std::vector<vos::Store::MetadataChange> changes(1);
  changes[0].name = numbers_name(container->id);
  changes[0].value = pool::encode_record(numbers);
  CO_TRY(co_await store_.change_metadata(std::move(changes)));
  container->reserved_below = reserved_below;
  co_return ok();
}

Task<Result<wire::AllocateNumbersReply>> ContainerService::allocate_numbers(wire::AllocateNumbersRequest request,
                                                                            rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  if (request.count == 0) co_return Status(Code::kInvalidArgument, "no numbers were asked for");
  const Permit turn = co_await container->turn.lock();
  if (container->is_destroyed) co_return gone(container->name());
  uint64_t end = 0;
  if (__builtin_add_overflow(container->next_number, request.count, &end) || end > ~uint64_t{0} - kNumbersReserved) {
    co_return Status(Code::kTooBig, "container '" + container->name() + "' hasn't that many numbers left");
  }
  // Durable before the first of them is given out, so that a crash can't give one out again.
  if (end > container->reserved_below) CO_TRY(co_await save_numbers(container, end + kNumbersReserved));
  wire::AllocateNumbersReply reply;
  reply.first = std::exchange(container->next_number, end);
  co_return reply;
}

Task<Result<wire::EmptyReply>> ContainerService::aggregate(wire::ContainerAggregateRequest request, rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  CO_TRY(co_await all_->aggregate(container->id, request.through));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> ContainerService::commit(wire::ContainerCommitRequest request, rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  CO_TRY(co_await all_->commit(container->id, request.epoch));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> ContainerService::discard(wire::ContainerDiscardRequest request, rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, true));
  if (number_of(container->properties, kPropEpochs) != 1) {
    co_return Status(Code::kInvalidArgument,
                     "container '" + container->name() + "' commits as it is written, so there is nothing to abort");
  }
  CO_TRY(co_await all_->discard(container->id, request.begin, request.end));
  co_return wire::EmptyReply{};
}

}  // namespace aeon::container
