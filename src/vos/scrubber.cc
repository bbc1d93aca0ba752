#include "scrubber.h"

#include <algorithm>

#include "base/log.h"
#include "key_codec.h"
#include "stored_record.h"
#include "value_check.h"

namespace aeon::vos {

namespace {

constexpr ByteCount kPageStepBytes = 256 * kKiB;
constexpr ByteCount kValueStepBytes = 1 * kMiB;
constexpr size_t kValueStepRecords = 256;
constexpr Duration kQuiet = std::chrono::milliseconds(20);
constexpr int kSlowdownMax = 10;
constexpr Duration kSaveInterval = std::chrono::minutes(1);
constexpr ByteCount kSaveBytes = 64 * kMiB;
constexpr size_t kPlacesMax = 1000;
constexpr size_t kPlacesSavedMax = 100;
constexpr size_t kPositionSizeMax = 4 * kKiB;

// The state record: version (1), cycle, bytes and values checked, cycles done, bytes of the last cycle, number of
// places saved (8 each), position. A place: what (1), key.
constexpr std::byte kStateVersion{1};
constexpr size_t kStateSize = 1 + 6 * 8;
constexpr std::string_view kStateName = "store/scrub";

std::string place_name(size_t index) { return "store/scrub/damage/" + std::to_string(index); }

bool is_damage(const Status& status) { return status.code() == Code::kCorrupt || status.code() == Code::kIo; }
bool is_before(ByteView key, const Bytes& end) { return end.empty() || compare_bytes(key, end) < 0; }

}  // namespace

Scrubber::Scrubber(World& world, media::KeyBlockStore& media, ScrubOptions options, const uint64_t& calls,
                   Cancellation& closing, std::function<Uuid(uint32_t)> name_of)
    : world_(world),
      media_(media),
      options_(options),
      calls_(calls),
      closing_(closing),
      name_of_(std::move(name_of)),
      calls_seen_(calls) {
  progress_.is_on = true;
}

std::vector<DamagedPlace> Scrubber::damage() const {
  std::vector<DamagedPlace> places;
  places.reserve(found_.size());
  for (const auto& [key, found] : found_) places.push_back(found.place);
  return places;
}

Task<void> Scrubber::run() {
  const Status loaded = co_await load();
  if (!loaded.is_ok()) log::warn("scrub_state_lost", {{"status", loaded}});
  if (progress_.cycle == 0) progress_.cycle = 1;
  cycle_began_ = saved_at_ = world_.executor.now();
  while (!closing_.is_canceled()) {
    const Status stepped = co_await step();
    if (stepped.is_ok()) continue;
    // Whatever is in the way may go away.
    log::warn("scrub_paused", {{"status", stepped}});
    static_cast<void>(co_await closing_.sleep_for(kSaveInterval));
  }
  co_await save();
}

Task<Status> Scrubber::step() {
  CO_TRY_ASSIGN(const media::KeyBlockStore::PageCheck pages, co_await media_.check_pages(position_, kPageStepBytes));
  progress_.bytes_checked += pages.bytes_read;
  unsaved_bytes_ += pages.bytes_read;
  for (const media::KeyBlockStore::Damage& damage : pages.damage) note_page(damage);
  const bool goes_on = co_await pace(pages.bytes_read);
  if (!goes_on) co_return ok();

  // Around what damaged pages hide.
  Range range{.begin = position_, .end = pages.is_end ? Bytes() : pages.next};
  for (const media::KeyBlockStore::Damage& damage : pages.damage) {
    Range before{.begin = range.begin, .end = damage.first_key};
    if (!damage.first_key.empty()) CO_TRY(co_await check_values(std::move(before)));
    range.begin = damage.end_key;
    if (damage.end_key.empty()) break;
  }
  const bool is_hidden = !pages.damage.empty() && pages.damage.back().end_key.empty();
  if (!is_hidden) CO_TRY(co_await check_values(range));
  if (closing_.is_canceled()) co_return ok();  // Not all of it was looked at.

  position_ = range.end;
  if (pages.is_end) {
    end_cycle();
    co_await save();
    static_cast<void>(co_await closing_.sleep_until(cycle_began_ + options_.cycle_interval));
    cycle_began_ = world_.executor.now();
  }
  co_return ok();
}

Task<Status> Scrubber::check_values(Range range) {
  bool is_done = false;
  while (!is_done && !closing_.is_canceled()) {
    ByteCount bytes = 0;
    CO_TRY_ASSIGN(is_done, co_await check_some_values(&range, &bytes));
    progress_.bytes_checked += bytes;
    unsaved_bytes_ += bytes;
    position_ = range.begin;
    if (unsaved_bytes_ >= kSaveBytes && world_.executor.now() >= saved_at_ + kSaveInterval) co_await save();
    const bool goes_on = co_await pace(bytes);
    if (!goes_on) break;
  }
  co_return ok();
}

Task<Result<bool>> Scrubber::check_some_values(Range* range, ByteCount* bytes) {
  const media::BlockPin pin(media_);  // Before the addresses are looked up.
  media::Cursor cursor(media_);
  // A page that can't be read is the page check's to tell; it may also be the one behind the range.
  Status moved = co_await cursor.seek(range->begin);
  for (size_t count = 0; count < kValueStepRecords && *bytes < kValueStepBytes; ++count) {
    if (is_damage(moved) || (moved.is_ok() && !cursor.valid())) co_return true;
    CO_TRY(moved);
    if (!is_before(cursor.key(), range->end)) co_return true;
    Bytes key = to_bytes(cursor.key());
    if (key.size() >= kContainerPrefixSize && load_be32(key.data()) != kStoreNumber) {
      Bytes value = to_bytes(cursor.value());
      CO_TRY(co_await check_record(key, std::move(value), bytes));
    }
    range->begin = std::move(key);
    range->begin.push_back(std::byte{0});  // Right behind it.
    moved = co_await cursor.next();
  }
  co_return false;
}

Task<Status> Scrubber::check_record(Bytes key, Bytes value, ByteCount* bytes) {
  const StoredRecord record = take_apart(key, value);
  DamagedPlace place = place_of(record);
  if (record.status.is_ok()) {
    if (!record.has_value()) co_return ok();
    BlocksOf<media::KeyBlockStore> source(media_);
    ValuePlace where;
    where.size = record.bytes;
    where.inline_bytes = record.inline_bytes;
    where.blocks = record.blocks;
    where.chunk = record.chunk;
    where.checksums = record.checksums;
    ++progress_.values_checked;
    place.status = co_await check_value(&source, &where, nullptr);
    for (const media::BlockRange& blocks : record.blocks) *bytes += blocks.count * media::kBlockSize;
  }
  if (place.status.is_ok()) co_return ok();
  // It may have been replaced or dropped meanwhile, and then it is nobody's any more.
  CO_TRY_ASSIGN(const bool is_there, co_await is_still_there(key, value));
  if (is_there) note({.what = DamagedPlace::What::kValue, .key = std::move(key)}, std::move(place));
  co_return ok();
}

Task<Result<bool>> Scrubber::is_still_there(ByteView key, ByteView value) {
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(key));
  co_return cursor.valid() && equal_bytes(cursor.key(), key) && equal_bytes(cursor.value(), value);
}

