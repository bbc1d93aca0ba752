// The host's file system.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "tree.h"

namespace aeon::transfer {

namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT: return Code::kNotFound;
    case EEXIST: return Code::kExists;
    case EACCES:
    case EPERM: return Code::kPermission;
    case ENOSPC:
    case EDQUOT: return Code::kNoSpace;
    case EROFS: return Code::kReadOnly;
    case ENOTDIR: return Code::kNotDirectory;
    case EISDIR: return Code::kIsDirectory;
    case ENOTEMPTY: return Code::kNotEmpty;
    case ELOOP: return Code::kLoop;
    case ENAMETOOLONG:
    case EFBIG: return Code::kTooBig;
    case EBUSY:
    case ETXTBSY: return Code::kBusy;
    default: return Code::kIo;
  }
}

Status failed(const std::string& path, const char* what) {
  const int error = errno;
  return Status(code_of(error), path + ": " + what + ": " + std::generic_category().message(error));
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

int64_t to_ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

timespec to_timespec(int64_t ns) {
  int64_t seconds = ns / 1'000'000'000;
  int64_t rest = ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

Result<Meta> meta_of(const struct stat& status, const std::string& path) {
  Meta meta;
  const auto type = dfs::type_of_mode(status.st_mode);
  if (!type.has_value()) return Status(Code::kInvalidArgument, path + ": a file of an unknown type");
  meta.type = *type;
  meta.permissions = status.st_mode & 07777;
  meta.user = status.st_uid;
  meta.group = status.st_gid;
  meta.size = meta.type == dfs::NodeType::kFile ? static_cast<uint64_t>(status.st_size) : 0;
  meta.allocated = static_cast<ByteCount>(status.st_blocks) * 512;
  meta.access_ns = to_ns(status.st_atim);
  meta.modify_ns = to_ns(status.st_mtim);
  const bool is_device = meta.type == dfs::NodeType::kCharacterDevice || meta.type == dfs::NodeType::kBlockDevice;
  meta.device = is_device ? status.st_rdev : 0;
  meta.link_count = static_cast<uint32_t>(status.st_nlink);
  meta.identity = {status.st_dev, status.st_ino};
  return meta;
}

Result<std::vector<dfs::FileExtent>> extents_of(int fd, const std::string& path, uint64_t size) {
  std::vector<dfs::FileExtent> extents;
  off_t at = 0;
  while (static_cast<uint64_t>(at) < size) {
    const off_t begin = ::lseek(fd, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;
    if (begin < 0) {
      if (errno == EINVAL) return std::vector<dfs::FileExtent>{{.offset = 0, .size = size}};
      return failed(path, "lseek");
    }
    off_t end = ::lseek(fd, begin, SEEK_HOLE);
    if (end < 0) return failed(path, "lseek");
    end = std::min<off_t>(end, static_cast<off_t>(size));
    if (end <= begin) break;
    extents.push_back({.offset = static_cast<uint64_t>(begin), .size = static_cast<uint64_t>(end - begin)});
    at = end;
  }
  return extents;
}

Result<size_t> read_all(int fd, const std::string& path, uint64_t offset, MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, "read");
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

// Skips whole blocks of zeros, so that holes stay holes.
Status write_sparse(int fd, const std::string& path, uint64_t offset, ByteView data) {
  constexpr size_t kBlock = 4096;
  static constexpr std::byte kZeros[kBlock] = {};
  size_t at = 0;
  while (at < data.size()) {
    const auto block_end = [&](size_t from) {
      return std::min<size_t>(data.size(), from + kBlock - (offset + from) % kBlock);
    };
    const auto is_hole = [&](size_t from) {
      const size_t size = block_end(from) - from;
      return size == kBlock && std::memcmp(data.data() + from, kZeros, size) == 0;
    };
    if (is_hole(at)) {
      at = block_end(at);
      continue;
    }
    size_t end = block_end(at);
    while (end < data.size() && !is_hole(end)) end = block_end(end);
    while (at < end) {
      const ssize_t count = ::pwrite(fd, data.data() + at, end - at, static_cast<off_t>(offset + at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed(path, "write");
      at += static_cast<size_t>(count);
    }
  }
  return ok();
}

class HostReader final : public Reader {
 public:
  HostReader(Fd fd, std::string path, uint64_t size) : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}
  Result<size_t> read(uint64_t offset, MutableBytes out) override { return read_all(fd_.get(), path_, offset, out); }
  Result<std::vector<dfs::FileExtent>> data_extents() override { return extents_of(fd_.get(), path_, size_); }

 private:
  Fd fd_;
  std::string path_;
  uint64_t size_;
};

class HostTree final : public Tree {
 public:
  explicit HostTree(TreeOptions options) : options_(options), is_root_(::geteuid() == 0) {}

  Result<Meta> stat(const std::string& path) override {
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return failed(path, "stat");
    return meta_of(status, path);
  }

  Result<std::vector<Listed>> list(const std::string& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return failed(directory, "open directory");
    std::vector<Listed> all;
    Status status;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(stream);
      if (entry == nullptr) {
        if (errno != 0) status = failed(directory, "read directory");
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat found;
      if (::fstatat(::dirfd(stream), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // Removed meanwhile.
        status = failed(join(directory, entry->d_name), "stat");
        break;
      }
      Result<Meta> meta = meta_of(found, join(directory, entry->d_name));
      if (!meta.is_ok()) {
        status = meta.status();
        break;
      }
      all.push_back({.name = std::string(name), .meta = *meta});
    }
    ::closedir(stream);
    if (!status.is_ok()) return status;
    std::sort(all.begin(), all.end(),
              [](const Listed& a, const Listed& b) { return compare_bytes(as_bytes(a.name), as_bytes(b.name)) < 0; });
    return all;
  }

  Result<std::map<std::string, Bytes>> xattrs(const std::string& path) override {
    std::map<std::string, Bytes> found;
    if (!options_.keep_xattrs) return found;
    std::string names;
    while (true) {
      const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
      if (size < 0 && (errno == ENOTSUP || errno == EOPNOTSUPP)) return found;
      if (size < 0 && errno != ERANGE) return failed(path, "list extended attributes");
      if (size >= 0 && static_cast<size_t>(size) <= names.size()) {
        names.resize(static_cast<size_t>(size));
        break;
      }
      names.resize(size < 0 ? names.size() * 2 + 1024 : static_cast<size_t>(size));
      if (size == 0) break;
    }
    for (size_t at = 0; at < names.size();) {
      const std::string name = names.c_str() + at;
      at += name.size() + 1;
      Bytes value(1024);
      ssize_t size;
      while ((size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size())) < 0 && errno == ERANGE) {
        if (value.size() > 2 * dfs::kXattrValueSizeMax) break;
        value.resize(value.size() * 4);
      }
      if (size < 0 && (errno == ENODATA || errno == EPERM || errno == EACCES)) continue;
      if (size < 0) return failed(path, "read an extended attribute");
      value.resize(static_cast<size_t>(size));
      found[name] = std::move(value);
    }
    return found;
  }

  Result<std::string> link_target(const std::string& path) override {
    std::string target(dfs::kSymlinkTargetSizeMax + 1, '\0');
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) return failed(path, "read the symlink");
    target.resize(static_cast<size_t>(size));
    return target;
  }

  Result<std::unique_ptr<Reader>> open_reader(const std::string& path) override {
    Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.is_open()) return failed(path, "open");
    struct stat status;
    if (::fstat(fd.get(), &status) != 0) return failed(path, "stat");
    return std::unique_ptr<Reader>(
        std::make_unique<HostReader>(std::move(fd), path, static_cast<uint64_t>(status.st_size)));
  }

  void start_load(Group& group) override {
    for (Item& item : group.items) item.status = load(join(group.source_directory, item.name), item);
  }
  void finish_load(Group&) override {}

  Result<bool> make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return true;
    if (errno != EEXIST) return failed(path, "make the directory");
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return failed(path, "stat");
    if (!S_ISDIR(status.st_mode)) return Status(Code::kNotDirectory, path + ": is there and isn't a directory");
    return false;
  }

  void store(std::unique_ptr<Group> group, OnStored on_stored) override {
    for (Item& item : group->items) item.status = store_one(group->directory, item);
    on_stored(*group);
  }
  void settle() override {}

  Result<std::unique_ptr<Writer>> open_writer(const std::string& directory, const std::string& name,
                                              const Meta&) override;

  Status link(const std::string& existing, const std::string& directory, const std::string& name) override {
    const std::string path = join(directory, name);
    if (::link(existing.c_str(), path.c_str()) == 0) return ok();
    if (errno != EEXIST) return failed(path, "link");
    const std::string partial = join(directory, partial_name(name));
    ::unlink(partial.c_str());
    if (::link(existing.c_str(), partial.c_str()) != 0) return failed(path, "link");
    if (::rename(partial.c_str(), path.c_str()) != 0) return failed(path, "rename");
    ::unlink(partial.c_str());  // rename() does nothing between two names of one file.
    return ok();
  }

  Status finish_directory(const std::string& path, Item& item) override { return set_meta(-1, path, item); }

  Status remove(const std::string& directory, const std::string& name) override {
    const std::string path = join(directory, name);
    return ::unlink(path.c_str()) == 0 ? ok() : failed(path, "remove");
  }

  Status sync() override { return ok(); }
  bool keeps_owners() const override { return is_root_ && options_.keep_owner; }

  // Gives what is at `path` its owner, mode, xattrs and times; by the file if it is open.
  Status set_meta(int fd, const std::string& path, Item& item) const {
    const Meta& meta = item.meta;
    if (options_.keep_owner && (is_root_ || meta.user != ::geteuid() || meta.group != ::getegid())) {
      const uid_t user = is_root_ ? meta.user : static_cast<uid_t>(-1);
      const int result = fd >= 0 ? ::fchown(fd, user, meta.group) : ::lchown(path.c_str(), user, meta.group);
      if (result != 0 || (!is_root_ && meta.user != ::geteuid())) {
        item.not_kept.push_back("owner " + std::to_string(meta.user) + ":" + std::to_string(meta.group));
      }
    }
    if (meta.type != dfs::NodeType::kSymlink) {
      const int result = fd >= 0 ? ::fchmod(fd, meta.permissions) : ::chmod(path.c_str(), meta.permissions);
      if (result != 0) return failed(path, "set the mode");
    }
    for (const auto& [name, value] : item.xattrs) {
      const int result = fd >= 0 ? ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0)
                                 : ::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0);
      if (result != 0) {
        item.not_kept.push_back("extended attribute " + name + ": " + std::generic_category().message(errno));
      }
    }
    const timespec times[2] = {to_timespec(meta.access_ns), to_timespec(meta.modify_ns)};
    const int result =
        fd >= 0 ? ::futimens(fd, times) : ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? ok() : failed(path, "set the times");
  }

 private:
  Status load(const std::string& path, Item& item) {
    if (options_.keep_xattrs) {
      TRY_ASSIGN(item.xattrs, xattrs(path));
    }
    if (item.meta.type == dfs::NodeType::kSymlink) {
      TRY_ASSIGN(item.target, link_target(path));
    }
    if (item.meta.type != dfs::NodeType::kFile || item.meta.size == 0) return ok();
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd.is_open()) return failed(path, "open");
    std::vector<dfs::FileExtent> extents = {{.offset = 0, .size = item.meta.size}};
    if (item.meta.allocated < item.meta.size) {
      TRY_ASSIGN(extents, extents_of(fd.get(), path, item.meta.size));
    }
    for (const dfs::FileExtent& extent : extents) {
      Item::Piece piece;
      piece.offset = extent.offset;
      piece.data.resize(extent.size);
      TRY_ASSIGN(const size_t count, read_all(fd.get(), path, extent.offset, piece.data));
      if (count != extent.size) return Status(Code::kConflict, path + ": became shorter while it was copied");
      item.content.push_back(std::move(piece));
    }
    return ok();
  }

  Status store_one(const std::string& directory, Item& item) {
    const std::string path = join(directory, item.name);
    const std::string partial = join(directory, partial_name(item.name));
    const Meta& meta = item.meta;
    if (meta.type == dfs::NodeType::kFile) {
      const Fd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (!fd.is_open()) return failed(path, "create");
      uint64_t end = 0;
      for (const Item::Piece& piece : item.content) {
        TRY(write_sparse(fd.get(), path, piece.offset, piece.data));
        end = piece.offset + piece.data.size();
      }
      const bool ends_in_data = end == meta.size && !is_zero_tail(item);
      if (!ends_in_data && ::ftruncate(fd.get(), static_cast<off_t>(meta.size)) != 0)
        return failed(path, "set the size");
      TRY(set_meta(fd.get(), path, item));
    } else {
      ::unlink(partial.c_str());
      int result;
      if (meta.type == dfs::NodeType::kSymlink) {
        result = ::symlink(item.target.c_str(), partial.c_str());
      } else {
        result = ::mknod(partial.c_str(), dfs::mode_of(meta.type) | 0600, static_cast<dev_t>(meta.device));
      }
      if (result != 0) return failed(path, "create");
      const Status set = set_meta(-1, partial, item);
      if (!set.is_ok()) {
        ::unlink(partial.c_str());
        return set;
      }
    }
    if (::rename(partial.c_str(), path.c_str()) == 0) return ok();
    const Status renamed = failed(path, "rename");
    ::unlink(partial.c_str());
    return renamed;
  }

  static bool is_zero_tail(const Item& item) {
    return item.content.empty() || item.content.back().data.empty() || item.content.back().data.back() == std::byte{0};
  }

  TreeOptions options_;
  bool is_root_;
};

