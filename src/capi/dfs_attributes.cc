// Attributes and extended attributes.
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dfs_mount.h"

namespace aeon::capi {
namespace {

constexpr mode_t kPermissions = 07777;

int64_t to_ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// The entry itself, or with an empty name the directory.
Task<int> stat_entry(std::shared_ptr<dfs::FileSystem> files, Entry entry, struct stat* stbuf) {
  const auto attributes = co_await files->stat(std::move(entry.directory), std::move(entry.name));
  if (attributes) *stbuf = to_stat(*attributes);
  co_return to_errno(attributes);
}

Task<int> stat_node(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, struct stat* stbuf) {
  const auto attributes = co_await files->stat(std::move(node));
  if (attributes) *stbuf = to_stat(*attributes);
  co_return to_errno(attributes);
}

Task<int> set_node(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, dfs::AttributeChanges changes,
                   struct stat* stbuf) {
  const auto attributes = co_await files->set_attributes(std::move(node), std::move(changes));
  if (attributes) *stbuf = to_stat(*attributes);
  co_return to_errno(attributes);
}

bool is_type_of(mode_t mode, const dfs::Node& node) {
  return (mode & S_IFMT) == 0 || (mode & S_IFMT) == (node.mode() & S_IFMT);
}

int read_changes(const dfs::Node& node, const struct stat& wanted, int flags, dfs::AttributeChanges* changes) {
  constexpr int kKnown = DFS_SET_ATTR_MODE | DFS_SET_ATTR_ATIME | DFS_SET_ATTR_MTIME | DFS_SET_ATTR_SIZE |
                         DFS_SET_ATTR_UID | DFS_SET_ATTR_GID;
  if ((flags & ~kKnown) != 0) return EINVAL;
  if ((flags & DFS_SET_ATTR_MODE) != 0) {
    if (!is_type_of(wanted.st_mode, node)) return EINVAL;
    changes->mode = wanted.st_mode & kPermissions;
  }
  if ((flags & DFS_SET_ATTR_ATIME) != 0) changes->access_ns = to_ns(wanted.st_atim);
  if ((flags & DFS_SET_ATTR_MTIME) != 0) changes->modify_ns = to_ns(wanted.st_mtim);
  if ((flags & DFS_SET_ATTR_SIZE) != 0) {
    if (node.type() != dfs::NodeType::kFile || wanted.st_size < 0) return EINVAL;
    changes->size = static_cast<uint64_t>(wanted.st_size);
  }
  if ((flags & DFS_SET_ATTR_UID) != 0) changes->user = wanted.st_uid;
  if ((flags & DFS_SET_ATTR_GID) != 0) changes->group = wanted.st_gid;
  return 0;
}

// What an entry's name leads to, or with `follow` false the entry.
Task<Result<dfs::NodePointer>> find_node(std::shared_ptr<dfs::FileSystem> files, Entry entry, bool follow) {
  if (!follow) {
    auto node = co_await files->lookup_in(std::move(entry.directory), std::move(entry.name));
    co_return node;
  }
  auto node = co_await files->lookup(std::move(entry.name), dfs::OpenMode::kReadOnly, true, std::move(entry.directory));
  co_return node;
}

Task<int> change_mode(std::shared_ptr<dfs::FileSystem> files, Entry entry, mode_t mode) {
  const auto node = co_await find_node(files, std::move(entry), true);
  if (!node) co_return to_errno(node);
  if (!is_type_of(mode, **node)) co_return EINVAL;
  dfs::AttributeChanges changes;
  changes.mode = mode & kPermissions;
  co_return to_errno(co_await files->set_attributes(*node, std::move(changes)));
}

Task<int> change_owner(std::shared_ptr<dfs::FileSystem> files, Entry entry, dfs::AttributeChanges changes,
                       bool follow) {
  const auto node = co_await find_node(files, std::move(entry), follow);
  if (!node) co_return to_errno(node);
  co_return to_errno(co_await files->set_attributes(*node, std::move(changes)));
}

dfs::Caller this_process() {
  dfs::Caller caller;
  caller.user = geteuid();
  caller.group = getegid();
  const int count = getgroups(0, nullptr);
  if (count <= 0) return caller;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  const int got = getgroups(count, groups.data());
  if (got > 0) caller.groups.assign(groups.begin(), groups.begin() + got);
  return caller;
}

Task<int> check_access(std::shared_ptr<dfs::FileSystem> files, Entry entry, uint32_t mask) {
  const Status status = co_await files->access(std::move(entry.directory), std::move(entry.name), this_process(), mask);
  co_return to_errno(status);
}

// ---- Extended attributes -----------------------------------------------------------------------

int check_xattr_name(const char* name) {
  return name == nullptr || name[0] == '\0' || strnlen(name, DFS_MAX_XATTR_NAME + 1) > DFS_MAX_XATTR_NAME ? EINVAL : 0;
}

// Where only the attribute can be what is missing.
int xattr_errno(const Status& status) { return status.code() == Code::kNotFound ? ENODATA : to_errno(status); }

// What a question for a value or list gets: -1, it doesn't fit, as for getxattr(2).
int give_bytes(ByteView value, void* out, daos_size_t* size) {
  const daos_size_t room = out == nullptr ? 0 : *size;
  *size = value.size();
  if (room == 0) return 0;
  if (room < value.size()) return ERANGE;
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
  return 0;
}

Task<int> set_xattr(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, std::string name, Bytes value,
                    dfs::XattrSet how) {
  co_return xattr_errno(co_await files->set_xattr(std::move(node), std::move(name), std::move(value), how));
}

Task<int> get_xattr(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, std::string name, void* out,
                    daos_size_t* size) {
  const auto value = co_await files->get_xattr(std::move(node), std::move(name));
  if (!value) co_return xattr_errno(value.status());
  co_return give_bytes(*value, out, size);
}

Task<int> remove_xattr(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, std::string name) {
  co_return xattr_errno(co_await files->remove_xattr(std::move(node), std::move(name)));
}

Task<int> list_xattrs(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, char* out, daos_size_t* size) {
  const auto names = co_await files->list_xattrs(std::move(node));
  if (!names) co_return to_errno(names);
  std::string list;
  for (const std::string& name : *names) list.append(name).push_back('\0');
  co_return give_bytes(as_bytes(list), out, size);
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int dfs_stat(dfs_t* dfs, dfs_obj_t* parent, const char* name, struct stat* stbuf) {
  Entry entry;
  if (stbuf == nullptr) return EINVAL;
  if (name == nullptr) {
    if (!read_parent(dfs, parent, &entry.directory)) return EINVAL;
  } else {
    const int rc = read_entry(dfs, parent, name, &entry);
    if (rc != 0) return rc;
  }
  return run_files(dfs, stat_entry(dfs->files, std::move(entry), stbuf));
}

int dfs_ostat(dfs_t* dfs, dfs_obj_t* obj, struct stat* stbuf) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || stbuf == nullptr) return EINVAL;
  return run_files(dfs, stat_node(dfs->files, obj->node, stbuf));
}

int dfs_osetattr(dfs_t* dfs, dfs_obj_t* obj, struct stat* stbuf, int flags) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || stbuf == nullptr) return EINVAL;
  aeon::dfs::AttributeChanges changes;
  const int rc = read_changes(*obj->node, *stbuf, flags, &changes);
  return rc != 0 ? rc : run_files(dfs, set_node(dfs->files, obj->node, std::move(changes), stbuf));
}

