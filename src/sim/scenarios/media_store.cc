// The key and block store of one target, on one disk or on a disk for the log and two for data, any of which may also
// be full or answer with errors: batches, blocks,
// checkpoints and reads, ended at any moment by a power loss, a SIGKILL or at an exact write, and opened again. After
// each opening the store must hold exactly what some prefix of the applied batches made, and that prefix must include
// all that was acknowledged as durable.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/device_set.h"
#include "media/key_block_store.h"
#include "runtime/gate.h"
#include "scenario.h"
#include "sim/sim_process.h"
#include "store_life.h"

namespace aeon {

namespace {

using media::Batch;
using media::BlockRange;
using media::KeyBlockStore;
using media::LogPosition;

const Bytes kCountKey = to_bytes("count");  // Every batch puts its number here, so that a prefix says how long it is.

// A value is either plain bytes, or names blocks and the seed of what is in them.
struct BlockValue {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t content_seed = 0;
};
constexpr std::byte kPlain{'p'};
constexpr std::byte kBlocks{'b'};

Bytes encode(const BlockValue& value) {
  Bytes bytes(1 + sizeof value, kBlocks);
  std::memcpy(bytes.data() + 1, &value, sizeof value);
  return bytes;
}

std::optional<BlockValue> decode_blocks(ByteView bytes) {
  if (bytes.size() != 1 + sizeof(BlockValue) || bytes[0] != kBlocks) return std::nullopt;
  return load_le<BlockValue>(bytes.data() + 1);
}

void fill_content(uint64_t seed, MutableBytes out) {
  Random random(seed);
  for (size_t at = 0; at + 8 <= out.size(); at += 8) store_le(out.data() + at, random.next());
}

// What each applied batch left behind, by key; and how many of them are promised.
class Model {
 public:
  using Changes = std::map<Bytes, std::optional<Bytes>>;

  uint64_t applied_count() const { return applied_count_; }
  uint64_t durable_count() const { return durable_count_; }

  // Before it is applied: from here on it may be there.
  void begin(const Changes& changes) {
    for (const auto& [key, value] : changes) history_[key].push_back({applied_count_ + 1, value});
  }
  void end() { ++applied_count_; }
  void abandon() { drop_after(applied_count_); }
  void promise(uint64_t count) { durable_count_ = std::max(durable_count_, count); }
  // A crash left the first `count` batches, and no more are ever to come back.
  void recovered(uint64_t count) {
    drop_after(count);
    applied_count_ = durable_count_ = count;
  }
  // Whether that many may be there after a crash.
  bool may_hold(uint64_t count) const { return count >= durable_count_ && count <= applied_count_ + 1; }

  std::map<Bytes, Bytes> state_after(uint64_t count) const {
    std::map<Bytes, Bytes> state;
    for (const auto& [key, versions] : history_) {
      const Version* newest = nullptr;
      for (const Version& version : versions) {
        if (version.batch <= count) newest = &version;
      }
      if (newest != nullptr && newest->value) state.emplace(key, *newest->value);
    }
    return state;
  }
  std::optional<Bytes> newest(const Bytes& key) const {
    const auto found = history_.find(key);
    if (found == history_.end() || found->second.empty()) return std::nullopt;
    return found->second.back().value;
  }

 private:
  struct Version {
    uint64_t batch;
    std::optional<Bytes> value;
  };

  void drop_after(uint64_t count) {
    for (auto& [key, versions] : history_) {
      while (!versions.empty() && versions.back().batch > count) versions.pop_back();
    }
  }

  std::map<Bytes, std::vector<Version>> history_;
  uint64_t applied_count_ = 0;
  uint64_t durable_count_ = 0;
};

// The work on an open store in one life of the process.
class Workload {
 public:
  Workload(World& world, Random random, const std::vector<SimDisk*>& disks, KeyBlockStore& store, Model& model,
           bool disk_fails, std::string* fault)
      : world_(world),
        random_(random),
        disks_(disks),
        failed_flush_count_(failed_flush_count()),
        store_(store),
        model_(model),
        turn_(world.executor),
        disk_fails_(disk_fails),
        fault_(fault) {}

