#include "target_store.h"

#include <algorithm>

#include "base/log.h"
#include "record_dropper.h"
#include "space_accounting.h"

namespace aeon::vos {

namespace {

constexpr size_t kMetadataNameSizeMax = 200;
// A container that is destroyed while the disk is full is erased later.
constexpr Duration kEraseRetryMin = std::chrono::seconds(1);
constexpr Duration kEraseRetryMax = std::chrono::seconds(60);

Status no_such_container(Uuid container) {
  return Status(Code::kNotFound, "no container " + container.to_string() + " in this store");
}

Status check_metadata_name(std::string_view name) {
  if (name.empty() || name.size() > kMetadataNameSizeMax) {
    return Status(Code::kInvalidArgument,
                  "a metadata name has 1 to " + std::to_string(kMetadataNameSizeMax) + " bytes");
  }
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!printable) return Status(Code::kInvalidArgument, "a metadata name has bytes that can't be printed");
  return ok();
}

}  // namespace

Task<Result<std::unique_ptr<Store>>> Store::open(World& world, std::unique_ptr<media::KeyBlockStore> media,
                                                 StoreOptions options) {
  auto store = std::make_unique<TargetStore>(world, std::move(media), options);
  CO_TRY(co_await store->load());
  co_return std::unique_ptr<Store>(std::move(store));
}

TargetStore::TargetStore(World& world, std::unique_ptr<media::KeyBlockStore> media, StoreOptions options)
    : world_(world),
      media_(std::move(media)),
      clock_(world.clock),
      turn_(world.executor, 1),
      background_(world.executor),
      closing_(world.executor),
      space_waits_(world.executor),
      done_requests_(world, *media_, turn_, background_, closing_),
      cursor_(*media_),
      options_(options) {}

TargetStore::~TargetStore() = default;

Task<Status> TargetStore::load() {
  media::Cursor cursor(*media_);
  const Bytes info_key = store_prefix(StoreRecord::kInfo);
  CO_TRY(co_await cursor.seek(info_key));
  if (cursor.valid() && equal_bytes(cursor.key(), info_key)) {
    CO_TRY_ASSIGN(info_, decode_store_info(cursor.value()));
  } else if (!media_->is_read_only()) {
    media::Batch batch;
    batch.put(info_key, encode_store_info(info_));
    CO_TRY_ASSIGN(const media::LogPosition position, co_await media_->apply(std::move(batch)));
    CO_TRY(co_await media_->wait_durable(position));
  }
  next_minor_ = info_.minor_bound;
  clock_.observe(info_.epoch_bound);
  CO_TRY(co_await load_containers());

  std::vector<uint32_t> dying;
  const Bytes dying_prefix = store_prefix(StoreRecord::kDying);
  CO_TRY(co_await cursor.seek(dying_prefix));
  while (cursor.valid() && starts_with(cursor.key(), dying_prefix)) {
    const ByteView key = cursor.key();
    if (key.size() != dying_prefix.size() + 4)
      co_return Status(Code::kCorrupt, "a destroyed container's mark is damaged");
    dying.push_back(load_be32(key.data() + dying_prefix.size()));
    CO_TRY(co_await cursor.next());
  }
  if (media_->is_read_only()) co_return ok();
  CO_TRY(co_await load_space());
  co_await done_requests_.load();
  for (const uint32_t number : dying) background_.spawn(erase_container(number, nullptr));
  start_scrubber();
  co_return ok();
}

void TargetStore::start_scrubber() {
  if (options_.scrub.bytes_per_second == 0) return;
  const auto name_of = [this](uint32_t number) {
    for (const auto& [id, container] : containers_) {
      if (container->number == number) return id;
    }
    return Uuid();
  };
  scrubber_ = std::make_unique<Scrubber>(world_, *media_, options_.scrub, foreground_calls_, closing_, name_of);
  background_.spawn(scrubber_->run());
}

ScrubProgress TargetStore::scrub_progress() const {
  return scrubber_ != nullptr ? scrubber_->progress() : ScrubProgress();
}

std::vector<DamagedPlace> TargetStore::damaged_places() const {
  return scrubber_ != nullptr ? scrubber_->damage() : std::vector<DamagedPlace>();
}

// Containers that were written by a program without counters, or whose counters are damaged, get them now.
Task<Status> TargetStore::load_space() {
  for (const auto& [id, container] : containers_) {
    const auto stored = co_await read_space(*media_, container->number);
    if (stored.is_ok() && stored->has_value()) continue;
    if (!stored.is_ok() && stored.code() != Code::kCorrupt) co_return stored.status();
    CO_TRY_ASSIGN(const SpaceUse counted, co_await count_space(*media_, container->number));
    media::Batch batch;
    batch.use_reserve();
    batch.put(space_key(container->number), encode_space(counted));
    const auto applied = co_await media_->apply(std::move(batch));
    if (!applied) co_return applied.status();
    log::info("container_space_counted", {{"container", id}, {"records", counted.records}});
  }
  co_return ok();
}

