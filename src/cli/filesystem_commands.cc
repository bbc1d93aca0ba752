#include "cli/interrupt.h"
#include "cli/invocation.h"
#include "daos_address.h"
#include "filesystem_copy.h"
#include "mount.h"

namespace aeon::cli {
namespace {

constexpr uint32_t kPageEntries = 1000;

char type_letter(dfs::NodeType type) {
  switch (type) {
    case dfs::NodeType::kFile: return '-';
    case dfs::NodeType::kDirectory: return 'd';
    case dfs::NodeType::kSymlink: return 'l';
    case dfs::NodeType::kFifo: return 'p';
    case dfs::NodeType::kSocket: return 's';
    case dfs::NodeType::kCharacterDevice: return 'c';
    case dfs::NodeType::kBlockDevice: return 'b';
  }
  return '?';
}

std::string_view type_name(dfs::NodeType type) {
  switch (type) {
    case dfs::NodeType::kFile: return "file";
    case dfs::NodeType::kDirectory: return "directory";
    case dfs::NodeType::kSymlink: return "symlink";
    case dfs::NodeType::kFifo: return "fifo";
    case dfs::NodeType::kSocket: return "socket";
    case dfs::NodeType::kCharacterDevice: return "character device";
    case dfs::NodeType::kBlockDevice: return "block device";
  }
  return "unknown";
}

// "drwxr-sr-t", as ls prints it.
std::string mode_text(const dfs::Attributes& attributes) {
  std::string text(1, type_letter(attributes.type));
  for (int shift = 6; shift >= 0; shift -= 3) {
    const uint32_t bits = attributes.mode >> shift & 7;
    text += bits & 4 ? 'r' : '-';
    text += bits & 2 ? 'w' : '-';
    text += bits & 1 ? 'x' : '-';
  }
  const auto mark = [&](uint32_t bit, size_t at, char with_execute, char without) {
    if (attributes.mode & bit) text[at] = text[at] == 'x' ? with_execute : without;
  };
  mark(04000, 3, 's', 'S');
  mark(02000, 6, 's', 'S');
  mark(01000, 9, 't', 'T');
  return text;
}

uint64_t unix_ns(int64_t ns) { return ns > 0 ? static_cast<uint64_t>(ns) : 0; }

Json attributes_json(const std::string& name, const dfs::Attributes& attributes) {
  Json object;
  put_bytes(object, "name", name);
  object["type"] = type_name(attributes.type);
  object["mode"] = fmt::format("{:04o}", attributes.mode & 07777);
  object["user"] = attributes.user;
  object["group"] = attributes.group;
  object["size_bytes"] = attributes.size;
  object["links"] = attributes.link_count;
  object["modified_unix_ns"] = attributes.modify_ns;
  object["changed_unix_ns"] = attributes.change_ns;
  object["object"] = attributes.object.to_string();
  return object;
}

void print_entry(Output& output, Json& list, const std::string& name, const dfs::Attributes& attributes, bool is_long) {
  if (output.is_json()) {
    list.push_back(attributes_json(name, attributes));
  } else if (is_long) {
    output.line("{} {:>3} {:>6} {:>6} {:>12} {} {}", mode_text(attributes), attributes.link_count, attributes.user,
                attributes.group, attributes.size, time_text(unix_ns(attributes.modify_ns)), printable(name));
  } else {
    output.line("{}{}", printable(name), attributes.type == dfs::NodeType::kDirectory ? "/" : "");
  }
}

Status list_directory(Invocation& invocation) {
  TRY_ASSIGN(const DaosAddress address, parse_daos_address(invocation.text("PATH")));
  TRY_ASSIGN(const std::shared_ptr<dfs::FileSystem> file_system, mount(invocation, address, MountFor::kReading));
  Output& output = invocation.output();
  const bool is_long = invocation.has("--long");
  Json& list = output.response()["entries"] = Json::array();
  const auto directory = invocation.run(file_system->lookup(address.path, dfs::OpenMode::kReadOnly, false));
  TRY(about_path(directory.status(), address));
  if (!(*directory)->is_directory()) {
    TRY_ASSIGN(const dfs::Attributes attributes, invocation.run(file_system->stat(*directory)));
    print_entry(output, list, (*directory)->name(), attributes, is_long);
    return ok();
  }
  const auto detail = is_long || output.is_json() ? dfs::EntryDetail::kAttributes : dfs::EntryDetail::kTypes;
  Anchor anchor;
  while (!anchor.is_end) {
    TRY(check_interrupt("nothing was changed"));
    TRY_ASSIGN(dfs::DirectoryPage page,
               invocation.run(file_system->read_directory(*directory, anchor, kPageEntries, detail)));
    for (const dfs::DirectoryEntry& entry : page.entries) {
      dfs::Attributes attributes = entry.attributes.value_or(dfs::Attributes{});
      attributes.type = entry.type;
      print_entry(output, list, entry.name, attributes, is_long);
    }
    anchor = std::move(page.next);
  }
  return ok();
}

Status stat_path(Invocation& invocation) {
  TRY_ASSIGN(const DaosAddress address, parse_daos_address(invocation.text("PATH")));
  TRY_ASSIGN(const std::shared_ptr<dfs::FileSystem> file_system, mount(invocation, address, MountFor::kReading));
  const auto node = invocation.run(file_system->lookup(address.path, dfs::OpenMode::kReadOnly, false));
  TRY(about_path(node.status(), address));
  TRY_ASSIGN(const dfs::Attributes attributes, invocation.run(file_system->stat(*node)));
  Output& output = invocation.output();
  output.response() = attributes_json((*node)->name(), attributes);
  output.line("Path      {}", printable(address.path));
  output.line("Type      {}", type_name(attributes.type));
  if (attributes.type == dfs::NodeType::kSymlink) {
    put_bytes(output.response(), "target", (*node)->symlink_target());
    output.line("Target    {}", printable((*node)->symlink_target()));
  }
  output.line("Mode      {} ({:04o})", mode_text(attributes), attributes.mode & 07777);
  output.line("Owner     {}:{}", attributes.user, attributes.group);
  output.line("Size      {} ({})", size_text(attributes.size), count_text(attributes.size, "byte", "bytes"));
  output.line("Links     {}", attributes.link_count);
  output.line("Modified  {}", time_text(unix_ns(attributes.modify_ns)));
  output.line("Changed   {}", time_text(unix_ns(attributes.change_ns)));
  output.line("Object    {}", attributes.object.to_string());
  if (attributes.chunk_size > 0) {
    output.response()["chunk_size_bytes"] = attributes.chunk_size;
    output.line("Chunks    {}", size_text(attributes.chunk_size));
  }
  return ok();
}

Status remove_path(Invocation& invocation) {
  TRY_ASSIGN(const DaosAddress address, parse_daos_address(invocation.text("PATH")));
  TRY_ASSIGN(const std::shared_ptr<dfs::FileSystem> file_system, mount(invocation, address, MountFor::kWriting));
  if (address.path.find_first_not_of('/') == std::string::npos) {
    return Status(Code::kInvalidArgument, "the root can't be removed; 'daos container destroy' removes a container");
  }
  const auto place = invocation.run(file_system->lookup_parent(address.path));
  TRY(about_path(place.status(), address));
  const auto attributes = invocation.run(file_system->stat(place->directory, place->name));
  TRY(about_path(attributes.status(), address));
  if (attributes->type == dfs::NodeType::kDirectory) {
    if (!invocation.has("--recursive")) {
      return Status(Code::kIsDirectory, fmt::format("{} is a directory; give --recursive to remove it and all in it",
                                                    printable(address.path)));
    }
    TRY(invocation.run(file_system->remove_all(place->directory, place->name)));
  } else {
    TRY(invocation.run(file_system->remove(place->directory, place->name)));
  }
  TRY(invocation.run(file_system->sync()));
  put_bytes(invocation.output().response(), "removed", address.path);
  invocation.output().remark("Removed {}.", printable(address.path));
  return ok();
}

}  // namespace

std::vector<Verb> filesystem_verbs() {
  const Argument path{.name = "PATH", .help = "daos://POOL/CONTAINER/PATH", .completes = Completes::kPath};
  return {
      {.group = "filesystem",
       .name = "copy",
       .aliases = {"cp"},
       .summary = "copy a tree into a container, out of one, or between two",
       .description =
           "Afterwards SRC's tree is at DST. Either is a path of this machine or daos://POOL/CONTAINER/PATH; a "
           "container "
           "that is missing at the destination is made, of type POSIX. Bytes, holes, modes, times, symbolic and hard "
           "links and extended attributes are kept, and owners where that is permitted; what couldn't be kept is "
           "named. "
           "A copy that was interrupted goes on where it stopped when the same command is given again: files that are "
           "there and the same are left alone.",
       .arguments = {{.name = "SRC", .help = "what to copy", .is_optional = true, .completes = Completes::kPath},
                     {.name = "DST", .help = "where to", .is_optional = true, .completes = Completes::kPath}},
       .options = {{.name = "--src",
                    .value = "SRC",
                    .help = "the same as the argument SRC",
                    .short_name = "-s",
                    .completes = Completes::kPath},
                   {.name = "--dst",
                    .value = "DST",
                    .help = "the same as the argument DST",
                    .short_name = "-d",
                    .completes = Completes::kPath},
                   {.name = "--snap", .value = "NAME", .help = "copy out of SRC's container as that snapshot shows it"},
                   {.name = "--epoch",
                    .value = "EPOCH",
                    .help = "copy out of SRC's container as the snapshot at that epoch shows it",
                    .short_name = "-e",
                    .alias = "--epc"},
                   {.name = "--merge", .value = "", .help = "also into a directory that holds other things already"},
                   {.name = "--verify", .value = "", .help = "compare every byte, mode, time and link afterwards"},
                   {.name = "--no-owner", .value = "", .help = "leave owners and groups as whoever copies has them"}},
       .run = run_filesystem_copy},
      {.group = "filesystem",
       .name = "ls",
       .aliases = {"list"},
       .summary = "what is in a directory",
       .description = "",
       .arguments = {path},
       .options = {{.name = "--long", .value = "", .help = "with modes, owners, sizes and times", .short_name = "-l"},
                   snap_option(),
                   epoch_option()},
       .run = list_directory},
      {.group = "filesystem",
       .name = "stat",
       .aliases = {},
       .summary = "all that is known of one file or directory",
       .description = "Symbolic links are not followed.",
       .arguments = {path},
       .options = {snap_option(), epoch_option()},
       .run = stat_path},
      {.group = "filesystem",
       .name = "rm",
       .aliases = {"remove"},
       .summary = "remove a file, or a directory with all in it",
       .description = "Snapshots keep what they show.",
       .arguments = {path},
       .options = {{.name = "--recursive", .value = "", .help = "a directory and all in it", .short_name = "-r"}},
       .run = remove_path},
  };
}

}  // namespace aeon::cli
