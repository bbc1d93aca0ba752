// What one target keeps on its disk: ordered keys with small values, and blocks for large ones, changed by atomic,
// logged batches.
//
//   disk:  superblock A | superblock B | log (ring) | blocks: user data and index pages, given out by the allocator
//
// The index is a copy-on-write B+tree of pages. A batch first changes pages in memory and appends one record to the
// log (group commit); a checkpoint freezes the tree in O(1), writes the pages changed since the last one to new
// blocks, then the superblock with the new root, and so frees the log up to the freeze. Opening reads the newest
// good superblock and replays the log exactly from its freeze on, so that each record counts once, also one that adds
// to a counter. Format: docs/design/store-format.md.
//
// Promises
//   - A batch is all there or not at all after any crash; what wait_durable() acknowledged is there. After a crash
//     the batches that survive are a prefix in the order of apply().
//   - Blocks that a surviving batch adopted hold what was written to them before apply(), or what it carried for them.
//   - A freed block isn't reused before the batch that freed it is durable and no BlockPin taken before it remains.
//   - Damage (checksum, impossible structure) is kCorrupt with its place, never wrong data and never a crash.
//   - kNoSpace leaves everything readable, and batches that only erase still succeed (reserved space).
//
// The index may be larger than memory: pages are loaded when needed, and the ones least likely to be used go when
// memory_budget is reached. Reads find pages in memory at once, and suspend only to load a page. After any co_await
// that suspended, keys may have changed: cursors notice and find their place again by key.
// Ownership and threading: one executor owns the store.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"
#include "runtime/task.h"
#include "runtime/world.h"

namespace aeon::media {

inline constexpr ByteCount kBlockSize = 4096;
inline constexpr size_t kKeySizeMax = 8 * kKiB;     // Escaped, composite keys of vos stay below.
inline constexpr size_t kValueSizeMax = 8 * kKiB;

// Blocks of the disk, counted from its start in units of kBlockSize.
struct BlockRange {
  uint64_t first = 0;
  uint64_t count = 0;
  friend auto operator<=>(const BlockRange&, const BlockRange&) = default;
};

// A change, all or nothing. Later entries for a key win over earlier ones. Kept as the log will hold it, in one piece.
class Batch {
 public:
  void put(ByteView key, ByteView value);
  void erase(ByteView key);
  // Adds to the counters that the key's value holds: each is a 64-bit integer, little-endian, and those that the value
  // doesn't have yet are zero. They wrap around.
  void add(ByteView key, std::span<const int64_t> changes);
  // From a reserve() of the same store, fully written: belongs to the stored state from now on.
  void adopt(BlockRange blocks);
  // The same for blocks that nobody wrote: the batch carries what they are to hold, and the store puts it there later.
  // `content` ends within the last block; zeros follow. For contents so small that waiting for a write of their own
  // costs more than logging them; see carried_size_max().
  void adopt(BlockRange blocks, ByteView content);
  // Belonged to the stored state; its content stays readable for pinned readers (see above).
  void free(BlockRange blocks);
  bool empty() const { return record_.empty(); }
  bool erases() const { return erase_count_ != 0; }
  // True when nothing is put and nothing adopted, so that it may use the space reserved for deleting.
  bool only_removes() const { return put_count_ == 0 && adopted_.empty(); }
  // It writes again elsewhere what it erases; see KeyBlockStore::move_count().
  void mark_as_move() { is_move_ = true; }
  bool is_move() const { return is_move_; }
  // The little that this batch puts lets more be removed later (a punch, the end of a container): it may use the
  // space reserved for deleting too.
  void use_reserve() { uses_reserve_ = true; }
  bool uses_reserve() const { return only_removes() || (uses_reserve_ && adopted_.empty()); }
  ByteCount size() const { return record_.size(); }  // About what the log takes.
  size_t entry_count() const { return put_count_ + erase_count_ + add_count_; }
  ByteCount carried_size() const { return carried_size_; }  // Contents of blocks, which are part of size().

  // What a log record holds; batch_codec.h reads it.
  ByteView record() const { return record_; }
  const std::vector<BlockRange>& adopted() const { return adopted_; }
  const std::vector<BlockRange>& freed() const { return freed_; }
  // Blocks were written before.
  bool adopts_written() const { return adopts_written_; }
  // A key or value beyond its limit, or content of another size than its blocks, which makes apply() fail.
  bool is_oversized() const { return is_oversized_; }

 private:
  void add_blocks(std::byte kind, BlockRange blocks);