Task<bool> Scrubber::pace(ByteCount bytes) {
  const Duration due(std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(options_.bytes_per_second))));
  const Instant latest = world_.executor.now() + due * kSlowdownMax;
  bool goes_on = co_await closing_.sleep_for(due);
  // At once if nobody called meanwhile.
  while (goes_on && calls_ != calls_seen_ && world_.executor.now() < latest) {
    calls_seen_ = calls_;
    ++progress_.pauses;
    goes_on = co_await closing_.sleep_until(std::min(world_.executor.now() + kQuiet, latest));
  }
  calls_seen_ = calls_;
  if (goes_on && due == Duration::zero()) co_await yield(world_.executor);
  co_return goes_on;
}

void Scrubber::note_page(const media::KeyBlockStore::Damage& damage) {
  DamagedPlace place = place_of_page(damage.place, damage.status, damage.first_key, damage.end_key);
  note({.what = DamagedPlace::What::kPage, .key = damage.first_key}, std::move(place));
}

void Scrubber::note(PlaceKey key, DamagedPlace place) {
  place.container = name_of_(place.container_number);
  const auto known = found_.find(key);
  if (known != found_.end()) {
    known->second = {.place = std::move(place), .cycle = progress_.cycle};
    return;
  }
  if (place.what == DamagedPlace::What::kPage) {
    log::error("scrub_damage", {{"place", place.place},
                                {"first_hidden", place.first_hidden},
                                {"end_hidden", place.end_hidden},
                                {"status", place.status}});
  } else {
    log::error("scrub_damage", {{"container", place.container},
                                {"container_number", place.container_number},
                                {"object", place.object},
                                {"dkey", printable_key(place.dkey)},
                                {"akey", printable_key(place.akey)},
                                {"index", place.recx.index},
                                {"count", place.recx.count},
                                {"epoch", place.epoch},
                                {"place", place.place},
                                {"status", place.status}});
  }
  if (found_.size() < kPlacesMax) found_[std::move(key)] = {.place = std::move(place), .cycle = progress_.cycle};
  progress_.places_damaged = found_.size();
}

