#include "media/inspector.h"

#include <algorithm>

#include "allocator.h"
#include "batch_codec.h"
#include "inspector_core.h"
#include "log_reader.h"
#include "recovery.h"
#include "store_core.h"

namespace aeon::media {

namespace {

std::vector<std::pair<std::string_view, uint64_t>> fields_of(const Superblock& superblock, uint64_t copy) {
  const Superblock& s = superblock;
  return {{"copy", copy},
          {"generation", s.generation},
          {"life", s.life},
          {"closed_in_order", s.is_clean ? 1 : 0},
          {"log_first_block", s.log_first},
          {"log_blocks", s.log_count},
          {"data_first_block", s.data_first},
          {"data_end_block", s.data_end},
          {"checkpoint", s.checkpoint},
          {"checkpoint_life", s.replay_life},
          {"root_block", s.root.address.first},
          {"root_blocks", s.root.address.count},
          {"index_pages", s.root.page_count},
          {"replay_position", s.replay_from.position},
          {"replay_sequence", s.replay_from.sequence},
          {"replay_stream", s.replay_from.stream},
          {"adopted_blocks", s.adopted_blocks},
          {"allocator_block", s.allocator.first},
          {"allocator_blocks", s.allocator.count}};
}

LogReport::Point point_of(const LogReader& reader, const LogPoint& point) {
  return {.block = reader.block_of(point.position),
          .position = point.position,
          .sequence = point.sequence,
          .stream = point.stream};
}

LogFrameReport frame_of(const LogReader& reader, const FrameHeader& frame) {
  LogFrameReport report;
  report.block = reader.block_of(frame.position);
  report.block_count = (frame.end_position() - frame.position) / kBlockSize;
  report.sequence = frame.sequence;
  report.life = frame.life;
  report.position = frame.position;
  report.stream = frame.stream;
  report.durable_through = frame.durable_through;
  report.payload_size = frame.payload_size;
  return report;
}

}  // namespace

PageReport report_of(const TreeReader::Visit& visit) {
  PageReport report;
  report.block = visit.identity.address.first;
  report.block_count = visit.identity.address.count;
  report.status = visit.status;
  report.is_level_known = visit.is_level_known;
  report.level = visit.identity.level;
  report.checkpoint = visit.identity.generation;
  report.first_key = visit.first_key;
  report.has_end = visit.has_end;
  report.end_key = visit.end_key;
  if (visit.page.has_value()) {
    report.entry_count = visit.page->count();
    report.content_size = visit.page->content_size();
    report.prefix_size = visit.page->prefix().size();
  }
  return report;
}

Inspector::Inspector(Disk& disk) : disk_(disk), core_(std::make_unique<Core>()) {}
Inspector::~Inspector() = default;

Task<Result<std::unique_ptr<Inspector>>> Inspector::open(Disk& disk) {
  std::unique_ptr<Inspector> inspector(new Inspector(disk));
  CO_TRY(co_await inspector->read_superblocks());
  if (inspector->usable_.is_ok()) co_await inspector->read_log();
  co_return inspector;
}

Uuid Inspector::uuid() const { return core_->superblock.store; }
uint64_t Inspector::data_first() const { return core_->superblock.data_first; }
uint64_t Inspector::data_end() const { return core_->data_end; }

Task<Status> Inspector::read_superblocks() {
  bool is_any_there = false;
  for (int copy = 0; copy < 2; ++copy) {
    SuperblockReport& report = superblocks_[static_cast<size_t>(copy)];
    report.block = kSuperblockPlaces[copy];
    DiskBuffer buffer(kBlockSize);
    report.status = co_await disk_.read(report.block * kBlockSize, buffer.bytes());
    if (!report.status.is_ok()) continue;
    report.status = decode_superblock(buffer.bytes(), copy).status();
    const std::optional<PeekedSuperblock> peeked = peek_superblock(buffer.bytes());
    if (!peeked.has_value()) continue;
    is_any_there = true;
    report.is_there = true;
    report.version = peeked->version;
    report.is_checksum_good = peeked->is_checksum_good;
    // Another format may have other fields there.
    if (peeked->version < kFormatVersionOldest || peeked->version > kFormatVersion) continue;
    report.store = peeked->superblock.store;
    report.fields = fields_of(peeked->superblock, peeked->copy);
  }
  const Result<Superblocks> found = co_await media::read_superblocks(disk_);
  if (found.is_ok()) {
    superblocks_[static_cast<size_t>((*found).copy)].is_newest = true;
    core_->superblock = (*found).newest;
    core_->hash = store_hash(core_->superblock.store);
    core_->data_end = core_->superblock.data_end;
    co_return ok();
  }
  usable_ = found.status();
  // Without even the beginning of a superblock there is nothing to show.
  co_return is_any_there ? ok() : usable_;
}

void Inspector::end_log(const Status& why) {
  if (log_.fault.is_ok()) log_.fault = why;
}

Status Inspector::apply_record(ByteView record) {
  BatchReader reader(record);
  while (true) {
    TRY_ASSIGN(const std::optional<BatchEntry> entry, reader.next());
    if (!entry.has_value()) return ok();
    switch (entry->op) {
      case BatchOp::kPut: core_->changes[to_bytes(entry->key)] = {.value = to_bytes(entry->value)}; break;
      case BatchOp::kErase: core_->changes[to_bytes(entry->key)] = {}; break;
      case BatchOp::kAdd: {
        Core::Change& change =
            core_->changes.try_emplace(to_bytes(entry->key), Core::Change{.is_relative = true}).first->second;
        if (change.is_relative) {
          change.additions.push_back(to_bytes(entry->value));
        } else {
          change.value = add_to_counters(change.value.value_or(Bytes()), entry->value);
        }
        break;
      }
      case BatchOp::kContent:
      case BatchOp::kAdopt:
        core_->contents.drop(entry->blocks);
        if (entry->op == BatchOp::kContent) core_->contents.add(entry->blocks, entry->value, {});
        if (entry->blocks.count <= ~uint64_t{0} / kBlockSize - entry->blocks.first) {
          core_->data_end = std::max(core_->data_end, entry->blocks.first + entry->blocks.count);
        }
        break;
      case BatchOp::kFree: core_->contents.drop(entry->blocks); break;
    }
  }
}

void Inspector::take_records(Bytes& stream, uint64_t frame_sequence) {
  size_t at = 0;
  const uint64_t record_size_max = log_.block_count * kBlockSize / 2;
  while (log_.fault.is_ok() && stream.size() - at >= sizeof(uint32_t)) {
    const uint32_t size = load_le<uint32_t>(stream.data() + at);
    if (size == 0 || size > record_size_max) {
      end_log(
          Status(Code::kCorrupt, "log frame " + std::to_string(frame_sequence) + " ends a record of impossible size"));
      break;
    }
    if (stream.size() - at - sizeof(uint32_t) < size) break;
    const ByteView record = ByteView(stream).subspan(at + sizeof(uint32_t), size);
    core_->records.push_back({.frame = frame_sequence, .bytes = to_bytes(record)});
    const Status applied = apply_record(record);
    if (!applied.is_ok()) end_log(applied.within("log frame " + std::to_string(frame_sequence)));
    at += sizeof(uint32_t) + size;
  }
  stream.erase(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(at));
}

Task<void> Inspector::read_log() {
  const Superblock& superblock = core_->superblock;
  LogReader reader(disk_, superblock);
  FrameChain chain(superblock);
  log_.first_block = superblock.log_first;
  log_.block_count = superblock.log_count;
  log_.replay_begin = point_of(reader, superblock.replay_from);
  Bytes stream;
  log_.end = Status(Code::kNotFound, "the whole ring was replayed");
  while (log_.fault.is_ok() && chain.end().position - superblock.replay_from.position < reader.size()) {
    co_await reader.load(chain.end().position, kFrameBytesMax);
    const Result<FrameHeader> frame = decode_frame(reader.view(), core_->hash);
    if (!frame.is_ok()) {
      log_.end = reader.fault_within(kBlockSize);
      if (log_.end.is_ok()) log_.end = frame.status();
      break;
    }
    if (!chain.is_next(*frame)) {
      log_.end = Status(Code::kNotFound, "the frame there is an older one");
      break;
    }
    const ByteView payload = reader.view().subspan(kFrameHeaderSize, (*frame).payload_size);
    if (chain.add(*frame)) stream.clear();
    stream.insert(stream.end(), payload.begin(), payload.end());
    take_records(stream, (*frame).sequence);
  }
  log_.replay_end = point_of(reader, chain.end());
  log_.record_count = core_->records.size();
  log_.unfinished_bytes = stream.size();

  // All that the ring has, at its place and whole.
  for (uint64_t at = 0; at < reader.size(); at += kBlockSize) {
    co_await reader.load(at, kFrameBytesMax);
    const Result<FrameHeader> found = decode_frame(reader.view(), core_->hash);
    if (!found.is_ok() || (*found).position % reader.size() != at) continue;
    LogFrameReport report = frame_of(reader, *found);
    const bool is_behind = report.position >= log_.replay_end.position || report.sequence >= log_.replay_end.sequence;
    if (report.position < superblock.replay_from.position) {
      report.state = LogFrameReport::State::kNeedless;
    } else {
      report.state = is_behind ? LogFrameReport::State::kLeftover : LogFrameReport::State::kReplayed;
    }
    if (is_behind && report.durable_through >= log_.replay_end.sequence) {
      end_log(Status(Code::kCorrupt, "log frame " + std::to_string(log_.replay_end.sequence) + " at block " +
                                         std::to_string(log_.replay_end.block) + " is damaged or gone, and frame " +
                                         std::to_string(report.sequence) + " says that it had been durable"));
    }
    log_.frames.push_back(report);
  }
  std::sort(log_.frames.begin(), log_.frames.end(), [](const LogFrameReport& a, const LogFrameReport& b) {
    return std::pair(a.position, a.sequence) < std::pair(b.position, b.sequence);
  });
}

uint64_t Inspector::record_frame(size_t index) const { return core_->records[index].frame; }

Result<std::vector<LogEntryReport>> Inspector::record(size_t index) const {
  std::vector<LogEntryReport> entries;
  BatchReader reader(core_->records[index].bytes);
  while (true) {
    TRY_ASSIGN(const std::optional<BatchEntry> entry, reader.next());
    if (!entry.has_value()) return entries;
    LogEntryReport report;
    switch (entry->op) {
      case BatchOp::kPut: report.kind = LogEntryReport::Kind::kPut; break;
      case BatchOp::kErase: report.kind = LogEntryReport::Kind::kErase; break;
      case BatchOp::kAdd: report.kind = LogEntryReport::Kind::kAdd; break;
      case BatchOp::kAdopt: report.kind = LogEntryReport::Kind::kAdopt; break;
      case BatchOp::kFree: report.kind = LogEntryReport::Kind::kFree; break;
      case BatchOp::kContent: report.kind = LogEntryReport::Kind::kContent; break;
    }
    report.key = entry->key;
    report.value = entry->value;
    report.blocks = entry->blocks;
    entries.push_back(report);
  }
}

Task<Result<AllocatorReport>> Inspector::allocator() {
  CO_TRY(usable_);
  const Superblock& superblock = core_->superblock;
  AllocatorReport report;
  CO_TRY_ASSIGN(AllocatorImage image, co_await read_allocator(disk_, superblock, &report.segments));
  report.held = std::move(image.held);
  report.adopted_count = superblock.adopted_blocks;
  ExtentSet free;
  bool is_sound = true;
  for (const BlockRange& range : image.free) is_sound = free.add(range) && is_sound;
  if (core_->data_end > superblock.data_end) free.add({superblock.data_end, core_->data_end - superblock.data_end});
  for (const Core::Record& record : core_->records) {
    BatchReader reader(record.bytes);
    while (true) {
      const Result<std::optional<BatchEntry>> entry = reader.next();
      if (!entry.is_ok() || !(*entry).has_value()) break;  // log() says so.
      const BlockRange blocks = (*entry)->blocks;
      if ((*entry)->op == BatchOp::kAdopt || (*entry)->op == BatchOp::kContent) {
        is_sound = free.remove(blocks) && is_sound;
        report.adopted_count += blocks.count;
      } else if ((*entry)->op == BatchOp::kFree) {
        is_sound = blocks.count <= report.adopted_count && free.add(blocks) && is_sound;
        report.adopted_count -= std::min(blocks.count, report.adopted_count);
      }
    }
  }
  if (!is_sound)
    co_return Status(Code::kCorrupt, "allocator: the log adopts or frees blocks that weren't free or used");
  report.free = free.extents();
  uint64_t others = free.block_count() + report.adopted_count;
  for (const BlockRange& range : report.held) others += range.count;
  for (const BlockRange& range : report.segments) others += range.count;
  BlockLedger area(superblock.data_first, core_->data_end);
  area.set_parts(disk_.parts());
  const uint64_t all = area.data_count();
  if (others > all) co_return Status(Code::kCorrupt, "allocator: more blocks stored than there are");
  report.page_block_count = all - others;
  co_return report;
}

Task<Result<std::pair<PageReport, std::vector<PageEntry>>>> Inspector::page(uint64_t block) {
  CO_TRY(usable_);
  if (block < core_->superblock.data_first || block >= core_->data_end) {
    co_return Status(Code::kInvalidArgument, "block " + std::to_string(block) + " is no index page: those lie in [" +
                                                 std::to_string(core_->superblock.data_first) + ", " +
                                                 std::to_string(core_->data_end) + ")");
  }
  DiskBuffer first(kBlockSize);
  CO_TRY(co_await disk_.read(block * kBlockSize, first.bytes()));
  const std::optional<PageIdentity> peeked = Page::peek(first.bytes());
  if (!peeked.has_value()) {
    co_return Status(Code::kNotFound,
                     "no index page begins at block " + std::to_string(block) + "; list them with 'tree --pages'");
  }
  std::pair<PageReport, std::vector<PageEntry>> result;
  PageReport& report = result.first;
  report.block = block;
  report.block_count = peeked->address.count;
  report.level = peeked->level;
  report.checkpoint = peeked->generation;
  TreeReader::Visit visit;
  visit.identity.store_hash = core_->hash;
  visit.identity.address = {block, peeked->address.count};
  if (peeked->address.count == 0 || peeked->address.count > kPageBytesMax / kBlockSize ||
      peeked->address.count > core_->data_end - block) {
    report.status = Status(Code::kCorrupt, "index page: impossible size");
    co_return result;
  }
  Result<Page> page = co_await read_page_at(disk_, &visit.identity);
  if (!page.is_ok()) {
    report.status = page.status();
    co_return result;
  }
  visit.is_level_known = true;
  visit.first_key = (*page).key(0);
  visit.page.emplace(std::move(page).value());
  result.first = report_of(visit);
  for (size_t i = 0; i < visit.page->count(); ++i) {
    PageEntry entry;
    entry.key = visit.page->key(i);
    if (visit.identity.level == 0) {
      entry.value = to_bytes(visit.page->value(i));
    } else {
      entry.child = Page::child_address(visit.page->value(i)).blocks();
    }
    result.second.push_back(std::move(entry));
  }
  co_return result;
}

Task<Status> Inspector::read_blocks(BlockRange blocks, MutableBytes out) {
  CO_TRY(usable_);
  if (out.size() % kBlockSize != 0 || out.size() / kBlockSize > blocks.count ||
      blocks.first < core_->superblock.data_first || blocks.first >= core_->data_end ||
      blocks.count > core_->data_end - blocks.first) {
    co_return Status(Code::kCorrupt, "blocks [" + std::to_string(blocks.first) + ", " +
                                         std::to_string(blocks.first + blocks.count) + ") are beyond the data area");
  }
  // What the log carries isn't in its blocks yet, as far as one can know.
  uint64_t first = blocks.first;
  while (!out.empty()) {
    const PendingContents::Run run = core_->contents.run_at(first, out.size() / kBlockSize);
    const MutableBytes part = out.first(run.count * kBlockSize);
    if (run.content != nullptr) {
      run.content->copy(run.skip, part);
    } else {
      CO_TRY(co_await disk_.read(first * kBlockSize, part));
    }
    first += run.count;
    out = out.subspan(part.size());
  }
  co_return ok();
}

}  // namespace aeon::media
