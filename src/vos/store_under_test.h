// A store on a simulated disk, for tests: opens, closes, crashes, and runs calls to their end.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/crc32c.h"
#include "runtime/random.h"
#include "sim/for_each_seed.h"
#include "sim/sim_network.h"
#include "sim/sim_process.h"
#include "vos/store.h"

namespace aeon::vos {

inline Bytes text(std::string_view characters) { return to_bytes(characters); }
inline Bytes integer_key(uint64_t value) {
  Bytes key(8);
  store_le(key.data(), value);
  return key;
}

inline Bytes random_bytes(uint64_t seed, size_t size) {
  Random random(seed);
  Bytes data(size);
  for (size_t at = 0; at < size; at += 8) {
    const uint64_t word = random.next();
    std::memcpy(data.data() + at, &word, std::min<size_t>(8, size - at));
  }
  return data;
}

inline std::vector<uint32_t> checksums_of(ByteView data, ByteCount record_size) {
  std::vector<uint32_t> checksums;
  const ByteCount chunk = checksum_chunk(record_size);
  for (size_t at = 0; at < data.size(); at += chunk) {
    checksums.push_back(crc32c(data.subspan(at, std::min<size_t>(chunk, data.size() - at))));
  }
  return checksums;
}

class TestStore {
 public:
  explicit TestStore(uint64_t seed = 1, SimDiskOptions options = {.latency = SimDiskLatency::none()})
      : scheduler_(seed),
        network_(scheduler_),
        process_(scheduler_, network_, "target"),
        container_(Uuid::from_random(1, 2)) {
    process_.add_disk(std::move(options));
    media::FormatOptions format;
    format.store = Uuid::from_random(3, 4);
    format.log_size = 4 * kMiB;
    must(run(media::KeyBlockStore::format(process_.world(), disk(), format)));
    open();
    must(run(store().create_container(container_)));
  }

  template <typename T>
  T run(Task<T> task) {
    return process_.run(std::move(task));
  }

  Status try_open() {
    auto media = run(media::KeyBlockStore::open(process_.world(), disk(), {}));
    if (!media) return media.status();
    auto opened = run(Store::open(process_.world(), std::move(media).value()));
    if (!opened) return opened.status();
    store_ = &process_.own(std::move(opened).value());
    return ok();
  }
  void open() { must(try_open()); }
  void close() {
    must(run(store().close()));
    process_.kill();
    process_.start();
  }
  void crash() {
    process_.crash();
    process_.start();
  }
  void reopen() {
    close();
    open();
  }
  // Runs `task` until the power goes at the disk's `write`-th write from now; if it ends before, right after that.
  // Answers whether it ended, which it may only do well. The store isn't open afterwards.
  bool crash_at_write(uint64_t write, Task<Status> task) {
    disk().stop_at_write(write);
    const auto ended = scheduler_.run_until_crash(process_.executor(), std::move(task));
    disk().never_stop();
    if (ended.has_value()) {
      EXPECT_TRUE(ended->is_ok()) << ended->to_string();
      process_.crash();
    }
    process_.start();
    return ended.has_value();
  }

  Store& store() { return *store_; }
  SimDisk& disk() { return process_.disk(0); }
  SimProcess& process() { return process_; }
  SimScheduler& scheduler() { return scheduler_; }
  // The container that the short forms below are of; at first one that is there from the start.
  Uuid container() const { return container_; }
  void use(Uuid container) { container_ = container; }