void Scrubber::end_cycle() {
  std::erase_if(found_, [&](const auto& entry) { return entry.second.cycle < progress_.cycle; });
  progress_.places_damaged = found_.size();
  progress_.last_cycle_bytes = progress_.bytes_checked;
  ++progress_.cycles_done;
  ++progress_.cycle;
  progress_.bytes_checked = 0;
  progress_.values_checked = 0;
  position_.clear();
  log::info("scrub_cycle_done", {{"cycles", progress_.cycles_done},
                                 {"bytes", progress_.last_cycle_bytes},
                                 {"places_damaged", progress_.places_damaged}});
}

// --- over restarts

Task<void> Scrubber::save() {
  media::Batch batch;
  batch.use_reserve();
  size_t saved = 0;
  for (const auto& [place, found] : found_) {
    if (saved == kPlacesSavedMax) break;
    if (place.key.size() + 1 > media::kValueSizeMax) continue;
    Bytes value{static_cast<std::byte>(place.what)};
    value.insert(value.end(), place.key.begin(), place.key.end());
    batch.put(metadata_key(place_name(saved++)), value);
  }
  for (size_t i = saved; i < saved_places_; ++i) batch.erase(metadata_key(place_name(i)));
  Bytes state(kStateSize);
  state[0] = kStateVersion;
  const uint64_t numbers[] = {progress_.cycle,       progress_.bytes_checked,    progress_.values_checked,
                              progress_.cycles_done, progress_.last_cycle_bytes, saved};
  for (size_t i = 0; i < std::size(numbers); ++i) store_le(state.data() + 1 + 8 * i, numbers[i]);
  // A key that is cut sorts before itself: a little is checked twice.
  const size_t position_size = std::min(position_.size(), kPositionSizeMax);
  state.insert(state.end(), position_.begin(), position_.begin() + static_cast<ptrdiff_t>(position_size));
  batch.put(metadata_key(kStateName), state);
  const auto applied = co_await media_.apply(std::move(batch));
  saved_at_ = world_.executor.now();
  unsaved_bytes_ = 0;
  if (applied.is_ok()) saved_places_ = saved;
  // Nobody waits until it is durable; without it, a restart only checks more than it had to.
  if (!applied.is_ok()) log::info("scrub_state_not_saved", {{"status", applied.status()}});
}

Task<Status> Scrubber::load() {
  media::Cursor cursor(media_);
  const Bytes state_key = metadata_key(kStateName);
  CO_TRY(co_await cursor.seek(state_key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), state_key)) co_return ok();
  const Bytes state = to_bytes(cursor.value());
  if (state.size() < kStateSize || state[0] != kStateVersion) {
    co_return Status(Code::kCorrupt, "the record of where checking was isn't one that this program writes");
  }
  uint64_t numbers[6];
  for (size_t i = 0; i < std::size(numbers); ++i) numbers[i] = load_le<uint64_t>(state.data() + 1 + 8 * i);
  progress_.cycle = numbers[0];
  progress_.bytes_checked = numbers[1];
  progress_.values_checked = numbers[2];
  progress_.cycles_done = numbers[3];
  progress_.last_cycle_bytes = numbers[4];
  saved_places_ = std::min<uint64_t>(numbers[5], kPlacesSavedMax);
  position_.assign(state.begin() + kStateSize, state.end());
  // What was damaged is looked at again at once, so that the list is true from the start.
  for (size_t i = 0; i < saved_places_; ++i) {
    const Bytes key = metadata_key(place_name(i));
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key) || cursor.value().empty()) continue;
    PlaceKey place;
    place.what = static_cast<DamagedPlace::What>(cursor.value()[0]);
    place.key = to_bytes(cursor.value().subspan(1));
    const Status checked = co_await check_again(std::move(place));
    if (!checked.is_ok()) log::info("scrub_place_not_checked", {{"status", checked}});
  }
  co_return ok();
}

Task<Status> Scrubber::check_again(PlaceKey place) {
  if (place.what == DamagedPlace::What::kPage) {
    CO_TRY_ASSIGN(const media::KeyBlockStore::PageCheck pages, co_await media_.check_pages(place.key, 1));
    for (const media::KeyBlockStore::Damage& damage : pages.damage) note_page(damage);
    co_return ok();
  }
  const media::BlockPin pin(media_);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(place.key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), place.key)) co_return ok();
  Bytes value = to_bytes(cursor.value());
  ByteCount bytes = 0;
  co_return co_await check_record(std::move(place.key), std::move(value), &bytes);
}

}  // namespace aeon::vos
