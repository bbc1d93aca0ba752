// TargetStore's work on what is stored: aggregation, asked for or by itself, discarding, and surveys of space.
#include <algorithm>
#include <set>

#include "aggregation.h"
#include "base/log.h"
#include "base/mutation.h"
#include "space_accounting.h"
#include "target_store.h"

namespace aeon::vos {

namespace {
constexpr uint64_t kEpochsPerNs = 16;
// A pass that somebody waits for gives way a little, one of our own nearly altogether.
constexpr Duration kPauseMaxAsked = std::chrono::milliseconds(2);
constexpr Duration kPauseMaxBackground = std::chrono::milliseconds(20);
// So that a small container isn't looked at after every few writes.
constexpr ByteCount kWrittenMinShort = kMiB;
constexpr Duration kAheadStep = std::chrono::milliseconds(1);
constexpr Duration kAheadMax = std::chrono::milliseconds(500);
// A write that found no room tries again after each step, goes on for so long without any made, and so long in all.
constexpr Duration kSpaceWaitStep = std::chrono::milliseconds(5);
constexpr Duration kSpaceWaitIdle = std::chrono::seconds(10);
constexpr Duration kSpaceWaitMax = std::chrono::seconds(40);
// Not more than these at once: others who call have to get in as well.
constexpr uint32_t kSpaceWaitersMax = 128;

bool is_short_of_space(const media::Space& space, double free_part) {
  return static_cast<double>(space.free) < free_part * static_cast<double>(space.capacity);
}

Status check_discard(const ContainerState& container, Epoch begin, Epoch end) {
  if (container.is_destroyed) return Status(Code::kNotFound, "the container was destroyed");
  if (container.epochs == EpochMode::kExplicit && begin <= container.committing) {
    return Status(Code::kInvalidArgument, "epoch " + std::to_string(begin.value) +
                                              " was committed already; only what is above epoch " +
                                              std::to_string(container.committing.value) + " can be discarded");
  }
  if (container.transactions != nullptr) {
    for (const auto& [transaction, intent] : container.transactions->intents.all()) {
      if (begin <= intent.id.epoch && intent.id.epoch <= end)
        return Status(Code::kInProgress, "an undecided transaction is in the range to discard");
    }
  }
  if (!container.clones.empty() && begin <= *container.clones.rbegin()) {
    return Status(Code::kInvalidArgument, "a clone starts from epoch " +
                                              std::to_string(container.clones.rbegin()->value) +
                                              "; only what is above can be discarded");
  }
  return ok();
}

// A container's aggregation as long as it runs.
class Running {
 public:
  explicit Running(ContainerState& container) : container_(container) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { container_.aggregation.is_running = false; }

 private:
  ContainerState& container_;
};

}  // namespace

std::vector<Epoch> TargetStore::kept_epochs(const ContainerState& container, Epoch through) {
  std::vector<Epoch> kept;
  for (const Epoch snapshot : container.snapshots) {
    if (MUTATION("aggregation_forgets_snapshots", snapshot < through, false)) kept.push_back(snapshot);
  }
  for (const Epoch clone : container.clones) {
    if (MUTATION("aggregation_forgets_clones", clone < through, false)) kept.push_back(clone);
  }
  for (const Epoch read : container.reads) {
    if (MUTATION("aggregation_forgets_readers", read < through, false)) kept.push_back(read);
  }
  kept.push_back(through);
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  return kept;
}

Task<Result<AggregateProgress>> TargetStore::aggregate(Uuid id, Epoch through) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  const Gate::Pass pass = background_.enter();
  if (!pass) co_return Status(Code::kCanceled, "the store is closing");
  co_return co_await run_aggregation(container, through, false);
}

Task<Result<AggregateProgress>> TargetStore::run_aggregation(ContainerRef container, Epoch through,
                                                             bool is_background) {
  co_await container->maintenance.acquire();
  const Permit alone(container->maintenance, 1);
  const Epoch before = container->aggregated_through;
  Aggregation::Setup setup;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    through = std::min(through, container->newest_readable());
    if (container->transactions != nullptr) {  // It may still write at its epoch.
      const Epoch undecided = container->transactions->intents.oldest();
      through = std::min(through, Epoch{undecided.value - 1});
    }
    through = std::max(container->aggregated_through, through);
    if (through == kEpochZero) co_return AggregateProgress{};
    if (through != container->aggregated_through) {
      media::Batch batch;
      batch.use_reserve();
      ContainerInfoRecord info = container->info();
      info.aggregated_through = through;
      batch.put(container_info_key(container->number), encode_container_info(info));
      const auto applied = co_await media_->apply(std::move(batch));
      if (!applied) co_return applied.status();
      container->aggregated_through = through;
    }
    setup.kept = kept_epochs(*container, through);
  }
  setup.news = &space_news_;
  container->note_boundary(through);
  // By itself it merges only what a whole round didn't touch: what is overwritten all the time would be merged for
  // nothing, again and again.
  setup.is_short_of_space = is_short_of_space(media_->space(), policy_.free_part);
  setup.merge_through = is_background && !setup.is_short_of_space ? before : through;
  // What random overwriting of everything spares for so long is a seventh of it.
  const auto stored = co_await read_space(*media_, container->number);
  const bool is_known = stored.is_ok() && stored->has_value() && (*stored)->stored_bytes() > 0;
  const ByteCount cold_after = is_known ? 2 * static_cast<ByteCount>((*stored)->stored_bytes()) : ~ByteCount{0};
  setup.copy_through = is_background ? container->boundary_before(cold_after) : through;
  MaintenancePace pace(world_.executor, foreground_calls_, closing_,
                       is_background ? kPauseMaxBackground : kPauseMaxAsked);
  Aggregation aggregation(*media_, turn_, background_, pace, *container, std::move(setup));
  container->aggregation = aggregation.progress();
  container->aggregation.is_running = true;
  const Running running(*container);
  const Status status = co_await aggregation.run();
  aggregation.note_progress();
  space_news_.is_tight = false;
  container->aggregation = aggregation.progress();
  count_aggregation(container->aggregation, status);
  if (!status.is_ok()) co_return status;
  co_return aggregation.progress();
}

