// TargetStore's containers with options: explicit epochs, and clones with the bases they lean on.
#include <algorithm>

#include "aggregation.h"
#include "base/log.h"
#include "base/mutation.h"
#include "record_dropper.h"
#include "space_accounting.h"
#include "target_store.h"

namespace aeon::vos {

namespace {

constexpr uint64_t kYieldEveryDropped = 512;
constexpr Duration kPauseMax = std::chrono::milliseconds(20);
constexpr Duration kTrimRetryMin = std::chrono::seconds(1);
constexpr Duration kTrimRetryMax = std::chrono::seconds(60);

Status refused(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

}  // namespace

// Which containers lean on which, after the records of all were read.
Status TargetStore::link_containers(const std::map<uint32_t, ContainerRef>& by_number,
                                    const std::map<uint32_t, ContainerInfoRecord>& infos) {
  for (const auto& [number, info] : infos) {  // Bases come first: their numbers are smaller.
    const auto container = by_number.find(number);
    if (container == by_number.end() || info.base_number == 0) continue;
    const auto base = by_number.find(info.base_number);
    if (base == by_number.end() || info.base_number >= number) {
      return Status(Code::kCorrupt, "the base of clone " + container->second->id.to_string() + " isn't there");
    }
    container->second->set_base(base->second, info.base_epoch);
    base->second->clones.insert(info.base_epoch);
    clock_.observe(info.base_epoch);
  }
  return ok();
}

// The epoch that a clone made now starts from.
Result<Epoch> TargetStore::clone_epoch(const ContainerState& base, Epoch epoch) {
  const bool is_explicit = base.epochs == EpochMode::kExplicit;
  const Epoch now = is_explicit ? base.committed : clock_.next();
  if (epoch == kEpochMax) epoch = now;
  if (epoch == kEpochZero) return refused("a clone needs an epoch to start from, and nothing was committed yet");
  const bool is_later = is_explicit ? epoch > now : is_too_late(epoch);
  if (is_later) {
    return refused("epoch " + std::to_string(epoch.value) +
                   (is_explicit ? " isn't committed yet; the newest to start from is epoch "
                                : " is too far ahead of the clock, which is at epoch ") +
                   std::to_string(now.value));
  }
  if (epoch < base.base_epoch) {
    return refused("epoch " + std::to_string(epoch.value) + " is before the container's own base epoch " +
                   std::to_string(base.base_epoch.value) + "; clone its base");
  }
  const bool is_kept = base.snapshots.contains(epoch) || base.clones.contains(epoch);
  if (epoch < base.aggregated_through && !is_kept) {
    return refused("epoch " + std::to_string(epoch.value) + " was aggregated already; clones start at epoch " +
                   std::to_string(base.aggregated_through.value) + ", or at a snapshot");
  }
  if (base.transactions != nullptr && base.transactions->intents.oldest() <= epoch) {
    return Status(Code::kInProgress, "an undecided transaction is at or before the clone's epoch");
  }
  TRY(base.check_not_discarding(epoch));
  return epoch;
}

Task<Status> TargetStore::create_container(Uuid id, ContainerOptions options) {
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (containers_.contains(id)) {
      co_return Status(Code::kExists, "container " + id.to_string() + " is already in this store");
    }
    StoreInfoRecord info = info_;
    const uint32_t number = info.next_container++;
    if (info.next_container == ~uint32_t{0})
      co_return Status(Code::kNoSpace, "the store has no more container numbers");
    auto container = std::make_shared<ContainerState>(world_.executor, id, number);
    container->set_epochs(options.epochs);
    if (options.base.has_value()) {
      CO_TRY_ASSIGN(const ContainerRef base, find_container(options.base->container));
      CO_TRY_ASSIGN(const Epoch epoch, clone_epoch(*base, options.base->epoch));
      // The epoch may be another store's.
      if (MUTATION("clone_of_another_clock_isnt_observed", true, false)) clock_.observe(epoch);
      container->set_base(base, epoch);
      container->highest = container->bound = container->bound_durable = epoch;
      if (options.epochs == EpochMode::kExplicit) container->committing = container->committed = epoch;
    }
    const ContainerInfoRecord record = container->info();
    if (record.has_options()) info.needs(kVosFormatOptions);
    Bytes value(4);
    store_le(value.data(), number);
    media::Batch batch;
    batch.put(container_record_key(id), value);
    batch.put(space_key(number), encode_space({}));
    if (record.has_options()) batch.put(container_info_key(number), encode_container_info(record));
    batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
    CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));
    info_ = info;
    containers_[id] = container;
    container->opened_at = std::max(clock_.last(), container->base_epoch);
    if (container->base != nullptr) container->base->clones.insert(container->base_epoch);
  }
  co_return co_await media_->wait_durable(position);
}

