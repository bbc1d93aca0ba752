#include "all_targets.h"

#include <algorithm>

#include "base/log.h"
#include "base/mutation.h"

namespace aeon::container {
namespace {

// An undecided commit is decided within milliseconds, unless a target died.
constexpr int kAttemptsMax = 12;
constexpr int kAggregatedMax = 3;
constexpr Duration kPauseFirst = std::chrono::milliseconds(1);

template <typename T>
bool is_in(const std::vector<T>& all, const T& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace

// True when there is an attempt left, and some time has passed. An undecided commit may have been in the way, or, where
// the clock gives the epochs, somebody aggregated beyond ours meanwhile.
Task<bool> AllTargets::may_try_again(Code code, bool has_explicit_epochs, int attempt) {
  const bool is_passing = code == Code::kInProgress || (code == Code::kInvalidArgument && !has_explicit_epochs);
  if (!is_passing || attempt >= (code == Code::kInProgress ? kAttemptsMax : kAggregatedMax)) co_return false;
  co_await sleep_for(world_.executor, kPauseFirst * (1 << std::min(attempt, 10)));
  co_return true;
}

// ---- Making and destroying ------------------------------------------------------------------------------------------

Task<Status> AllTargets::create_once(wire::TargetCreateContainerRequest request) {
  const std::vector<Result<wire::EmptyReply>> created = co_await targets_.ask_all(request);
  Status failed = target::first_error(created);
  if (!failed.is_ok()) {
    const Status taken_back = co_await destroy(request.container);
    if (!taken_back.is_ok()) {
      log::info("container_part_stays", {{"container", request.container}, {"status", taken_back}});
    }
  }
  co_return failed;
}

Task<Status> AllTargets::create(Uuid container, bool has_explicit_epochs, std::optional<vos::CloneBase> base) {
  wire::TargetCreateContainerRequest request;
  request.container = container;
  request.has_explicit_epochs = has_explicit_epochs;
  // A part of an earlier one of this name mustn't become one of the new.
  if (count() > 1) CO_TRY(co_await destroy(container));
  for (int attempt = 0;; ++attempt) {
    if (base.has_value()) {
      request.base = base->container;
      request.base_epoch = base->epoch;
      if (base->epoch == kEpochMax && count() > 1) {
        CO_TRY_ASSIGN(request.base_epoch, co_await newest_readable(base->container, has_explicit_epochs));
      }
    }
    Status created = co_await create_once(request);
    // An epoch that the caller chose is as good or bad the next time.
    const bool is_ours = base.has_value() && base->epoch == kEpochMax;
    const bool goes_on = co_await may_try_again(created.code(), has_explicit_epochs || !is_ours, attempt);
    if (!goes_on) co_return created;
  }
}

Task<Status> AllTargets::destroy(Uuid container) {
  wire::TargetDestroyContainerRequest request;
  request.container = container;
  const std::vector<Result<wire::EmptyReply>> destroyed = co_await targets_.ask_all(request);
  co_return target::first_error(destroyed);
}

Task<void> AllTargets::destroy_leftovers(std::vector<Uuid> known) {
  const auto stored = co_await targets_.ask_all(wire::TargetContainersRequest());
  for (uint32_t target = 0; target < count(); ++target) {
    if (!stored[target].is_ok()) {
      log::warn("target_not_looked_at", {{"target", target}, {"status", stored[target].status()}});
      continue;
    }
    for (const Uuid id : stored[target]->containers) {
      if (is_in(known, id)) continue;
      wire::TargetDestroyContainerRequest request;
      request.container = id;
      const Result<wire::EmptyReply> destroyed = co_await targets_.ask(target, request);
      log::info("container_leftover_destroyed",
                {{"container", id}, {"target", target}, {"status", destroyed.status()}});
    }
  }
}

// ---- Looking --------------------------------------------------------------------------------------------------------

Task<Result<AllTargets::Whole>> AllTargets::query(Uuid container, bool with_survey) {
  wire::TargetQueryContainerRequest request;
  request.container = container;
  request.with_survey = with_survey;
  std::vector<Result<wire::TargetQueryContainerReply>> parts = co_await targets_.ask_all(request);
  CO_TRY(target::first_error(parts));
  Whole whole;
  whole.sum = std::move(*parts.front());
  whole.highest_committed_any = whole.sum.highest_committed;
  for (size_t i = 1; i < parts.size(); ++i) {
    const wire::TargetQueryContainerReply& part = *parts[i];
    whole.highest_committed_any = std::max(whole.highest_committed_any, part.highest_committed);
    whole.sum.highest_committed = std::min(whole.sum.highest_committed, part.highest_committed);
    whole.sum.highest_written = std::max(whole.sum.highest_written, part.highest_written);
    whole.sum.aggregated_through = std::max(whole.sum.aggregated_through, part.aggregated_through);
    whole.sum.space += part.space;
    whole.sum.aggregation += part.aggregation;
    if (whole.sum.survey.has_value() && part.survey.has_value()) *whole.sum.survey += *part.survey;
  }
  // Where the clock gives epochs a write is committed when it is there, and a target may just have none.
  if (!whole.sum.has_explicit_epochs) whole.sum.highest_committed = whole.highest_committed_any;
  co_return whole;
}

// Later than all that was acknowledged anywhere; with explicit epochs, what all have committed.
Task<Result<Epoch>> AllTargets::newest_readable(Uuid container, bool has_explicit_epochs) {
  if (has_explicit_epochs) {
    CO_TRY_ASSIGN(const Whole whole, co_await query(container, false));
    co_return whole.sum.highest_committed;
  }
  const target::Combined<wire::EpochReply> clocks = co_await targets_.ask_combined(wire::TargetClockRequest());
  CO_TRY(clocks.first_error);
  co_return clocks.reply->epoch;
}

// ---- Snapshots ------------------------------------------------------------------------------------------------------

// This target last: what it has, all have.
Task<Status> AllTargets::snapshot_once(wire::TargetCreateSnapshotRequest request) {
  if (MUTATION("only_one_target_has_the_snapshot", true, false)) {
    const std::vector<Result<wire::EmptyReply>> created = co_await targets_.ask_others(request);
    CO_TRY(target::first_error(created));
  }
  const Result<wire::EmptyReply> own = co_await targets_.ask(targets_.index(), request);
  co_return own.status();
}

Task<Result<Epoch>> AllTargets::create_snapshot(Uuid container, bool has_explicit_epochs) {
  if (count() == 1) co_return co_await store_.create_snapshot(container, kEpochZero);
  for (int attempt = 0;; ++attempt) {
    wire::TargetCreateSnapshotRequest request;
    request.container = container;
    CO_TRY_ASSIGN(request.epoch, co_await newest_readable(container, has_explicit_epochs));
    Status created = co_await snapshot_once(request);
    if (created.is_ok()) co_return request.epoch;
    const Status taken_back = co_await destroy_snapshot(container, request.epoch);
    if (!taken_back.is_ok()) log::info("snapshot_part_stays", {{"container", container}, {"status", taken_back}});
    const bool goes_on = co_await may_try_again(created.code(), has_explicit_epochs, attempt);
    if (!goes_on) co_return created;
  }
}

Task<Status> AllTargets::destroy_snapshot(Uuid container, Epoch epoch) {
  wire::TargetDestroySnapshotRequest request;
  request.container = container;
  request.epoch = epoch;
  const Result<wire::EmptyReply> own = co_await targets_.ask(targets_.index(), request);
  CO_TRY(own.status());
  const std::vector<Result<wire::EmptyReply>> destroyed = co_await targets_.ask_all(request);
  co_return target::first_error(destroyed);
}

Task<void> AllTargets::destroy_leftover_snapshots(Uuid container, std::vector<Epoch> known) {
  wire::TargetQueryContainerRequest query;
  query.container = container;
  const auto parts = co_await targets_.ask_all(query);
  for (uint32_t target = 0; target < count(); ++target) {
    if (!parts[target].is_ok()) continue;
    for (const Epoch epoch : parts[target]->snapshots) {
      if (is_in(known, epoch)) continue;
      wire::TargetDestroySnapshotRequest request;
      request.container = container;
      request.epoch = epoch;
      const Result<wire::EmptyReply> destroyed = co_await targets_.ask(target, request);
      log::info("snapshot_leftover_destroyed",
                {{"container", container}, {"target", target}, {"status", destroyed.status()}});
    }
  }
}

// ---- History --------------------------------------------------------------------------------------------------------

Task<Status> AllTargets::commit(Uuid container, Epoch epoch) {
  wire::TargetCommitRequest request;
  request.container = container;
  request.epoch = epoch;
  const std::vector<Result<wire::EmptyReply>> committed = co_await targets_.ask_all(request);
  co_return target::first_error(committed);
}

Task<Status> AllTargets::discard(Uuid container, Epoch begin, Epoch end) {
  wire::TargetDiscardRequest request;
  request.container = container;
  request.begin = begin;
  request.end = end;
  const std::vector<Result<wire::EmptyReply>> discarded = co_await targets_.ask_all(request);
  co_return target::first_error(discarded);
}

Task<Status> AllTargets::aggregate(Uuid container, Epoch through) {
  wire::TargetAggregateRequest request;
  request.container = container;
  request.through = through;
  const std::vector<Result<wire::EmptyReply>> aggregated = co_await targets_.ask_all(request);
  co_return target::first_error(aggregated);
}

}  // namespace aeon::container
