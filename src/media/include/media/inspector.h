// Looks at a store on a disk without opening it. Nothing is written, and what is damaged doesn't keep the rest from
// being shown: each part says for itself what is wrong with it.
//
// The state it shows is what opening would show: the newest good superblock's checkpoint, and on top of it the records
// of the log that recovery would replay. Nobody else may have the store open meanwhile, or parts won't fit together.
// Cost: open() reads the whole log and keeps the records behind the checkpoint in memory.
// Ownership and threading: one executor; the disk must outlive it. Suspension: every Task reads the disk.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/key_block_store.h"

namespace aeon::media {

struct SuperblockReport {
  uint64_t block = 0;
  Status status;              // Ok, or why this copy doesn't count.
  bool is_newest = false;     // The one that opening takes.
  bool is_there = false;  // It starts like a superblock; only then is the rest set, and trusted if `status` is ok.
  uint32_t version = 0;
  bool is_checksum_good = false;
  Uuid store;
  std::vector<std::pair<std::string_view, uint64_t>> fields;  // As docs/design/store-format.md has them.
};

struct LogFrameReport {
  enum class State : uint8_t {
    kNeedless,  // A checkpoint has what it says.
    kReplayed,  // Recovery replays it.
    kLeftover,  // Behind the end of the log, of an earlier life; recovery ignores it.
  };
  State state = State::kNeedless;
  uint64_t block = 0;
  uint64_t block_count = 0;
  uint64_t sequence = 0;
  uint64_t life = 0;
  uint64_t position = 0;
  uint64_t stream = 0;
  uint64_t durable_through = 0;
  uint32_t payload_size = 0;
};

struct LogReport {
  uint64_t first_block = 0;
  uint64_t block_count = 0;
  struct Point {
    uint64_t block = 0;
    uint64_t position = 0;
    uint64_t sequence = 0;
    uint64_t stream = 0;
  };
  Point replay_begin;
  Point replay_end;
  Status end;  // Why replay ends there: "no log frame", a checksum that differs, a place that can't be read.
  // kCorrupt if a later frame proves that more had been durable, or a record isn't one: then opening is refused.
  Status fault;
  std::vector<LogFrameReport> frames;  // All in the ring, by sequence.
  uint64_t record_count = 0;  // To be replayed.
  uint64_t unfinished_bytes = 0;  // Of a record of which only the beginning is there; never acknowledged.
};

struct LogEntryReport {
  enum class Kind : uint8_t { kPut, kErase, kAdd, kAdopt, kFree, kContent };
  Kind kind = Kind::kPut;
  ByteView key;  // Into the record.
  ByteView value;  // kContent: what the blocks are to hold.
  BlockRange blocks;
};

struct PageReport {
  uint64_t block = 0;
  uint64_t block_count = 0;
  Status status;  // Of a damaged page only the keys that its parent says are known.
  bool is_level_known = false;
  uint8_t level = 0;  // 0: leaf.
  uint64_t checkpoint = 0;  // That wrote it.
  size_t entry_count = 0;
  size_t content_size = 0;  // Bytes in use.
  size_t prefix_size = 0;  // What all its keys share.
  Bytes first_key;  // Keys below are at or behind it,
  bool has_end = false;
  Bytes end_key;  // and before this.
};

struct PageEntry {
  Bytes key;
  Bytes value;  // Of a leaf.
  BlockRange child;  // Of an inner page.
};

struct AllocatorReport {
  std::vector<BlockRange> segments;  // Where the image lies.
  // As of the end of the log: what opening would find.
  std::vector<BlockRange> free;
  std::vector<BlockRange> held;  // Of the checkpoint before; free once the next is durable.
  uint64_t adopted_count = 0;  // Blocks of values.
  uint64_t page_block_count = 0;  // Left for index pages.
};

class Inspector {
 public:
  // kInvalidArgument if there is no store at all, kIo if nothing can be read. A store without a good superblock is
  // opened too: superblocks() says what is there, and everything else answers with usable().
  static Task<Result<std::unique_ptr<Inspector>>> open(Disk& disk);
  ~Inspector();
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  const std::array<SuperblockReport, 2>& superblocks() const { return superblocks_; }
  // Whether there is a superblock to go by; else why not and what to do.
  const Status& usable() const { return usable_; }
  Uuid uuid() const;
  uint64_t data_first() const;
  uint64_t data_end() const;

  const LogReport& log() const { return log_; }
  // The n-th record to be replayed. kCorrupt if it isn't a batch.
  Result<std::vector<LogEntryReport>> record(size_t index) const;
  uint64_t record_frame(size_t index) const;  // Sequence of the frame where it ends.

  Task<Result<AllocatorReport>> allocator();

  // All pages of the checkpoint, parents before children. The last of them is followed by nothing.
  class PageWalk {
   public:
    explicit PageWalk(Inspector& inspector);
    ~PageWalk();
    Task<std::optional<PageReport>> next();

   private:
    struct State;
    std::unique_ptr<State> state_;
  };
  // One page by its first block. It need not be part of the tree.
  Task<Result<std::pair<PageReport, std::vector<PageEntry>>>> page(uint64_t block);

  // Blocks of the data area.
  Task<Status> read_blocks(BlockRange blocks, MutableBytes out);

  // Walks the keys from `from` on, log included, in order. Where a page is damaged it says so and goes on behind it;
  // keys of the log that would be in there are still shown.
  class EntryWalk {
   public:
    EntryWalk(Inspector& inspector, Bytes from);
    ~EntryWalk();
    EntryWalk(const EntryWalk&) = delete;
    EntryWalk& operator=(const EntryWalk&) = delete;

    enum class Step : uint8_t { kEnd, kEntry, kDamage };
    Task<Step> next();
    // After kEntry, until the next step.
    ByteView key() const;
    ByteView value() const;
    // Block of the page that has it; 0: it is in the log only.
    uint64_t page_block() const;
    // After kDamage.
    const PageReport& damage() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct Core;
  explicit Inspector(Disk& disk);

  Task<Status> read_superblocks();
  Task<void> read_log();
  void take_records(Bytes& stream, uint64_t frame_sequence);
  Status apply_record(ByteView record);
  void end_log(const Status& why);

  Disk& disk_;
  std::array<SuperblockReport, 2> superblocks_;
  Status usable_;
  LogReport log_;
  std::unique_ptr<Core> core_;
};

}  // namespace aeon::media