Task<Status> TargetStore::commit(Uuid id, Epoch epoch) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  ContainerRef container;
  Epoch committing;
  media::LogPosition position;
  {
    co_await turn_.acquire();  // So that no write with an earlier epoch is still on its way.
    const Permit turn(turn_, 1);
    CO_TRY_ASSIGN(container, find_container(id));
    if (container->epochs != EpochMode::kExplicit) {
      co_return refused("the container's epochs come from the clock, and are committed as they are written");
    }
    if (epoch > kEpochGivenMax) co_return refused("a committed epoch is too large");
    CO_TRY(container->check_not_discarding(epoch));
    if (epoch > container->committing) {
      ContainerInfoRecord info = container->info();
      info.committed = epoch;
      media::Batch batch;
      batch.use_reserve();
      batch.put(container_info_key(container->number), encode_container_info(info));
      CO_TRY_ASSIGN(container->commit_position, co_await media_->apply(std::move(batch)));
      container->committing = epoch;
    }
    committing = container->committing;
    position = container->commit_position;
  }
  if (MUTATION("commit_isnt_durable", false, true)) position = media::LogPosition{};
  CO_TRY(co_await media_->wait_durable(position));  // With all that was applied before, whatever its durability.
  container->committed = std::max(container->committed, committing);
  co_return ok();
}

// Without clones the container's records go, and with it hidden bases that have no other clone; else it stays hidden.
// All in one batch, so that after a crash no clone is without its base and no base is left without a clone.
TargetStore::Ended TargetStore::end_container(const ContainerRef& container, media::Batch& batch) const {
  Ended ended;
  batch.erase(container_record_key(container->id));
  for (const Epoch epoch : container->snapshots) batch.erase(snapshot_key(container->number, epoch));
  ContainerRef ends = container;
  bool has_clones = !container->clones.empty();
  while (!has_clones) {
    batch.put(dying_key(ends->number), {});
    batch.erase(container_info_key(ends->number));
    ended.erased.push_back(ends);
    ends = ends->base;
    if (ends == nullptr || !ends->is_hidden) return ended;
    has_clones = ends->clones.size() > 1;
  }
  ContainerInfoRecord info = ends->info();
  info.id = ends->id;
  info.is_hidden = true;
  info.trim_is_due = true;
  batch.put(container_info_key(ends->number), encode_container_info(info));
  ended.hidden = ends;
  return ended;
}

void TargetStore::forget_container(const ContainerRef& container, const Ended& ended) {
  container->is_destroyed = true;
  container->snapshots.clear();
  containers_.erase(container->id);
  for (const ContainerRef& erased : ended.erased) {
    erased->is_hidden = false;
    if (erased->base != nullptr) erased->base->clones.erase(erased->base->clones.find(erased->base_epoch));
  }
  if (ended.hidden != nullptr) ended.hidden->is_hidden = true;
}

void TargetStore::start_trim(const ContainerRef& hidden) {
  hidden->trim_is_due = true;
  hidden->trim_again = true;
  if (std::exchange(hidden->is_trimming, true)) return;
  background_.spawn(trim_container(hidden));
}