  // Until the process ends.
  Task<void> write_batches() {
    for (;;) {
      co_await sleep_for(world_.executor, pause());
      const bool goes_on = co_await write_batch();
      if (!goes_on) co_return;
    }
  }
  Task<void> take_checkpoints() {
    for (;;) {
      co_await sleep_for(world_.executor, 20 * pause());
      const Status status = co_await store_.checkpoint();
      note(status);
    }
  }
  Task<void> read_blocks_again() {
    for (;;) {
      co_await sleep_for(world_.executor, pause());
      co_await check_key(random_key());
    }
  }

 private:
  uint64_t failed_flush_count() const {
    uint64_t count = 0;
    for (const SimDisk* disk : disks_) count += disk->failed_flush_count();
    return count;
  }
  Duration pause() { return std::chrono::microseconds(random_.below(400)); }
  Bytes random_key() { return to_bytes("key " + std::to_string(random_.below(200))); }

  void note(const Status& status) {
    if (status.is_ok() || status.code() == Code::kNoSpace) return;
    if (disk_fails_ && (status.code() == Code::kIo || status.code() == Code::kReadOnly)) return;
    if (fault_->empty()) *fault_ = status.to_string();
  }

  Task<bool> write_batch() {
    uint64_t number = 0;
    LogPosition position;
    {
      const Permit turn = co_await turn_.lock();
      Batch batch;
      Model::Changes changes;
      std::vector<BlockRange> adopted;
      const uint64_t change_count = 1 + random_.below(6);
      for (uint64_t i = 0; i < change_count; ++i) {
        Bytes key = random_key();
        if (changes.contains(key)) continue;
        const std::optional<Bytes> before = model_.newest(key);
        if (before) {
          const std::optional<BlockValue> old = decode_blocks(*before);
          if (old) batch.free({old->first, old->count});
        }
        std::optional<Bytes> value;
        const uint64_t kind = random_.below(4);
        if (kind == 0) {
          batch.erase(key);
        } else if (kind == 1) {
          Bytes carried;
          const bool written = co_await new_blocks(&value, &adopted, &carried);
          if (!written) {
            for (const BlockRange& range : adopted) store_.cancel(range);
            co_return true;
          }
          if (carried.empty())
            batch.adopt(adopted.back());
          else
            batch.adopt(adopted.back(), carried);
          batch.put(key, *value);
        } else {
          value = Bytes(1 + random_.below(random_.one_in(8) ? 4000 : 60), kPlain);
          fill_content(random_.next(), MutableBytes(*value).subspan(1));
          batch.put(key, *value);
        }
        changes.emplace(std::move(key), std::move(value));
      }
      number = model_.applied_count() + 1;
      Bytes count_value(sizeof number);
      store_le(count_value.data(), number);
      batch.put(kCountKey, count_value);
      changes[kCountKey] = count_value;
      model_.begin(changes);
      Result<LogPosition> applied = co_await store_.apply(std::move(batch));
      if (!applied.is_ok()) {
        model_.abandon();
        for (const BlockRange& range : adopted) store_.cancel(range);
        note(applied.status());
        co_return applied.code() == Code::kNoSpace;
      }
      position = *applied;
      model_.end();
    }
    if (random_.one_in(3)) {
      const Status status = co_await store_.wait_durable(position);
      if (status.is_ok())
        model_.promise(number);
      else
        note(status);
    } else if (random_.one_in(20)) {
      const uint64_t all = model_.applied_count();
      const Status status = co_await store_.flush();
      if (status.is_ok())
        model_.promise(all);
      else
        note(status);
    }
    co_return true;
  }

  // Written, or for the batch to carry.
  Task<bool> new_blocks(std::optional<Bytes>* value, std::vector<BlockRange>* adopted, Bytes* carried) {
    Result<std::vector<BlockRange>> reserved = store_.reserve(1 + random_.below(8));
    if (!reserved.is_ok()) {
      note(reserved.status());
      co_return false;
    }
    const std::vector<BlockRange> ranges = std::move(reserved).value();
    for (size_t i = 1; i < ranges.size(); ++i) store_.cancel(ranges[i]);  // One range is enough for us.
    const BlockValue blocks{ranges[0].first, ranges[0].count, random_.next()};
    DiskBuffer content(blocks.count * kDiskBlockSize);
    fill_content(blocks.content_seed, content.bytes());
    adopted->push_back(ranges[0]);
    Status written;
    if (random_.one_in(2)) {
      *carried = to_bytes(content.bytes());
    } else {
      written = co_await store_.write_blocks(ranges[0], content.bytes());
    }
    note(written);
    *value = encode(blocks);
    co_return written.is_ok();
  }

