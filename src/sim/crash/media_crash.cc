// Crash points of the key and block store: puts and erases, blocks written or carried by the log, adopted and freed,
// waits and flushes, checkpoints; a small log, so that it wraps. Every batch puts its number, so that what is there
// says how far it got.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "crash_subject.h"
#include "media/key_block_store.h"

namespace aeon {

namespace {

using media::Batch;
using media::BlockRange;
using media::KeyBlockStore;
using media::LogPosition;

using Values = std::map<std::string, std::string>;

const std::string kCountKey = "count";

// A value of a key "b…" names blocks and the seed of what is in them.
struct BlockValue {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t seed = 0;
};
std::string encode(const BlockValue& value) {
  std::string text(sizeof value, '\0');
  std::memcpy(text.data(), &value, sizeof value);
  return text;
}
std::optional<BlockValue> blocks_of(const std::string& key, const std::string& value) {
  if (key[0] != 'b' || value.size() != sizeof(BlockValue)) return std::nullopt;
  return load_le<BlockValue>(as_bytes(value).data());
}
void fill(uint64_t seed, MutableBytes out) {
  Random random(seed);
  for (size_t at = 0; at + 8 <= out.size(); at += 8) store_le(out.data() + at, random.next());
}
std::string count_text(uint64_t number) { return std::to_string(number); }

// What was done, and what is known of it. Index n is the state after n batches.
struct History {
  struct State {
    Values values;
    Moment begun = kNever;
    Moment promised = kNever;
  };
  std::vector<State> states{{.values = {}, .begun = 0, .promised = 0}};

  uint64_t newest() const { return states.size() - 1; }
  uint64_t promised_at(Moment moment) const {
    for (uint64_t n = newest(); n > 0; --n) {
      if (states[n].promised <= moment) return n;
    }
    return 0;
  }
  uint64_t begun_at(Moment moment) const {
    uint64_t n = newest();
    while (n > 0 && states[n].begun > moment) --n;
    return n;
  }
  void promise(uint64_t n, Moment moment) { states[n].promised = std::min(states[n].promised, moment); }
  void recovered(uint64_t n, Moment moment) {
    states.resize(n + 1);
    promise(n, moment);
  }
  void crashed_at(Moment moment) {
    while (newest() > 0 && states.back().begun > moment) states.pop_back();
    for (State& state : states) {
      if (state.promised > moment) state.promised = kNever;
    }
  }
};

Task<Result<Values>> read_values(KeyBlockStore* store) {
  Values values;
  media::Cursor cursor(*store);
  CO_TRY(co_await cursor.seek({}));
  while (cursor.valid()) {
    values.emplace_hint(values.end(), as_text(cursor.key()), as_text(cursor.value()));
    CO_TRY(co_await cursor.next());
  }
  CO_TRY(co_await cursor.seek_before(as_bytes("zzz")));
  const std::string last = cursor.valid() ? std::string(as_text(cursor.key())) : std::string();
  if (!values.empty() && last != values.rbegin()->first) {
    co_return Status(Code::kCorrupt, "the last key from behind is '" + last + "'");
  }
  co_return values;
}

// Empty: all is as `expected`.
Task<std::string> compare(KeyBlockStore* store, const Values* expected) {
  const Result<Values> found = co_await read_values(store);
  if (!found.is_ok()) co_return found.status().to_string();
  if (*found != *expected) {
    for (const auto& [key, value] : *expected) {
      const auto there = found->find(key);
      if (there == found->end()) co_return "key '" + key + "' is missing";
      if (there->second != value) co_return "key '" + key + "' has another value";
    }
    co_return "there are more keys than there should be";
  }
  uint64_t block_count = 0;
  for (const auto& [key, value] : *expected) {
    const std::optional<BlockValue> blocks = blocks_of(key, value);
    if (!blocks) continue;
    block_count += blocks->count;
    DiskBuffer there(blocks->count * media::kBlockSize), wanted(blocks->count * media::kBlockSize);
    const BlockRange range{blocks->first, blocks->count};
    const Status read = co_await store->read_blocks(range, there.bytes());
    if (!read.is_ok()) co_return read.to_string();
    fill(blocks->seed, wanted.bytes());
    if (!equal_bytes(there.bytes(), wanted.bytes())) co_return "the blocks of '" + key + "' hold something else";
  }
  const ByteCount used = store->space().blocks_used;
  if (used != block_count * media::kBlockSize) {
    co_return "blocks_used is " + std::to_string(used) + " bytes, and the keys name " + std::to_string(block_count) +
        " blocks";
  }
  const Result<std::vector<KeyBlockStore::Damage>> damage = co_await store->verify();
  if (!damage.is_ok()) co_return "verify: " + damage.status().to_string();
  if (!damage->empty()) co_return "verify: " + damage->front().place + ": " + damage->front().status.to_string();
  co_return std::string();
}

class MediaSubject final : public CrashSubject {
 public:
  explicit MediaSubject(uint64_t seed) : random_(seed) {
    is_garbage_ = random_.one_in(2);
    key_count_ = random_.one_in(3) ? 200 : 30;
    block_count_ = random_.one_in(3) ? 240 : 1024;  // The small one gets full.
    options_.page_size_max = random_.one_in(2) ? 1024 : 16 * kKiB;
    options_.checkpoint_log_bytes = random_.one_in(2) ? 48 * kKiB : 0;
    options_.memory_budget = random_.one_in(2) ? 64 * kMiB : random_.between(128, 1024) * kKiB;
    options_.write_behind = std::chrono::microseconds(random_.between(50, 5000));
  }