Task<Status> TargetStore::load_containers() {
  media::Cursor cursor(*media_);
  std::map<uint32_t, ContainerRef> by_number;
  const Bytes records = store_prefix(StoreRecord::kContainer);
  CO_TRY(co_await cursor.seek(records));
  while (cursor.valid() && starts_with(cursor.key(), records)) {
    Uuid id;
    if (cursor.key().size() != records.size() + id.bytes.size() || cursor.value().size() != 4) {
      co_return Status(Code::kCorrupt, "a container's record is damaged");
    }
    std::memcpy(id.bytes.data(), cursor.key().data() + records.size(), id.bytes.size());
    const auto number = load_le<uint32_t>(cursor.value().data());
    auto container = std::make_shared<ContainerState>(world_.executor, id, number);
    containers_[id] = container;
    by_number[number] = container;
    CO_TRY(co_await cursor.next());
  }

  std::map<uint32_t, ContainerInfoRecord> stored;
  const Bytes infos = store_prefix(StoreRecord::kContainerInfo);
  CO_TRY(co_await cursor.seek(infos));
  while (cursor.valid() && starts_with(cursor.key(), infos)) {
    if (cursor.key().size() != infos.size() + 4) co_return Status(Code::kCorrupt, "a container's info is damaged");
    const uint32_t number = load_be32(cursor.key().data() + infos.size());
    auto info = decode_container_info(cursor.value());
    if (!info) co_return info.status();
    ContainerRef& place = by_number[number];
    if ((place == nullptr) != info->is_hidden) {
      co_return Status(Code::kCorrupt, "there is info of a container that isn't there");
    }
    if (place == nullptr) {
      place = std::make_shared<ContainerState>(world_.executor, info->id, number);
      place->is_destroyed = place->is_hidden = true;
      place->trim_is_due = info->trim_is_due;
    }
    ContainerState& container = *place;
    container.highest = container.bound = container.bound_durable = container.opened_at = info->bound;
    container.aggregated_through = info->aggregated_through;
    container.set_epochs(info->epochs);
    container.committing = container.committed = info->committed;
    container.guards_reads = info->guards_reads;
    if (info->guards_reads) transactions_of(container).times.forget_reads_through(container.bound);
    clock_.observe(container.bound);
    stored[number] = *info;
    CO_TRY(co_await cursor.next());
  }
  CO_TRY(link_containers(by_number, stored));

  const Bytes snapshots = store_prefix(StoreRecord::kSnapshot);
  CO_TRY(co_await cursor.seek(snapshots));
  while (cursor.valid() && starts_with(cursor.key(), snapshots)) {
    if (cursor.key().size() != snapshots.size() + 12)
      co_return Status(Code::kCorrupt, "a snapshot's record is damaged");
    const auto found = by_number.find(load_be32(cursor.key().data() + snapshots.size()));
    if (found == by_number.end())
      co_return Status(Code::kCorrupt, "there is a snapshot of a container that isn't there");
    const Epoch epoch{load_be64(cursor.key().data() + snapshots.size() + 4)};
    found->second->snapshots.insert(epoch);
    clock_.observe(epoch);
    CO_TRY(co_await cursor.next());
  }
  CO_TRY(co_await load_transactions(by_number));
  for (const auto& [number, container] : by_number) {
    if (container->trim_is_due && !media_->is_read_only()) start_trim(container);
  }
  co_return ok();
}

Task<Status> TargetStore::close() {
  is_closed_ = true;
  end_space_waits();
  closing_.cancel();
  co_await background_.close();
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  for (const auto& [id, container] : containers_) {
    if (container->transactions == nullptr) continue;
    IntentTable& intents = container->transactions->intents;
    for (const auto& [transaction, intent] : intents.all()) intents.give_back_headroom(*media_, transaction);
  }
  // The exact epochs, where running only kept a bound. It's no loss if there is no room for them.
  media::Batch batch;
  for (const auto& [id, container] : containers_) {
    // Transactions' reads may be later than the newest write.
    if (container->bound == container->highest || container->transactions != nullptr) continue;
    ContainerInfoRecord info = container->info();
    info.bound = container->highest;
    batch.put(container_info_key(container->number), encode_container_info(info));
    info_.epoch_bound = std::max(info_.epoch_bound, clock_.last());
  }
  if (!batch.empty()) {
    batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info_));
    const auto applied = co_await media_->apply(std::move(batch));
    ignore(applied.status(), "the stored bound is right too");
  }
  co_return co_await media_->close();
}

