#include "page_cache.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace aeon::media {

namespace {
// Uses that follow a load this closely are part of what it was loaded for, such as the steps of a scan.
constexpr uint32_t kSameUseMin = 16;

size_t place_of(uint64_t number, size_t size) { return (number * 0x9e3779b97f4a7c15u >> 20) & (size - 1); }

}  // namespace

void PageCache::resize(CacheEntry& entry, size_t bytes) {
  bytes_ += bytes - entry.bytes;
  if (entry.queue != CacheEntry::Queue::kNone) list_of(entry.queue).bytes += bytes - entry.bytes;
  entry.bytes = static_cast<uint32_t>(bytes);
}

void PageCache::forget(CacheEntry& entry) {
  dequeue(entry);
  bytes_ -= entry.bytes;
  entry.bytes = 0;
}

void PageCache::push(CacheEntry& entry, CacheEntry::Queue queue) {
  List& list = list_of(queue);
  entry.queue = queue;
  entry.since = time_;
  entry.next = nullptr;
  entry.previous = list.last;
  (list.last != nullptr ? list.last->next : list.first) = &entry;
  list.last = &entry;
  list.bytes += entry.bytes;
  ++list.count;
}

void PageCache::unlink(CacheEntry& entry) {
  List& list = list_of(entry.queue);
  (entry.previous != nullptr ? entry.previous->next : list.first) = entry.next;
  (entry.next != nullptr ? entry.next->previous : list.last) = entry.previous;
  list.bytes -= entry.bytes;
  --list.count;
  entry.previous = entry.next = nullptr;
  entry.queue = CacheEntry::Queue::kNone;
}

void PageCache::note_gone(uint64_t number) {
  if (gone_.size() < clean_count()) gone_.assign(std::bit_ceil(std::max<size_t>(64, clean_count())), 0);
  if (!gone_.empty()) gone_[place_of(number, gone_.size())] = number;
}

bool PageCache::went_lately(uint64_t number) const {
  return !gone_.empty() && gone_[place_of(number, gone_.size())] == number;
}

void PageCache::enqueue(CacheEntry& entry, bool is_kept) {
  DCHECK(entry.queue == CacheEntry::Queue::kNone);
  push(entry, is_kept || entry.was_kept ? CacheEntry::Queue::kKept : CacheEntry::Queue::kRecent);
}

void PageCache::dequeue(CacheEntry& entry) {
  if (entry.queue == CacheEntry::Queue::kNone) return;
  entry.was_kept = entry.queue == CacheEntry::Queue::kKept;
  unlink(entry);
}

CacheEntry* PageCache::next_victim(bool prefer_recent) {
  const auto used_after = [](const CacheEntry& entry, uint32_t span) {
    return static_cast<int32_t>(entry.used_at - entry.since) > static_cast<int32_t>(span);
  };
  while (true) {
    const bool from_recent =
        recent_.first != nullptr && (prefer_recent || kept_.first == nullptr || recent_.bytes > clean_bytes() / 4);
    if (!from_recent && kept_.first == nullptr) return nullptr;
    CacheEntry& entry = from_recent ? *recent_.first : *kept_.first;
    const uint32_t same_use =
        from_recent ? std::max<uint32_t>(kSameUseMin, static_cast<uint32_t>(recent_.count / 8)) : 0;
    if (!used_after(entry, same_use)) return &entry;
    // Each use is spent here, so this ends.
    unlink(entry);
    push(entry, CacheEntry::Queue::kKept);
  }
}

void PageCache::spare(CacheEntry& entry) {
  const CacheEntry::Queue queue = entry.queue;
  unlink(entry);
  push(entry, queue);
}

}  // namespace aeon::media
