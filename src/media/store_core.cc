#include "store_core.h"

#include <algorithm>
#include <string>

#include "allocator_blob.h"
#include "base/check.h"
#include "base/log.h"
#include "batch_codec.h"

namespace aeon::media {

namespace {
// Blocks that stay free beside what a checkpoint needs. Whatever puts leave lets some punches in, and whatever these
// leave lets erasing go on: each step covers the pages that such a batch may copy, and their checkpoint.
constexpr uint64_t kRemoveSlack = 4;
constexpr uint64_t kReserveSlack = 28;
constexpr uint64_t kPutSlack = 60;
constexpr uint64_t kDataSlack = 92;

// Enough reads at a time for a fast device, and few enough for a small budget.
size_t load_slot_count(ByteCount budget) { return std::clamp<size_t>(budget / 64 / (16 * kKiB), 4, 64); }

}  // namespace

StoreCore::StoreCore(World& the_world, Disk& the_disk, OpenOptions the_options, const Superblock& the_superblock)
    : world(the_world),
      disk(the_disk),
      options(the_options),
      superblock(the_superblock),
      hash(store_hash(the_superblock.store)),
      tree(the_superblock.root, the_options.page_size_max, cache),
      ledger(the_superblock.data_first, the_superblock.data_end),
      barrier(the_world.executor, the_disk),
      checkpoint_turn(the_world.executor),
      load_slots_(the_world.executor, load_slot_count(the_options.memory_budget)),
      loads_quiet_(the_world.executor),
      pin_turn_(the_world.executor),
      hold_turn_(the_world.executor, 1),
      budget_(the_options.memory_budget),
      contents_turn_(the_world.executor),
      contents_progress_(the_world.executor),
      discarded_(the_world.executor) {
  ledger.set_parts(disk.parts());
}

Status StoreCore::check_batch(const Batch& batch) const {
  if (batch.is_oversized()) {
    return Status(Code::kInvalidArgument, "a key or value of a batch is longer than " + std::to_string(kKeySizeMax) +
                                              " bytes, or a content of another size than its blocks");
  }
  if (batch.size() > log->record_size_max()) {
    return Status(Code::kTooBig, "a batch of " + std::to_string(batch.size()) + " bytes; the log takes at most " +
                                     std::to_string(log->record_size_max()));
  }
  return ledger.check(batch.adopted(), batch.freed());
}

uint64_t StoreCore::checkpoint_need() const {
  const size_t extents = ledger.free_extent_count() + ledger.waiting_extent_count() + 64;
  return tree.dirty_blocks() + unwritten_blocks_ + extents * 12 / (kBlockSize - kSegmentHeaderSize) + 3;
}

bool StoreCore::has_space_for(const Batch& batch) const {
  const uint64_t slack = batch.only_removes() ? kRemoveSlack : batch.uses_reserve() ? kReserveSlack : kPutSlack;
  const uint64_t free = ledger.free_for_pages();  // What the checkpoint can use: single blocks don't help it.
  const uint64_t need = checkpoint_need() + slack;
  const uint64_t record_blocks = (batch.size() - batch.carried_size()) / kBlockSize + 1;
  const uint64_t height = tree.height() + 1;
  if (free >= need + 3 * record_blocks + batch.entry_count() * height * 5) return true;

  uint64_t growth = (batch.only_removes() ? 0 : 3 * record_blocks) + height;
  BatchReader reader(batch.record());
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    if (!entry.is_ok() || !(*entry).has_value()) break;
    if ((*entry)->changes_key()) {
      growth += tree.clean_blocks_on_path((*entry)->key);
    }
  }
  return free >= need + growth;
}

void StoreCore::apply_to_tree(const BatchEntry& change) {
  if (change.op == BatchOp::kPut) tree.put(change.key, change.value);
  if (change.op == BatchOp::kErase) tree.erase(change.key);
  if (change.op != BatchOp::kAdd) return;
  const MutableBytes counters = tree.changeable_value(change.key);
  if (!counters.empty() && counters.size() >= changed_counters_size(change.value)) {
    change_counters(counters, change.value);
  } else {
    tree.put(change.key, add_to_counters(counters, change.value));
  }
}