Result<ContainerRef> TargetStore::find_container(Uuid container) const {
  const auto found = containers_.find(container);
  if (found == containers_.end()) return no_such_container(container);
  return found->second;
}

Task<Status> TargetStore::destroy_container(Uuid id) {
  media::LogPosition position;
  Ended ended;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
    StoreInfoRecord info = info_;
    info.epoch_bound = std::max(info.epoch_bound, clock_.last());
    media::Batch batch;
    batch.use_reserve();
    ended = end_container(container, batch);
    if (ended.hidden != nullptr) info.needs(kVosFormatOptions);
    batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
    CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));
    info_ = info;
    if (container->transactions != nullptr) {
      IntentTable& intents = container->transactions->intents;
      for (const auto& [transaction, intent] : intents.all()) intents.give_back_headroom(*media_, transaction);
    }
    forget_container(container, ended);
  }
  for (const ContainerRef& erased : ended.erased) background_.spawn(erase_container(erased->number, erased));
  if (ended.hidden != nullptr) start_trim(ended.hidden);
  co_return co_await media_->wait_durable(position);
}

Task<void> TargetStore::erase_container(uint32_t number, ContainerRef destroyed) {
  Duration pause = kEraseRetryMin;
  while (true) {
    const Status status = co_await erase_records(number, destroyed);
    if (status.is_ok()) co_return;
    log::warn("container_erase_stopped", {{"container_number", number}, {"status", status}});
    if (status.code() != Code::kNoSpace) co_return;  // Opening the store again goes on with it.
    const bool goes_on = co_await closing_.sleep_for(pause);
    if (!goes_on) co_return;
    pause = std::min(pause * 2, kEraseRetryMax);
  }
}

Task<Status> TargetStore::erase_records(uint32_t number, ContainerRef destroyed) {
  Permit no_maintenance;  // Aggregation gives way when it sees that the container is gone.
  if (destroyed != nullptr) {
    co_await destroyed->maintenance.acquire();
    no_maintenance = Permit(destroyed->maintenance, 1);
  }
  media::Cursor cursor(*media_);
  RecordDropper dropper(*media_);
  const Bytes prefix = container_prefix(number);
  while (!background_.is_closing()) {
    CO_TRY(co_await cursor.seek(prefix));
    while (!dropper.is_full() && cursor.valid() && starts_with(cursor.key(), prefix)) {
      dropper.drop(cursor.key());
      CO_TRY(co_await cursor.next());
    }
    if (dropper.is_empty()) {
      CO_TRY(co_await erase_transactions(number));
      media::Batch batch;
      batch.erase(dying_key(number));
      batch.erase(space_key(number));
      const auto applied = co_await media_->apply(std::move(batch));
      co_return applied.status();
    }
    CO_TRY(co_await dropper.flush());
    co_await yield(world_.executor);
  }
  co_return ok();
}

Task<Result<ContainerInfo>> TargetStore::query_container(Uuid id) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  ContainerInfo info;
  info.id = id;
  info.epochs = container->epochs;
  info.highest_committed = container->newest_readable();
  info.highest_written = container->highest;
  info.aggregated_through = container->aggregated_through;
  info.snapshots.assign(container->snapshots.begin(), container->snapshots.end());
  info.aggregation = container->aggregation;
  CO_TRY_ASSIGN(const std::optional<SpaceUse> space, co_await read_space(*media_, container->number));
  info.space = space.value_or(SpaceUse{});
  if (container->base != nullptr)
    info.base = CloneBase{.container = container->base->id, .epoch = container->base_epoch};
  info.clones.assign(container->clones.begin(), container->clones.end());
  co_return info;
}

Task<Result<std::vector<Uuid>>> TargetStore::list_containers() {
  std::vector<Uuid> ids;
  for (const auto& [id, container] : containers_) ids.push_back(id);
  co_return ids;
}