  Bytes record_;
  std::vector<BlockRange> adopted_;
  std::vector<BlockRange> freed_;
  bool uses_reserve_ = false;
  bool is_move_ = false;
  size_t put_count_ = 0;
  size_t erase_count_ = 0;
  size_t add_count_ = 0;
  ByteCount carried_size_ = 0;
  bool adopts_written_ = false;
  bool is_oversized_ = false;
};

// A point in the log; positions grow with each apply().
struct LogPosition {
  uint64_t value = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

inline constexpr ByteCount kMemoryBudgetMin = 32 * kMiB;  // For users; tests set smaller ones.

struct FormatOptions {
  Uuid store;  // Names this store in every frame and page, so that foreign ones are told apart.
  ByteCount log_size = 64 * kMiB;  // At least 256 KiB.
};

struct OpenOptions {
  ByteCount checkpoint_log_bytes = 0;  // Start a checkpoint when this much log is in use; 0: half of the log.
  Duration write_behind = std::chrono::milliseconds(5);  // Batches nobody waits for are written after at most this.
  size_t page_size_max = 16 * kKiB;  // Index pages split beyond this.
  bool discards = true;  // Gives freed space back to the file system or device, in the background.
  ByteCount discard_size_min = kMiB;  // Pieces smaller than this stay: giving them back costs more than it saves.
  // Writes nothing to the disk, which may itself be read-only: what the log holds is replayed in memory. Changes are
  // refused (kReadOnly). A damaged allocator image, which reading doesn't need, is only logged; space() is wrong then.
  bool read_only = false;
  // What the store may keep in memory: pages of the index, the allocator, buffers. 0: an eighth of the machine's, and
  // at least kMemoryBudgetMin. A single batch that changes more pages than fit exceeds it while it is applied.
  ByteCount memory_budget = 0;
};

struct Space {
  ByteCount capacity = 0;  // What the disk can hold at most.
  ByteCount free = 0;  // For user data: without the reserve.
  ByteCount blocks_used = 0;  // Adopted by batches.
  ByteCount index_used = 0;  // Pages of the last checkpoint.
  ByteCount reserved = 0;  // Kept free for checkpoints and deleting.
  ByteCount waiting = 0;  // Freed, and free as soon as the log or a checkpoint is durable and readers are done.
  ByteCount log_size = 0;
  ByteCount small_pieces = 0;  // Free, in pieces too small for index pages: for single blocks only.
  uint64_t free_extents = 0;  // Pieces that the free space is in.
  ByteCount largest_free = 0;
};

struct Counters {
  uint64_t batches = 0, log_frames = 0, log_bytes = 0, flushes = 0, checkpoints = 0, pages_written = 0, pages_read = 0,
           replayed_batches = 0, pages_evicted = 0, pages_read_ahead = 0;
  ByteCount memory_budget = 0, memory_used = 0, memory_peak = 0;
  ByteCount block_bytes_written = 0, page_bytes_written = 0, other_bytes_written = 0, bytes_discarded = 0;
  ByteCount contents_waiting = 0;  // Carried by the log, and not yet in their blocks.
};

class KeyBlockStore;
class StoreCore;

// Keeps blocks that are freed meanwhile from being reused, for as long as it lives. Take one before looking up a
// block address that will be read after a suspension.
class BlockPin {
 public:
  BlockPin() = default;
  explicit BlockPin(KeyBlockStore& store);
  BlockPin(BlockPin&& other) noexcept;
  BlockPin& operator=(BlockPin&& other) noexcept;
  ~BlockPin();

 private:
  std::shared_ptr<StoreCore> core_;
  uint64_t generation_ = 0;
};

// Walks the keys in order. `co_await` each move for its Status; it suspends only if a page must be read. key() and
// value() point into a page or the cursor: they hold until the next move, apply() or suspension.
class Cursor {
 public:
  explicit Cursor(KeyBlockStore& store);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // A move. Ready at once when all pages are in memory.
  class Move {
   public:
    enum class Kind : uint8_t { kSeek, kSeekBefore, kNext, kPrevious };
    Move(Cursor& cursor, Kind kind, ByteView key) : cursor_(cursor), kind_(kind), key_(key) {}
    bool await_ready();
    bool await_suspend(std::coroutine_handle<> waiter);
    Status await_resume();

   private:
    Cursor& cursor_;
    Kind kind_;
    ByteView key_;
    Task<void> load_;
    Status status_;

    friend class Cursor;
  };

  Move seek(ByteView key) { return {*this, Move::Kind::kSeek, key}; }  // To the first key >= `key`.
  Move seek_before(ByteView key) { return {*this, Move::Kind::kSeekBefore, key}; }  // To the last key < `key`.
  Move next() { return {*this, Move::Kind::kNext, {}}; }
  Move previous() { return {*this, Move::Kind::kPrevious, {}}; }

