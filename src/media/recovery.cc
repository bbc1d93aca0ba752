#include "recovery.h"

#include <algorithm>
#include <string>

#include "allocator_blob.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mutation.h"
#include "batch_codec.h"
#include "device_label.h"
#include "log_reader.h"
#include "runtime/system.h"

namespace aeon::media {

namespace {

constexpr ByteCount kLogSizeMin = 256 * kKiB;
constexpr uint64_t kDataBlocksMin = 128;  // Space kept for checkpoints and deleting, and a little more.
constexpr size_t kReadBytes = kMiB;

std::string name_of(const Disk& disk) { return std::string(disk.name()); }

}  // namespace

Task<Result<Superblocks>> read_superblocks(Disk& disk) {
  Status faults[2];
  Superblock found[2];
  bool is_good[2] = {};
  for (int copy = 0; copy < 2; ++copy) {
    DiskBuffer buffer(kBlockSize);
    Status read = co_await disk.read(kSuperblockPlaces[copy] * kBlockSize, buffer.bytes());
    if (!read.is_ok()) {
      faults[copy] = read;
      continue;
    }
    Result<Superblock> superblock = decode_superblock(buffer.bytes(), copy);
    if (!superblock.is_ok()) {
      faults[copy] = superblock.status();
      continue;
    }
    found[copy] = std::move(superblock).value();
    is_good[copy] = true;
  }
  for (const Status& fault : faults) {
    if (fault.code() == Code::kVersionUnsupported) co_return fault.within(disk.name());
  }
  if (!is_good[0] && !is_good[1]) {
    if (faults[0].code() == Code::kNotFound && faults[1].code() == Code::kNotFound) {
      DiskBuffer buffer(kBlockSize);
      Status read = co_await disk.read(0, buffer.bytes());
      if (read.is_ok() && is_device_label(buffer.bytes())) {
        co_return Status(Code::kInvalidArgument,
                         name_of(disk) +
                             " is a device of a store that knows its devices; name it, and any others of "
                             "that store, as devices");
      }
      co_return Status(Code::kInvalidArgument,
                       name_of(disk) + " is not an Aeon store; format it first if it is meant to be one");
    }
    const bool is_io = faults[0].code() == Code::kIo && faults[1].code() == Code::kIo;
    co_return Status(is_io ? Code::kIo : Code::kCorrupt,
                     name_of(disk) + ": both superblocks are damaged (block 0: " + faults[0].to_string() +
                         "; block 16: " + faults[1].to_string() +
                         "); restore the store from a replica or backup, or format it anew");
  }
  if (is_good[0] && is_good[1] && found[0].store != found[1].store) {
    co_return Status(Code::kCorrupt, name_of(disk) +
                                         ": the two superblocks belong to different stores; restore the "
                                         "store from a replica or backup, or format it anew");
  }
  Superblocks result;
  result.copy = is_good[0] && (!is_good[1] || found[0].generation > found[1].generation) ? 0 : 1;
  result.newest = found[result.copy];
  const int other = 1 - result.copy;
  result.is_other_good = is_good[other] && found[other].generation + 1 == result.newest.generation;
  if (!is_good[other]) {
    log::warn("superblock_damaged",
              {{"device", disk.name()}, {"block", kSuperblockPlaces[other]}, {"status", faults[other]}});
  }
  co_return result;
}

namespace {

// Where replay ended.
struct Replayed {
  LogPoint end;
  uint64_t life = 0;           // Of the last frame, or the superblock.
  uint64_t frame_count = 0;
  uint64_t batch_count = 0;
  Status read_fault;           // The place behind the end couldn't be read at all.
};

// Contents stay away from the disk until the end of replay: what lies in the blocks now may be a later owner's.
// `stream`: where the record is in the log.
Status replay_blocks(StoreCore& core, ByteView record, uint64_t stream, const BatchEntry& change) {
  const BlockRange blocks = change.blocks;
  if (core.is_allocator_known) {
    TRY(change.op == BatchOp::kFree ? core.ledger.replay_free(blocks) : core.ledger.replay_adopt(blocks));
  }
  if (MUTATION("replay_keeps_freed_contents", true, false)) core.contents.drop(blocks);
  if (change.op != BatchOp::kContent) return ok();
  const uint64_t end = core.ledger.data_end();
  if (blocks.first < core.ledger.data_first() || blocks.first >= end || blocks.count > end - blocks.first) {
    return Status(Code::kCorrupt, "a batch brings content of blocks beyond the data area");
  }
  if (core.contents.memory_size() + change.value.size() <= core.contents_share()) {
    core.contents.add(blocks, change.value, {});
  } else {
    core.contents.add_in_log(blocks, stream + static_cast<uint64_t>(change.value.data() - record.data()),
                             change.value.size());
  }
  return ok();
}

Task<Status> replay_record(StoreCore::Ref core, ByteView record, uint64_t stream) {
  BatchReader reader(record);
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    if (!entry.is_ok()) co_return entry.status();
    if (!(*entry).has_value()) break;
    const BatchEntry change = **entry;
    if (!change.changes_key()) {
      CO_TRY(replay_blocks(*core, record, stream, change));
      continue;
    }
    while (const Tree::Missing missing = core->tree.missing_for(change.key)) {
      CO_TRY(co_await StoreCore::load_page(core, *missing));
    }
    core->apply_to_tree(change);
  }
  ++core->change_count;
  ++core->path_version;
  co_return ok();
}

// The keys that the whole records at the start of `stream` change.
std::vector<ByteView> changed_keys(ByteView stream) {
  std::vector<ByteView> keys;
  while (stream.size() >= sizeof(uint32_t)) {
    const uint32_t size = load_le<uint32_t>(stream.data());
    stream = stream.subspan(sizeof(uint32_t));
    if (size > stream.size()) break;
    BatchReader reader(stream.first(size));
    while (true) {
      const Result<std::optional<BatchEntry>> entry = reader.next();
      if (!entry.is_ok() || !(*entry).has_value()) break;
      if ((*entry)->changes_key()) keys.push_back((*entry)->key);
    }
    stream = stream.subspan(size);
  }
  return keys;
}

// Applies the whole records at the start of `stream`, which ends at `stream_end` in the log, and drops them from it.
Task<Status> replay_records(StoreCore::Ref core, Bytes* stream, uint64_t stream_end, uint64_t record_size_max,
                            uint64_t* batch_count) {
  if (!core->tree.is_whole_in_memory()) {
    const std::vector<ByteView> keys = changed_keys(*stream);
    co_await StoreCore::preload(core, &keys);
  }
  size_t at = 0;
  while (stream->size() - at >= sizeof(uint32_t)) {
    const uint32_t size = load_le<uint32_t>(stream->data() + at);
    if (size == 0 || size > record_size_max) co_return Status(Code::kCorrupt, "a record of impossible size");
    if (stream->size() - at - sizeof(uint32_t) < size) break;
    const uint64_t begin = stream_end - stream->size() + at + sizeof(uint32_t);
    CO_TRY(co_await replay_record(core, ByteView(*stream).subspan(at + sizeof(uint32_t), size), begin));
    at += sizeof(uint32_t) + size;
    ++*batch_count;
  }
  stream->erase(stream->begin(), stream->begin() + static_cast<ptrdiff_t>(at));
  co_return ok();
}

Task<Status> replay_log(StoreCore::Ref core, LogReader* reader, Replayed* out) {
  out->life = core->superblock.life;
  // What an earlier life left behind its end may lie where this checkpoint's first frame would: the chain knows.
  FrameChain chain(core->superblock);
  out->end = chain.end();
  Bytes stream;
  while (out->end.position - core->superblock.replay_from.position < reader->size()) {
    co_await reader->load(out->end.position, kFrameBytesMax);
    const Result<FrameHeader> decoded = decode_frame(reader->view(), core->hash);
    if (!decoded.is_ok()) {
      out->read_fault = reader->fault_within(kBlockSize);
      const Result<FrameHeader> peeked = peek_frame(reader->view(), core->hash);
      if (peeked.is_ok() && (*peeked).sequence == out->end.sequence && (*peeked).position == out->end.position) {
        out->read_fault = reader->fault_within(kFrameHeaderSize + (*peeked).payload_size);
      }
      break;
    }
    const FrameHeader& frame = *decoded;
    if (!chain.is_next(frame)) break;
    if (chain.add(frame)) stream.clear();
    const ByteView payload = reader->view().subspan(kFrameHeaderSize, frame.payload_size);
    stream.insert(stream.end(), payload.begin(), payload.end());
    const std::string place =
        "log frame " + std::to_string(frame.sequence) + " at block " + std::to_string(reader->block_of(frame.position));
    out->end = chain.end();
    core->replayed_frames.push_back({frame.position, frame.sequence, frame.stream});
    Status replayed = co_await replay_records(core, &stream, out->end.stream, reader->size() / 2, &out->batch_count);
    if (!replayed.is_ok()) co_return replayed.within(place);
    ++out->frame_count;
  }
  out->life = std::max(out->life, chain.life());
  co_return ok();
}

// Looks at all of the ring for a frame that proves that one at or behind the end of replay had been durable, and for
// the latest life that wrote any.
Task<Status> scan_for_loss(StoreCore::Ref core, LogReader* reader, Replayed* replayed) {
  for (uint64_t at = 0; at < reader->size();) {
    co_await reader->load(at, kReadBytes);
    const size_t window = reader->view().size();
    size_t done = 0;
    for (; done < window; done += kBlockSize) {
      const ByteView rest = reader->view().subspan(done);
      const Result<FrameHeader> peeked = peek_frame(rest, core->hash);
      if (!peeked.is_ok()) continue;
      const FrameHeader& seen = *peeked;
      const bool is_in_place = seen.position % reader->size() == at + done;
      const bool is_late = seen.sequence >= replayed->end.sequence || seen.life > replayed->life;
      if (!is_in_place || !is_late) continue;
      const size_t frame_size = round_up(kFrameHeaderSize + seen.payload_size, kBlockSize);
      if (frame_size > rest.size() && done != 0) break;  // Read on from here.
      if (!decode_frame(rest, core->hash).is_ok()) continue;
      replayed->life = std::max(replayed->life, seen.life);
      if (seen.durable_through >= replayed->end.sequence) {
        co_return Status(Code::kCorrupt,
                         "log frame " + std::to_string(replayed->end.sequence) + " at block " +
                             std::to_string(reader->block_of(replayed->end.position)) +
                             " is damaged or gone, and frame " + std::to_string(seen.sequence) +
                             " says that it had been durable; restore the store from a replica or backup");
      }
    }
    at += done;
  }
  co_return ok();
}

Task<Status> zero_blocks(Disk& disk, uint64_t first, uint64_t count) {
  DiskBuffer zeros(kReadBytes);
  while (count != 0) {
    const uint64_t now = std::min<uint64_t>(count, kReadBytes / kBlockSize);
    CO_TRY(co_await disk.write(first * kBlockSize, zeros.bytes().first(now * kBlockSize)));
    first += now;
    count -= now;
  }
  co_return ok();
}

}  // namespace