Task<Result<Epoch>> TargetStore::create_snapshot(Uuid id, Epoch epoch) {
  media::LogPosition position;
  {
    co_await turn_.acquire();  // So that no write with an earlier epoch is still on its way.
    const Permit turn(turn_, 1);
    CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
    if (epoch > kEpochGivenMax) co_return Status(Code::kInvalidArgument, "a snapshot's epoch is too large");
    if (container->epochs == EpochMode::kExplicit) {
      if (epoch == kEpochZero) epoch = container->committed;
      if (epoch == kEpochZero || epoch > container->committed) {
        co_return Status(Code::kInvalidArgument,
                         "a snapshot is of what was committed, and the highest epoch that was is " +
                             std::to_string(container->committed.value));
      }
    }
    const bool is_clocked = container->epochs == EpochMode::kClock;
    if (epoch != kEpochZero && is_clocked && is_too_late(epoch)) {
      co_return Status(Code::kInvalidArgument, "a snapshot's epoch is too far ahead of the clock");
    }
    if (epoch == kEpochZero) epoch = clock_.next();  // Behind all that were given, and so perhaps behind the largest.
    if (epoch < container->base_epoch) {
      co_return Status(Code::kInvalidArgument, "epoch " + std::to_string(epoch.value) +
                                                   " is before the clone's base epoch " +
                                                   std::to_string(container->base_epoch.value));
    }
    if (epoch < container->aggregated_through) {
      co_return Status(Code::kInvalidArgument, "epoch " + std::to_string(epoch.value) +
                                                   " was aggregated already; snapshots start at epoch " +
                                                   std::to_string(container->aggregated_through.value));
    }
    if (container->transactions != nullptr && container->transactions->intents.oldest() <= epoch) {
      co_return Status(Code::kInProgress, "an undecided transaction is at or before the snapshot's epoch");
    }
    if (MUTATION("snapshot_of_another_clock_isnt_observed", true, false)) clock_.observe(epoch);
    media::Batch batch;
    batch.put(snapshot_key(container->number, epoch), {});
    // Another store's may be later than all here. What it sees stays, also when it is gone after a restart.
    Raised raised;
    if (is_clocked && epoch > container->bound) raised = raise_bounds(*container, epoch, true, next_minor_, batch);
    CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));
    container->snapshots.insert(epoch);
    if (raised.bound.has_value()) {
      container->bound = *raised.bound;
      container->bound_position = position;
    }
  }
  if (MUTATION("snapshot_isnt_durable", false, true)) co_return epoch;
  CO_TRY(co_await media_->wait_durable(position));
  co_return epoch;
}

Task<Status> TargetStore::destroy_snapshot(Uuid id, Epoch epoch) {
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
    if (!container->snapshots.contains(epoch)) {
      co_return Status(Code::kNotFound, "no snapshot at epoch " + std::to_string(epoch.value));
    }
    media::Batch batch;
    batch.erase(snapshot_key(container->number, epoch));
    CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));
    container->snapshots.erase(epoch);
  }
  co_return co_await media_->wait_durable(position);
}

Task<Status> TargetStore::change_metadata(std::vector<MetadataChange> changes, RequestId id, DoneRequest done) {
  media::Batch batch;
  bool makes_room = false;
  for (const MetadataChange& change : changes) {
    CO_TRY(check_metadata_name(change.name));
    if (change.value.has_value() && change.value->size() > media::kValueSizeMax) {
      co_return Status(Code::kTooBig, "metadata '" + change.name + "' has " + std::to_string(change.value->size()) +
                                          " bytes; at most " + std::to_string(media::kValueSizeMax) + " fit");
    }
    if (change.value.has_value())
      batch.put(metadata_key(change.name), *change.value);
    else
      batch.erase(metadata_key(change.name));
    makes_room = makes_room || !change.value.has_value();
  }
  if (makes_room) batch.use_reserve();
  if (batch.empty() && id.client == 0) co_return ok();
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    done_requests_.put(id, done, batch);
    CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));
    done_requests_.note(id);
  }
  co_return co_await media_->wait_durable(position);
}

Task<Result<std::optional<Bytes>>> TargetStore::get_metadata(std::string name) {
  CO_TRY(check_metadata_name(name));
  media::Cursor cursor(*media_);
  const Bytes key = metadata_key(name);
  CO_TRY(co_await cursor.seek(key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return std::optional<Bytes>();
  co_return std::optional<Bytes>(to_bytes(cursor.value()));
}

Task<Result<std::vector<std::pair<std::string, Bytes>>>> TargetStore::list_metadata(std::string prefix) {
  std::vector<std::pair<std::string, Bytes>> found;
  media::Cursor cursor(*media_);
  const Bytes first = metadata_key(prefix);
  const size_t tag_size = store_prefix(StoreRecord::kMetadata).size();
  CO_TRY(co_await cursor.seek(first));
  while (cursor.valid() && starts_with(cursor.key(), first)) {
    found.emplace_back(std::string(as_text(cursor.key().subspan(tag_size))), to_bytes(cursor.value()));
    CO_TRY(co_await cursor.next());
  }
  co_return found;
}

}  // namespace aeon::vos
