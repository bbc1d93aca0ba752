// A store on a simulated disk, for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "media/key_block_store.h"
#include "runtime/system.h"
#include "sim/for_each_seed.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_faults.h"
#include "sim/sim_scheduler.h"

namespace aeon::media {

inline const Uuid kTestStore = Uuid::from_random(1, 2);

// A machine that can crash and come back with the same disk.
class TestMachine {
 public:
  explicit TestMachine(uint64_t seed, SimDiskOptions options = {})
      : scheduler(seed), clock(scheduler), random(seed ^ 0x5eed), disk(scheduler, std::move(options)) {
    boot();
  }

  void boot() {
    process = &scheduler.new_process("store " + std::to_string(++boots));
    disk.attach(*process);
    world.reset(new World{*process, clock, network, random, faults});
  }
  void crash() {
    scheduler.crash(*process);
    boot();
  }

  Status format(ByteCount log_size = 256 * kKiB) {
    FormatOptions options;
    options.store = kTestStore;
    options.log_size = log_size;
    return run(KeyBlockStore::format(*world, disk, options));
  }
  // Owned by the process: gone when it crashes.
  Result<KeyBlockStore*> open(OpenOptions options = {}) {
    Result<std::unique_ptr<KeyBlockStore>> opened = run(KeyBlockStore::open(*world, disk, options));
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