  uint64_t block_count() const override { return block_count_; }
  bool unwritten_is_garbage() const override { return is_garbage_; }
  uint64_t space_blocks() const override { return block_count_; }

  Task<Status> format(World* world, Disk* disk) override {
    media::FormatOptions options;
    options.store = Uuid::from_random(17, 18);
    options.log_size = 256 * kKiB;
    co_return co_await KeyBlockStore::format(*world, *disk, options);
  }

  Task<void> live(World* world, SimExecutor* process, Disk* disk, CrashRecording* recording, Random random) override {
    before_ = history_;
    opened_ = kNever;
    recording_ = recording;
    Result<std::unique_ptr<KeyBlockStore>> opened = co_await KeyBlockStore::open(*world, *disk, options_);
    if (!opened.is_ok()) {
      blame("open: " + opened.status().to_string());
      co_return;
    }
    KeyBlockStore* const store = &process->own(std::move(opened).value());
    const Result<Values> found = co_await read_values(store);
    if (!found.is_ok()) {
      blame(found.status().to_string());
      co_return;
    }
    const uint64_t count = count_of(*found);
    if (count > history_.newest() || history_.states[count].values != *found) {
      blame("after opening, the store doesn't hold what its first batches made");
      co_return;
    }
    opened_ = recording->now();
    history_.recovered(count, opened_);
    recording->note_promise();
    while (fault_.empty()) {
      const bool goes_on = co_await write_batch(world, store, &random);
      if (!goes_on) co_return;
      if (random.one_in(30)) {
        const Status status = co_await store->checkpoint();
        note("checkpoint", status);
      }
      if (random.one_in(8)) co_await sleep_for(world->executor, std::chrono::microseconds(random.below(800)));
    }
  }
  const std::string& fault() const override { return fault_; }
  void crashed_at(Moment moment) override {
    if (moment < opened_) history_ = before_;
    history_.crashed_at(moment);
  }

  Task<std::string> check(World* world, SimExecutor* process, Disk* disk, Moment moment, Random random,
                          Depth depth) override {
    const History& history = moment < opened_ ? before_ : history_;
    Result<std::unique_ptr<KeyBlockStore>> opened = co_await KeyBlockStore::open(*world, *disk, options_);
    if (!opened.is_ok()) co_return "open: " + opened.status().to_string();
    KeyBlockStore* store = &process->own(std::move(opened).value());
    const Result<Values> found = co_await read_values(store);
    if (!found.is_ok()) co_return found.status().to_string();
    const uint64_t count = count_of(*found);
    const uint64_t oldest = history.promised_at(moment), newest = history.begun_at(moment);
    if (count < oldest || count > newest) {
      co_return "the first " + std::to_string(count) + " batches are there; " + std::to_string(oldest) +
          " were promised, " + std::to_string(newest) + " begun";
    }
    Values values = history.states[count].values;
    std::string wrong = co_await compare(store, &values);
    if (!wrong.empty()) co_return "after " + std::to_string(count) + " batches: " + wrong;
    if (depth == Depth::kLook) co_return std::string();

    if (depth == Depth::kEmpty) {
      wrong = co_await empty(store, &values);
    } else {
      wrong = co_await go_on(store, &values, &random);
    }
    if (!wrong.empty()) co_return wrong;
    const Status closed = co_await store->close();
    if (!closed.is_ok()) co_return "close: " + closed.to_string();
    Result<std::unique_ptr<KeyBlockStore>> again = co_await KeyBlockStore::open(*world, *disk, options_);
    if (!again.is_ok()) co_return "second open: " + again.status().to_string();
    store = &process->own(std::move(again).value());
    wrong = co_await compare(store, &values);
    if (!wrong.empty()) co_return "opened again: " + wrong;
    co_return std::string();
  }

