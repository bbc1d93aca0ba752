#include "recovery.h"

#include <algorithm>
#include <string>

#include "allocator_blob.h"
#include "base/check.h"
#include "base/log.h"
#include "batch_codec.h"

namespace aeon::media {

namespace {

constexpr ByteCount kLogSizeMin = 256 * kKiB;
constexpr uint64_t kDataBlocksMin = 128;  // Space kept for checkpoints and deleting, and a little more.
constexpr size_t kReadBytes = kMiB;

std::string name_of(const Disk& disk) { return std::string(disk.name()); }

// The newest good superblock, and whether the other copy is what it should be beside it.
struct Superblocks {
  Superblock newest;
  int copy = 0;
  bool is_other_good = false;
};

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

// Reads the ring in large pieces, and around sectors that can't be read.
class LogReader {
 public:
  LogReader(Disk& disk, const Superblock& superblock)
      : disk_(disk), first_byte_(superblock.log_first * kBlockSize), size_(superblock.log_count * kBlockSize) {}

  uint64_t size() const { return size_; }

  // Makes at_most bytes at `position` (fewer at the ring's end) available as view().
  Task<void> load(uint64_t position, size_t at_most) {
    const uint64_t offset = position % size_;
    const size_t wanted = std::min<uint64_t>(at_most, size_ - offset);
    if (offset >= begin_ && offset + wanted <= begin_ + loaded_) {
      view_offset_ = offset;
      co_return;
    }
    begin_ = view_offset_ = offset;
    loaded_ = std::min<uint64_t>(buffer_.size(), size_ - offset);
    failed_blocks_.clear();
    const Status whole = co_await disk_.read(first_byte_ + begin_, buffer_.bytes().first(loaded_));
    if (whole.is_ok()) co_return;
    for (size_t at = 0; at < loaded_; at += kBlockSize) {
      const Status one = co_await disk_.read(first_byte_ + begin_ + at, buffer_.bytes().subspan(at, kBlockSize));
      if (one.is_ok()) continue;
      std::memset(buffer_.data() + at, 0, kBlockSize);
      failed_blocks_.push_back({begin_ + at, one});
    }
  }
  ByteView view() const { return buffer_.bytes().subspan(view_offset_ - begin_, begin_ + loaded_ - view_offset_); }
  // Why a block within the next `size` bytes couldn't be read, if so.
  Status fault_within(size_t size) const {
    for (const auto& [offset, status] : failed_blocks_) {
      if (offset >= view_offset_ && offset < view_offset_ + size) return status;
    }
    return ok();
  }

