// Stops the world at every write of a mixed workload, loses what a power loss may lose, and opens the store again.
#include <algorithm>

#include "store_fixture.h"

namespace aeon::media {
namespace {

std::string block_text(uint64_t tag) { return "block data " + std::to_string(tag); }

// What a workload has done: the states after each batch, and how far they were acknowledged.
struct History {
  std::vector<StoreModel> states{StoreModel{}};  // states[n]: after n batches. Values of "b…" keys name blocks.
  size_t acknowledged = 0;                       // This many batches were said to be durable.
};

std::string encode_block(BlockRange range, uint64_t tag) {
  std::string text(24, '\0');
  std::memcpy(text.data(), &range.first, 8);
  std::memcpy(text.data() + 8, &range.count, 8);
  std::memcpy(text.data() + 16, &tag, 8);
  return text;
}
BlockRange decode_block(const std::string& text, uint64_t& tag) {
  BlockRange range;
  std::memcpy(&range.first, text.data(), 8);
  std::memcpy(&range.count, text.data() + 8, 8);
  std::memcpy(&tag, text.data() + 16, 8);
  return range;
}

Task<Status> write_tagged(KeyBlockStore* store, BlockRange range, uint64_t tag) {
  DiskBuffer buffer(range.count * kBlockSize);
  for (uint64_t i = 0; i < range.count; ++i) {
    const std::string text = block_text(tag + i);
    std::memcpy(buffer.data() + i * kBlockSize, text.data(), text.size());
  }
  co_return co_await store->write_blocks(range, buffer.bytes());
}

Task<void> wait_and_note(KeyBlockStore* store, LogPosition position, size_t batch_count, History* history) {
  const Status status = co_await store->wait_durable(position);
  if (status.is_ok()) history->acknowledged = std::max(history->acknowledged, batch_count);
}

struct Workload {
  int steps = 60;
  unsigned key_count = 60;
  bool with_blocks = true;
  bool closes = true;
};

// Puts, erases, adoptions and frees; some waited for, some not; checkpoints now and then. Faults of the disk end it.
Task<Status> work(World* world, KeyBlockStore* store, Random* random, History* history, Workload workload) {
  uint64_t tag = random->below(1000) * 1000;
  for (int step = 0; step < workload.steps; ++step) {
    Batch batch;
    StoreModel state = history->states.back();
    const uint64_t changes = random->between(1, 4);
    for (uint64_t i = 0; i < changes; ++i) {
      const std::string key = "k" + std::to_string(random->below(workload.key_count));
      if (random->one_in(4)) {
        batch.erase(as_bytes(key));
        state.erase(key);
      } else {
        const std::string value(random->below(random->one_in(5) ? 3000 : 100), static_cast<char>('a' + step % 26));
        batch.put(as_bytes(key), as_bytes(value));
        state[key] = value;
      }
    }
    if (workload.with_blocks && random->one_in(3)) {
      const std::string key = "b" + std::to_string(random->below(8));
      const auto old = state.find(key);
      if (old != state.end()) {
        uint64_t old_tag = 0;
        batch.free(decode_block(old->second, old_tag));
      }
      const Result<std::vector<BlockRange>> blocks = store->reserve(random->between(1, 3));
      if (blocks.is_ok() && (*blocks).size() == 1) {
        const BlockRange range = (*blocks).front();
        tag += 100;
        CO_TRY(co_await write_tagged(store, range, tag));
        batch.adopt(range);
        state[key] = encode_block(range, tag);
        batch.put(as_bytes(key), as_bytes(state[key]));
      } else {
        batch.erase(as_bytes(key));
        state.erase(key);
      }
    }
    // In the history before apply() ends: from then on it may survive.
    history->states.push_back(state);
    const Result<LogPosition> position = co_await store->apply(std::move(batch));
    if (!position.is_ok()) {
      history->states.pop_back();
      co_return position.status();
    }
    const size_t count = history->states.size() - 1;
    if (random->one_in(2)) {
      world->executor.spawn(wait_and_note(store, *position, count, history));
    } else if (random->one_in(2)) {
      CO_TRY(co_await store->wait_durable(*position));
      history->acknowledged = std::max(history->acknowledged, count);
    }
    if (random->one_in(25)) CO_TRY(co_await store->checkpoint());
  }
  CO_TRY(co_await store->flush());
  history->acknowledged = history->states.size() - 1;
  if (workload.closes) CO_TRY(co_await store->close());
  co_return ok();
}

Task<Status> check_blocks(KeyBlockStore* store, StoreModel state) {
  for (const auto& [key, value] : state) {
    if (key[0] != 'b') continue;
    uint64_t tag = 0;
    const BlockRange range = decode_block(value, tag);
    DiskBuffer buffer(range.count * kBlockSize);
    CO_TRY(co_await store->read_blocks(range, buffer.bytes()));
    for (uint64_t i = 0; i < range.count; ++i) {
      const std::string expected = block_text(tag + i);
      if (std::memcmp(buffer.data() + i * kBlockSize, expected.data(), expected.size()) != 0) {
        co_return Status(Code::kCorrupt, "block " + std::to_string(range.first + i) + " of " + key);
      }
    }
  }
  co_return ok();
}

// The store holds one of the states since the last acknowledged one, whole. Makes that the only one of the history.
void expect_recovered(TestMachine& machine, KeyBlockStore* store, History& history) {
  const Result<StoreModel> found = machine.run(read_all(store));
  ASSERT_TRUE(found.is_ok()) << found.status().to_string();
  size_t state = history.states.size();
  while (state-- > history.acknowledged) {
    if (history.states[state] == *found) break;
    ASSERT_NE(state, history.acknowledged) << "no state since batch " << history.acknowledged << " is there";
  }
  const Status blocks = machine.run(check_blocks(store, *found));
  ASSERT_TRUE(blocks.is_ok()) << blocks.to_string();
  const Result<std::vector<KeyBlockStore::Damage>> damage = machine.run(store->verify());
  ASSERT_TRUE(damage.is_ok());
  ASSERT_TRUE((*damage).empty()) << (*damage)[0].place << ": " << (*damage)[0].status.to_string();
  history.states = {*found};
  history.acknowledged = 0;
}

OpenOptions small_pages() {
  OpenOptions options;
  options.page_size_max = 1024;
  options.checkpoint_log_bytes = 64 * kKiB;
  return options;
}

void crash_at_write(uint64_t seed, uint64_t write, bool& reached_end) {
  SimDiskOptions disk;
  disk.capacity = 8 * kMiB;
  disk.unwritten_is_garbage = seed % 2 == 0;
  TestMachine machine(seed, disk);
  ASSERT_TRUE(machine.format().is_ok());
  History history;
  // Several lives: the last of them crashes at the write in question, the ones before at random ones.
  for (int life = 0; life < 3; ++life) {
    const Result<KeyBlockStore*> opened = machine.open(small_pages());
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *opened, history));
    const bool is_last = life == 2;
    machine.disk.stop_at_write(is_last ? write : machine.random.between(1, 60));
    Random random = machine.random.fork();
    const std::optional<Status> ended = machine.scheduler.run_until_crash(
        *machine.process, work(machine.world.get(), *opened, &random, &history, Workload()));
    machine.disk.never_stop();
    if (ended) {
      ASSERT_TRUE(ended->is_ok()) << ended->to_string();
      if (is_last) reached_end = true;
      machine.crash();
    } else {
      machine.boot();
    }
  }
  // Opening writes too, and may crash as well.
  for (uint64_t at = 1; at <= 2; ++at) {
    machine.disk.stop_at_write(at);
    machine.scheduler.run_until_crash(*machine.process,
                                      KeyBlockStore::open(*machine.world, machine.disk, small_pages()));
    machine.disk.never_stop();
    if (machine.process->is_alive()) machine.crash();
    else machine.boot();
  }
  const Result<KeyBlockStore*> opened = machine.open(small_pages());
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *opened, history));
  Random random = machine.random.fork();
  const Status more = machine.run(work(machine.world.get(), *opened, &random, &history, Workload()));
  ASSERT_TRUE(more.is_ok()) << more.to_string();
  machine.boot();
  const Result<KeyBlockStore*> again = machine.open(small_pages());
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *again, history));
}

TEST(StoreCrash, AtEveryWriteKeepsWhatWasAcknowledgedAndNothingHalf) {
  for_each_seed(
      [](uint64_t seed) {
        bool reached_end = false;
        for (uint64_t write = 1; !reached_end && !::testing::Test::HasFailure(); ++write) {
          SCOPED_TRACE("write " + std::to_string(write));
          crash_at_write(seed, write, reached_end);
        }
      },
      3);
}

}  // namespace
}  // namespace aeon::media
