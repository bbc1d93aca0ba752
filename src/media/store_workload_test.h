// A mixed workload on a store, and the memory of what it did.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "store_fixture_test.h"

namespace aeon::media {

inline std::string block_text(uint64_t tag) { return "block data " + std::to_string(tag); }

// What a workload has done: the states after each batch, and how far they were acknowledged.
struct History {
  std::vector<StoreModel> states{StoreModel{}};  // states[n]: after n batches. Values of "b…" keys name blocks.
  size_t acknowledged = 0;                       // This many batches were said to be durable.
};

inline std::string encode_block(BlockRange range, uint64_t tag) {
  std::string text(24, '\0');
  std::memcpy(text.data(), &range.first, 8);
  std::memcpy(text.data() + 8, &range.count, 8);
  std::memcpy(text.data() + 16, &tag, 8);
  return text;
}
inline BlockRange decode_block(const std::string& text, uint64_t& tag) {
  BlockRange range;
  std::memcpy(&range.first, text.data(), 8);
  std::memcpy(&range.count, text.data() + 8, 8);
  std::memcpy(&tag, text.data() + 16, 8);
  return range;
}

inline Task<Status> write_tagged(KeyBlockStore* store, BlockRange range, uint64_t tag) {
  DiskBuffer buffer(range.count * kBlockSize);
  for (uint64_t i = 0; i < range.count; ++i) {
    const std::string text = block_text(tag + i);
    std::memcpy(buffer.data() + i * kBlockSize, text.data(), text.size());
  }
  co_return co_await store->write_blocks(range, buffer.bytes());
}

// The same, for the batch to carry; the last block isn't full.
inline Bytes tagged_content(BlockRange range, uint64_t tag) {
  Bytes content(range.count * kBlockSize - tag % 4000);
  for (uint64_t i = 0; i < range.count; ++i) {
    const std::string text = block_text(tag + i);
    std::memcpy(content.data() + i * kBlockSize, text.data(), text.size());
  }
  return content;
}

inline Task<void> wait_and_note(KeyBlockStore* store, LogPosition position, size_t batch_count, History* history) {
  const Status status = co_await store->wait_durable(position);
  if (status.is_ok()) history->acknowledged = std::max(history->acknowledged, batch_count);
}

inline std::string counters_after(std::string counters, std::array<int64_t, 2> changes) {
  counters.resize(16);
  for (size_t i = 0; i < 2; ++i) {
    int64_t value = 0;
    std::memcpy(&value, counters.data() + 8 * i, 8);
    value += changes[i];
    std::memcpy(counters.data() + 8 * i, &value, 8);
  }
  return counters;
}

struct Workload {
  int steps = 60;
  unsigned key_count = 60;
  bool with_blocks = true;
  bool closes = true;
};

// Puts, erases, adoptions and frees; some waited for, some not; checkpoints now and then. Faults of the disk end it.
inline Task<Status> work(World* world, KeyBlockStore* store, Random* random, History* history, Workload workload) {
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
    // Counters: a batch that counted twice, or not at all, shows.
    const std::array<int64_t, 2> changes_of_counters{1, static_cast<int64_t>(random->below(1000)) - 500};
    batch.add(as_bytes("n"), changes_of_counters);
    state["n"] = counters_after(state["n"], changes_of_counters);
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
        if (random->one_in(2)) {
          batch.adopt(range, tagged_content(range, tag));
        } else {
          CO_TRY(co_await write_tagged(store, range, tag));
          batch.adopt(range);
        }
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

inline Task<Status> check_blocks(KeyBlockStore* store, StoreModel state) {
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
inline void expect_recovered(TestMachine& machine, KeyBlockStore* store, History& history) {
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

inline OpenOptions small_pages(ByteCount memory_budget = 0) {
  OpenOptions options;
  options.page_size_max = 1024;
  options.checkpoint_log_bytes = 64 * kKiB;
  options.memory_budget = memory_budget;
  return options;
}

}  // namespace aeon::media
