// `daos debug`: superblock, log, tree, allocator, as they lie on the disk; and the table of all its verbs.
#include <algorithm>
#include <map>

#include "cli/interrupt.h"
#include "debug_target.h"

namespace aeon::cli {
namespace {

constexpr size_t kValueShownMax = 24;

std::string state_text(const Status& status) {
  return status.is_ok() ? "good" : printable(status.message().empty() ? code_name(status.code()) : status.message());
}

std::string bytes_text(ByteView bytes) {
  const ByteView shown = bytes.first(std::min(bytes.size(), kValueShownMax));
  return fmt::format("{}{} ({} B)", printable(as_text(shown)), shown.size() < bytes.size() ? "..." : "", bytes.size());
}

std::string range_text(media::BlockRange blocks) {
  return fmt::format("[{}, {})", blocks.first, blocks.first + blocks.count);
}

// --- superblock

Json superblock_json(const media::SuperblockReport& report) {
  Json object;
  object["block"] = report.block;
  object["good"] = report.status.is_ok();
  object["newest"] = report.is_newest;
  object["message"] = report.status.is_ok() ? "" : printable(report.status.message());
  if (!report.is_there) return object;
  object["format_version"] = report.version;
  object["checksum_good"] = report.is_checksum_good;
  if (report.fields.empty()) return object;
  object["store"] = report.store.to_string();
  for (const auto& [name, value] : report.fields) object[std::string(name)] = value;
  return object;
}

Status show_superblocks_of(Invocation& invocation, DebugTarget& target) {
  Output& output = invocation.output();
  Json& response = output.response();
  response["file"] = printable(target.path());
  response["copies"] = Json::array();
  output.line("File {}", printable(target.path()));
  for (const media::SuperblockReport& report : target.media().superblocks()) {
    response["copies"].push_back(superblock_json(report));
    output.line("");
    output.line("Copy at block {}{}: {}", report.block, report.is_newest ? " (the newest)" : "",
                state_text(report.status));
    if (!report.is_there) continue;
    output.line("  format {}, checksum {}", report.version, report.is_checksum_good ? "good" : "wrong");
    if (report.fields.empty()) continue;
    output.line("  {:<18} {}", "store", report.store.to_string());
    for (const auto& [name, value] : report.fields) output.line("  {:<18} {}", name, value);
  }
  const auto& copies = target.media().superblocks();
  if (target.media().usable().is_ok() && copies[0].status.is_ok() != copies[1].status.is_ok()) {
    output.remark("");
    output.remark("One good copy is enough. The next time the store is open for work, the other is written anew.");
  }
  return target.media().usable();
}

Status show_superblock(Invocation& invocation) { return show_targets(invocation, show_superblocks_of); }

// --- log

std::string_view state_name(media::LogFrameReport::State state) {
  switch (state) {
    case media::LogFrameReport::State::kNeedless: return "needless";
    case media::LogFrameReport::State::kReplayed: return "replayed";
    case media::LogFrameReport::State::kLeftover: return "leftover";
  }
  return "";
}

Json frame_json(const media::LogFrameReport& frame) {
  Json object;
  object["state"] = state_name(frame.state);
  object["block"] = frame.block;
  object["blocks"] = frame.block_count;
  object["sequence"] = frame.sequence;
  object["life"] = frame.life;
  object["position"] = frame.position;
  object["stream"] = frame.stream;
  object["durable_through"] = frame.durable_through;
  object["payload_bytes"] = frame.payload_size;
  return object;
}

Json point_json(const media::LogReport::Point& point) {
  Json object;
  object["block"] = point.block;
  object["position"] = point.position;
  object["sequence"] = point.sequence;
  object["stream"] = point.stream;
  return object;
}

struct EntryText {
  std::string_view kind;
  std::string text;
};

EntryText entry_text(const media::LogEntryReport& entry) {
  switch (entry.kind) {
    case media::LogEntryReport::Kind::kPut: {
      const std::string value = vos::describe_index_value(entry.key, entry.value);
      return {"put", vos::describe_index_key(entry.key) + (value.empty() ? "" : ": ") + value};
    }
    case media::LogEntryReport::Kind::kErase: return {"erase", vos::describe_index_key(entry.key)};
    case media::LogEntryReport::Kind::kAdd: return {"add", vos::describe_index_key(entry.key)};
    case media::LogEntryReport::Kind::kAdopt: return {"adopt", "blocks " + range_text(entry.blocks)};
    case media::LogEntryReport::Kind::kFree: return {"free", "blocks " + range_text(entry.blocks)};
    case media::LogEntryReport::Kind::kContent: return {"content", "blocks " + range_text(entry.blocks)};
  }
  return {};
}

Json entry_json(const media::LogEntryReport& entry) {
  const EntryText text = entry_text(entry);
  Json object;
  object["kind"] = text.kind;
  object["what"] = printable(text.text);
  const bool is_content = entry.kind == media::LogEntryReport::Kind::kContent;
  if (is_content || entry.kind == media::LogEntryReport::Kind::kAdopt ||
      entry.kind == media::LogEntryReport::Kind::kFree) {
    object["first_block"] = entry.blocks.first;
    object["blocks"] = entry.blocks.count;
    if (is_content) object["value_bytes"] = entry.value.size();
  } else {
    put_bytes(object, "key", as_text(entry.key));
    object["value_bytes"] = entry.value.size();
  }
  return object;
}

Status show_records(DebugTarget& target, Output& output) {
  Json& list = output.response()["records"] = Json::array();
  for (size_t i = 0; i < target.media().log().record_count; ++i) {
    TRY(check_interrupt("nothing was changed"));
    const auto entries = target.media().record(i);
    output.line("record {} (ends in frame {}){}", i, target.media().record_frame(i),
                entries.is_ok() ? "" : ": " + state_text(entries.status()));
    Json object;
    object["frame"] = target.media().record_frame(i);
    object["good"] = entries.is_ok();
    object["entries"] = Json::array();
    if (entries.is_ok()) {
      for (const media::LogEntryReport& entry : *entries) {
        const EntryText text = entry_text(entry);
        output.line("  {:<6} {}", text.kind, printable(text.text));
        if (output.is_json()) object["entries"].push_back(entry_json(entry));
      }
    }
    if (output.is_json()) list.push_back(std::move(object));
  }
  return ok();
}

Status show_log(Invocation& invocation) {
  TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, DebugTarget::open(invocation));
  TRY(target->media().usable());
  const media::LogReport& log = target->media().log();
  Output& output = invocation.output();
  Json& response = output.response();
  response["first_block"] = log.first_block;
  response["blocks"] = log.block_count;
  response["replay_begin"] = point_json(log.replay_begin);
  response["replay_end"] = point_json(log.replay_end);
  response["end"] = printable(log.end.message());
  response["fault"] = printable(log.fault.message());
  response["records_to_replay"] = log.record_count;
  response["unfinished_bytes"] = log.unfinished_bytes;
  output.line("Ring     blocks {}, {}", range_text({log.first_block, log.block_count}),
              size_text(log.block_count * media::kBlockSize));
  output.line("Replay   from block {} (frame {}) to block {} (frame {}): {}", log.replay_begin.block,
              log.replay_begin.sequence, log.replay_end.block, log.replay_end.sequence,
              count_text(log.record_count, "record", "records"));
  output.line("Ends     {}", state_text(log.end));
  if (log.unfinished_bytes != 0) output.line("Behind   {} B of a record without its end", log.unfinished_bytes);
  Json& frames = response["frames"] = Json::array();
  output.remark("{:<9} {:>10} {:>6} {:>10} {:>5} {:>14} {:>8} {:>10}", "Frame", "Block", "Blocks", "Sequence", "Life",
                "Position", "Bytes", "Durable");
  for (const media::LogFrameReport& frame : log.frames) {
    if (output.is_json()) frames.push_back(frame_json(frame));
    output.line("{:<9} {:>10} {:>6} {:>10} {:>5} {:>14} {:>8} {:>10}", state_name(frame.state), frame.block,
                frame.block_count, frame.sequence, frame.life, frame.position, frame.payload_size,
                frame.durable_through);
  }
  if (invocation.has("--records")) TRY(show_records(*target, output));
  if (log.fault.is_ok()) return ok();
  return Status(log.fault.code(),
                fmt::format("{}; the store doesn't open: restore it from a replica or backup, or take out of it what "
                            "'daos debug ls' and 'daos debug value' still show",
                            log.fault.message()));
}

// --- tree

Json page_json(const media::PageReport& page) {
  Json object;
  object["block"] = page.block;
  object["blocks"] = page.block_count;
  object["good"] = page.status.is_ok();
  if (!page.status.is_ok()) object["message"] = printable(page.status.message());
  if (page.is_level_known) object["level"] = page.level;
  if (page.status.is_ok()) {
    object["checkpoint"] = page.checkpoint;
    object["entries"] = page.entry_count;
    object["content_bytes"] = page.content_size;
    object["shared_prefix_bytes"] = page.prefix_size;
  }
  object["first_key"] = printable(vos::describe_index_key(page.first_key));
  object["end_key"] = page.has_end ? printable(vos::describe_index_key(page.end_key)) : "the last";
  return object;
}

void show_page_line(Output& output, const media::PageReport& page) {
  if (page.status.is_ok()) {
    output.line("block {:>8}  level {}  {:>5} entries  {:>3} %  from {}", page.block, page.level, page.entry_count,
                page.block_count == 0 ? 0 : 100 * page.content_size / (page.block_count * media::kBlockSize),
                printable(vos::describe_index_key(page.first_key)));
  } else {
    output.line("block {:>8}  damaged: {}; hides keys from {} to {}", page.block, state_text(page.status),
                printable(vos::describe_index_key(page.first_key)),
                page.has_end ? printable(vos::describe_index_key(page.end_key)) : "the last");
  }
}

Status show_one_page(Invocation& invocation, DebugTarget& target) {
  TRY_ASSIGN(const uint64_t block, invocation.number("--page"));
  TRY_ASSIGN(const auto found, target.run(target.media().page(block)));
  const media::PageReport& page = found.first;
  Output& output = invocation.output();
  output.response()["page"] = page_json(page);
  Json& list = output.response()["entries"] = Json::array();
  output.line("Page at block {}, {}, level {}, written by checkpoint {}: {}", page.block,
              count_text(page.block_count, "block", "blocks"), page.level, page.checkpoint, state_text(page.status));
  if (page.status.is_ok()) {
    output.line("{}, {} B in use, {} B shared by all keys", count_text(page.entry_count, "entry", "entries"),
                page.content_size, page.prefix_size);
  }
  for (const media::PageEntry& entry : found.second) {
    const std::string key = printable(vos::describe_index_key(entry.key));
    const std::string known = vos::describe_index_value(entry.key, entry.value);
    const std::string value = entry.child.count != 0 ? "page at block " + std::to_string(entry.child.first)
                              : known.empty()        ? bytes_text(entry.value)
                                                     : printable(known);
    output.line("  {}  ->  {}", key, value);
    if (!output.is_json()) continue;
    Json object;
    object["what"] = key;
    put_bytes(object, "key", as_text(entry.key));
    if (entry.child.count != 0) {
      object["child_block"] = entry.child.first;
      object["child_blocks"] = entry.child.count;
    } else {
      put_bytes(object, "value", as_text(entry.value));
      if (!known.empty()) object["value_text"] = printable(known);
    }
    list.push_back(std::move(object));
  }
  if (page.status.is_ok()) return ok();
  return page.status.within("page at block " + std::to_string(page.block));
}

struct Level {
  uint64_t pages = 0;
  uint64_t entries = 0;
  ByteCount content = 0;
  ByteCount size = 0;
};

Status show_tree(Invocation& invocation) {
  TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, DebugTarget::open(invocation));
  TRY(target->media().usable());
  if (invocation.has("--page")) return show_one_page(invocation, *target);
  Output& output = invocation.output();
  Json& response = output.response();
  const bool with_pages = invocation.has("--pages");
  if (with_pages) response["pages"] = Json::array();
  std::map<uint8_t, Level> levels;
  Json damage = Json::array();
  media::Inspector::PageWalk walk(target->media());
  while (true) {
    TRY(check_interrupt("nothing was changed"));
    const std::optional<media::PageReport> page = target->run(walk.next());
    if (!page.has_value()) break;
    if (page->status.is_ok()) {
      Level& level = levels[page->level];
      ++level.pages;
      level.entries += page->entry_count;
      level.content += page->content_size;
      level.size += page->block_count * media::kBlockSize;
    } else {
      damage.push_back(page_json(*page));
    }
    if (with_pages || !page->status.is_ok()) show_page_line(output, *page);
    if (with_pages && output.is_json()) response["pages"].push_back(page_json(*page));
  }
  const size_t height = levels.empty() ? 0 : levels.rbegin()->first + 1u;
  response["height"] = height;
  Json& list = response["levels"] = Json::array();
  output.line("Height {}", height);
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    const Level& sum = level->second;
    const uint64_t fill = sum.size == 0 ? 0 : 100 * sum.content / sum.size;
    output.line("Level {}: {}, {}, {}, {} % full", level->first, count_text(sum.pages, "page", "pages"),
                count_text(sum.entries, "entry", "entries"), size_text(sum.size), fill);
    Json object;
    object["level"] = level->first;
    object["pages"] = sum.pages;
    object["entries"] = sum.entries;
    object["bytes"] = sum.size;
    object["content_bytes"] = sum.content;
    list.push_back(std::move(object));
  }
  const uint64_t behind = target->media().log().record_count;
  if (behind != 0) {
    output.remark("Of the newest checkpoint; {} in the log aren't in it yet.", count_text(behind, "record", "records"));
  }
  const size_t damaged = damage.size();
  response["damage"] = std::move(damage);
  if (damaged == 0) return ok();
  return Status(Code::kCorrupt, fmt::format("{} damaged; what they hide is lost here: 'daos debug verify' says what is "
                                            "whole, copy that, and restore the rest from a replica or backup",
                                            damaged == 1 ? "1 page is" : fmt::format("{} pages are", damaged)));
}