Task<Status> format_store([[maybe_unused]] World& world, Disk& disk, FormatOptions options) {
  Superblock superblock;
  superblock.store = options.store;
  superblock.log_first = kLogFirstBlock;
  superblock.log_count = options.log_size / kBlockSize;
  superblock.data_first = superblock.log_first + superblock.log_count;
  superblock.data_end = disk.capacity() / kBlockSize;
  superblock.generation = 1;
  superblock.is_clean = true;
  if (options.store.is_nil()) co_return Status(Code::kInvalidArgument, "a store needs a uuid that isn't nil");
  if (options.log_size < kLogSizeMin || options.log_size % kBlockSize != 0) {
    co_return Status(Code::kInvalidArgument, "the log needs at least 256 KiB, in whole blocks of 4 KiB");
  }
  if (superblock.data_end < superblock.data_first + kDataBlocksMin) {
    co_return Status(Code::kInvalidArgument, name_of(disk) + " has " + std::to_string(disk.capacity()) +
                                                 " bytes; a store with this log needs " +
                                                 std::to_string((superblock.data_first + kDataBlocksMin) * kBlockSize));
  }
  // What was there stops being a store before its parts go, and the new one starts when its parts are there.
  CO_TRY(co_await zero_blocks(disk, 0, kLogFirstBlock));
  CO_TRY(co_await disk.flush());
  CO_TRY(co_await zero_blocks(disk, superblock.log_first, superblock.log_count));

  superblock.allocator = {superblock.data_first, 1};
  AllocatorImage image;
  for (const DiskPart& part : disk.parts()) {
    const uint64_t first = std::max(part.offset / kBlockSize, superblock.data_first + 1);
    const uint64_t end = (part.offset + part.size) / kBlockSize;
    if (first < end) image.free.push_back({first, end - first});
  }
  const Bytes blob = encode_allocator(image);
  DiskBuffer buffer(kBlockSize);
  Segment segment;
  segment.payload = blob;
  const SegmentIdentity identity{store_hash(options.store), superblock.checkpoint, superblock.data_first, 0};
  encode_segment(identity, segment, buffer.bytes());
  CO_TRY(co_await disk.write(superblock.data_first * kBlockSize, buffer.bytes()));
  CO_TRY(co_await disk.flush());
  for (int copy = 0; copy < 2; ++copy) {
    DiskBuffer block(kBlockSize);
    encode_superblock(superblock, copy, block.bytes());
    CO_TRY(co_await disk.write_durable(kSuperblockPlaces[copy] * kBlockSize, block.bytes()));
    ++superblock.generation;
  }
  co_return ok();
}