  // The same moves for those who can't suspend. False, and nothing moved, if a page must be read for that.
  bool seek_now(ByteView key) { return move_now(Move::Kind::kSeek, key); }
  bool next_now() { return move_now(Move::Kind::kNext, {}); }

  bool valid() const;
  ByteView key() const;
  ByteView value() const;

 private:
  struct State;
  bool move_now(Move::Kind kind, ByteView key);
  static Task<void> finish(Move* move);

  std::unique_ptr<State> state_;
};

class KeyBlockStore {
 public:
  // Writes an empty store; what the disk held is gone. kInvalidArgument if the disk or log size can't work.
  static Task<Status> format(World& world, Disk& disk, FormatOptions options);

  // kCorrupt, kVersionUnsupported or kInvalidArgument ("not a store") by name; the message says what to do.
  static Task<Result<std::unique_ptr<KeyBlockStore>>> open(World& world, Disk& disk, OpenOptions options);

  virtual ~KeyBlockStore() = default;  // After close(), or as a crash.

  virtual Uuid uuid() const = 0;
  // Opened so (OpenOptions): nothing can be changed.
  virtual bool is_read_only() const = 0;

  // Makes the batch visible and appends it to the log. Suspends for pages to load, for log space, and while half of the
  // memory budget waits to be written.
  // kNoSpace if it can't be kept, kTooBig beyond half of the log; kInvalidArgument for blocks that aren't reserved
  // (adopt) or stored (free), or an oversized entry; kReadOnly after the disk failed a log write (reopen to recover).
  virtual Task<Result<LogPosition>> apply(Batch batch) = 0;
  virtual Task<Status> wait_durable(LogPosition position) = 0;
  // All applied so far, durable.
  virtual Task<Status> flush() = 0;
  // The newest position given out by apply().
  virtual LogPosition applied() const = 0;
  // How much content of blocks one batch should carry. Nothing while blocks can't be written, and on a disk that is
  // memory.
  virtual ByteCount carried_size_max() const = 0;

  // Counts applies; a reader that saw the same number before and after didn't miss a change.
  virtual uint64_t change_count() const = 0;

  // Counts batches marked as moves. Whoever looks at several places one after the other, and suspends in between, may
  // miss what was moved from a place not yet looked at to one that was: it looks again if this number changed.
  virtual uint64_t move_count() const = 0;

  // Counts batches that erased something: what is remembered of records that were there then may be gone.
  virtual uint64_t erase_count() const = 0;

  // Blocks for new data, in as few ranges as there are (usually one). Not part of the stored state until adopted;
  // give them back with cancel() if they won't be.
  virtual Result<std::vector<BlockRange>> reserve(uint64_t block_count) = 0;
  virtual void cancel(BlockRange blocks) = 0;
  // `data` is at a block boundary in memory and at most the blocks' size, a multiple of kBlockSize.
  virtual Task<Status> write_blocks(BlockRange blocks, ByteView data) = 0;
  virtual Task<Status> read_blocks(BlockRange blocks, MutableBytes out) = 0;
  // What read_blocks() would give, where it lies, if the disk is memory; empty if it must be read. It may have decayed
  // as anything that is read. Holds until the caller suspends or changes something.
  virtual ByteView view_blocks(BlockRange blocks) = 0;

  // Why it takes no changes (kReadOnly: opened so, or its log failed since); ok if it does.
  virtual Status health() const = 0;

  virtual Space space() const = 0;
  virtual Counters counters() const = 0;
  // The newest checkpoint's freeze is at or behind `applied()` as of this call, when it ends.
  virtual Task<Status> checkpoint() = 0;

  struct Damage {
    std::string place;  // "index page at block 71", "log frame 18 at offset 90112".
    Status status;
    // What a damaged index page makes unreadable: keys from `first_key` on, before `end_key` (empty: all behind).
    // Keys in memory or in the log may still be there.
    bool hides_keys = false;
    Bytes first_key;
    Bytes end_key;
  };
  // Reads all pages and checks them and the allocator against each other.
  virtual Task<Result<std::vector<Damage>>> verify() = 0;

  // A part of that, for those who check slowly in the background: reads pages of the newest checkpoint from the disk,
  // those that lead to the leaf with `from` and then at least one leaf and about `bytes_max`.
  struct PageCheck {
    ByteCount bytes_read = 0;
    std::vector<Damage> damage;
    bool is_end = false;
    Bytes next;  // Unless it is the end: all pages with keys before were looked at.
  };
  virtual Task<Result<PageCheck>> check_pages(Bytes from, ByteCount bytes_max) = 0;

  // Flushes, checkpoints and stops. Nothing else may be in progress.
  virtual Task<Status> close() = 0;
};

}  // namespace aeon::media
