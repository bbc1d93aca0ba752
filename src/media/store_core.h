// The state of an open store, and the work on it: applying (store_core.cc), loading pages and keeping to the memory
// budget (page_loading.cc), recovery (recovery.cc), checkpoints (checkpoint.cc). Shared by the store's front
// (key_block_store.cc), its cursors and pins, and the coroutines it starts, so that they may go in any order when a
// simulated process crashes.
#pragma once

#include <algorithm>
#include <map>
#include <memory>

#include "block_ledger.h"
#include "log.h"
#include "pending_contents.h"
#include "runtime/sync.h"
#include "superblock.h"
#include "tree.h"
#include "write_barrier.h"

namespace aeon::media {

struct BatchEntry;
class LogReader;

class StoreCore final : public std::enable_shared_from_this<StoreCore>, public LogListener {
 public:
  using Ref = std::shared_ptr<StoreCore>;

  StoreCore(World& world, Disk& disk, OpenOptions options, const Superblock& superblock);

  // Coroutines take the core by value, so that it lives as long as they do.
  static Task<Result<LogPosition>> apply(Ref core, Batch batch);
  // Loads a page that a walk missed, if it is still missing. Several who miss the same page share one read.
  static Task<Status> load_page(Ref core, Tree::MissingPage missing);
  // Loads what changes of these keys need, many at a time. A hint: pages may be gone again, and damage is left for
  // those who need the page.
  static Task<void> preload(Ref core, const std::vector<ByteView>* keys);
  // A checkpoint that covers everything applied by now; with `force`, also if there was no change.
  static Task<Status> checkpoint(Ref core, bool force);
  static Task<Status> close(Ref core);
  static Task<Status> write_superblock(Ref core, Superblock superblock);
  static Task<Status> write_blocks(Ref core, BlockRange blocks, ByteView data);
  static Task<Status> read_blocks(Ref core, BlockRange blocks, MutableBytes out);
  ByteView view_blocks(BlockRange blocks);
  // What replay had no room for goes to its blocks, as far as they can be written.
  static Task<Status> write_contents_of_log(Ref core);

  Result<std::vector<BlockRange>> reserve(uint64_t block_count);
  // Blocks that were freed and that nothing needs any more become free.
  void release_blocks();
  // Why contents couldn't be written when that was last tried.
  const Status& content_fault() const { return content_fault_; }
  // What contents may take in memory before those who bring more wait.
  ByteCount contents_share() const;
  ByteCount carried_size_max() const;
  Space space() const;
  Counters counters() const;

  // No page goes while it is held: for a walk that finds its first page gone whenever it has the second.
  static Task<Permit> hold_pages(Ref core);
  // All that the store keeps in memory and that grows with the data.
  ByteCount memory_in_use() const;
  // Lets pages go, so that `coming` more bytes fit in the budget.
  void make_room(ByteCount coming);
  void note_memory() { memory_peak_ = std::max(memory_peak_, memory_in_use()); }
  // No page is being read.
  Task<void> wait_loads_quiet();
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
  PageCache cache;
  Tree tree;
  BlockLedger ledger;
  PendingContents contents;
  // While some contents are only in the log: the frames that replay read, in order.
  std::vector<LogPoint> replayed_frames;
  WriteBarrier barrier;
  std::unique_ptr<Log> log;  // Once recovery knows where it ends.
  uint64_t change_count = 0;
  uint64_t path_version = 0;  // Changes when a batch is applied or pages go: paths through the tree end then.
  uint64_t move_count = 0;
  uint64_t erase_count = 0;
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
  struct KeyQueue {
    explicit KeyQueue(Executor& executor) : worker_ended(executor) {}
    const std::vector<ByteView>* keys = nullptr;
    size_t next = 0;
    size_t worker_count = 0;
    Signal worker_ended;
  };
  struct Checkpoint;
  struct ContentWrite;

  static Task<Status> read_page(Ref core, PageAddress address);
  static Task<Status> run_load(Ref core, PageAddress address, NodeRef parent);
  static Task<void> load_ahead(Ref core, Tree::MissingPage missing, NodeRef parent);
  static Task<void> preload_worker(Ref core, KeyQueue* queue);
  // The first page that a change of the batch needs and that isn't in memory.
  Tree::Missing first_missing(const Batch& batch) const;
  static Task<Status> load_for(Ref core, const Batch* batch);
  // The same, one batch at a time, and the pages stay until `pins` goes.
  static Task<Status> load_and_pin(Ref core, const Batch* batch, std::vector<NodeRef>* pins);

