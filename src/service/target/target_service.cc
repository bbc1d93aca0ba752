#include "target/target_service.h"

#include <algorithm>

#include "target/sent_data.h"

namespace aeon::target {
namespace {

constexpr std::byte kParticipantsVersion{1};

// Repeating is harmless: what was to be gone is gone.
Result<wire::EmptyReply> done_unless(const Status& status, Code harmless) {
  if (!status.is_ok() && status.code() != harmless) return status;
  return wire::EmptyReply{};
}

template <typename Request>
void serve(rpc::Dispatcher& dispatcher, TargetService& service) {
  dispatcher.serve<Request>(
      service, [](TargetService& self, Request request, rpc::ServerCall&) { return self.answer(std::move(request)); });
}

}  // namespace

Bytes encode_coordinator(uint32_t coordinator) {
  Bytes participants(1 + sizeof coordinator, kParticipantsVersion);
  store_le(participants.data() + 1, coordinator);
  return participants;
}

Result<uint32_t> decode_coordinator(ByteView participants) {
  if (participants.size() != 1 + sizeof(uint32_t) || participants[0] != kParticipantsVersion) {
    return Status(Code::kCorrupt, "a prepared transaction doesn't say who decides about it");
  }
  return load_le<uint32_t>(participants.data() + 1);
}

void TargetService::add_to(rpc::Dispatcher& dispatcher) {
  serve<wire::TargetClockRequest>(dispatcher, *this);
  serve<wire::TargetSpaceRequest>(dispatcher, *this);
  serve<wire::TargetContainersRequest>(dispatcher, *this);
  serve<wire::TargetCreateContainerRequest>(dispatcher, *this);
  serve<wire::TargetDestroyContainerRequest>(dispatcher, *this);
  serve<wire::TargetQueryContainerRequest>(dispatcher, *this);
  serve<wire::TargetCommitRequest>(dispatcher, *this);
  serve<wire::TargetDiscardRequest>(dispatcher, *this);
  serve<wire::TargetAggregateRequest>(dispatcher, *this);
  serve<wire::TargetCreateSnapshotRequest>(dispatcher, *this);
  serve<wire::TargetDestroySnapshotRequest>(dispatcher, *this);
  serve<wire::TargetDecideRequest>(dispatcher, *this);
  const auto prepare = [](TargetService& self, wire::TargetPrepareRequest request,
                          rpc::ServerCall& call) -> Task<Result<wire::EmptyReply>> {
    CO_TRY(attach_data(request.writes, call.sent()));
    co_return co_await self.answer(std::move(request));
  };
  dispatcher.serve<wire::TargetPrepareRequest>(*this, prepare);
}

Task<Result<wire::EpochReply>> TargetService::answer(wire::TargetClockRequest) {
  wire::EpochReply reply;
  reply.epoch = store_.next_epoch();
  co_return reply;
}

Task<Result<wire::TargetSpaceReply>> TargetService::answer(wire::TargetSpaceRequest request) {
  wire::TargetSpaceReply reply;
  if (request.with_space) {
    CO_TRY_ASSIGN(const std::vector<Uuid> containers, co_await store_.list_containers());
    for (const Uuid id : containers) {
      const Result<vos::ContainerInfo> container = co_await store_.query_container(id);
      if (container.code() == Code::kNotFound) continue;  // Destroyed meanwhile.
      if (!container.is_ok()) co_return container.status();
      reply.space.containers += container->space;
    }
    CO_TRY_ASSIGN(reply.space.destroyed, co_await store_.destroyed_space());
  }
  const media::Space space = store_.media().space();
  reply.capacity = space.capacity;
  reply.free = space.free;
  reply.space.blocks = space.blocks_used;
  reply.space.index = space.index_used;
  reply.space.log = space.log_size;
  reply.space.reserved = space.reserved;
  reply.space.waiting = space.waiting;
  reply.space.free_pieces = space.free_extents;
  reply.space.largest_free = space.largest_free;
  co_return reply;
}

Task<Result<wire::TargetContainersReply>> TargetService::answer(wire::TargetContainersRequest) {
  wire::TargetContainersReply reply;
  CO_TRY_ASSIGN(reply.containers, co_await store_.list_containers());
  co_return reply;
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetCreateContainerRequest request) {
  vos::ContainerOptions options;
  options.epochs = request.has_explicit_epochs ? vos::EpochMode::kExplicit : vos::EpochMode::kClock;
  if (request.base.has_value()) options.base = vos::CloneBase{.container = *request.base, .epoch = request.base_epoch};
  const Status created = co_await store_.create_container(request.container, options);
  co_return done_unless(created, Code::kExists);
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetDestroyContainerRequest request) {
  const Status destroyed = co_await store_.destroy_container(request.container);
  co_return done_unless(destroyed, Code::kNotFound);
}

Task<Result<wire::TargetQueryContainerReply>> TargetService::answer(wire::TargetQueryContainerRequest request) {
  wire::TargetQueryContainerReply reply;
  if (request.with_survey) {
    CO_TRY_ASSIGN(reply.survey, co_await store_.survey_space(request.container));
  }
  CO_TRY_ASSIGN(vos::ContainerInfo stored, co_await store_.query_container(request.container));
  reply.has_explicit_epochs = stored.epochs == vos::EpochMode::kExplicit;
  reply.highest_committed = stored.highest_committed;
  reply.highest_written = stored.highest_written;
  reply.aggregated_through = stored.aggregated_through;
  reply.snapshots = std::move(stored.snapshots);
  reply.space = stored.space;
  reply.aggregation = stored.aggregation;
  if (stored.base.has_value()) {
    reply.base = stored.base->container;
    reply.base_epoch = stored.base->epoch;
  }
  reply.clones = std::move(stored.clones);
  co_return reply;
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetCommitRequest request) {
  CO_TRY(co_await store_.commit(request.container, request.epoch));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetDiscardRequest request) {
  CO_TRY(co_await store_.discard(request.container, request.begin, request.end));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetAggregateRequest request) {
  const Epoch through = request.through == kEpochMax ? store_.next_epoch() : request.through;
  CO_TRY(co_await store_.aggregate(request.container, through));
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetCreateSnapshotRequest request) {
  const Result<Epoch> created = co_await store_.create_snapshot(request.container, request.epoch);
  if (!created.is_ok()) co_return created.status();
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetDestroySnapshotRequest request) {
  const Status destroyed = co_await store_.destroy_snapshot(request.container, request.epoch);
  co_return done_unless(destroyed, Code::kNotFound);
}

// ---- Commits over several targets -----------------------------------------------------------------------------------

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetPrepareRequest request) {
  vos::Transaction transaction;
  transaction.id = {.uuid = request.transaction, .epoch = request.epoch};
  transaction.read_epoch = request.read_epoch;
  transaction.reads = std::move(request.reads);
  transaction.writes = std::move(request.writes);
  const bool is_decided_later = !transaction.writes.empty();
  const vos::TransactionId id = transaction.id;
  CO_TRY(co_await store_.prepare(request.container, std::move(transaction), encode_coordinator(request.coordinator)));
  if (is_decided_later && listener_ != nullptr) listener_->on_prepared(request.container, id, request.coordinator);
  co_return wire::EmptyReply{};
}

Task<Result<wire::EmptyReply>> TargetService::answer(wire::TargetDecideRequest request) {
  const vos::TransactionId id{.uuid = request.transaction, .epoch = request.epoch};
  Status decided;
  if (request.is_commit) {
    decided = co_await store_.commit_prepared(request.container, id);
  } else {
    decided = co_await store_.abort_prepared(request.container, id);
  }
  // Committing what isn't known: it was done, and forgotten since. Or the container is gone.
  if (!decided.is_ok() && decided.code() != Code::kNotFound) co_return decided;
  if (listener_ != nullptr) listener_->on_decided(request.transaction);
  co_return wire::EmptyReply{};
}

}  // namespace aeon::target