// --- allocator

uint64_t sum_of(const std::vector<media::BlockRange>& ranges) {
  uint64_t sum = 0;
  for (const media::BlockRange& range : ranges) sum += range.count;
  return sum;
}

Status show_allocator(Invocation& invocation) {
  TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, DebugTarget::open(invocation));
  TRY(target->media().usable());
  TRY_ASSIGN(const media::AllocatorReport report, target->run(target->media().allocator()));
  const uint64_t free = sum_of(report.free);
  const uint64_t held = sum_of(report.held);
  const uint64_t all = target->media().data_end() - target->media().data_first();
  struct Size {
    uint64_t extents = 0;
    uint64_t blocks = 0;
  };
  std::map<uint64_t, Size> sizes;  // By the largest power of two that fits.
  uint64_t largest = 0;
  for (const media::BlockRange& range : report.free) {
    Size& size = sizes[std::bit_floor(range.count)];
    ++size.extents;
    size.blocks += range.count;
    largest = std::max(largest, range.count);
  }
  const double fragmentation = free == 0 ? 0 : 1 - static_cast<double>(largest) / static_cast<double>(free);
  Output& output = invocation.output();
  Json& response = output.response();
  const auto show = [&](const char* name, const char* words, uint64_t blocks) {
    response[name] = blocks;
    output.line("{:<22} {:>12} blocks  {:>10}", words, blocks, size_text(blocks * media::kBlockSize));
  };
  show("blocks", "Data area", all);
  show("value_blocks", "Values", report.adopted_count);
  show("page_blocks", "Index pages", report.page_block_count);
  show("allocator_blocks", "Allocator's image", sum_of(report.segments));
  show("held_blocks", "Free after checkpoint", held);
  show("free_blocks", "Free", free);
  response["free_extents"] = report.free.size();
  response["largest_free_blocks"] = largest;
  response["fragmentation"] = fragmentation;
  output.line("Free space is in {}, the largest has {} of it", count_text(report.free.size(), "piece", "pieces"),
              fmt::format("{:.1f} %", free == 0 ? 0.0 : 100 * (1 - fragmentation)));
  Json& histogram = response["free_extents_by_size"] = Json::array();
  output.remark("{:>14} {:>10} {:>12}", "Blocks, from", "Pieces", "Blocks");
  for (const auto& [least, size] : sizes) {
    output.line("{:>14} {:>10} {:>12}", least, size.extents, size.blocks);
    Json object;
    object["blocks_from"] = least;
    object["extents"] = size.extents;
    object["blocks"] = size.blocks;
    histogram.push_back(std::move(object));
  }
  if (invocation.has("--extents")) {
    Json& list = response["free"] = Json::array();
    for (const media::BlockRange& range : report.free) {
      output.line("free {}", range_text(range));
      if (output.is_json()) list.push_back(Json::array({range.first, range.count}));
    }
  }
  return ok();
}

}  // namespace

