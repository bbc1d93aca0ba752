// A store on a simulated disk, for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/device_set.h"
#include "media/key_block_store.h"
#include "runtime/system.h"
#include "sim/for_each_seed.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_faults.h"
#include "sim/sim_scheduler.h"

namespace aeon::media {

inline const Uuid kTestStore = Uuid::from_random(1, 2);

// A machine that can crash and come back with the same disk; or with several, of which the first has the log alone.
class TestMachine {
 public:
  explicit TestMachine(uint64_t seed, SimDiskOptions options = {}, size_t data_disk_count = 0)
      : scheduler(seed), clock(scheduler), random(seed ^ 0x5eed), disk(scheduler, options) {
    for (size_t i = 0; i < data_disk_count; ++i) {
      options.name = "data disk " + std::to_string(i);
      data_disks.push_back(std::make_unique<SimDisk>(scheduler, options));
    }
    boot();
  }

  void boot() {
    process = &scheduler.new_process("store " + std::to_string(++boots));
    disk.attach(*process);
    for (const auto& data_disk : data_disks) data_disk->attach(*process);
    world.reset(new World{*process, clock, network, random, faults});
    devices.reset();
  }
  std::vector<SimDisk*> all_disks() {
    std::vector<SimDisk*> all{&disk};
    for (const auto& data_disk : data_disks) all.push_back(data_disk.get());
    return all;
  }
  // What a store is opened on, in the life that this is.
  Result<Disk*> store_disk(DeviceSetOptions options = {}) {
    if (data_disks.empty()) return &disk;
    std::vector<DeviceCandidate> candidates;
    for (SimDisk* each : all_disks()) candidates.push_back({.disk = each, .name = each->options().name, .failure = {}});
    TRY_ASSIGN(devices, run(DeviceSet::open(*world, std::move(candidates), options)));
    return &devices->disk();
  }
  void crash() {
    scheduler.crash(*process);
    boot();
  }

  Status format(ByteCount log_size = 256 * kKiB) {
    FormatOptions options;
    options.store = kTestStore;
    options.log_size = log_size;
    if (!data_disks.empty()) {
      const std::vector<SimDisk*> all = all_disks();
      return run(DeviceSet::format(*world, {all.begin(), all.end()}, true, options));
    }
    return run(KeyBlockStore::format(*world, disk, options));
  }
  // Owned by the process: gone when it crashes.
  Result<KeyBlockStore*> open(OpenOptions options = {}) {
    TRY_ASSIGN(Disk* const on, store_disk());
    Result<std::unique_ptr<KeyBlockStore>> opened = run(KeyBlockStore::open(*world, *on, options));
    if (!opened.is_ok()) return opened.status();
    return &process->own(std::move(opened).value());
  }
  template <typename T>
  T run(Task<T> task) {
    return scheduler.run(*process, std::move(task));
  }

  SimScheduler scheduler;
  SimClock clock;
  NoNetwork network;
  Random random;
  Faults faults;
  SimDisk disk;
  std::vector<std::unique_ptr<SimDisk>> data_disks;
  std::unique_ptr<DeviceSet> devices;  // With data disks, once opened.
  SimExecutor* process = nullptr;
  std::unique_ptr<World> world;
  int boots = 0;
};

using StoreModel = std::map<std::string, std::string>;

// All keys and values, forwards; and checks that backwards gives the same.
inline Task<Result<StoreModel>> read_all(KeyBlockStore* store) {
  StoreModel found;
  Cursor cursor(*store);
  CO_TRY(co_await cursor.seek({}));
  std::string last;
  while (cursor.valid()) {
    last = std::string(as_text(cursor.key()));
    found.emplace_hint(found.end(), last, std::string(as_text(cursor.value())));
    CO_TRY(co_await cursor.next());
  }
  if (!found.empty()) {
    CO_TRY(co_await cursor.seek(as_bytes(last)));
    for (auto expected = found.rbegin(); expected != found.rend(); ++expected) {
      if (!cursor.valid() || as_text(cursor.key()) != expected->first) {
        co_return Status(Code::kCorrupt, "backwards differs from forwards at " + expected->first);
      }
      CO_TRY(co_await cursor.previous());
    }
    if (cursor.valid()) co_return Status(Code::kCorrupt, "backwards has more than forwards");
  }
  co_return found;
}

inline Task<Result<std::optional<std::string>>> get(KeyBlockStore* store, std::string key) {
  Cursor cursor(*store);
  CO_TRY(co_await cursor.seek(as_bytes(key)));
  if (!cursor.valid() || as_text(cursor.key()) != key) co_return std::optional<std::string>();
  co_return std::optional<std::string>(std::string(as_text(cursor.value())));
}

inline Task<Status> put_durable(KeyBlockStore* store, std::string key, std::string value) {
  Batch batch;
  batch.put(as_bytes(key), as_bytes(value));
  CO_TRY_ASSIGN(const LogPosition position, co_await store->apply(std::move(batch)));
  co_return co_await store->wait_durable(position);
}

}  // namespace aeon::media