  static Task<Status> run_checkpoint(Ref core, bool is_last);
  static Task<Status> run_and_report(Ref core);
  static Task<Status> write_pages(Ref core, Checkpoint* checkpoint);
  static Task<void> page_writer(Ref core, Checkpoint* checkpoint);
  static Task<Status> write_allocator(Ref core, Checkpoint* checkpoint);
  static Task<void> checkpoint_in_background(Ref core);
  // contents.cc
  static Task<Status> write_contents(Ref core, LogPosition boundary);  // All that a checkpoint then needs.
  static Task<Status> write_contents(Ref core);  // All there is now.
  static Task<void> content_writer(Ref core, ContentWrite* work);
  static Task<void> write_contents_in_background(Ref core);
  static Task<Status> wait_for_contents(Ref core);
  static Task<Status> read_with_contents(Ref core, uint64_t first, MutableBytes out);
  static Task<Status> read_from_log(Ref core, LogReader* reader, uint64_t stream, MutableBytes out);
  BlockRange next_contents(ContentWrite& work) const;
  void start_writing_contents();
  void write_contents_if_due();
  bool has_much_content() const { return contents.unwritten_bytes() > contents_share(); }
  // discard.cc
  static Task<void> discard_in_background(Ref core);
  void discard_if_due();
  Status reserve_pages(Checkpoint& checkpoint);
  Status reserve_allocator(Checkpoint& checkpoint);
  void undo_checkpoint(Checkpoint& checkpoint);
  // A checkpoint, unless one that was running ended the need for it.
  static Task<Status> write_changes(Ref core);

  bool is_in_data(BlockRange blocks) const;  // There may be more of the disk than the superblock says.
  Status check_batch(const Batch& batch) const;
  LogPosition apply_now(const Batch& batch);
  // Blocks that must stay free, for the next checkpoint.
  uint64_t checkpoint_need() const;
  bool has_space_for(const Batch& batch) const;
  void checkpoint_if_due();
  // What pages may take, and what those take that a checkpoint must write first.
  // What isn't counted has this part of the budget: malloc's own, and what it can't use again at once. Measured, some
  // 10 % of an index of small values.
  ByteCount malloc_share() const { return budget_ / 16; }
  ByteCount page_budget() const;
  ByteCount changed_bytes() const { return cache.bytes() - cache.clean_bytes(); }
  bool is_full_of_changes() const { return changed_bytes() > page_budget() / 2; }
  size_t write_bytes_max() const;

  std::map<uint64_t, std::shared_ptr<PageLoad>> loads_;  // By first block.
  size_t ahead_count_ = 0;  // Loads that were begun before anybody needs them.
  Semaphore load_slots_;
  Signal loads_quiet_;
  Mutex pin_turn_;
  Semaphore hold_turn_;  // One permit: taken while pages are held.
  ByteCount budget_;
  ByteCount transient_bytes_ = 0;  // Buffers of reads and of the running checkpoint.
  ByteCount memory_peak_ = 0;
  uint64_t unwritten_blocks_ = 0;  // Frozen by a checkpoint that then failed.
  bool is_checkpoint_started_ = false;
  ByteCount retry_checkpoint_at_ = 0;  // Log in use; after a failed one.
  ByteCount retry_changes_at_ = 0;  // Changed bytes, likewise.
  bool did_report_failure_ = false;
  Mutex contents_turn_;
  Signal contents_progress_;
  bool is_writing_contents_ = false;  // In the background.
  ByteCount retry_contents_at_ = 0;  // After a failed try.
  Status content_fault_;  // Of the last try.
  bool is_discarding_ = false;
  Signal discarded_;
};

// Reads a page and checks it. `identity` needs store hash and address.
Task<Result<Page>> read_page_at(Disk& disk, PageIdentity* identity);
// The allocator image that a superblock names; `blocks` gets where it lies.
Task<Result<AllocatorImage>> read_allocator(Disk& disk, const Superblock& superblock, std::vector<BlockRange>* blocks);

}  // namespace aeon::media