 private:
  static uint64_t count_of(const Values& values) {
    const auto found = values.find(kCountKey);
    return found == values.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
  }
  void blame(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
  }
  void note(std::string_view what, const Status& status) {
    if (!status.is_ok() && status.code() != Code::kNoSpace) blame(std::string(what) + ": " + status.to_string());
  }

  struct Change {
    Batch batch;
    Values values;  // After it.
    std::vector<BlockRange> reserved;
    Status status;
  };

  // A batch on top of `before`, with its blocks written.
  static Task<void> make_change(KeyBlockStore* store, const Values* before, uint64_t key_count, Random* random,
                                Change* change) {
    change->values = *before;
    Values& values = change->values;
    const uint64_t count = random->between(1, random->one_in(6) ? 12 : 3);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(random->below(key_count));
      if (random->one_in(4)) {
        change->batch.erase(as_bytes(key));
        values.erase(key);
      } else {
        const uint64_t size_max = random->one_in(12) ? 6000 : 90;
        std::string value(random->below(size_max), static_cast<char>('a' + random->below(26)));
        change->batch.put(as_bytes(key), as_bytes(value));
        values[key] = std::move(value);
      }
    }
    const bool with_blocks = random->one_in(3);
    if (!with_blocks) co_return;
    const std::string key = "b" + std::to_string(random->below(8));
    const auto old = values.find(key);
    if (old != values.end()) {
      const std::optional<BlockValue> blocks = blocks_of(key, old->second);
      change->batch.free({blocks->first, blocks->count});
      values.erase(old);
      change->batch.erase(as_bytes(key));
    }
    if (random->one_in(4)) co_return;
    Result<std::vector<BlockRange>> ranges = store->reserve(random->between(1, 6));
    if (!ranges.is_ok()) {
      if (ranges.code() != Code::kNoSpace) change->status = ranges.status();
      co_return;
    }
    for (size_t i = 1; i < ranges->size(); ++i) store->cancel((*ranges)[i]);
    const BlockRange range = ranges->front();
    change->reserved.push_back(range);
    const BlockValue blocks{range.first, range.count, random->next()};
    DiskBuffer content(range.count * media::kBlockSize);
    fill(blocks.seed, content.bytes());
    const bool is_carried = random->one_in(2);
    if (is_carried) {
      change->batch.adopt(range, content.bytes());
    } else {
      change->status = co_await store->write_blocks(range, content.bytes());
      if (!change->status.is_ok()) co_return;
      change->batch.adopt(range);
    }
    values[key] = encode(blocks);
    change->batch.put(as_bytes(key), as_bytes(values[key]));
  }

  Task<bool> write_batch(World* world, KeyBlockStore* store, Random* random) {
    Change change;
    co_await make_change(store, &history_.states.back().values, key_count_, random, &change);
    note("blocks", change.status);
    if (!change.status.is_ok()) {
      for (const BlockRange& range : change.reserved) store->cancel(range);
      co_return change.status.code() == Code::kNoSpace;
    }
    const uint64_t number = history_.newest() + 1;
    change.values[kCountKey] = count_text(number);
    change.batch.put(as_bytes(kCountKey), as_bytes(change.values[kCountKey]));
    History::State state;
    state.values = std::move(change.values);
    state.begun = recording_->now();
    history_.states.push_back(std::move(state));
    const Result<LogPosition> applied = co_await store->apply(std::move(change.batch));
    if (!applied.is_ok()) {
      history_.states.pop_back();
      for (const BlockRange& range : change.reserved) store->cancel(range);
      note("apply", applied.status());
      if (applied.code() != Code::kNoSpace) co_return false;
      co_return co_await make_room(store, random);
    }
    const LogPosition position = *applied;
    switch (random->below(5)) {
      case 0:
      case 1: world->executor.spawn(wait(store, position, number)); break;
      case 2: co_await wait(store, position, number); break;
      case 3: {
        const bool by_flush = random->one_in(4);
        if (!by_flush) break;
        const Status status = co_await store->flush();
        note("flush", status);
        if (status.is_ok()) promise(number);
        break;
      }
      default: break;
    }
    co_return true;
  }