namespace {

Task<Status> load_allocator(StoreCore::Ref core) {
  const Superblock& superblock = core->superblock;
  CO_TRY_ASSIGN(const AllocatorImage image, co_await read_allocator(core->disk, superblock, &core->allocator_blocks));
  CO_TRY(core->ledger.load(image, superblock.adopted_blocks));
  uint64_t unpaged = superblock.adopted_blocks;
  for (const BlockRange& range : image.free) unpaged += range.count;
  for (const BlockRange& range : core->allocator_blocks) unpaged += range.count;
  for (const BlockRange& range : image.held) unpaged += range.count;
  if (unpaged > core->ledger.data_count()) {
    co_return Status(Code::kCorrupt, "allocator: more blocks stored than there are");
  }
  core->page_block_count = core->ledger.data_count() - unpaged;
  co_return ok();
}

Log::Setup log_setup(const StoreCore& core, const Superblock& opened, const Replayed& replayed) {
  return {.first_block = opened.log_first,
          .block_count = opened.log_count,
          .store_hash = core.hash,
          .life = opened.life,
          .tail_position = opened.replay_from.position,
          .head = replayed.end,
          .write_behind = core.options.write_behind,
          .waiting_frames_max = std::clamp<size_t>(core.options.memory_budget / 16 / kFrameBytesMax, 1, 64)};
}

}  // namespace