class HostWriter final : public Writer {
 public:
  HostWriter(const HostTree& tree, Fd fd, std::string partial, std::string path)
      : tree_(tree), fd_(std::move(fd)), partial_(std::move(partial)), path_(std::move(path)) {}
  ~HostWriter() override {
    if (!is_finished_) ::unlink(partial_.c_str());
  }
  Status write(uint64_t offset, Bytes data) override { return write_sparse(fd_.get(), path_, offset, data); }
  Status finish(Item& item) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(item.meta.size)) != 0) return failed(path_, "set the size");
    TRY(tree_.set_meta(fd_.get(), path_, item));
    if (::rename(partial_.c_str(), path_.c_str()) != 0) return failed(path_, "rename");
    is_finished_ = true;
    return ok();
  }

 private:
  const HostTree& tree_;
  Fd fd_;
  std::string partial_;
  std::string path_;
  bool is_finished_ = false;
};

Result<std::unique_ptr<Writer>> HostTree::open_writer(const std::string& directory, const std::string& name,
                                                      const Meta&) {
  const std::string path = join(directory, name);
  std::string partial = join(directory, partial_name(name));
  Fd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.is_open()) return failed(path, "create");
  return std::unique_ptr<Writer>(std::make_unique<HostWriter>(*this, std::move(fd), std::move(partial), path));
}

}  // namespace

std::unique_ptr<Tree> open_host_tree(TreeOptions options) { return std::make_unique<HostTree>(options); }

}  // namespace aeon::transfer