void TargetStore::count_aggregation(const AggregateProgress& progress, const Status& status) {
  AggregationCounters& counters = aggregation_counters_;
  const bool is_fault = !status.is_ok() && status.code() != Code::kCanceled;
  ++counters.passes;
  if (is_fault) ++counters.failed;
  counters.records_dropped += progress.entries_dropped;
  counters.extents_merged += progress.extents_merged;
  counters.value_bytes_dropped += progress.bytes_freed;
  counters.bytes_rewritten += progress.bytes_rewritten;
}

// ---- By itself ------------------------------------------------------------------------------------------------------

void TargetStore::note_written(const ContainerRef& container, ByteCount bytes) {
  container->written_since_aggregation += bytes;
  if (!policy_.is_on || container->epochs == EpochMode::kExplicit || container->is_aggregation_due ||
      container->aggregation.is_running)
    return;
  if (container->written_since_aggregation < std::min(policy_.written_min, kWrittenMinShort)) return;
  if (container->written_since_aggregation < container->look_at_written) return;
  container->is_aggregation_due = true;
  background_.spawn(aggregate_in_background(container, false));
}

bool TargetStore::look_for_space() {
  const Instant now = world_.executor.now();
  if (now < look_for_space_at_) return is_space_left_to_make_;  // Many wait, and containers may be many as well.
  look_for_space_at_ = now + kSpaceWaitStep;
  bool is_any_left = false;
  for (const auto& [id, container] : containers_) {
    const bool is_idle = !container->is_aggregation_due && !container->aggregation.is_running;
    const bool has_history = container->newest_readable() > container->aggregated_through;
    if (container->epochs == EpochMode::kExplicit || (is_idle && !has_history)) continue;
    is_any_left = true;
    if (!is_idle) continue;
    container->is_aggregation_due = true;
    background_.spawn(aggregate_in_background(container, true));
  }
  is_space_left_to_make_ = is_any_left;
  return is_any_left;
}

Task<void> TargetStore::let_aggregation_ahead() {
  const Instant until = world_.executor.now() + kAheadMax;
  while (space_news_.is_tight && world_.executor.now() < until) {
    const bool goes_on = co_await space_waits_.sleep_for(kAheadStep);
    if (!goes_on) co_return;
  }
}

Task<bool> TargetStore::wait_for_space(SpaceWait* wait) {
  if (!policy_.is_on) co_return false;
  if (wait->began == Instant{}) wait->began = wait->made_at = world_.executor.now();
  while (true) {
    if (wait->seen != space_news_.made) {
      wait->seen = space_news_.made;
      wait->made_at = world_.executor.now();
      co_return true;
    }
    const Instant now = world_.executor.now();
    if (now - wait->made_at > kSpaceWaitIdle || now - wait->began > kSpaceWaitMax || !look_for_space()) co_return false;
    if (space_waiters_ == kSpaceWaitersMax) co_return false;
    ++space_waiters_;
    const bool goes_on = co_await space_waits_.sleep_for(kSpaceWaitStep);
    --space_waiters_;
    if (!goes_on) co_return false;
  }
}

bool TargetStore::is_aggregation_due(const ContainerState& container, int64_t stored_bytes) const {
  const auto stored = static_cast<double>(std::max<int64_t>(stored_bytes, 0));
  // History must not take what is free before it is dropped.
  const double wanted = std::min(std::max(policy_.written_part * stored, static_cast<double>(policy_.written_min)),
                                 static_cast<double>(media_->space().free) / 8);
  return static_cast<double>(container.written_since_aggregation) >= wanted;
}

