#include "runtime/device_probe.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <vector>

#include "base/bytes.h"

namespace aeon {
namespace {

constexpr size_t kEndSize = kMiB;  // Looked at for other bytes than zeros, at each end of a file.

class ProbedFile {
 public:
  explicit ProbedFile(int number) : number_(number) {}
  ProbedFile(const ProbedFile&) = delete;
  ProbedFile& operator=(const ProbedFile&) = delete;
  ~ProbedFile() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  const int number_;
};

Status cannot_look(const std::string& path, int error) {
  const Code code = error == EACCES || error == EPERM ? Code::kPermission : Code::kIo;
  return Status(code, "can't look at " + path + ": " + std::generic_category().message(error));
}

std::string value_of(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  return blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 && value != nullptr ? value : "";
}

// What libblkid knows of it, in words.
Result<std::string> signature(int descriptor, const std::string& path) {
  struct Free {
    void operator()(blkid_struct_probe* probe) const { blkid_free_probe(probe); }
  };
  const std::unique_ptr<blkid_struct_probe, Free> probe(blkid_new_probe());
  if (probe == nullptr || blkid_probe_set_device(probe.get(), descriptor, 0, 0) != 0) {
    return Status(Code::kIo, "can't look for file systems on " + path);
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL);
  blkid_probe_enable_partitions(probe.get(), 1);
  const int answer = blkid_do_safeprobe(probe.get());
  if (answer == -1) return Status(Code::kIo, "can't look for file systems on " + path);
  if (answer == -2) return std::string("several file systems or partition tables at once");
  if (answer != 0) return std::string();
  const std::string type = value_of(probe.get(), "TYPE"), table = value_of(probe.get(), "PTTYPE");
  if (type.empty()) return table.empty() ? std::string() : "a partition table (" + table + ")";
  const std::string label = value_of(probe.get(), "LABEL");
  const bool is_file_system = value_of(probe.get(), "USAGE") == "filesystem";
  return type + (is_file_system ? " file system" : " data") + (label.empty() ? "" : " '" + label + "'");
}

Result<bool> is_zero(int descriptor, const std::string& path, ByteCount offset, ByteCount size) {
  std::vector<std::byte> bytes(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(descriptor, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_look(path, errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

Result<DeviceProbe> probe_device(const std::string& path) {
  DeviceProbe found;
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) {
    if (errno == ENOENT) return found;
    return cannot_look(path, errno);
  }
  if (!S_ISREG(about.st_mode) && !S_ISBLK(about.st_mode)) {
    return Status(Code::kInvalidArgument, path + " is neither a file nor a block device");
  }
  const ProbedFile descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.number() < 0) return cannot_look(path, errno);
  found.kind = S_ISBLK(about.st_mode) ? DeviceProbe::Kind::kBlockDevice : DeviceProbe::Kind::kFile;
  found.size = static_cast<ByteCount>(about.st_size);
  if (S_ISBLK(about.st_mode)) {
    uint64_t size = 0;
    if (::ioctl(descriptor.number(), BLKGETSIZE64, &size) != 0) return cannot_look(path, errno);
    found.size = size;
  }
  if (found.size == 0) return found;
  TRY_ASSIGN(found.content, signature(descriptor.number(), path));
  if (!found.content.empty() || found.kind == DeviceProbe::Kind::kBlockDevice) return found;
  const ByteCount end = std::min<ByteCount>(found.size, kEndSize);
  TRY_ASSIGN(const bool begins_empty, is_zero(descriptor.number(), path, 0, end));
  TRY_ASSIGN(const bool ends_empty, is_zero(descriptor.number(), path, found.size - end, end));
  if (!begins_empty || !ends_empty) found.content = "data";
  return found;
}

Result<std::string> whole_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
  if (path.empty() || error || path.find('\n') != std::string::npos || path.find('\0') != std::string::npos) {
    return Status(Code::kInvalidArgument, "'" + path + "' can't be the path of a device");
  }
  return whole.string();
}

bool is_same_file(const std::string& path, const std::string& other) {
  std::error_code error;
  return path == other || std::filesystem::equivalent(path, other, error);
}

Status empty_file(const std::string& path) {
  if (::truncate(path.c_str(), 0) == 0) return ok();
  return Status(Code::kIo, "can't empty " + path + ": " + std::generic_category().message(errno));
}

std::optional<ByteCount> free_space_below(const std::vector<std::string>& files) {
  std::set<dev_t> seen;
  ByteCount free = 0;
  for (const std::string& path : files) {
    struct stat about{};
    struct statvfs space{};
    if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
    if (!seen.insert(about.st_dev).second) continue;
    if (::statvfs(path.c_str(), &space) != 0) return std::nullopt;
    free += ByteCount{space.f_bavail} * space.f_frsize;
  }
  return free;
}

}  // namespace aeon