// No suspension in here: a batch becomes visible at once.
LogPosition StoreCore::apply_now(const Batch& batch) {
  BatchReader reader(batch.record());
  std::vector<ByteView> erased;
  std::vector<BatchEntry> carried;
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    CHECK(entry.is_ok());
    if (!(*entry).has_value()) break;
    const BatchEntry& change = **entry;
    if (change.op == BatchOp::kContent) {
      carried.push_back(change);
    } else if (change.op != BatchOp::kErase) {
      apply_to_tree(change);
    } else if (tree.erase_entry(change.key)) {
      erased.push_back(change.key);
    }
  }
  for (const ByteView key : erased) tree.shrink(key);
  for (const BlockRange& range : batch.adopted()) ledger.adopt(range);
  const LogPosition position = log->append(batch.record(), batch.adopts_written());
  for (const BatchEntry& content : carried) contents.add(content.blocks, content.value, position);
  for (const BlockRange& range : batch.freed()) {
    ledger.free(range, position);
    contents.free(range, position);
  }
  ++change_count;
  ++path_version;
  if (batch.is_move()) ++move_count;
  if (batch.erases()) ++erase_count;
  ++counts.batches;
  note_memory();
  make_room(0);
  return position;
}

Task<Result<LogPosition>> StoreCore::apply(Ref core, Batch batch) {
  if (batch.empty() && !batch.is_oversized()) co_return core->log->appended();
  // Loading one page may push out another. Few rounds do, unless there is hardly any room: then one batch at a time.
  constexpr int kRoundsBeforePins = 3;
  int rounds = 0;
  int checkpoints = 0;
  bool has_written_changes = false;
  bool has_waited_for_contents = false;
  std::vector<NodeRef> pins;
  while (true) {
    if (core->is_closed) co_return Status(Code::kReadOnly, "the store is closed");
    if (!core->log->failure().is_ok()) co_return core->log->failure();
    CO_TRY(core->check_batch(batch));
    // After each suspension all is looked at again: it may have changed.
    if (core->is_full_of_changes() && !has_written_changes) {
      has_written_changes = true;
      const Status written = co_await write_changes(core);
      if (written.is_ok()) continue;
      if (!core->log->failure().is_ok()) co_return core->log->failure();
      if (core->changed_bytes() > core->page_budget() / 4 * 3) {
        co_return Status(Code::kNoSpace,
                         "the memory budget is full of changes, and the checkpoint that would write "
                         "them failed (" +
                             written.to_string() + ")");
      }
      continue;
    }
    if (batch.carried_size() != 0 && core->has_much_content() && !has_waited_for_contents) {
      has_waited_for_contents = true;
      CO_TRY(co_await wait_for_contents(core));
      continue;
    }
    if (core->log->is_behind()) {
      CO_TRY(co_await core->log->wait_durable(core, core->log->oldest_waiting()));
      continue;
    }
    if (core->first_missing(batch)) {
      if (++rounds <= kRoundsBeforePins)
        CO_TRY(co_await load_for(core, &batch));
      else
        CO_TRY(co_await load_and_pin(core, &batch, &pins));
      continue;
    }
    if (!core->log->has_room(batch.size())) {
      const Status made_room = co_await checkpoint(core, false);
      if (made_room.is_ok()) continue;
      if (!core->log->failure().is_ok()) co_return core->log->failure();
      co_return Status(Code::kNoSpace, "the log is full, and the checkpoint that would empty it failed (" +
                                           made_room.to_string() + ")");
    }
    if (!core->has_space_for(batch)) {
      uint64_t freed_then = core->tree.dirty_blocks() + core->tree.dropped_blocks() + core->ledger.waiting_count();
      for (const BlockRange& range : core->ledger.held()) freed_then += range.count;
      const bool checkpoint_frees = freed_then > 2 * core->allocator_blocks.size() + 2;
      // Two: what the first makes needless stays held until the second.
      if (checkpoints < 2 && (checkpoint_frees || checkpoints == 1)) {
        ++checkpoints;
        const Status freed = co_await checkpoint(core, true);
        if (freed.is_ok()) continue;
        if (!core->log->failure().is_ok()) co_return core->log->failure();
      }
      co_return Status(Code::kNoSpace, "no space left on " + std::string(core->disk.name()));
    }
    if (core->world.faults.exhausted(batch.uses_reserve() ? "room to remove" : "room to add")) {
      co_return Status(Code::kNoSpace, "no space left on " + std::string(core->disk.name()));
    }
    break;
  }
  pins.clear();
  const LogPosition position = core->apply_now(batch);
  core->checkpoint_if_due();
  core->write_contents_if_due();
  co_return position;
}