std::vector<Verb> debug_verbs() {
  const Argument container{.name = "CONTAINER", .help = "label, uuid or number of the container"};
  const Argument object{.name = "OBJECT", .help = "id of the object"};
  const Argument dkey{.name = "DKEY", .help = "a dkey; \\xNN stands for a byte; a number where keys are integers"};
  const Argument akey{.name = "AKEY", .help = "an akey, likewise"};
  const auto optional = [](Argument argument) {
    argument.is_optional = true;
    return argument;
  };
  const Option epoch{.name = "--epoch",
                     .value = "EPOCH",
                     .help = "what a reader at that epoch sees; 'newest' for the newest",
                     .short_name = "-e"};
  return {
      {.group = "debug",
       .name = "superblock",
       .aliases = {},
       .summary = "both copies of the superblock, field by field",
       .description = "Like all of 'daos debug' it reads a store that nobody has open and changes nothing. What is "
                      "damaged is named, and the rest is shown all the same. Of a system with several targets, "
                      "'superblock', 'containers', 'ls' and 'verify' show all, 'value' the one that has it, and the "
                      "others the first, unless --target names one.",
       .arguments = {},
       .options = debug_options({}),
       .run = show_superblock},
      {.group = "debug",
       .name = "log",
       .aliases = {},
       .summary = "the log's frames, and what opening would replay",
       .description = "Frames are needless (a checkpoint has them), replayed, or leftover from an earlier life.",
       .arguments = {},
       .options = debug_options({{.name = "--records", .value = "", .help = "what the records to replay change"}}),
       .run = show_log},
      {.group = "debug",
       .name = "tree",
       .aliases = {},
       .summary = "the index: height, pages and how full they are",
       .description = "As of the newest checkpoint. A damaged page is shown with the keys that it hides.",
       .arguments = {},
       .options =
           debug_options({{.name = "--pages", .value = "", .help = "each page"},
                          {.name = "--page", .value = "BLOCK", .help = "the entries of the page at that block"}}),
       .run = show_tree},
      {.group = "debug",
       .name = "allocator",
       .aliases = {},
       .summary = "what the blocks are used for, and the sizes of free pieces",
       .description = "",
       .arguments = {},
       .options = debug_options({{.name = "--extents", .value = "", .help = "each free piece"}}),
       .run = show_allocator},
      {.group = "debug",
       .name = "containers",
       .aliases = {},
       .summary = "containers with their numbers, epochs, snapshots and space",
       .description = "Reads the whole index to count space, unless --quiet is given.",
       .arguments = {},
       .options = debug_options({}),
       .run = debug_containers},
      {.group = "debug",
       .name = "ls",
       .aliases = {"list"},
       .summary = "what is stored: objects, dkeys, akeys, or all versions of a value",
       .description = "Each level has what is directly below the one named: a container its objects, an object its "
                      "dkeys, a dkey its akeys, an akey every version of its value with epoch, size and place; and the "
                      "punches of what is named. With --epoch only what a reader sees.",
       .arguments = {optional(container), optional(object), optional(dkey), optional(akey)},
       .options = debug_options({epoch, {.name = "--all", .value = "", .help = "every record below, one by one"}}),
       .run = debug_list},
      {.group = "debug",
       .name = "value",
       .aliases = {},
       .summary = "a value's bytes, where they lie, and whether they are what was written",
       .description = "Shows the versions and a preview; with --out the bytes go to a file, or with - to standard "
                      "output. Damaged bytes are only given with --damaged, and then as they are.",
       .arguments = {container, object, dkey, akey},
       .options = debug_options(
           {epoch,
            {.name = "--recx", .value = "INDEX:COUNT", .help = "which records of an array; by default all"},
            {.name = "--out",
             .value = "FILE",
             .help = "where the bytes go",
             .short_name = "-o",
             .completes = Completes::kFile},
            {.name = "--damaged", .value = "", .help = "also bytes whose checksum is wrong"}}),
       .run = debug_value},
      {.group = "debug",
       .name = "verify",
       .aliases = {},
       .summary = "check all that is stored against its checksums and against each other",
       .description = "Superblocks, log, allocator, each page of the index, each version of each value, and that no "
                      "block belongs to two. Damage is listed by container, object, dkey, akey, records and epoch, and "
                      "makes the exit code 1.",
       .arguments = {},
       .options = debug_options({}),
       .run = debug_verify},
  };
}

}  // namespace aeon::cli
