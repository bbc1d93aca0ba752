#include "runtime/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/fork.h"

namespace aeon {
namespace {

constexpr const char* kLockName = "lock";
constexpr int kAttemptsBesideLookers = 100;
constexpr useconds_t kPauseBesideLookers_us = 10'000;
constexpr size_t kFileSizeMax = 16 << 20;

Status failed(const std::string& what, int error) {
  Code code = Code::kIo;
  if (error == ENOENT) code = Code::kNotFound;
  if (error == ENOTDIR) code = Code::kNotDirectory;
  if (error == EEXIST) code = Code::kExists;
  if (error == EACCES || error == EPERM) code = Code::kPermission;
  if (error == EROFS) code = Code::kReadOnly;
  if (error == ENOSPC || error == EDQUOT) code = Code::kNoSpace;
  return Status(code, what + ": " + std::generic_category().message(error));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

Status write_all(int descriptor, ByteView content, const std::string& what) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("can't write " + what, errno);
    content = content.subspan(static_cast<size_t>(written));
  }
  return ok();
}

// Who wrote the lock file last.
std::string holder_in(int descriptor) {
  char text[256] = {};
  const ssize_t size = ::pread(descriptor, text, sizeof text - 1, 0);
  std::string who = size > 0 ? std::string(text, static_cast<size_t>(size)) : "another process";
  who.erase(std::find(who.begin(), who.end(), '\n'), who.end());
  return who;
}

}  // namespace

