// Which pages of the index are in memory, how many bytes they take, and which of the clean ones goes next.
//
// Two queues. A page that was loaded or written comes to the end of *recent*, first in first out. If it was used again
// a while later it moves from there to *kept*, where a used page gets another turn. Inner pages begin in *kept*, and so
// do pages that come back soon after they went. So a scan, which uses each leaf for a moment only, passes through
// *recent* and leaves *kept* alone. Time is counted in pages that came and went. Design: docs/design/page-cache.md.
//
// Only policy and sums: what a page is, and how it leaves the tree, is Tree's (tree.h).
// Ownership: outlives the tree and all its nodes. One executor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace aeon::media {

// What the cache knows of a page in memory.
struct CacheEntry {
  enum class Queue : uint8_t { kNone, kRecent, kKept };

  CacheEntry* previous = nullptr;
  CacheEntry* next = nullptr;
  uint32_t bytes = 0;  // All that the page takes in memory.
  uint32_t used_at = 0;  // The cache's time when a walk came through.
  uint32_t since = 0;  // When it came to its queue, or was last spared.
  Queue queue = Queue::kNone;
  bool was_kept = false;  // Its queue before it was changed: it comes back to that one.
};

class PageCache {
 public:
  PageCache() = default;
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // Of all pages and the cache's own memory, and of those in the queues: clean, and so ready to go.
  size_t bytes() const { return bytes_ + gone_.size() * sizeof(uint64_t); }
  size_t clean_bytes() const { return recent_.bytes + kept_.bytes; }
  size_t clean_count() const { return recent_.count + kept_.count; }

  void resize(CacheEntry& entry, size_t bytes);
  // The page is going away.
  void forget(CacheEntry& entry);
  // It may go from now on, and begins in *kept* or *recent*.
  void enqueue(CacheEntry& entry, bool is_kept);
  // Notes that the page, of a number that names it, goes now; and whether a page went lately.
  void note_gone(uint64_t number);
  bool went_lately(uint64_t number) const;
  // It is about to change.
  void dequeue(CacheEntry& entry);

  void touch(CacheEntry& entry) const { entry.used_at = time_; }
  void pass_time() { ++time_; }
  uint32_t time() const { return time_; }

  // The page whose turn it is: the first that wasn't used. Nothing if there is none in the queues. It stays there
  // until forgotten, or spared. `from_recent`: from that queue, unless it is empty.
  CacheEntry* next_victim(bool from_recent = false);
  // It can't go now: to the end of its queue.
  void spare(CacheEntry& entry);

 private:
  struct List {
    CacheEntry* first = nullptr;
    CacheEntry* last = nullptr;
    size_t bytes = 0;
    size_t count = 0;
  };

  List& list_of(CacheEntry::Queue queue) { return queue == CacheEntry::Queue::kKept ? kept_ : recent_; }
  void push(CacheEntry& entry, CacheEntry::Queue queue);
  void unlink(CacheEntry& entry);

  List recent_;
  List kept_;
  std::vector<uint64_t> gone_;  // Numbers by their hash, the last one of each; about as many as pages in memory.
  size_t bytes_ = 0;
  uint32_t time_ = 1;
};

}  // namespace aeon::media