void StoreCore::on_log_durable(LogPosition) {
  release_blocks();
  discard_if_due();
}

Result<std::vector<BlockRange>> StoreCore::reserve(uint64_t block_count) {
  if (block_count == 0) return Status(Code::kInvalidArgument, "reserving no blocks");
  if (!log->failure().is_ok()) return log->failure();
  release_blocks();
  const uint64_t keep = checkpoint_need() + kDataSlack;
  // The smallest piece that is large enough is taken. So few blocks come from pieces too small for pages, as long as
  // there are any; what pages may need is never broken up.
  const uint64_t for_pages = ledger.free_for_pages();
  const uint64_t small_pieces = ledger.free_count() - for_pages;
  const bool fits_small = block_count == 1 && small_pieces != 0;
  const bool has_room = for_pages >= keep && (fits_small || for_pages - keep >= round_up(block_count, 4));
  if (!has_room || world.faults.exhausted("blocks for values")) {
    return Status(Code::kNoSpace, "no space left on " + std::string(disk.name()));
  }
  return ledger.reserve(block_count);
}

Task<Status> StoreCore::write_blocks(Ref core, BlockRange blocks, ByteView data) {
  if (data.size() % kBlockSize != 0 || data.size() / kBlockSize > blocks.count) {
    co_return Status(Code::kInvalidArgument, "block data of another size than its blocks");
  }
  if (!core->ledger.is_reserved(blocks)) {
    co_return Status(Code::kInvalidArgument, "writing blocks that aren't reserved");
  }
  Status status = co_await core->disk.write(blocks.first * kBlockSize, data);
  core->barrier.note_write();  // Even a failed write may have changed something.
  core->counts.block_bytes_written += data.size();
  co_return status;
}

bool StoreCore::is_in_data(BlockRange blocks) const {
  return blocks.first >= ledger.data_first() && blocks.first < ledger.data_end() &&
         blocks.count <= ledger.data_end() - blocks.first;
}

ByteView StoreCore::view_blocks(BlockRange blocks) {
  if (!is_in_data(blocks) || contents.overlaps(blocks)) return {};
  return disk.view(blocks.first * kBlockSize, blocks.count * kBlockSize);
}

Task<Status> StoreCore::read_blocks(Ref core, BlockRange blocks, MutableBytes out) {
  if (out.size() % kBlockSize != 0 || out.size() / kBlockSize > blocks.count || !core->is_in_data(blocks)) {
    co_return Status(Code::kInvalidArgument, "reading blocks beyond the data area, or into memory of another size");
  }
  const BlockRange wanted{blocks.first, out.size() / kBlockSize};
  if (core->contents.overlaps(wanted)) co_return co_await read_with_contents(core, wanted.first, out);
  co_return co_await core->disk.read(blocks.first * kBlockSize, out);
}

Space StoreCore::space() const {
  const uint64_t keep = checkpoint_need() + kDataSlack;
  Space space;
  space.capacity = ledger.data_count() * kBlockSize;
  space.free = ledger.free_for_pages() > keep ? (ledger.free_for_pages() - keep) * kBlockSize : 0;
  space.blocks_used = ledger.adopted_count() * kBlockSize;
  space.index_used = page_block_count * kBlockSize;
  space.reserved = std::min(keep, ledger.free_for_pages()) * kBlockSize;
  space.small_pieces = (ledger.free_count() - ledger.free_for_pages()) * kBlockSize;
  uint64_t held = 0;
  for (const BlockRange& range : ledger.held()) held += range.count;
  space.waiting = (ledger.waiting_count() + held) * kBlockSize;
  space.log_size = log->size();
  space.free_extents = ledger.free_extent_count();
  space.largest_free = ledger.largest_free() * kBlockSize;
  return space;
}

Counters StoreCore::counters() const {
  Counters counters = counts;
  counters.log_frames = log->frame_count();
  counters.log_bytes = log->byte_count();
  counters.flushes = barrier.flush_count();
  counters.contents_waiting = contents.unwritten_bytes();
  counters.memory_budget = budget_;
  counters.memory_used = memory_in_use();
  counters.memory_peak = std::max(memory_peak_, counters.memory_used);
  return counters;
}

}  // namespace aeon::media