Result<Directory> Directory::open(const std::string& path, bool create) {
  if (path.find('\0') != std::string::npos) return Status(Code::kInvalidArgument, "a path can't contain NUL");
  bool created = false;
  if (create) {
    created = ::mkdir(path.c_str(), 0700) == 0;
    if (!created && errno != EEXIST) return failed("can't create directory " + path, errno);
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failed("can't open directory " + path, errno);
  if (created) {  // The new name must survive a crash as well as what will be in it.
    const size_t slash = path.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const Descriptor above(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (above.get() >= 0) ::fsync(above.get());
  }
  return Directory(path, descriptor);
}

Directory::Directory(Directory&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      lock_descriptor_(std::exchange(other.lock_descriptor_, -1)),
      is_lock_shared_(other.is_lock_shared_),
      lock_generation_(other.lock_generation_) {}

Directory& Directory::operator=(Directory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(lock_descriptor_, other.lock_descriptor_);
  std::swap(is_lock_shared_, other.is_lock_shared_);
  std::swap(lock_generation_, other.lock_generation_);
  return *this;
}

Directory::~Directory() {
  if (lock_descriptor_ >= 0 && lock_generation_ == fork_generation()) {
    forget_in_forked_child(lock_descriptor_);
    // A child that was forked and hasn't run yet has it too.
    if (!is_lock_shared_) ::flock(lock_descriptor_, LOCK_UN);
    ::close(lock_descriptor_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Directory::keep_lock(int descriptor) {
  lock_descriptor_ = descriptor;
  lock_generation_ = fork_generation();
  close_in_forked_child(descriptor);
}

// Whoever only looks, such as for who has it, lets go soon in most cases. kBusy.
Status Directory::hold(int descriptor) const {
  int error = 0;
  for (int attempt = 0; attempt < kAttemptsBesideLookers; ++attempt) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return ok();
    error = errno;
    if (error != EWOULDBLOCK) return failed("can't lock " + path_, error);
    if (::flock(descriptor, LOCK_SH | LOCK_NB) != 0) {
      return Status(Code::kBusy,
                    path_ + " is in use by " + holder_in(descriptor) + "; stop it first, or use another directory");
    }
    ::flock(descriptor, LOCK_UN);
    ::usleep(kPauseBesideLookers_us);
  }
  return Status(Code::kBusy, path_ +
                                 " is in use by a process that looks at it without changing it; stop it first, or "
                                 "use another directory");
}

Status Directory::lock(const std::string& holder) {
  const int descriptor = ::openat(descriptor_, kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return failed("can't lock " + path_ + " (it must be writable)", errno);
  // Bound to the open file and not inherited by exec: gone when the process is, by whatever end.
  Status held = hold(descriptor);
  if (!held.is_ok()) {
    ::close(descriptor);
    return held;
  }
  keep_lock(descriptor);
  // Whoever looks meanwhile sees a whole first line.
  const std::string line = holder + "\n";
  TRY(write_all(descriptor, as_bytes(line), "the lock of " + path_));
  if (::ftruncate(descriptor, static_cast<off_t>(line.size())) == 0) return ok();
  return failed("can't write the lock of " + path_, errno);
}

Status Directory::adopt_lock(int descriptor) {
  struct stat given{}, here{};
  const bool is_it = ::fstat(descriptor, &given) == 0 && ::fstatat(descriptor_, kLockName, &here, 0) == 0 &&
                     given.st_dev == here.st_dev && given.st_ino == here.st_ino;
  // Of one that has it already this changes nothing.
  if (!is_it || ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Status(Code::kInvalidArgument,
                  "descriptor " + std::to_string(descriptor) + " isn't the lock of " + path_ + ", held");
  }
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  keep_lock(descriptor);
  is_lock_shared_ = true;
  return ok();
}

std::optional<std::string> Directory::share() {
  const int descriptor = ::openat(descriptor_, kLockName, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) == 0) {
    keep_lock(descriptor);
    return std::nullopt;
  }
  const bool is_held = errno == EWOULDBLOCK;
  std::optional<std::string> who;
  if (is_held) who = holder_in(descriptor);
  ::close(descriptor);
  return who;
}

Result<Bytes> Directory::read_file(const std::string& name) const {
  const Descriptor file(::openat(descriptor_, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed("can't open " + path_of(name), errno);
  Bytes content;
  while (true) {
    constexpr size_t kStep = 64 << 10;
    const size_t size = content.size();
    if (size > kFileSizeMax) return Status(Code::kTooBig, path_of(name) + " is too large to be one of ours");
    content.resize(size + kStep);
    const ssize_t got = ::read(file.get(), content.data() + size, kStep);
    if (got < 0 && errno != EINTR) return failed("can't read " + path_of(name), errno);
    content.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return content;
  }
}

Status Directory::replace_file(const std::string& name, ByteView content) {
  const std::string temporary = name + ".new";
  {
    const Descriptor file(::openat(descriptor_, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return failed("can't create " + path_of(temporary), errno);
    TRY(write_all(file.get(), content, path_of(temporary)));
    if (::fsync(file.get()) != 0) return failed("can't flush " + path_of(temporary), errno);
  }
  if (::renameat(descriptor_, temporary.c_str(), descriptor_, name.c_str()) != 0) {
    return failed("can't rename " + path_of(temporary), errno);
  }
  if (::fsync(descriptor_) != 0) return failed("can't flush " + path_, errno);
  return ok();
}

Status Directory::remove_file(const std::string& name) {
  if (::unlinkat(descriptor_, name.c_str(), 0) != 0) return failed("can't remove " + path_of(name), errno);
  if (::fsync(descriptor_) != 0) return failed("can't flush " + path_, errno);
  return ok();
}

Result<ByteCount> Directory::free_space() const {
  struct statvfs space{};
  if (::fstatvfs(descriptor_, &space) != 0) return failed("can't ask for the space left in " + path_, errno);
  return ByteCount{space.f_bavail} * space.f_frsize;
}

bool Directory::has_file(const std::string& name) const { return ::faccessat(descriptor_, name.c_str(), F_OK, 0) == 0; }

Result<uint32_t> Directory::mode_of(const std::string& name) const {
  struct stat found{};
  if (::fstatat(descriptor_, name.c_str(), &found, 0) != 0) return failed("can't look at " + path_of(name), errno);
  return static_cast<uint32_t>(found.st_mode & 07777);
}

Result<std::vector<std::string>> Directory::list() const {
  const int descriptor = ::openat(descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failed("can't list " + path_, errno);
  DIR* stream = ::fdopendir(descriptor);
  if (stream == nullptr) {
    ::close(descriptor);
    return failed("can't list " + path_, errno);
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace aeon
