// Copying and comparing trees between the host's file system and a DFS, as `daos filesystem copy` does.
//
// Kept: bytes, holes, modes, times (ns; directories' last), symlinks, hard links within the tree, extended attributes,
// special files, and owners where the process may set them. What could not be kept is counted and named.
//
// Interrupted copies go on where they stopped when the same call is made again: a file appears under its name only
// when it is whole (large ones are written as `.<name>.aeon-copy` first), and files whose size, mtime, type and mode
// are those of the source are left as they are. What appears at the destination meanwhile is replaced, as what was
// there.
//
// Blocking; call from a thread outside the system's executor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "dfs/file_system.h"

namespace aeon::transfer {

// Either side of a copy: a path of the host, or a path in a mounted DFS.
struct Place {
  std::string path;
  std::shared_ptr<dfs::FileSystem> file_system;  // Null: the host's.
  client::System* system = nullptr;              // Whose executor runs the file system; needed with it.
  bool is_host() const { return file_system == nullptr; }
};

struct Progress {
  uint64_t nodes_done = 0;     // Entries of every type, also those left as they were.
  uint64_t nodes_total = 0;    // From a scan before the first copy.
  ByteCount bytes_done = 0;    // Of files, holes included.
  ByteCount bytes_total = 0;
  std::string current;         // Path of the source being worked on.
};
// Called at most every ~50 ms, and at the end. False stops the copy (kCanceled).
using ProgressCallback = std::function<bool(const Progress&)>;

struct CopyOptions {
  bool keep_owner = true;      // Where permitted; otherwise counted in Summary::not_kept.
  bool keep_xattrs = true;
  bool resume = true;          // Leave alone what is there and the same. False: write everything again.
  bool into_existing = true;  // False: kNotEmpty if the destination is a directory with entries, unless a copy to it
                              // was interrupted before.
  uint32_t errors_named_max = 20;
};

struct Issue {
  std::string path;
  std::string what;  // One line.
};

struct Summary {
  uint64_t files = 0;
  uint64_t directories = 0;
  uint64_t symlinks = 0;
  uint64_t hard_links = 0;  // Names beyond the first of files with several.
  uint64_t special_files = 0;
  uint64_t skipped = 0;  // Already there and the same.
  ByteCount bytes = 0;  // Of files copied, holes included.
  uint64_t error_count = 0;
  std::vector<Issue> errors;  // The first of them.
  uint64_t not_kept_count = 0;  // Owners, xattrs and the like that the destination refused.
  std::vector<Issue> not_kept;
};

// Copies `source`, a directory or anything else, so that it is at `destination` afterwards (as `cp -aT`). A fault of
// one entry doesn't stop the others: it is in the summary. The status is a fault if the copy could not start, was
// stopped, or ended without its last flush; errors of entries are only in the summary.
// Both on the host, or both in DFS, is fine too.
Result<Summary> copy_tree(const Place& source, const Place& destination, const CopyOptions& options = {},
                          const ProgressCallback& progress = {});

struct VerifyOptions {
  bool compare_owner = true;
  bool compare_times = true;
  bool compare_xattrs = true;
  uint32_t differences_named_max = 20;
};
struct Verification {
  uint64_t nodes = 0;
  ByteCount bytes = 0;
  uint64_t difference_count = 0;
  std::vector<Issue> differences;  // The first of them.
  bool is_same() const { return difference_count == 0; }
};
// Compares names, types, bytes, modes, link targets, and which names are links of one file.
Result<Verification> verify_tree(const Place& a, const Place& b, const VerifyOptions& options = {},
                                 const ProgressCallback& progress = {});

}  // namespace aeon::transfer