Task<void> TargetStore::aggregate_in_background(ContainerRef container, bool is_asked_for) {
  const auto space = co_await read_space(*media_, container->number);
  const int64_t stored = space.is_ok() && space->has_value() ? (*space)->stored_bytes() : 0;
  const bool is_short = is_short_of_space(media_->space(), policy_.free_part);
  const auto readable_ns = static_cast<uint64_t>(policy_.readable_for.count()) / (is_short ? 10 : 1);
  const uint64_t readable_epochs = readable_ns * kEpochsPerNs;
  // By the clock: history grows old also while nobody writes, or nobody can.
  const Epoch newest = container->newest_readable();
  const uint64_t now = std::max(newest, HybridClock::from_unix_ns(world_.clock.wall_ns())).value;
  const Epoch through = std::min(newest, Epoch{now - std::min(now, readable_epochs)});
  const bool is_due = is_asked_for || is_aggregation_due(*container, stored);
  if (is_due && through > container->aggregated_through) {
    const auto done = co_await run_aggregation(container, through, true);
    const bool is_expected = done.is_ok() || done.code() == Code::kCanceled || done.code() == Code::kNotFound;
    if (!is_expected) {
      log::warn("background_aggregation_stopped", {{"container", container->id}, {"status", done.status()}});
    }
    container->look_at_written = 0;
  } else {
    container->look_at_written = container->written_since_aggregation + kWrittenMinShort;
  }
  container->is_aggregation_due = false;
}

// ---- Discard --------------------------------------------------------------------------------------------------------

Task<Status> TargetStore::discard(Uuid id, Epoch begin, Epoch end) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  if (begin > end) co_return Status(Code::kInvalidArgument, "a range of epochs to discard ends before it begins");
  const Gate::Pass pass = background_.enter();
  if (!pass) co_return Status(Code::kCanceled, "the store is closing");
  co_await container->maintenance.acquire();
  const Permit alone(container->maintenance, 1);
  {
    co_await turn_.acquire();  // So that no write of these epochs is still on its way.
    const Permit turn(turn_, 1);
    CO_TRY(check_discard(*container, begin, end));
    container->opened_at = clock_.next();  // Transactions begin again: history changes.
    container->discarding = EpochRange{.begin = begin, .end = end};
  }
  const Status dropped = co_await drop_epochs(*container, begin, end);
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    container->discarding.reset();
    container->opened_at = clock_.next();
    CO_TRY(dropped);
    const bool newest_are_gone = container->epochs == EpochMode::kExplicit && end >= container->highest;
    if (newest_are_gone && begin <= container->highest && !container->is_destroyed) {
      const Epoch highest = std::max(container->committing, Epoch{begin.value - 1});
      ContainerInfoRecord info = container->info();
      info.bound = highest;
      media::Batch batch;
      batch.use_reserve();
      batch.put(container_info_key(container->number), encode_container_info(info));
      const auto applied = co_await media_->apply(std::move(batch));
      if (!applied) co_return applied.status();
      container->highest = container->bound = highest;
    }
  }
  if (MUTATION("discard_isnt_durable", false, true)) co_return ok();
  co_return co_await media_->flush();
}

// ---- Surveys --------------------------------------------------------------------------------------------------------

Task<Result<SpaceSurvey>> TargetStore::survey_space(Uuid id) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  const Gate::Pass pass = background_.enter();
  if (!pass) co_return Status(Code::kCanceled, "the store is closing");
  co_await container->maintenance.acquire();
  const Permit alone(container->maintenance, 1);
  SpaceSurvey survey;
  survey.epoch = container->newest_readable();
  MaintenancePace pace(world_.executor, foreground_calls_, closing_, kPauseMaxAsked);
  // The same walk with all that is kept, and with what readers now see alone.
  for (const bool with_kept : {true, false}) {
    Aggregation::Setup setup;
    setup.is_survey = true;
    setup.kept = with_kept ? kept_epochs(*container, survey.epoch) : std::vector<Epoch>(1, survey.epoch);
    Aggregation aggregation(*media_, turn_, background_, pace, *container, std::move(setup));
    CO_TRY(co_await aggregation.run());
    if (with_kept) {
      survey.stored = aggregation.seen_space();
      survey.reclaimable = aggregation.dropped_space();
    } else {
      survey.history = aggregation.dropped_space();
    }
  }
  co_return survey;
}

Task<Result<SpaceUse>> TargetStore::destroyed_space() {
  std::set<uint32_t> live;
  for (const auto& [id, container] : containers_) live.insert(container->number);
  std::vector<uint32_t> destroyed;
  const Bytes prefix = store_prefix(StoreRecord::kSpace);
  media::Cursor cursor(*media_);
  CO_TRY(co_await cursor.seek(prefix));
  while (cursor.valid() && starts_with(cursor.key(), prefix) && cursor.key().size() == prefix.size() + 4) {
    const uint32_t number = load_be32(cursor.key().data() + prefix.size());
    if (!live.contains(number)) destroyed.push_back(number);
    CO_TRY(co_await cursor.next());
  }
  SpaceUse sum;
  for (const uint32_t number : destroyed) {
    CO_TRY_ASSIGN(const std::optional<SpaceUse> space, co_await read_space(*media_, number));
    // Without counters from the beginning it goes below zero.
    if (space.has_value() && space->records >= 0) sum += *space;
  }
  co_return sum;
}

}  // namespace aeon::vos