  // The value may change while we read; what we read must be what it was when we looked it up.
  Task<void> check_key(Bytes key) {
    const media::BlockPin pin(store_);
    media::Cursor cursor(store_);
    Status status = co_await cursor.seek(key);
    if (!status.is_ok()) {
      note(status);
      co_return;
    }
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return;
    const std::optional<BlockValue> blocks = decode_blocks(cursor.value());
    if (!blocks) co_return;
    DiskBuffer found(blocks->count * kDiskBlockSize), expected(blocks->count * kDiskBlockSize);
    const BlockRange range{blocks->first, blocks->count};
    status = co_await store_.read_blocks(range, found.bytes());
    note(status);
    fill_content(blocks->content_seed, expected.bytes());
    // A failed flush drops cached writes, of blocks too, which have no checksum at this level. The store must be
    // read-only from then on, so that none of it becomes durable; the check after opening sees to that.
    if (failed_flush_count() != failed_flush_count_) co_return;
    if (status.is_ok() && !equal_bytes(found.bytes(), expected.bytes()) && fault_->empty()) {
      *fault_ = "blocks of '" + std::string(as_text(key)) + "' hold something else";
    }
  }

  World& world_;
  Random random_;
  const std::vector<SimDisk*> disks_;
  const uint64_t failed_flush_count_;  // Before this life.
  KeyBlockStore& store_;
  Model& model_;
  Mutex turn_;
  const bool disk_fails_;  // Then kIo and kReadOnly are answers like others.
  std::string* const fault_;  // The first broken promise; outlives a crash.
};

class MediaStoreRun {
 public:
  explicit MediaStoreRun(uint64_t seed)
      : scheduler_(seed),
        network_(scheduler_),
        process_(scheduler_, network_, "store"),
        random_(scheduler_.random().fork()) {
    disks_.push_back(&process_.add_disk({.name = "store disk", .capacity = 64 * kMiB}));
    if (random_.one_in(3)) {
      for (const char* name : {"data disk 1", "data disk 2"}) {
        disks_.push_back(&process_.add_disk({.name = name, .capacity = 32 * kMiB}));
      }
    }
    for (SimDisk* disk : disks_) {
      disk->options().faults.slow = random_.one_in(2) ? 0.01 : 0;
      const ByteCount log_space = disk == disks_.front() ? log_size_ : 0;
      if (random_.one_in(4)) disk->options().space = log_space + (512 + random_.below(1024)) * kKiB;
    }
    disk_fails_ = random_.one_in(3);
  }

  ScenarioOutcome run() {
    format();
    const uint64_t life_count = 2 + random_.below(8);
    for (uint64_t life = 0; life < life_count; ++life) {
      KeyBlockStore* store = open();
      check_contents(store);
      work(store);
      process_.start();
    }
    check_contents(open());
    return outcome_of(scheduler_);
  }

 private:
  void format() {
    media::FormatOptions options;
    options.store = random_.uuid();
    options.log_size = log_size_;
    Status status;
    if (disks_.size() == 1) {
      status = process_.run(KeyBlockStore::format(process_.world(), *disks_.front(), options));
    } else {
      status = process_.run(media::DeviceSet::format(process_.world(), {disks_.begin(), disks_.end()}, true, options));
    }
    if (!status.is_ok()) scheduler_.fail("format: " + status.to_string());
  }

  // In an order of its own each time.
  Disk& joined_disk() {
    if (disks_.size() == 1) return *disks_.front();
    std::vector<media::DeviceCandidate> candidates;
    const size_t first = random_.below(disks_.size());
    for (size_t i = 0; i < disks_.size(); ++i) {
      media::DeviceCandidate candidate;
      candidate.disk = disks_[(first + i) % disks_.size()];
      candidate.name = std::string(candidate.disk->name());
      candidates.push_back(std::move(candidate));
    }
    Result<std::unique_ptr<media::DeviceSet>> opened =
        process_.run(media::DeviceSet::open(process_.world(), std::move(candidates), media::DeviceSetOptions()));
    if (!opened.is_ok()) scheduler_.fail("devices: " + opened.status().to_string());
    return process_.own(std::move(opened).value()).disk();
  }