 private:
  Disk& disk_;
  uint64_t first_byte_;
  uint64_t size_;
  DiskBuffer buffer_{kReadBytes};
  uint64_t begin_ = 0;
  size_t loaded_ = 0;
  uint64_t view_offset_ = 0;
  std::vector<std::pair<uint64_t, Status>> failed_blocks_;
};

// Where replay ended.
struct Replayed {
  LogPoint end;
  uint64_t life = 0;           // Of the last frame, or the superblock.
  uint64_t frame_count = 0;
  uint64_t batch_count = 0;
  Status read_fault;           // The place behind the end couldn't be read at all.
};

Task<Status> replay_record(StoreCore::Ref core, ByteView record) {
  BatchReader reader(record);
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    if (!entry.is_ok()) co_return entry.status();
    if (!(*entry).has_value()) break;
    const BatchEntry change = **entry;
    if (change.op == BatchOp::kAdopt) CO_TRY(core->ledger.replay_adopt(change.blocks));
    if (change.op == BatchOp::kFree) CO_TRY(core->ledger.replay_free(change.blocks));
    if (!change.changes_key()) continue;
    while (true) {
      const Tree::Missing missing = core->tree.missing_for(change.key);
      if (!missing) break;
      CO_TRY(co_await StoreCore::load_page(core, *missing));
    }
    core->apply_to_tree(change);
  }
  ++core->change_count;
  co_return ok();
}

// Applies the whole records at the start of `stream`, and drops them from it.
Task<Status> replay_records(StoreCore::Ref core, Bytes* stream, uint64_t record_size_max, uint64_t* batch_count) {
  size_t at = 0;
  while (stream->size() - at >= sizeof(uint32_t)) {
    const uint32_t size = load_le<uint32_t>(stream->data() + at);
    if (size == 0 || size > record_size_max) co_return Status(Code::kCorrupt, "a record of impossible size");
    if (stream->size() - at - sizeof(uint32_t) < size) break;
    CO_TRY(co_await replay_record(core, ByteView(*stream).subspan(at + sizeof(uint32_t), size)));
    at += sizeof(uint32_t) + size;
    ++*batch_count;
  }
  stream->erase(stream->begin(), stream->begin() + static_cast<ptrdiff_t>(at));
  co_return ok();
}

Task<Status> replay_log(StoreCore::Ref core, LogReader* reader, Replayed* out) {
  out->end = core->superblock.replay_from;
  out->life = core->superblock.life;
  // What an earlier life left behind its end may lie where this checkpoint's first frame would.
  uint64_t life = core->superblock.replay_life;
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
    if (frame.sequence != out->end.sequence || frame.position != out->end.position || frame.stream != out->end.stream ||
        frame.life < life) {
      break;
    }
    // A record that an earlier life left unfinished was never acknowledged, and nothing continues it.
    if (frame.life != life) stream.clear();
    life = frame.life;
    const ByteView payload = reader->view().subspan(kFrameHeaderSize, frame.payload_size);
    stream.insert(stream.end(), payload.begin(), payload.end());
    const std::string place = "log frame " + std::to_string(frame.sequence) + " at block " +
                              std::to_string(core->superblock.log_first + frame.position % reader->size() / kBlockSize);
    out->end = {frame.end_position(), frame.sequence + 1, frame.stream + frame.payload_size};
    Status replayed = co_await replay_records(core, &stream, reader->size() / 2, &out->batch_count);
    if (!replayed.is_ok()) co_return replayed.within(place);
    ++out->frame_count;
  }
  out->life = std::max(out->life, life);
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
        co_return Status(
            Code::kCorrupt,
            "log frame " + std::to_string(replayed->end.sequence) + " at block " +
                std::to_string(core->superblock.log_first + replayed->end.position % reader->size() / kBlockSize) +
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
  image.free.push_back({superblock.data_first + 1, superblock.data_end - superblock.data_first - 1});
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

Task<Result<StoreCore::Ref>> open_store(World& world, Disk& disk, OpenOptions options) {
  // After a kill, frames that were in flight may be in the disk's cache only. Replaying one frees blocks for reuse, so
  // it must not be lost after all at the next power loss: flushed first, and only then read.
  CO_TRY(co_await disk.flush());
  CO_TRY_ASSIGN(const Superblocks superblocks, co_await read_superblocks(disk));
  const Superblock& superblock = superblocks.newest;
  const uint64_t disk_end = disk.capacity() / kBlockSize;
  if (disk_end < superblock.data_end) {
    co_return Status(Code::kInvalidArgument, name_of(disk) + " has " + std::to_string(disk_end) +
                                                 " blocks, but the store on it was made for " +
                                                 std::to_string(superblock.data_end) + "; give it its size back");
  }
  StoreCore::Ref core = std::make_shared<StoreCore>(world, disk, options, superblock);
  core->superblock_copy = superblocks.copy;

  const Result<AllocatorImage> image = co_await read_allocator(disk, superblock, &core->allocator_blocks);
  if (!image.is_ok()) co_return image.status().within(disk.name());
  Status loaded = core->ledger.load(*image, superblock.adopted_blocks);
  if (!loaded.is_ok()) co_return loaded.within(disk.name());
  uint64_t unpaged = core->ledger.free_count() + superblock.adopted_blocks;
  for (const BlockRange& range : core->allocator_blocks) unpaged += range.count;
  for (const BlockRange& range : (*image).held) unpaged += range.count;
  if (unpaged > superblock.data_end - superblock.data_first) {
    co_return Status(Code::kCorrupt, name_of(disk) + ": allocator: more blocks stored than there are");
  }
  core->page_block_count = superblock.data_end - superblock.data_first - unpaged;

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

  // A life of its own, before the first frame of it: what an earlier life left behind the end is never taken for
  // this one's.
  Superblock opened = superblock;
  opened.life = replayed.life + 1;
  opened.is_clean = false;
  status = co_await StoreCore::write_superblock(core, opened);
  if (!status.is_ok()) co_return status.within(disk.name());

  const Log::Setup setup{.first_block = superblock.log_first,
                         .block_count = superblock.log_count,
                         .store_hash = core->hash,
                         .life = opened.life,
                         .tail_position = superblock.replay_from.position,
                         .head = replayed.end,
                         .write_behind = options.write_behind};
  core->log = std::make_unique<Log>(world.executor, disk, core->barrier, *core, setup);
  if (options.discards) core->ledger.note_freed(std::max<uint64_t>(1, options.discard_size_min / kBlockSize));
  co_return core;
}

}  // namespace aeon::media
