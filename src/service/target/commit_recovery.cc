// CommitService: what isn't decided because somebody died or wasn't heard.
#include "base/log.h"
#include "base/mutation.h"
#include "target/commit_service.h"

namespace aeon::target {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(200);  // Between looks, while there is something left.
constexpr Duration kAskAfter = std::chrono::seconds(1);      // The coordinator tells by itself, usually.

}  // namespace

Task<Status> CommitService::load() {
  CO_TRY_ASSIGN(const std::vector<Uuid> containers, co_await store_.list_containers());
  for (const Uuid container : containers) {
    CO_TRY_ASSIGN(const std::vector<vos::UndecidedTransaction> undecided, co_await store_.list_undecided(container));
    for (const vos::UndecidedTransaction& transaction : undecided) {
      if (MUTATION("undecided_forgotten_at_start", false, true)) break;
      CO_TRY_ASSIGN(const uint32_t coordinator, decode_coordinator(transaction.participants));
      prepared_[transaction.id.uuid] = {
          .container = container, .id = transaction.id, .coordinator = coordinator, .since = Instant()};
    }
    CO_TRY_ASSIGN(const std::vector<vos::TransactionId> kept, co_await store_.list_kept_decisions(container));
    for (const vos::TransactionId& id : kept) kept_[id.uuid] = {.container = container, .id = id};
  }
  co_return ok();
}

void CommitService::on_prepared(Uuid container, vos::TransactionId transaction, uint32_t coordinator) {
  prepared_.try_emplace(
      transaction.uuid,
      Prepared{.container = container, .id = transaction, .coordinator = coordinator, .since = world_.executor.now()});
  if (coordinator != targets_.index()) changed_.notify_all();
}

void CommitService::on_decided(Uuid transaction) { prepared_.erase(transaction); }

Task<void> CommitService::keep_deciding() {
  while (!gate_.is_closing()) {
    if (prepared_.empty() && kept_.empty()) {
      co_await changed_.wait();
      continue;
    }
    co_await decide_what_is_left();
    if (gate_.is_closing()) co_return;
    co_await sleep_for(world_.executor, kPause);
  }
}

Task<void> CommitService::decide_what_is_left() {
  std::vector<Prepared> prepared;
  for (const auto& [uuid, one] : prepared_) {
    if (!active_.contains(uuid) && world_.executor.now() - one.since >= kAskAfter) prepared.push_back(one);
  }
  for (const Prepared& one : prepared) {
    if (gate_.is_closing()) co_return;
    if (one.coordinator != targets_.index()) {
      co_await ask_outcome(one);
      continue;
    }
    // This target began it and didn't decide: an earlier life, or the store failed.
    const Status aborted = co_await abort_parts(one.container, one.id, targets_.others());
    if (aborted.code() == Code::kNotFound || aborted.code() == Code::kConflict) on_decided(one.id.uuid);
  }
  std::vector<Kept> kept;
  for (const auto& [uuid, one] : kept_) {
    if (!active_.contains(uuid)) kept.push_back(one);
  }
  for (const Kept& one : kept) {
    if (gate_.is_closing()) co_return;
    if (kept_.contains(one.id.uuid)) co_await tell_commit(one.container, one.id, targets_.others());
  }
}

Task<void> CommitService::ask_outcome(Prepared prepared) {
  const Uuid uuid = prepared.id.uuid;
  if (prepared.coordinator >= targets_.count()) {
    log::error("undecided_of_unknown_target", {{"transaction", uuid.to_string()}});
    co_return;
  }
  wire::TargetOutcomeRequest request;
  request.container = prepared.container;
  request.transaction = uuid;
  request.epoch = prepared.id.epoch;
  const Result<wire::TargetOutcomeReply> outcome =
      co_await rpc::call(targets_.channel(prepared.coordinator), request, rpc::Bulk(), kTargetTimeout);
  if (!outcome.is_ok() || !prepared_.contains(uuid)) co_return;  // Or it was told meanwhile.
  wire::TargetDecideRequest decision;
  decision.container = prepared.container;
  decision.transaction = uuid;
  decision.epoch = prepared.id.epoch;
  decision.is_commit = outcome->is_commit;
  const Result<wire::EmptyReply> decided = co_await service_.answer(decision);
  log::info("asked_how_it_was_decided",
            {{"transaction", uuid.to_string()}, {"is_commit", outcome->is_commit}, {"status", decided.status()}});
}

Task<Result<wire::TargetOutcomeReply>> CommitService::outcome(wire::TargetOutcomeRequest request, rpc::ServerCall&) {
  if (active_.contains(request.transaction)) {
    co_return Status(Code::kInProgress, "the transaction isn't decided yet");
  }
  // What isn't known to be committed is aborted now, and stays so.
  const vos::TransactionId id{.uuid = request.transaction, .epoch = request.epoch};
  const Status aborted = co_await store_.abort_prepared(request.container, id);
  wire::TargetOutcomeReply reply;
  reply.is_commit = aborted.code() == Code::kConflict || MUTATION("what_isnt_known_is_committed", false, true);
  if (!reply.is_commit && !aborted.is_ok() && aborted.code() != Code::kNotFound) co_return aborted;
  if (aborted.is_ok()) on_decided(request.transaction);
  co_return reply;
}

}  // namespace aeon::target