  KeyBlockStore* open() {
    media::OpenOptions options;
    options.checkpoint_log_bytes = random_.one_in(2) ? 0 : 32 * kKiB;
    options.memory_budget = random_.one_in(2) ? 64 * kMiB : random_.between(64, 1024) * kKiB;
    Disk& on = joined_disk();
    Result<std::unique_ptr<KeyBlockStore>> opened = process_.run(KeyBlockStore::open(process_.world(), on, options));
    if (!opened.is_ok()) scheduler_.fail("open: " + opened.status().to_string());
    return &process_.own(std::move(opened).value());
  }

  void work(KeyBlockStore* store) {
    Workload& workload = process_.own(
        std::make_unique<Workload>(process_.world(), random_.fork(), disks_, *store, model_, disk_fails_, &fault_));
    SimExecutor& executor = process_.executor();
    const uint64_t writer_count = 1 + random_.below(4);
    for (uint64_t i = 0; i < writer_count; ++i) executor.spawn(workload.write_batches());
    executor.spawn(workload.take_checkpoints());
    executor.spawn(workload.read_blocks_again());
    StoreLife{scheduler_, process_, disks_, random_, disk_fails_}.run(fault_);
  }

  struct Contents {
    std::map<Bytes, Bytes> values;
    std::string fault;
  };

  static Task<void> read_all(KeyBlockStore* store, Contents* contents) {
    media::Cursor cursor(*store);
    Status status = co_await cursor.seek({});
    while (status.is_ok() && cursor.valid()) {
      contents->values.emplace(to_bytes(cursor.key()), to_bytes(cursor.value()));
      status = co_await cursor.next();
    }
    if (!status.is_ok()) contents->fault = status.to_string();
    for (const auto& [key, value] : contents->values) {
      const std::optional<BlockValue> blocks = decode_blocks(value);
      if (!blocks) continue;
      DiskBuffer found(blocks->count * kDiskBlockSize), expected(blocks->count * kDiskBlockSize);
      const BlockRange range{blocks->first, blocks->count};
      status = co_await store->read_blocks(range, found.bytes());
      fill_content(blocks->content_seed, expected.bytes());
      if (!status.is_ok())
        contents->fault = status.to_string();
      else if (!equal_bytes(found.bytes(), expected.bytes()))
        contents->fault = "blocks hold something else";
    }
    Result<std::vector<KeyBlockStore::Damage>> damage = co_await store->verify();
    if (!damage.is_ok())
      contents->fault = damage.status().to_string();
    else if (!damage->empty())
      contents->fault = damage->front().place + ": " + damage->front().status.to_string();
  }

  void check_contents(KeyBlockStore* store) {
    Contents contents;
    scheduler_.run(process_.executor(), read_all(store, &contents));
    if (!contents.fault.empty()) scheduler_.fail("after opening: " + contents.fault);
    const auto found = contents.values.find(kCountKey);
    const uint64_t count = found == contents.values.end() ? 0 : load_le<uint64_t>(found->second.data());
    if (!model_.may_hold(count)) {
      scheduler_.fail("the store holds the first " + std::to_string(count) + " batches; " +
                      std::to_string(model_.durable_count()) + " were promised, " +
                      std::to_string(model_.applied_count()) + " applied");
    }
    if (contents.values != model_.state_after(count)) {
      scheduler_.fail("the store doesn't hold what its first " + std::to_string(count) + " batches made");
    }
    model_.recovered(count);
  }

  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  std::vector<SimDisk*> disks_;  // One; or the first for the log, and two for data.
  Random random_;
  const ByteCount log_size_ = (256 + 256 * random_.below(8)) * kKiB;
  bool disk_fails_ = false;
  std::string fault_;  // Of the workloads.
  Model model_;
};

}  // namespace

ScenarioOutcome run_media_store(uint64_t seed) {
  MediaStoreRun run(seed);
  return run.run();
}

}  // namespace aeon
