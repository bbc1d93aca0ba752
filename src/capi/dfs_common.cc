#include <daos_errno.h>
#include <gurt/common.h>

#include <cerrno>
#include <cstring>

#include "dfs_mount.h"

namespace aeon::capi {
namespace {

timespec to_timespec(int64_t ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t rest = ns % kSecond;
  timespec time{};
  time.tv_sec = ns / kSecond - (rest < 0 ? 1 : 0);
  time.tv_nsec = rest < 0 ? rest + kSecond : rest;
  return time;
}

}  // namespace

bool read_parent(const dfs_t* dfs, const dfs_obj_t* parent, dfs::NodePointer* directory) {
  if (!is_mount(dfs)) return false;
  *directory = nullptr;
  if (parent == nullptr) return true;
  if (!is_object_of(parent, dfs)) return false;
  *directory = parent->node;
  return true;
}

int check_name(const char* name) {
  if (name == nullptr || name[0] == '\0') return EINVAL;
  const size_t size = strnlen(name, DFS_MAX_NAME + 1);
  if (size > DFS_MAX_NAME) return ENAMETOOLONG;
  if (std::memchr(name, '/', size) != nullptr) return EINVAL;
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0 ? EINVAL : 0;
}

int read_entry(const dfs_t* dfs, const dfs_obj_t* parent, const char* name, Entry* entry) {
  if (!read_parent(dfs, parent, &entry->directory)) return EINVAL;
  const int rc = check_name(name);
  if (rc != 0) return rc;
  if (entry->directory != nullptr && !entry->directory->is_directory()) return ENOTDIR;
  entry->name = name;
  return 0;
}

int run_files(const dfs_t* dfs, Task<int> work, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return EACCES;
  return run_operation(dfs->container->system(), ev, std::move(work), daos_der2errno);
}

int name_errno(const Status& status) { return status.code() == Code::kTooBig ? ENAMETOOLONG : to_errno(status); }

dfs::OpenMode open_mode_of(int flags) {
  return (flags & O_ACCMODE) == O_RDONLY ? dfs::OpenMode::kReadOnly : dfs::OpenMode::kReadWrite;
}

struct stat to_stat(const dfs::Attributes& attributes) {
  struct stat out;
  std::memset(&out, 0, sizeof out);
  out.st_mode = attributes.mode;
  out.st_uid = attributes.user;
  out.st_gid = attributes.group;
  out.st_nlink = attributes.link_count;
  out.st_rdev = attributes.device;
  out.st_size = static_cast<off_t>(attributes.size);
  out.st_blksize = static_cast<blksize_t>(attributes.chunk_size != 0 ? attributes.chunk_size : DFS_DEFAULT_CHUNK_SIZE);
  out.st_blocks = static_cast<blkcnt_t>(round_up(attributes.size, 512) / 512);
  out.st_atim = to_timespec(attributes.access_ns);
  out.st_mtim = to_timespec(attributes.modify_ns);
  out.st_ctim = to_timespec(attributes.change_ns);
  return out;
}

dfs_obj_t* make_object(dfs_t* dfs, dfs::NodePointer node, dfs::NodePointer directory, bool is_in_root) {
  auto* object = new dfs_obj_t();
  object->mount = dfs;
  object->node = std::move(node);
  object->directory = std::move(directory);
  object->is_in_root = is_in_root;
  return object;
}

}  // namespace aeon::capi
