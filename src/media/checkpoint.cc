// Checkpoints of a store: the changed pages to new blocks, then the allocator, then a superblock that names both.
// The protocol and why a crash anywhere in it is harmless: docs/design/store-format.md.
#include <algorithm>
#include <set>
#include <string>

#include "allocator_blob.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mutation.h"
#include "store_core.h"

namespace aeon::media {

namespace {
constexpr size_t kWritersMax = 4;
}  // namespace

struct StoreCore::Checkpoint {
  explicit Checkpoint(Executor& executor) : writer_ended(executor) {}

  LogPoint boundary;
  PageAddress root;
  uint64_t page_count = 0;
  uint64_t adopted_blocks = 0;
  uint64_t number = 0;
  uint32_t stamp = 0;  // Of its pages: another one for each attempt.
  std::vector<NodeRef> nodes;          // To write: children before parents, and so by address.
  std::vector<PageAddress> pages;      // Theirs. Nodes that the tree no longer has go as soon as they are written.
  std::vector<PageAddress> dropped;    // Pages of the checkpoint before that this one doesn't have.
  uint64_t free_count = 0;  // Blocks that are free in the image.
  std::vector<BlockRange> allocator_ranges;
  std::vector<BlockRange> held;
  Bytes allocator_blob;

  size_t next_node = 0;
  size_t writer_count = 0;
  Signal writer_ended;
  Status write_status;
};

// A page needs its blocks in one piece; pages that follow each other are written together.
Status StoreCore::reserve_pages(Checkpoint& checkpoint) {
  uint64_t total = 0;
  for (const NodeRef& node : checkpoint.nodes) total += node->page.disk_block_count();
  const auto take = [this](uint64_t count) {
    return world.faults.exhausted("blocks for pages") ? std::nullopt : ledger.take_page(count);
  };
  std::optional<BlockRange> run = total == 0 ? std::nullopt : take(total);
  for (const NodeRef& node : checkpoint.nodes) {
    const uint64_t count = node->page.disk_block_count();
    std::optional<BlockRange> range;
    if (run) {
      range = BlockRange{run->first, count};
      run->first += count;
    } else {
      range = take(count);
    }
    if (!range) return Status(Code::kNoSpace, "no room for the index pages of a checkpoint");
    node->address = {range->first, static_cast<uint32_t>(count), checkpoint.stamp};
    checkpoint.pages.push_back(node->address);
  }
  return ok();
}

Status StoreCore::reserve_allocator(Checkpoint& checkpoint) {
  ExtentSet held;
  for (const PageAddress& page : checkpoint.dropped) CHECK(held.add(page.blocks()));
  for (const BlockRange& range : allocator_blocks) CHECK(held.add(range));
  checkpoint.held = held.extents();

  // The ranges for the image are themselves missing in it, which can make it a little longer.
  constexpr size_t kExtentSizeMax = 20;
  size_t ranges_max = 1;
  while (true) {
    const AllocatorImage before{ledger.free_in_image(), checkpoint.held};
    const size_t size = encode_allocator(before).size() + (ranges_max + 1) * kExtentSizeMax;
    if (!world.faults.exhausted("blocks for the allocator's image")) {
      checkpoint.allocator_ranges = ledger.take_ranges(allocator_blob_blocks(size, ranges_max));
    }
    if (checkpoint.allocator_ranges.empty()) {
      return Status(Code::kNoSpace, "no room for the allocator's image in a checkpoint");
    }
    if (checkpoint.allocator_ranges.size() <= ranges_max) break;
    ranges_max = checkpoint.allocator_ranges.size() + 1;
    for (const BlockRange& range : checkpoint.allocator_ranges) ledger.give_back(range);
    checkpoint.allocator_ranges.clear();
  }
  const AllocatorImage image{ledger.free_in_image(), checkpoint.held};
  for (const BlockRange& range : image.free) checkpoint.free_count += range.count;
  checkpoint.allocator_blob = encode_allocator(image);
  return ok();
}

size_t StoreCore::write_bytes_max() const { return std::clamp<size_t>(budget_ / 128, 16 * kKiB, 256 * kKiB); }

Task<void> StoreCore::page_writer(Ref core, Checkpoint* checkpoint) {
  const std::vector<PageAddress>& pages = checkpoint->pages;
  const size_t bytes_max = core->write_bytes_max();
  while (checkpoint->write_status.is_ok() && checkpoint->next_node < pages.size()) {
    const size_t begin = checkpoint->next_node;
    size_t end = begin;
    uint64_t block_count = 0;
    const uint64_t first = pages[begin].first;
    while (end < pages.size() && pages[end].first == first + block_count &&
           (end == begin || (block_count + pages[end].count) * kBlockSize <= bytes_max)) {
      block_count += pages[end].count;
      ++end;
    }
    checkpoint->next_node = end;

    DiskBuffer buffer(block_count * kBlockSize);
    core->transient_bytes_ += buffer.size();
    core->note_memory();
    for (size_t i = begin; i < end; ++i) {
      const Node& node = *checkpoint->nodes[i];
      const PageIdentity identity{core->hash, pages[i], checkpoint->number, node.level};
      const std::vector<PageAddress> children = Tree::child_addresses(node);
      node.page.encode(identity, children,
                       buffer.bytes().subspan((pages[i].first - first) * kBlockSize, pages[i].count * kBlockSize));
    }
    Status status = co_await core->disk.write(first * kBlockSize, buffer.bytes());
    core->transient_bytes_ -= buffer.size();
    core->barrier.note_write();
    core->counts.pages_written += end - begin;
    core->counts.page_bytes_written += buffer.size();
    if (!status.is_ok() && checkpoint->write_status.is_ok()) checkpoint->write_status = status.within("index pages");
    for (size_t i = begin; i < end && status.is_ok(); ++i) {
      if (!checkpoint->nodes[i]->is_live) checkpoint->nodes[i] = NodeRef();
    }
  }
  --checkpoint->writer_count;
  checkpoint->writer_ended.notify_all();
}

Task<Status> StoreCore::write_pages(Ref core, Checkpoint* checkpoint) {
  const size_t writers = std::min(kWritersMax, checkpoint->nodes.size());
  for (size_t i = 0; i < writers; ++i) {
    ++checkpoint->writer_count;
    core->world.executor.spawn(page_writer(core, checkpoint));
  }
  while (checkpoint->writer_count != 0) co_await checkpoint->writer_ended.wait();
  co_return checkpoint->write_status;
}

Task<Status> StoreCore::write_allocator(Ref core, Checkpoint* checkpoint) {
  ByteView rest = checkpoint->allocator_blob;
  const std::vector<BlockRange>& ranges = checkpoint->allocator_ranges;
  for (size_t i = 0; i < ranges.size(); ++i) {
    DiskBuffer buffer(ranges[i].count * kBlockSize);
    const size_t size = std::min(rest.size(), buffer.size() - kSegmentHeaderSize);
    Segment segment;
    segment.payload = rest.first(size);
    if (i + 1 < ranges.size()) segment.next = ranges[i + 1];
    rest = rest.subspan(size);
    const SegmentIdentity identity{core->hash, checkpoint->number, ranges[i].first, static_cast<uint32_t>(i)};
    encode_segment(identity, segment, buffer.bytes());
    Status status = co_await core->disk.write(ranges[i].first * kBlockSize, buffer.bytes());
    core->barrier.note_write();
    core->counts.other_bytes_written += buffer.size();
    CO_TRY(status.within("the allocator's image"));
  }
  CHECK(rest.empty());
  co_return ok();
}

// As if it had never begun: its nodes are dirty again, and its blocks free.
void StoreCore::undo_checkpoint(Checkpoint& checkpoint) {
  std::set<uint64_t> undone;
  unwritten_blocks_ = 0;
  for (const NodeRef& node : checkpoint.nodes) {
    if (!node) continue;
    unwritten_blocks_ += node->page.disk_block_count();
    node->address = {};
  }
  for (const PageAddress& page : checkpoint.pages) {
    undone.insert(page.first);
    ledger.give_back(page.blocks());
  }
  for (const BlockRange& range : checkpoint.allocator_ranges) ledger.give_back(range);
  std::vector<PageAddress> dropped = tree.take_dropped();
  std::erase_if(dropped, [&](const PageAddress& page) { return undone.contains(page.first); });
  tree.add_dropped(dropped);
  tree.add_dropped(checkpoint.dropped);
  release_blocks();
}

Task<Status> StoreCore::write_superblock(Ref core, Superblock superblock) {
  const int copy = MUTATION("superblock_over_the_newest", 1 - core->superblock_copy, core->superblock_copy);
  superblock.generation = core->superblock.generation + 1;
  DiskBuffer buffer(kBlockSize);
  encode_superblock(superblock, copy, buffer.bytes());
  Status status = co_await core->disk.write_durable(kSuperblockPlaces[copy] * kBlockSize, buffer.bytes());
  core->counts.other_bytes_written += buffer.size();
  if (!status.is_ok()) co_return status.within("superblock");
  core->superblock = superblock;
  core->superblock_copy = copy;
  co_return ok();
}

Task<Status> StoreCore::run_checkpoint(Ref core, bool is_last) {
  // Most contents before the freeze, so that it is short; and without them it would be in vain.
  CO_TRY(co_await write_contents_of_log(core));
  CO_TRY(co_await write_contents(core));
  Checkpoint checkpoint(core->world.executor);
  // Up to the reservations nothing suspends, so that all of this is of one moment.
  checkpoint.boundary = core->log->cut();
  checkpoint.stamp = static_cast<uint32_t>(core->world.random.next() | 1);
  checkpoint.nodes = core->tree.freeze();
  checkpoint.page_count = core->tree.page_count();
  checkpoint.adopted_blocks = core->ledger.adopted_count();
  checkpoint.number = core->superblock.checkpoint + 1;
  checkpoint.dropped = core->tree.take_dropped();
  if (MUTATION("checkpoint_overwrites_what_it_replaces", false, true)) {
    for (const PageAddress& page : checkpoint.dropped) core->ledger.give_back(page.blocks());
    checkpoint.dropped.clear();
  }
  core->unwritten_blocks_ = 0;
  Status status = core->reserve_pages(checkpoint);
  checkpoint.root = core->tree.root().where();
  if (status.is_ok()) status = core->reserve_allocator(checkpoint);

  const LogPosition boundary{checkpoint.boundary.stream};
  if (status.is_ok() && MUTATION("checkpoint_forgets_contents", true, false)) {
    status = co_await write_contents(core, boundary);
  }
  if (status.is_ok()) status = co_await write_pages(core, &checkpoint);
  if (status.is_ok()) status = co_await write_allocator(core, &checkpoint);
  if (!status.is_ok()) {
    core->undo_checkpoint(checkpoint);
    co_return status;
  }
  // Frames before the boundary must have ended: the ring's space before it is about to be used again.
  const uint64_t written = MUTATION("checkpoint_skips_the_flush", core->barrier.written(), uint64_t{0});
  status = co_await core->barrier.cover(core, written);
  if (status.is_ok()) status = co_await core->log->wait_durable(core, boundary);
  if (!status.is_ok()) {
    core->log->fail(status);
    core->undo_checkpoint(checkpoint);
    co_return core->log->failure();
  }

  Superblock superblock = core->superblock;
  superblock.is_clean = is_last;
  superblock.data_end = core->ledger.data_end();
  superblock.checkpoint = checkpoint.number;
  superblock.root = {checkpoint.root, checkpoint.page_count};
  superblock.replay_from = checkpoint.boundary;
  superblock.replay_life = superblock.life;
  superblock.adopted_blocks = checkpoint.adopted_blocks;
  superblock.allocator = checkpoint.allocator_ranges.front();
  status = co_await write_superblock(core, superblock);
  for (const NodeRef& node : checkpoint.nodes) {
    if (node) core->tree.note_written(*node);
  }
  checkpoint.nodes.clear();
  if (!status.is_ok()) {
    // It may be on the disk all the same. So nothing of it nor of the checkpoint before is reused until a later one
    // is durable; the log keeps what the older one needs.
    core->tree.add_dropped(checkpoint.dropped);
    std::vector<PageAddress> image;
    for (const BlockRange& range : checkpoint.allocator_ranges) {
      image.push_back({range.first, static_cast<uint32_t>(range.count)});
    }
    core->tree.add_dropped(image);
    core->release_blocks();
    co_return status;
  }

  uint64_t unpaged = checkpoint.free_count + checkpoint.adopted_blocks;
  for (const BlockRange& range : checkpoint.held) unpaged += range.count;
  for (const BlockRange& range : checkpoint.allocator_ranges) unpaged += range.count;
  core->page_block_count = core->ledger.data_count() - unpaged;
  core->allocator_blocks = checkpoint.allocator_ranges;
  core->ledger.end_checkpoint(checkpoint.held);
  core->release_blocks();
  core->log->move_tail(checkpoint.boundary.position);
  ++core->counts.checkpoints;
  core->did_report_failure_ = false;
  core->discard_if_due();
  co_return ok();
}

Task<Status> StoreCore::run_and_report(Ref core) {
  Status status = co_await run_checkpoint(core, false);
  core->make_room(0);
  if (!status.is_ok() && !core->did_report_failure_) {
    core->did_report_failure_ = true;
    log::warn("checkpoint_failed", {{"device", core->disk.name()}, {"status", status}});
  }
  co_return status;
}

Task<Status> StoreCore::checkpoint(Ref core, bool force) {
  const LogPosition wanted = core->log->appended();
  const Permit turn = co_await core->checkpoint_turn.lock();
  if (core->is_closed) co_return Status(Code::kReadOnly, "the store is closed");
  if (!core->log->failure().is_ok()) co_return core->log->failure();
  if (!force && core->superblock.replay_from.stream >= wanted.value) co_return ok();
  co_return co_await run_and_report(core);
}

Task<Status> StoreCore::write_changes(Ref core) {
  const Permit turn = co_await core->checkpoint_turn.lock();
  if (core->is_closed) co_return Status(Code::kReadOnly, "the store is closed");
  if (!core->log->failure().is_ok()) co_return core->log->failure();
  if (!core->is_full_of_changes()) co_return ok();
  co_return co_await run_and_report(core);
}

Task<void> StoreCore::checkpoint_in_background(Ref core) {
  Status status = ok();
  if (!core->is_closed) status = co_await checkpoint(core, false);
  // One that failed is tried again once more of the log or of the memory is used, so not at every batch.
  core->is_checkpoint_started_ = false;
  core->retry_checkpoint_at_ = status.is_ok() ? 0 : core->log->used() + core->log->size() / 16;
  core->retry_changes_at_ = status.is_ok() ? 0 : core->changed_bytes() + core->budget_ / 16;
}

void StoreCore::checkpoint_if_due() {
  if (is_checkpoint_started_) return;
  const ByteCount due = options.checkpoint_log_bytes != 0 ? options.checkpoint_log_bytes : log->size() / 2;
  const bool is_log_due = log->used() >= std::max(due, retry_checkpoint_at_);
  if (!is_log_due && changed_bytes() < std::max(page_budget() / 4, retry_changes_at_)) return;
  is_checkpoint_started_ = true;
  world.executor.spawn(checkpoint_in_background(shared_from_this()));
}

Task<Status> StoreCore::close(Ref core) {
  if (core->is_closed) co_return ok();
  if (core->options.read_only) {
    core->is_closed = true;
    co_await core->wait_loads_quiet();
    co_return ok();
  }
  core->ledger.stop_discards();
  while (core->is_discarding_) co_await core->discarded_.wait();
  while (core->is_writing_contents_) co_await core->contents_progress_.wait();
  Status status = co_await core->log->wait_durable(core, core->log->appended());
  {
    const Permit turn = co_await core->checkpoint_turn.lock();
    if (status.is_ok()) {
      const LogPoint end = core->log->cut();
      if (end == core->superblock.replay_from) {
        Superblock superblock = core->superblock;
        superblock.is_clean = true;
        status = co_await write_superblock(core, superblock);
      } else {
        status = co_await run_checkpoint(core, true);
      }
    }
    core->is_closed = true;
  }
  co_await core->wait_loads_quiet();
  co_await core->log->wait_quiet();
  co_return status;
}

Task<Result<AllocatorImage>> read_allocator(Disk& disk, const Superblock& superblock, std::vector<BlockRange>* blocks) {
  Bytes blob;
  BlockRange range = superblock.allocator;
  ExtentSet seen;
  for (uint32_t index = 0; range.count != 0; ++index) {
    const std::string place = "allocator segment at block " + std::to_string(range.first);
    if (range.first < superblock.data_first || range.first >= superblock.data_end ||
        range.count > superblock.data_end - range.first || range.count > kGiB / kBlockSize || !seen.add(range)) {
      co_return Status(Code::kCorrupt, place + ": beyond the disk");
    }
    DiskBuffer buffer(range.count * kBlockSize);
    Status read = co_await disk.read(range.first * kBlockSize, buffer.bytes());
    if (!read.is_ok()) co_return read.within(place);
    const SegmentIdentity identity{store_hash(superblock.store), superblock.checkpoint, range.first, index};
    const Result<Segment> segment = decode_segment(identity, buffer.bytes());
    if (!segment.is_ok()) co_return segment.status().within(place);
    blocks->push_back(range);
    blob.insert(blob.end(), (*segment).payload.begin(), (*segment).payload.end());
    range = (*segment).next;
  }
  co_return decode_allocator(blob, superblock.data_first, superblock.data_end);
}

}  // namespace aeon::media