Task<Result<StoreCore::Ref>> open_store(World& world, Disk& disk, OpenOptions options) {
  // After a kill, frames that were in flight may be in the disk's cache only. Replaying one frees blocks for reuse, so
  // it must not be lost after all at the next power loss: flushed first, and only then read.
  if (!options.read_only) CO_TRY(co_await disk.flush());
  CO_TRY_ASSIGN(const Superblocks superblocks, co_await read_superblocks(disk));
  const Superblock& superblock = superblocks.newest;
  const uint64_t disk_end = disk.capacity() / kBlockSize;
  if (disk_end < superblock.data_end) {
    co_return Status(Code::kInvalidArgument, name_of(disk) + " has " + std::to_string(disk_end) +
                                                 " blocks, but the store on it was made for " +
                                                 std::to_string(superblock.data_end) + "; give it its size back");
  }
  if (options.memory_budget == 0) options.memory_budget = std::max(kMemoryBudgetMin, machine_memory() / 8);
  StoreCore::Ref core = std::make_shared<StoreCore>(world, disk, options, superblock);
  core->superblock_copy = superblocks.copy;

  Status allocator = co_await load_allocator(core);
  if (!allocator.is_ok()) {
    if (!options.read_only) co_return allocator.within(disk.name());
    log::warn("allocator_damaged", {{"device", disk.name()}, {"status", allocator}});
    core->is_allocator_known = false;  // Who only reads doesn't need it.
  }

  core->ledger.grow(disk_end);  // Before the replay: batches since the checkpoint may have adopted some of it.
  LogReader reader(disk, superblock);
  Replayed replayed;
  Status status = co_await replay_log(core, &reader, &replayed);
  if (!status.is_ok()) co_return status.within(disk.name());
  if (!superblock.is_clean || !superblocks.is_other_good || replayed.frame_count != 0) {
    status = co_await scan_for_loss(core, &reader, &replayed);
    if (!status.is_ok()) co_return status.within(disk.name());
    if (!replayed.read_fault.is_ok()) {
      co_return replayed.read_fault.within(name_of(disk) + ": log frame " + std::to_string(replayed.end.sequence));
    }
  }
  core->counts.replayed_batches = replayed.batch_count;

  Superblock opened = superblock;
  if (options.read_only) {
    opened.life = replayed.life;
    core->log = std::make_unique<Log>(world.executor, disk, core->barrier, *core, log_setup(*core, opened, replayed));
    core->log->refuse(Status(Code::kReadOnly, name_of(disk) + " is open for reading only"));
    co_return core;
  }

  // A life of its own, before the first frame of it: what an earlier life left behind the end is never taken for
  // this one's.
  opened.life = replayed.life + 1;
  opened.is_clean = false;
  status = co_await StoreCore::write_superblock(core, opened);
  if (!status.is_ok()) co_return status.within(disk.name());

  core->log = std::make_unique<Log>(world.executor, disk, core->barrier, *core, log_setup(*core, opened, replayed));
  status = co_await StoreCore::write_contents_of_log(core);
  // A disk that can't be written now keeps nobody from reading and deleting; the next checkpoint tries again.
  if (!status.is_ok() && core->content_fault().is_ok()) co_return status.within(disk.name());
  if (!status.is_ok()) log::warn("contents_not_written", {{"device", disk.name()}, {"status", status}});
  if (options.discards) core->ledger.note_freed(std::max<uint64_t>(1, options.discard_size_min / kBlockSize));
  co_return core;
}

}  // namespace aeon::media