int dfs_access(dfs_t* dfs, dfs_obj_t* parent, const char* name, int mask) {
  Entry entry;
  int rc = 0;
  if (name == nullptr) {
    rc = read_parent(dfs, parent, &entry.directory) ? 0 : EINVAL;
  } else {
    rc = read_entry(dfs, parent, name, &entry);
  }
  if (rc != 0) return rc;
  if ((mask & ~(R_OK | W_OK | X_OK)) != 0) return EINVAL;
  if ((mask & W_OK) != 0 && dfs->files->is_read_only()) return EROFS;
  return run_files(dfs, check_access(dfs->files, std::move(entry), static_cast<uint32_t>(mask)));
}

int dfs_chmod(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  return rc != 0 ? rc : run_files(dfs, change_mode(dfs->files, std::move(entry), mode));
}

int dfs_chown(dfs_t* dfs, dfs_obj_t* parent, const char* name, uid_t uid, gid_t gid, int flags) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  if (rc != 0) return rc;
  if ((flags & ~O_NOFOLLOW) != 0) return EINVAL;
  aeon::dfs::AttributeChanges changes;
  if (uid != static_cast<uid_t>(-1)) changes.user = uid;
  if (gid != static_cast<gid_t>(-1)) changes.group = gid;
  const bool follow = (flags & O_NOFOLLOW) == 0;
  return run_files(dfs, change_owner(dfs->files, std::move(entry), std::move(changes), follow));
}

int dfs_setxattr(dfs_t* dfs, dfs_obj_t* obj, const char* name, const void* value, daos_size_t size, int flags) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || (value == nullptr && size != 0)) return EINVAL;
  const int rc = check_xattr_name(name);
  if (rc != 0) return rc;
  if (size > DFS_MAX_XATTR_LEN) return E2BIG;
  if (flags != 0 && flags != XATTR_CREATE && flags != XATTR_REPLACE) return EINVAL;
  const auto how = flags == XATTR_CREATE    ? aeon::dfs::XattrSet::kMustCreate
                   : flags == XATTR_REPLACE ? aeon::dfs::XattrSet::kMustReplace
                                            : aeon::dfs::XattrSet::kAny;
  const auto* bytes = static_cast<const std::byte*>(value);
  return run_files(dfs, set_xattr(dfs->files, obj->node, name, aeon::Bytes(bytes, bytes + size), how));
}

int dfs_getxattr(dfs_t* dfs, dfs_obj_t* obj, const char* name, void* value, daos_size_t* size) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || size == nullptr) return EINVAL;
  const int rc = check_xattr_name(name);
  return rc != 0 ? rc : run_files(dfs, get_xattr(dfs->files, obj->node, name, value, size));
}

int dfs_removexattr(dfs_t* dfs, dfs_obj_t* obj, const char* name) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs)) return EINVAL;
  const int rc = check_xattr_name(name);
  return rc != 0 ? rc : run_files(dfs, remove_xattr(dfs->files, obj->node, name));
}

int dfs_listxattr(dfs_t* dfs, dfs_obj_t* obj, char* list, daos_size_t* size) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || size == nullptr) return EINVAL;
  return run_files(dfs, list_xattrs(dfs->files, obj->node, list, size));
}