Task<void> TargetStore::trim_container(ContainerRef hidden) {
  Duration pause = kTrimRetryMin;
  while (hidden->is_hidden && std::exchange(hidden->trim_again, false)) {
    const Status status = co_await trim_records(hidden);
    if (status.is_ok()) continue;
    if (!hidden->is_hidden || status.code() == Code::kCanceled) break;
    log::warn("hidden_base_trim_stopped", {{"container_number", hidden->number}, {"status", status}});
    if (status.code() != Code::kNoSpace) break;  // Opening the store again goes on with it.
    const bool goes_on = co_await closing_.sleep_for(pause);
    if (!goes_on) break;
    pause = std::min(pause * 2, kTrimRetryMax);
    hidden->trim_again = true;
  }
  hidden->is_trimming = false;
}

// Drops what no clone of a hidden base sees: what is newer than all of them, then the history between them.
Task<Status> TargetStore::trim_records(ContainerRef hidden) {
  co_await hidden->maintenance.acquire();
  const Permit alone(hidden->maintenance, 1);
  if (!hidden->is_hidden) co_return ok();
  std::vector<Epoch> kept(hidden->clones.begin(), hidden->clones.end());
  for (const Epoch read : hidden->reads) {
    if (read < kept.back()) kept.push_back(read);
  }
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());

  const Epoch through = kept.back();
  const Epoch unseen{through.value + 1};
  CO_TRY(co_await drop_epochs(*hidden, unseen, kEpochMax));
  CO_TRY(co_await erase_transactions(hidden->number));
  Aggregation::Setup setup;
  setup.kept = std::move(kept);
  setup.merge_through = setup.copy_through = through;
  MaintenancePace pace(world_.executor, foreground_calls_, closing_, kPauseMax);
  Aggregation aggregation(*media_, turn_, background_, pace, *hidden, std::move(setup));
  CO_TRY(co_await aggregation.run());

  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  if (!hidden->is_hidden || hidden->trim_again) co_return ok();
  ContainerInfoRecord info = hidden->info();
  info.trim_is_due = false;
  media::Batch batch;
  batch.use_reserve();
  batch.put(container_info_key(hidden->number), encode_container_info(info));
  const auto applied = co_await media_->apply(std::move(batch));
  if (!applied) co_return applied.status();
  hidden->trim_is_due = false;
  co_return ok();
}

// Records and stamps of these epochs, in slices.
Task<Status> TargetStore::drop_epochs(const ContainerState& container, Epoch begin, Epoch end) {
  const Bytes all = container_prefix(container.number);
  media::Cursor cursor(*media_);
  RecordDropper dropper(*media_);
  Bytes key = all;
  CO_TRY(co_await cursor.seek(key));
  for (uint64_t seen = 1; cursor.valid() && starts_with(cursor.key(), all); ++seen) {
    if (container.is_destroyed && !container.is_hidden) {
      co_return Status(Code::kNotFound, "the container was destroyed");
    }
    key.assign(cursor.key().begin(), cursor.key().end());
    auto record = decode_record_key(key);
    if (!record) co_return record.status();
    const bool has_epoch = record->kind != RecordKey::Kind::kSeveralShapes;
    if (has_epoch && record->version.epoch >= begin && record->version.epoch <= end) dropper.drop(key);
    if (seen % kYieldEveryDropped == 0 || dropper.is_full()) {
      CO_TRY(co_await dropper.flush());
      co_await yield(world_.executor);
      if (background_.is_closing()) co_return Status(Code::kCanceled, "the store is closing");
      key.push_back(std::byte{0});
      CO_TRY(co_await cursor.seek(key));
    } else {
      CO_TRY(co_await cursor.next());
    }
  }
  co_return co_await dropper.flush();
}

}  // namespace aeon::vos