  // On a full disk erasing must go on working: a few keys at a time, with checkpoints between.
  Task<bool> make_room(KeyBlockStore* store, Random* random) {
    for (uint64_t left = random->between(1, 12); left > 0; --left) {
      const Values& before = history_.states.back().values;
      auto chosen = before.begin();
      std::advance(chosen, random->below(before.size()));
      if (chosen->first == kCountKey) continue;
      History::State state;
      state.values = before;
      state.values.erase(chosen->first);
      Batch batch = erasing(chosen->first, chosen->second);
      const uint64_t number = history_.newest() + 1;
      state.values[kCountKey] = count_text(number);
      batch.put(as_bytes(kCountKey), as_bytes(state.values[kCountKey]));
      batch.use_reserve();
      state.begun = recording_->now();
      history_.states.push_back(std::move(state));
      const Status erased = co_await apply_with_checkpoint(store, std::move(batch));
      if (erased.is_ok()) continue;
      history_.states.pop_back();
      blame("erasing on a full disk: " + erased.to_string());
      co_return false;
    }
    co_return true;
  }

  static Batch erasing(const std::string& key, const std::string& value) {
    Batch batch;
    const std::optional<BlockValue> blocks = blocks_of(key, value);
    if (blocks) batch.free({blocks->first, blocks->count});
    batch.erase(as_bytes(key));
    return batch;
  }
  static Task<Status> apply_with_checkpoint(KeyBlockStore* store, Batch batch) {
    Result<LogPosition> applied = co_await store->apply(batch);
    if (applied.code() == Code::kNoSpace) {
      ignore(co_await store->checkpoint(), "what it can't do the next try will say");
      applied = co_await store->apply(std::move(batch));
    }
    co_return applied.status();
  }

  Task<void> wait(KeyBlockStore* store, LogPosition position, uint64_t number) {
    const Status status = co_await store->wait_durable(position);
    note("wait_durable", status);
    if (status.is_ok()) promise(number);
  }
  void promise(uint64_t number) {
    history_.promise(number, recording_->now());
    recording_->note_promise();
  }

  // A few more batches, all durable.
  Task<std::string> go_on(KeyBlockStore* store, Values* values, Random* random) {
    for (uint64_t step = random->between(1, 6); step > 0; --step) {
      Change change;
      co_await make_change(store, values, key_count_, random, &change);
      if (!change.status.is_ok()) co_return "blocks: " + change.status.to_string();
      if (change.batch.empty()) continue;
      const Result<LogPosition> applied = co_await store->apply(std::move(change.batch));
      if (applied.code() == Code::kNoSpace) {
        for (const BlockRange& range : change.reserved) store->cancel(range);
        continue;
      }
      if (!applied.is_ok()) co_return "apply: " + applied.status().to_string();
      *values = std::move(change.values);
      if (random->one_in(3)) {
        const Status status = co_await store->checkpoint();
        if (!status.is_ok() && status.code() != Code::kNoSpace) co_return "checkpoint: " + status.to_string();
      }
    }
    co_return co_await compare(store, values);
  }

  // Everything away: then all space must be there again.
  static Task<std::string> empty(KeyBlockStore* store, Values* values) {
    for (const auto& [key, value] : *values) {
      const Status erased = co_await apply_with_checkpoint(store, erasing(key, value));
      if (!erased.is_ok()) co_return "erasing everything: " + erased.to_string();
    }
    values->clear();
    for (int i = 0; i < 3; ++i) {  // What one makes needless is held until the next.
      Batch touch;
      touch.put(as_bytes("k0"), as_bytes("x"));
      touch.erase(as_bytes("k0"));
      const Result<LogPosition> touched = co_await store->apply(std::move(touch));
      if (!touched.is_ok()) co_return "apply: " + touched.status().to_string();
      const Status status = co_await store->checkpoint();
      if (!status.is_ok()) co_return "checkpoint: " + status.to_string();
    }
    const media::Space space = store->space();
    if (space.blocks_used != 0 || space.index_used > 4 * media::kBlockSize) {
      co_return "of an empty store " + std::to_string(space.blocks_used) + " bytes of blocks and " +
          std::to_string(space.index_used) + " of pages are in use";
    }
    co_return std::string();
  }

  Random random_;
  bool is_garbage_ = false;
  uint64_t key_count_ = 0;
  uint64_t block_count_ = 0;
  media::OpenOptions options_;
  CrashRecording* recording_ = nullptr;
  History before_;            // Until the last life had opened the store.
  History history_;
  Moment opened_ = kNever;
  std::string fault_;
};

}  // namespace

std::unique_ptr<CrashSubject> make_media_subject(uint64_t seed) { return std::make_unique<MediaSubject>(seed); }

}  // namespace aeon
