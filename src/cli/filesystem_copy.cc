#include "filesystem_copy.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/interrupt.h"
#include "daos_address.h"
#include "mount.h"
#include "progress.h"
#include "transfer/copy.h"

namespace aeon::cli {
namespace {

// An argument or the option that says the same.
Result<std::string> one_of(Invocation& invocation, std::string_view argument, std::string_view option) {
  if (invocation.has(argument) && invocation.has(option)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{} and {} say the same thing; give one of them", argument, option));
  }
  if (!invocation.has(argument) && !invocation.has(option)) {
    return Status(Code::kInvalidArgument, fmt::format("{} is missing; usage: {}", argument,
                                                      invocation.verb().synopsis(invocation.program().name)));
  }
  const std::string path = invocation.text(invocation.has(argument) ? argument : option);
  if (path.empty()) return Status(Code::kInvalidArgument, fmt::format("{} is empty; name a path", argument));
  return path;
}

struct Paths {
  std::string source;
  std::string destination;
};

// `daos fs copy --dst D S` gives S as the first argument.
Result<Paths> read_paths(Invocation& invocation) {
  Paths paths;
  if (invocation.has("--src") && invocation.has("SRC") && !invocation.has("DST") && !invocation.has("--dst")) {
    paths.source = invocation.text("--src");
    paths.destination = invocation.text("SRC");
    return paths;
  }
  TRY_ASSIGN(paths.source, one_of(invocation, "SRC", "--src"));
  TRY_ASSIGN(paths.destination, one_of(invocation, "DST", "--dst"));
  return paths;
}

Result<transfer::Place> open_place(Invocation& invocation, const std::string& text, MountFor purpose) {
  transfer::Place place;
  if (!is_daos_address(text)) {
    place.path = text;
    return place;
  }
  TRY_ASSIGN(const DaosAddress address, parse_daos_address(text));
  TRY_ASSIGN(place.file_system, mount(invocation, address, purpose));
  TRY_ASSIGN(place.system, invocation.system());
  place.path = address.path;
  return place;
}

// What isn't there is better said before a destination is made for it.
Status check_source(Invocation& invocation, const transfer::Place& source) {
  if (!source.is_host()) {
    const auto node = invocation.run(source.file_system->lookup(source.path, dfs::OpenMode::kReadOnly, false));
    if (node.code() != Code::kNotFound) return node.status();
    return Status(Code::kNotFound, fmt::format("no '{}' in the container; 'daos filesystem ls' lists what there is",
                                               printable(source.path)));
  }
  struct stat found{};
  if (::lstat(source.path.c_str(), &found) == 0) return ok();
  const int error = errno;
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == EACCES                   ? Code::kPermission
                                                        : Code::kIo;
  return Status(code, fmt::format("cannot read {}: {}", printable(source.path), std::strerror(error)));
}

Json issues_json(const std::vector<transfer::Issue>& issues) {
  Json list = Json::array();
  for (const transfer::Issue& issue : issues) {
    Json entry;
    put_bytes(entry, "path", issue.path);
    entry["what"] = printable(issue.what);
    list.push_back(std::move(entry));
  }
  return list;
}

void warn_issues(Output& output, std::string_view head, const std::vector<transfer::Issue>& issues, uint64_t count) {
  for (const transfer::Issue& issue : issues) {
    output.warn("{}: {}: {}", head, printable(issue.path), printable(issue.what));
  }
  if (count > issues.size()) output.warn("{}: and {} more", head, count - issues.size());
}

double per_second(uint64_t amount, Duration duration) {
  return static_cast<double>(amount) / std::max(std::chrono::duration<double>(duration).count(), 1e-6);
}

void report_summary(Output& output, const transfer::Summary& summary, Duration elapsed) {
  Json& response = output.response();
  response["files"] = summary.files;
  response["directories"] = summary.directories;
  response["symlinks"] = summary.symlinks;
  response["hard_links"] = summary.hard_links;
  response["special_files"] = summary.special_files;
  response["skipped"] = summary.skipped;
  response["bytes"] = summary.bytes;
  response["seconds"] = std::chrono::duration<double>(elapsed).count();
  response["error_count"] = summary.error_count;
  response["errors"] = issues_json(summary.errors);
  response["not_kept_count"] = summary.not_kept_count;
  response["not_kept"] = issues_json(summary.not_kept);
  output.remark("Copied {}, {}, {}, {} in {}: {:.0f} files/s, {}/s.", count_text(summary.files, "file", "files"),
                count_text(summary.directories, "directory", "directories"),
                count_text(summary.symlinks, "symlink", "symlinks"), size_text(summary.bytes), duration_text(elapsed),
                per_second(summary.files, elapsed),
                size_text(static_cast<ByteCount>(per_second(summary.bytes, elapsed))));
  if (summary.hard_links > 0)
    output.remark("{} to files copied.", count_text(summary.hard_links, "hard link", "hard links"));
  if (summary.special_files > 0)
    output.remark("{} copied.", count_text(summary.special_files, "special file", "special files"));
  if (summary.skipped > 0) {
    output.remark("{} there already and the same.", count_text(summary.skipped, "entry was", "entries were"));
  }
  warn_issues(output, "not kept", summary.not_kept, summary.not_kept_count);
  warn_issues(output, "not copied", summary.errors, summary.error_count);
}

transfer::ProgressCallback shown_by(Progress& progress) {
  return [&progress](const transfer::Progress& now) {
    progress.update(now.nodes_done, now.nodes_total, now.bytes_done, now.bytes_total);
    return !interrupted();
  };
}

Status verify(Invocation& invocation, const transfer::Place& source, const transfer::Place& destination) {
  transfer::VerifyOptions options;
  options.compare_owner = !invocation.has("--no-owner");
  Progress progress(invocation.output(), "compared", "entries");
  const auto verified = transfer::verify_tree(source, destination, options, shown_by(progress));
  progress.finish();
  TRY(verified.status());
  Output& output = invocation.output();
  output.response()["verified"] = verified->nodes;
  output.response()["difference_count"] = verified->difference_count;
  output.response()["differences"] = issues_json(verified->differences);
  warn_issues(output, "different", verified->differences, verified->difference_count);
  if (!verified->is_same()) {
    return Status(Code::kCorrupt,
                  fmt::format("{} from the source; was it changed meanwhile? Run the same command again",
                              count_text(verified->difference_count, "entry differs", "entries differ")));
  }
  output.remark("Compared {}, {}: the same.", count_text(verified->nodes, "entry", "entries"),
                size_text(verified->bytes));
  return ok();
}

Status copy(Invocation& invocation, const transfer::Place& source, const transfer::Place& destination) {
  transfer::CopyOptions options;
  options.keep_owner = !invocation.has("--no-owner");
  options.into_existing = invocation.has("--merge");
  Progress progress(invocation.output(), "copied", "entries");
  const auto copied = transfer::copy_tree(source, destination, options, shown_by(progress));
  progress.finish();
  if (copied.code() == Code::kCanceled) {
    return Status(Code::kCanceled, "interrupted; what was copied stays, and the same command goes on from there");
  }
  if (copied.code() == Code::kNotEmpty) {
    return Status(Code::kNotEmpty, fmt::format("{}; choose another destination, or give --merge to copy into it",
                                               copied.status().message()));
  }
  TRY(copied.status());
  report_summary(invocation.output(), *copied, progress.elapsed());
  if (copied->error_count > 0) {
    return Status(Code::kIo,
                  fmt::format("{} not be copied; put right what is named above and run the same command again",
                              count_text(copied->error_count, "entry could", "entries could")));
  }
  return invocation.has("--verify") ? verify(invocation, source, destination) : ok();
}

}  // namespace

Status run_filesystem_copy(Invocation& invocation) {
  TRY_ASSIGN(const Paths paths, read_paths(invocation));
  if ((invocation.has("--snap") || invocation.has("--epoch")) && !is_daos_address(paths.source)) {
    return Status(Code::kInvalidArgument,
                  "--snap and --epoch need a SRC in a container; write daos://POOL/CONTAINER/PATH");
  }
  // The destination of a copy in is often made by it, so a mistaken source must not leave an empty container behind.
  TRY_ASSIGN(const transfer::Place source, open_place(invocation, paths.source, MountFor::kReading));
  TRY(check_source(invocation, source));
  TRY_ASSIGN(const transfer::Place destination, open_place(invocation, paths.destination, MountFor::kWritingNew));
  return copy(invocation, source, destination);
}

}  // namespace aeon::cli
