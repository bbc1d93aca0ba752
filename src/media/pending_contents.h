// Contents of blocks that the log carries (Batch::adopt with content) and that aren't known to be in their blocks yet.
// Whoever reads such blocks must take them from here; StoreCore writes them to their blocks in the background, and at
// the latest before a checkpoint whose log no longer has them (contents.cc).
//
// Invariants
//   - Contents don't overlap, and each is whole: every block of it has bytes of it, but for zeros at its very end.
//   - What is being written stays until that ended, whatever becomes of its blocks: they mustn't be given out before.
//   - Freed contents stay for pinned readers, until the blocks may be used again.
// Ownership: StoreCore owns it. No suspension.
#pragma once

#include <map>
#include <vector>

#include "base/mutation.h"
#include "media/key_block_store.h"

namespace aeon::media {

class PendingContents {
 public:
  struct Content {
    uint64_t count = 0;    // Blocks.
    Bytes bytes;           // Ends within the last block; the rest of that is zeros. Empty: only the log has them.
    uint64_t stream = 0;   // Then where in the log's stream of records,
    size_t size = 0;       // and how many.
    LogPosition since;     // Of the batch that brought it.
    LogPosition freed_by;  // Of the batch that freed the blocks; 0: they are still stored.
    bool is_being_written = false;

    bool is_in_log() const { return bytes.empty(); }
    bool is_freed() const { return freed_by.value != 0; }
    // Blocks [skip, skip + out.size() / kBlockSize) of it.
    void copy(uint64_t skip, MutableBytes out) const;
  };
  // From some block on: blocks of one content, or blocks without.
  struct Run {
    uint64_t count = 0;
    const Content* content = nullptr;
    uint64_t skip = 0;  // Blocks of the content before it.
    uint64_t count_without_content() const { return content == nullptr ? count : 0; }
  };

  void add(BlockRange blocks, ByteView bytes, LogPosition since);
  // During replay, when memory is short.
  void add_in_log(BlockRange blocks, uint64_t stream, size_t size);
  // The batch that ended at `by` freed the blocks.
  void free(BlockRange blocks, LogPosition by);
  // Forgets what there is of these blocks. None of it is being written.
  void drop(BlockRange blocks);

  bool empty() const { return by_first_.empty(); }
  bool overlaps(BlockRange blocks) const {
    return !by_first_.empty() && run_at(blocks.first, blocks.count).count_without_content() != blocks.count;
  }
  bool is_being_written(BlockRange blocks) const;
  void copy(BlockRange blocks, MutableBytes out) const;  // These blocks, which contents in memory fill.
  // The longest within [first, first + count_max) that is alike.
  Run run_at(uint64_t first, uint64_t count_max) const;
  const Content* find(uint64_t first) const;  // The one that begins there.

  // What a checkpoint must have in its blocks if the log begins at `boundary` then: brought before, and not freed
  // before.
  static bool is_due(const Content& content, LogPosition boundary) {
    const bool is_freed_later = MUTATION("checkpoint_skips_contents_freed_later", content.freed_by > boundary, false);
    const bool is_needed = !content.is_freed() || is_freed_later;
    return content.since <= boundary && is_needed && !content.is_in_log();
  }
  // First blocks of all that are due then, in order. The far future asks for all that is worth writing.
  std::vector<uint64_t> due(LogPosition boundary) const;
  // First blocks of those that only the log has, in its order.
  std::vector<uint64_t> in_log() const;
  void bring(uint64_t first, Bytes bytes);  // Of one in the log.

  // These blocks, which contents fill.
  void begin_write(BlockRange blocks);
  void end_write(BlockRange blocks, bool is_written);

  ByteCount memory_size() const { return bytes_ + by_first_.size() * kEntrySize; }
  ByteCount unwritten_bytes() const { return unwritten_; }  // In memory and not freed.

 private:
  static constexpr size_t kEntrySize = sizeof(Content) + 56;
  using Contents = std::map<uint64_t, Content>;

  // The first content that ends behind `block`.
  Contents::const_iterator reaching(uint64_t block) const;
  // Cuts contents, so that none reaches across the ends of these blocks; the first content in them or behind.
  Contents::iterator cut_out(BlockRange blocks);
  void cut_at(uint64_t block);
  void count(const Content& content, bool is_added);
  Contents::iterator erase(Contents::iterator content);

  Contents by_first_;
  ByteCount bytes_ = 0;
  ByteCount unwritten_ = 0;
};

}  // namespace aeon::media
