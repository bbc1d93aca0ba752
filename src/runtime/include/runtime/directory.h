// A directory that a system lives in: who holds it, and small files replaced whole. Blocking; for start and stop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon {

class Directory {
 public:
  // kNotFound, kNotDirectory, kPermission…, naming the path. `create`: also makes the directory (not its parents).
  static Result<Directory> open(const std::string& path, bool create);
  Directory(Directory&& other) noexcept;
  Directory& operator=(Directory&& other) noexcept;
  ~Directory();

  // Holds the directory for this process until destroyed or the process ends, however it ends. `holder` is what
  // another one that tries is told: kBusy "… is in use by <holder>"; those who only look are waited for, a second.
  // kReadOnly or kPermission if the lock file can't be written.
  Status lock(const std::string& holder);

  // The lock as a descriptor that a process started by this one may have: the directory is held until all are gone that
  // have it. After lock().
  int share_lock() {
    is_lock_shared_ = true;
    return lock_descriptor_;
  }
  // In such a process. kInvalidArgument: it is none of this directory.
  Status adopt_lock(int descriptor);

  // For those who only look: keeps lock() from succeeding elsewhere while this object lives, without writing anything.
  // If somebody holds the directory already, who that is; nothing is held then. Nor where there is no lock file, or
  // none that may be read.
  std::optional<std::string> share();

  // kNotFound if there is no such file; kTooBig beyond 16 MiB.
  Result<Bytes> read_file(const std::string& name) const;
  // Durable and atomic: after a crash there is the old content or the new.
  Status replace_file(const std::string& name, ByteView content);
  Status remove_file(const std::string& name);
  bool has_file(const std::string& name) const;
  // Its permission bits, such as 0600.
  Result<uint32_t> mode_of(const std::string& name) const;
  // Names, in order, without "." and "..".
  Result<std::vector<std::string>> list() const;
  // What the file system has left for this user.
  Result<ByteCount> free_space() const;
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  Status hold(int descriptor) const;
  void keep_lock(int descriptor);
  Directory(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_ = -1;
  int lock_descriptor_ = -1;
  bool is_lock_shared_ = false;  // Another process may go on with it.
  uint64_t lock_generation_ = 0;  // Of the process that locked: a fork has the lock no longer.
};

}  // namespace aeon
