#include <numeric>

#include "ask_many.h"

namespace aeon::client {
namespace {

constexpr uint64_t kChecksumOff = 0;
constexpr uint64_t kDurableAtFlush = 1;

std::vector<SnapshotInfo> take_snapshots(wire::SnapshotListReply reply) {
  std::vector<SnapshotInfo> snapshots;
  for (wire::SnapshotInfo& snapshot : reply.snapshots) {
    snapshots.push_back({.epoch = snapshot.epoch, .name = std::move(snapshot.name)});
  }
  return snapshots;
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
      is_flushed_later_(number_of(properties, kPropDurability, 0) == kDurableAtFlush),
      unflushed_lives_(pool_->connection().target_count()) {}

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

Task<Status> ContainerHandle::flush() { return flush_all(shared_from_this()); }

Task<Status> ContainerHandle::flush_all(std::shared_ptr<ContainerHandle> self) {
  std::vector<uint64_t> writing_lives(self->target_count());
  std::swap(writing_lives, self->unflushed_lives_);
  std::vector<uint32_t> all(self->target_count());
  std::iota(all.begin(), all.end(), 0);
  const auto answers = co_await ask_many(self, std::move(all), wire::FlushRequest());
  Status first = ok();
  for (const rpc::AnswerOf<wire::FlushReply>& answer : answers) {
    for (const uint32_t target : answer.targets) {
      Status flushed = self->note_flushed(target, writing_lives[target], answer.reply);
      if (first.is_ok()) first = std::move(flushed);
    }
  }
  co_return first;
}

// `writing_life` took the first write since the flush before.
Status ContainerHandle::note_flushed(uint32_t target, uint64_t writing_life, const Result<wire::FlushReply>& reply) {
  if (!reply.is_ok()) {
    if (writing_life != 0) unflushed_lives_[target] = writing_life;
    return reply.status();
  }
  // Servers of version 2 don't tell.
  const uint64_t flushed_life = reply->server_life != 0 ? reply->server_life : channel(target).server_life();
  return writing_life != 0 && writing_life != flushed_life ? may_be_lost() : ok();
}

Status ContainerHandle::check_nothing_lost() const {
  for (uint32_t target = 0; target < unflushed_lives_.size(); ++target) {
    const uint64_t life = unflushed_lives_[target];
    if (life != 0 && life != pool_->channel(target).server_life()) return may_be_lost();
  }
  return ok();
}

}  // namespace aeon::client
