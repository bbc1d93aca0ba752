#include "pending_contents.h"

#include <algorithm>

#include "base/check.h"

namespace aeon::media {

void PendingContents::Content::copy(uint64_t skip, MutableBytes out) const {
  const size_t begin = std::min<size_t>(skip * kBlockSize, bytes.size());
  const size_t count_bytes = std::min(bytes.size() - begin, out.size());
  std::memcpy(out.data(), bytes.data() + begin, count_bytes);
  std::memset(out.data() + count_bytes, 0, out.size() - count_bytes);
}

void PendingContents::count(const Content& content, bool is_added) {
  const ByteCount size = content.bytes.size();
  bytes_ += is_added ? size : -size;
  if (!content.is_freed()) unwritten_ += is_added ? size : -size;
}

PendingContents::Contents::iterator PendingContents::erase(Contents::iterator content) {
  count(content->second, false);
  return by_first_.erase(content);
}

PendingContents::Contents::const_iterator PendingContents::reaching(uint64_t block) const {
  auto at = by_first_.upper_bound(block);
  if (at != by_first_.begin()) {
    const auto before = std::prev(at);
    if (before->first + before->second.count > block) at = before;
  }
  return at;
}

void PendingContents::cut_at(uint64_t block) {
  const auto at = reaching(block);
  if (at == by_first_.end() || at->first >= block) return;
  Content& front = by_first_.find(at->first)->second;
  const uint64_t kept = block - at->first;
  Content back = front;
  count(front, false);
  const size_t kept_bytes = kept * kBlockSize;
  back.count = front.count - kept;
  back.stream += kept_bytes;
  back.size = front.size - kept_bytes;
  if (!front.is_in_log()) {
    back.bytes.assign(front.bytes.begin() + static_cast<ptrdiff_t>(kept_bytes), front.bytes.end());
    front.bytes.resize(kept_bytes);
  }
  front.count = kept;
  front.size = kept_bytes;
  count(front, true);
  count(back, true);
  by_first_.emplace(block, std::move(back));
}

PendingContents::Contents::iterator PendingContents::cut_out(BlockRange blocks) {
  cut_at(blocks.first);
  cut_at(blocks.first + blocks.count);
  return by_first_.lower_bound(blocks.first);
}

void PendingContents::add(BlockRange blocks, ByteView bytes, LogPosition since) {
  DCHECK(reaching(blocks.first) == by_first_.lower_bound(blocks.first + blocks.count));
  Content content;
  content.count = blocks.count;
  content.bytes = to_bytes(bytes);
  content.size = bytes.size();
  content.since = since;
  count(content, true);
  by_first_.insert_or_assign(blocks.first, std::move(content));
}

void PendingContents::add_in_log(BlockRange blocks, uint64_t stream, size_t size) {
  Content content;
  content.count = blocks.count;
  content.stream = stream;
  content.size = size;
  by_first_.insert_or_assign(blocks.first, std::move(content));
}

void PendingContents::free(BlockRange blocks, LogPosition by) {
  if (by_first_.empty()) return;
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = cut_out(blocks); at != by_first_.end() && at->first < end; ++at) {
    count(at->second, false);
    at->second.freed_by = by;
    count(at->second, true);
  }
}

void PendingContents::drop(BlockRange blocks) {
  if (by_first_.empty()) return;
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = cut_out(blocks); at != by_first_.end() && at->first < end;) {
    DCHECK(!at->second.is_being_written);
    at = erase(at);
  }
}

bool PendingContents::is_being_written(BlockRange blocks) const {
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = reaching(blocks.first); at != by_first_.end() && at->first < end; ++at) {
    if (at->second.is_being_written) return true;
  }
  return false;
}

void PendingContents::copy(BlockRange blocks, MutableBytes out) const {
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = by_first_.find(blocks.first); at != by_first_.end() && at->first < end; ++at) {
    at->second.copy(0, out.subspan((at->first - blocks.first) * kBlockSize, at->second.count * kBlockSize));
  }
}

PendingContents::Run PendingContents::run_at(uint64_t first, uint64_t count_max) const {
  const auto at = reaching(first);
  if (at == by_first_.end() || at->first >= first + count_max) return {.count = count_max};
  if (at->first > first) return {.count = at->first - first};
  const uint64_t skip = first - at->first;
  return {.count = std::min(count_max, at->second.count - skip), .content = &at->second, .skip = skip};
}

const PendingContents::Content* PendingContents::find(uint64_t first) const {
  const auto at = by_first_.find(first);
  return at == by_first_.end() ? nullptr : &at->second;
}

std::vector<uint64_t> PendingContents::due(LogPosition boundary) const {
  std::vector<uint64_t> found;
  found.reserve(by_first_.size());
  for (const auto& [first, content] : by_first_) {
    if (is_due(content, boundary)) found.push_back(first);
  }
  return found;
}

std::vector<uint64_t> PendingContents::in_log() const {
  std::vector<std::pair<uint64_t, uint64_t>> found;
  for (const auto& [first, content] : by_first_) {
    if (content.is_in_log()) found.emplace_back(content.stream, first);
  }
  std::sort(found.begin(), found.end());
  std::vector<uint64_t> firsts;
  firsts.reserve(found.size());
  for (const auto& [stream, first] : found) firsts.push_back(first);
  return firsts;
}

void PendingContents::bring(uint64_t first, Bytes bytes) {
  const auto at = by_first_.find(first);
  CHECK(at != by_first_.end() && at->second.is_in_log() && bytes.size() == at->second.size);
  at->second.bytes = std::move(bytes);
  count(at->second, true);
}

void PendingContents::begin_write(BlockRange blocks) {
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = by_first_.find(blocks.first); at != by_first_.end() && at->first < end; ++at) {
    at->second.is_being_written = true;
  }
}

void PendingContents::end_write(BlockRange blocks, bool is_written) {
  const uint64_t end = blocks.first + blocks.count;
  for (auto at = by_first_.lower_bound(blocks.first); at != by_first_.end() && at->first < end;) {
    at->second.is_being_written = false;
    at = is_written ? erase(at) : std::next(at);
  }
}

}  // namespace aeon::media
