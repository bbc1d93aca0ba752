// The state of an open store, and the work on it: applying (store_core.cc), recovery (recovery.cc), checkpoints
// (checkpoint.cc). Shared by the store's front (key_block_store.cc), its cursors and pins, and the coroutines it
// starts, so that they may go in any order when a simulated process crashes.
#pragma once

#include <map>
#include <memory>

#include "block_ledger.h"
#include "log.h"
#include "runtime/sync.h"
#include "superblock.h"
#include "tree.h"
#include "write_barrier.h"

namespace aeon::media {

struct BatchEntry;

class StoreCore final : public std::enable_shared_from_this<StoreCore>, public LogListener {
 public:
  using Ref = std::shared_ptr<StoreCore>;

  StoreCore(World& world, Disk& disk, OpenOptions options, const Superblock& superblock);

  // Coroutines take the core by value, so that it lives as long as they do.
  static Task<Result<LogPosition>> apply(Ref core, Batch batch);
  // Loads a page that a walk missed. Several who miss the same page share one read.
  static Task<Status> load_page(Ref core, PageAddress address);
  // A checkpoint that covers everything applied by now; with `force`, also if there was no change.
  static Task<Status> checkpoint(Ref core, bool force);
  static Task<Status> close(Ref core);
  static Task<Status> write_superblock(Ref core, Superblock superblock);
  static Task<Status> write_blocks(Ref core, BlockRange blocks, ByteView data);
  static Task<Status> read_blocks(Ref core, BlockRange blocks, MutableBytes out);

  Result<std::vector<BlockRange>> reserve(uint64_t block_count);
  Space space() const;
  Counters counters() const;

  // A put, erase or add; the pages that it needs must be in memory.
  void apply_to_tree(const BatchEntry& change);

  void on_log_durable(LogPosition durable) override;
  std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

  World world;
  Disk& disk;
  OpenOptions options;
  Superblock superblock;     // The newest one that is durable.
  int superblock_copy = 0;   // Where it is.
  uint64_t hash;             // store_hash() of its uuid.
  Tree tree;
  BlockLedger ledger;
  WriteBarrier barrier;
  std::unique_ptr<Log> log;  // Once recovery knows where it ends.
  uint64_t change_count = 0;
  uint64_t move_count = 0;
  uint64_t page_block_count = 0;             // Of the durable checkpoint.
  std::vector<BlockRange> allocator_blocks;  // Likewise.
  Mutex checkpoint_turn;
  bool is_closed = false;
  bool is_allocator_known = true;            // False only when opened read-only with a damaged image.
  Counters counts;

 private:
  struct PageLoad {
    explicit PageLoad(Executor& executor) : ended(executor) {}
    Signal ended;
    bool is_done = false;
    Status status;
  };
  struct Checkpoint;

  static Task<Status> read_page(Ref core, PageAddress address);
  static Task<Status> run_checkpoint(Ref core, bool is_last);
  static Task<Status> write_pages(Ref core, Checkpoint* checkpoint);
  static Task<void> page_writer(Ref core, Checkpoint* checkpoint);
  static Task<Status> write_allocator(Ref core, Checkpoint* checkpoint);
  static Task<void> checkpoint_in_background(Ref core);
  // discard.cc
  static Task<void> discard_in_background(Ref core);
  void discard_if_due();
  Status reserve_pages(Checkpoint& checkpoint);
  Status reserve_allocator(Checkpoint& checkpoint);
  void undo_checkpoint(Checkpoint& checkpoint);

  Status check_batch(const Batch& batch) const;
  LogPosition apply_now(const Batch& batch);
  // Blocks that must stay free, for the next checkpoint.
  uint64_t checkpoint_need() const;
  bool has_space_for(const Batch& batch) const;
  void checkpoint_if_due();

  std::map<uint64_t, std::shared_ptr<PageLoad>> loads_;  // By first block.
  uint64_t unwritten_blocks_ = 0;  // Frozen by a checkpoint that then failed.
  bool is_checkpoint_started_ = false;
  ByteCount retry_checkpoint_at_ = 0;  // Log in use; after a failed one.
  bool did_report_failure_ = false;
  bool is_discarding_ = false;
  Signal discarded_;
};

// Reads a page and checks it. `identity` needs store hash and address.
Task<Result<Page>> read_page_at(Disk& disk, PageIdentity* identity);
// The allocator image that a superblock names; `blocks` gets where it lies.
Task<Result<AllocatorImage>> read_allocator(Disk& disk, const Superblock& superblock, std::vector<BlockRange>* blocks);

}  // namespace aeon::media