  // Short forms of the calls tests use most, all in container().
  Result<Epoch> write(std::vector<ObjectWrite> writes, Epoch epoch = kEpochZero,
                      Durability durability = Durability::kSync) {
    return run(store().write(container_, std::move(writes), epoch, durability));
  }
  Result<Epoch> put(ObjectId object, Bytes dkey, Bytes akey, ByteView value, Epoch epoch = kEpochZero,
                    uint32_t conditions = 0) {
    ObjectWrite write;
    write.object = object;
    write.dkey = std::move(dkey);
    write.conditions = conditions;
    write.akeys.push_back(single(std::move(akey), value));
    std::vector<ObjectWrite> writes;
    writes.push_back(std::move(write));
    return this->write(std::move(writes), epoch);
  }
  Result<Epoch> put_extent(ObjectId object, Bytes dkey, Bytes akey, Recx recx, uint64_t record_size, ByteView data,
                           Epoch epoch = kEpochZero) {
    ObjectWrite write;
    write.object = object;
    write.dkey = std::move(dkey);
    write.akeys.push_back(extent(std::move(akey), recx, record_size, data));
    std::vector<ObjectWrite> writes;
    writes.push_back(std::move(write));
    return this->write(std::move(writes), epoch);
  }
  Result<Epoch> punch(ObjectWrite::Kind kind, ObjectId object, Bytes dkey = {}, Bytes akey = {},
                      Epoch epoch = kEpochZero, uint32_t conditions = 0) {
    ObjectWrite write;
    write.kind = kind;
    write.object = object;
    write.dkey = std::move(dkey);
    write.conditions = conditions;
    if (kind == ObjectWrite::Kind::kPunchAkeys) write.punched_akeys.push_back(std::move(akey));
    std::vector<ObjectWrite> writes;
    writes.push_back(std::move(write));
    return this->write(std::move(writes), epoch);
  }

  // A single value; an empty result value if there is none.
  Result<Bytes> get(ObjectId object, Bytes dkey, Bytes akey, Epoch epoch = kEpochMax, uint32_t conditions = 0) {
    AkeyFetch fetch;
    fetch.akey = akey;
    std::vector<AkeyFetch> fetches{fetch};
    auto sizes = run(store().fetch(container_, object, dkey, fetches, conditions, epoch));
    if (!sizes) return sizes.status();
    Bytes out(sizes->front().record_size);
    if (out.empty()) return out;
    fetches[0].out.push_back(out);
    auto fetched = run(store().fetch(container_, object, dkey, fetches, conditions, epoch));
    if (!fetched) return fetched.status();
    if (fetched->front().segments.at(0).checksums != checksums_of(out, out.size()))
      return Status(Code::kCorrupt, "other checksums");
    return out;
  }
  // Records of an array, holes as zeros.
  Result<Bytes> get_extent(ObjectId object, Bytes dkey, Bytes akey, Recx recx, uint64_t record_size,
                           Epoch epoch = kEpochMax) {
    Bytes out(recx.count * record_size);
    AkeyFetch fetch;
    fetch.akey = std::move(akey);
    fetch.kind = ValueKind::kArray;
    fetch.recxs.push_back(recx);
    fetch.out.push_back(out);
    auto fetched = run(store().fetch(container_, object, std::move(dkey), {fetch}, 0, epoch));
    if (!fetched) return fetched.status();
    for (const FetchedSegment& segment : fetched->front().segments) {
      const ByteView bytes =
          ByteView(out).subspan((segment.recx.index - recx.index) * record_size, segment.recx.count * record_size);
      if (segment.checksums != checksums_of(bytes, record_size)) return Status(Code::kCorrupt, "other checksums");
    }
    return out;
  }

  static AkeyUpdate single(Bytes akey, ByteView value) {
    AkeyUpdate update;
    update.akey = std::move(akey);
    update.record_size = value.size();
    if (!value.empty()) update.data.push_back(value);
    update.checksums = checksums_of(value, value.size());
    return update;
  }
  static AkeyUpdate extent(Bytes akey, Recx recx, uint64_t record_size, ByteView data) {
    AkeyUpdate update;
    update.akey = std::move(akey);
    update.kind = ValueKind::kArray;
    update.record_size = record_size;
    update.recxs.push_back(recx);
    if (!data.empty()) update.data.push_back(data);
    update.checksums = checksums_of(data, record_size);
    return update;
  }

 private:
  static void must(const Status& status) {
    if (!status.is_ok()) throw SimFailure("a step of the test's own failed: " + status.to_string());
  }

  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  Uuid container_;
  Store* store_ = nullptr;
};

// Calls `crash_at` with 1, 2 and so on, until it says that the workload ended before that write: it must have more
// than `write_count_min`, or it isn't worth it.
template <typename CrashAt>
void crash_at_each_write(uint64_t write_count_min, CrashAt crash_at) {
  for (uint64_t write = 1; !::testing::Test::HasFailure(); ++write) {
    SCOPED_TRACE("stopped at write " + std::to_string(write));
    if (!crash_at(write)) continue;
    EXPECT_GT(write, write_count_min);
    return;
  }
}

}  // namespace aeon::vos
