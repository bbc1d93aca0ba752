// Opening files, directories and symbolic links, and what is known of an open one.
#include <daos_errno.h>
#include <gurt/common.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dfs_mount.h"

namespace aeon::capi {
namespace {

struct Opened {
  dfs_obj_t** object = nullptr;
  mode_t* mode = nullptr;
  struct stat* stbuf = nullptr;
};

// Gives the program its object and what else it asked for.
Task<int> give_opened(dfs_t* mount, dfs::NodePointer node, dfs::NodePointer directory, bool is_in_root, Opened out) {
  if (out.stbuf != nullptr) {
    const auto attributes = co_await mount->files->stat(node);
    if (!attributes) co_return to_errno(attributes);
    *out.stbuf = to_stat(*attributes);
  }
  if (out.mode != nullptr) *out.mode = node->mode();
  *out.object = make_object(mount, std::move(node), std::move(directory), is_in_root);
  co_return 0;
}

// Where the entry of `node` is, if the last element of `path` is that entry and not a link to it.
Task<dfs::NodePointer> directory_of(std::shared_ptr<dfs::FileSystem> files, std::string path, dfs::NodePointer node) {
  const auto place = co_await files->lookup_parent(std::move(path));
  if (!place || place->directory == nullptr) co_return nullptr;
  co_return place->directory->object() == node->parent() && place->name == node->name() ? place->directory : nullptr;
}

Task<int> lookup(dfs_t* mount, std::string path, int flags, Opened out) {
  auto node = co_await mount->files->lookup(path, open_mode_of(flags), (flags & O_NOFOLLOW) == 0);
  if (!node) co_return name_errno(node.status());
  auto directory = co_await directory_of(mount->files, std::move(path), *node);
  const int rc = co_await give_opened(mount, std::move(*node), std::move(directory), false, out);
  co_return rc;
}

Task<int> lookup_entry(dfs_t* mount, Entry entry, int flags, Opened out) {
  auto node = co_await mount->files->lookup_in(entry.directory, std::move(entry.name), open_mode_of(flags));
  if (!node) co_return to_errno(node);
  const bool is_in_root = entry.directory == nullptr;
  const int rc = co_await give_opened(mount, std::move(*node), std::move(entry.directory), is_in_root, out);
  co_return rc;
}

struct Opening {
  mode_t mode = 0;
  int flags = 0;
  dfs::CreateOptions create;
  std::string target;
};

Task<Result<dfs::NodePointer>> open_file(std::shared_ptr<dfs::FileSystem> files, Entry entry, Opening how) {
  dfs::OpenOptions options;
  options.mode = open_mode_of(how.flags);
  options.truncate = (how.flags & O_TRUNC) != 0;
  if ((how.flags & O_CREAT) != 0) {
    options.creation = (how.flags & O_EXCL) != 0 ? dfs::Creation::kMustCreate : dfs::Creation::kIfMissing;
  }
  options.create = how.create;
  auto node = co_await files->open(std::move(entry.directory), std::move(entry.name), std::move(options));
  co_return node;
}

// A directory or symbolic link, which is created first if that is asked for.
Task<Result<dfs::NodePointer>> open_other(std::shared_ptr<dfs::FileSystem> files, Entry entry, Opening how) {
  const bool wants_directory = S_ISDIR(how.mode);
  if ((how.flags & O_CREAT) != 0) {
    auto created = wants_directory ? files->mkdir(entry.directory, entry.name, how.create)
                                   : files->symlink(entry.directory, entry.name, how.target, how.create);
    auto node = co_await created;
    if (node || node.code() != Code::kExists || (how.flags & O_EXCL) != 0) co_return node;
  }
  auto node = co_await files->lookup_in(entry.directory, entry.name, open_mode_of(how.flags));
  if (!node) co_return node;
  const auto type = (*node)->type();
  if (wants_directory && type != dfs::NodeType::kDirectory) co_return Status(Code::kNotDirectory, entry.name);
  if (!wants_directory && type != dfs::NodeType::kSymlink) co_return Status(Code::kInvalidArgument, entry.name);
  co_return node;
}

Task<int> open_entry(dfs_t* mount, Entry entry, Opening how, dfs_obj_t** object) {
  dfs::NodePointer directory = entry.directory;
  auto opening = S_ISREG(how.mode) ? open_file(mount->files, std::move(entry), std::move(how))
                                   : open_other(mount->files, std::move(entry), std::move(how));
  auto node = co_await opening;
  if (!node) co_return name_errno(node.status());
  const bool is_in_root = directory == nullptr;
  *object = make_object(mount, std::move(*node), std::move(directory), is_in_root);
  co_return 0;
}

Task<int> duplicate(dfs_t* mount, dfs_obj_t* object, int flags, dfs_obj_t** copy) {
  auto node = co_await mount->files->duplicate(object->node, open_mode_of(flags));
  if (!node) co_return to_errno(node);
  *copy = make_object(mount, std::move(*node), object->directory, object->is_in_root);
  co_return 0;
}

Task<int> drop_object(std::unique_ptr<dfs_obj_t> object) {
  object.reset();
  co_return 0;
}

Task<int> move_to(dfs_t* mount, dfs_obj_t* object, dfs::NodePointer directory, bool is_in_root, std::string name) {
  const Status status = co_await mount->files->update_parent(object->node, directory, std::move(name));
  if (!status.is_ok()) co_return to_errno(status);
  object->directory = std::move(directory);
  object->is_in_root = is_in_root;
  co_return 0;
}

// `path` as the file system has it, without what the program believes is before it.
int read_path(const dfs_t* dfs, const char* path, std::string* out) {
  if (!is_mount(dfs) || path == nullptr || path[0] != '/') return EINVAL;
  const size_t size = strnlen(path, DFS_MAX_PATH);
  if (size == DFS_MAX_PATH) return ENAMETOOLONG;
  out->assign(path, size);
  const size_t prefix_size = dfs->prefix.size();
  if (prefix_size != 0 && out->starts_with(dfs->prefix) && (size == prefix_size || (*out)[prefix_size] == '/')) {
    out->erase(0, prefix_size);
    if (out->empty()) *out = "/";
  }
  return 0;
}

bool is_access(int flags) { return (flags & O_ACCMODE) != O_ACCMODE; }

Task<int> read_node_info(dfs_t* mount, dfs::NodePointer node, dfs_obj_info_t* info) {
  const auto found = co_await mount->files->node_info(std::move(node));
  if (!found) co_return to_errno(found);
  info->doi_oclass_id = found->object_class;
  info->doi_chunk_size = found->chunk_size;
  info->doi_dir_oclass_id = found->directory_class;
  info->doi_file_oclass_id = found->file_class;
  info->doi_oid = to_oid(found->object);
  co_return 0;
}

Task<int> set_class(dfs_t* mount, dfs::NodePointer directory, daos_oclass_id_t class_id) {
  co_return to_errno(co_await mount->files->set_object_class(std::move(directory), class_id));
}

Task<int> set_chunk(dfs_t* mount, dfs::NodePointer directory, daos_size_t chunk_size) {
  co_return to_errno(co_await mount->files->set_chunk_size(std::move(directory), chunk_size));
}

Task<int> open_file_array(dfs_obj_t* object) {
  const auto array = co_await object->mount->files->array(object->node);
  if (!array) co_return to_errno(array);
  auto handle = std::make_shared<ArrayHandle>();
  handle->container = object->mount->container;
  handle->id = array->object();
  handle->is_writable = object->node->open_mode() == dfs::OpenMode::kReadWrite;
  handle->cell_size = array->cell_size();
  handle->chunk_cells = array->chunk_cells();
  co_return daos_der2errno(give_handle(std::move(handle), &object->array));
}

int check_new_class(daos_oclass_id_t class_id) {
  char name[MAX_OBJ_CLASS_NAME_LEN];
  return class_id == OC_UNKNOWN || daos_oclass_id2name(class_id, name) == 0 ? 0 : EINVAL;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int dfs_lookup(dfs_t* dfs, const char* path, int flags, dfs_obj_t** obj, mode_t* mode, struct stat* stbuf) {
  std::string wanted;
  const int rc = read_path(dfs, path, &wanted);
  if (rc != 0) return rc;
  if (obj == nullptr || !is_access(flags)) return EINVAL;
  const Opened out{.object = obj, .mode = mode, .stbuf = stbuf};
  return run_files(dfs, lookup(dfs, std::move(wanted), flags, out));
}

int dfs_lookup_rel(dfs_t* dfs, dfs_obj_t* parent, const char* name, int flags, dfs_obj_t** obj, mode_t* mode,
                   struct stat* stbuf) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  if (rc != 0) return rc;
  if (obj == nullptr || !is_access(flags)) return EINVAL;
  const Opened out{.object = obj, .mode = mode, .stbuf = stbuf};
  return run_files(dfs, lookup_entry(dfs, std::move(entry), flags, out));
}

int dfs_open(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode, int flags, daos_oclass_id_t cid,
             daos_size_t chunk_size, const char* value, dfs_obj_t** obj) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  if (rc != 0) return rc;
  if (obj == nullptr || !is_access(flags)) return EINVAL;
  if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode)) return EINVAL;
  if ((flags & O_APPEND) != 0) return ENOTSUP;
  if (chunk_size > aeon::dfs::kChunkSizeMax || check_new_class(cid) != 0) return EINVAL;
  Opening how;
  how.mode = mode;
  how.flags = flags;
  how.create.mode = mode & 07777;
  how.create.chunk_size = chunk_size;
  how.create.object_class = cid;
  if (S_ISLNK(mode) && (flags & O_CREAT) != 0) {
    if (value == nullptr || value[0] == '\0') return EINVAL;
    if (strnlen(value, DFS_MAX_PATH) == DFS_MAX_PATH) return ENAMETOOLONG;
    how.target = value;
  }
  return run_files(dfs, open_entry(dfs, std::move(entry), std::move(how), obj));
}

int dfs_dup(dfs_t* dfs, dfs_obj_t* obj, int flags, dfs_obj_t** new_obj) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || new_obj == nullptr || !is_access(flags)) return EINVAL;
  return run_files(dfs, duplicate(dfs, obj, flags, new_obj));
}

int dfs_release(dfs_obj_t* obj) {
  if (!is_object(obj) || !is_mount(obj->mount)) return EINVAL;
  const Inside inside;
  if (!inside) return EACCES;
  if (daos_handle_is_valid(obj->array)) handles().remove<ArrayHandle>(obj->array);
  const dfs_t* mount = obj->mount;
  return run_files(mount, drop_object(std::unique_ptr<dfs_obj_t>(obj)));
}

int dfs_obj2id(dfs_obj_t* obj, daos_obj_id_t* oid) {
  if (!is_object(obj) || oid == nullptr) return EINVAL;
  *oid = to_oid(obj->node->object());
  return 0;
}

int dfs_get_mode(dfs_obj_t* obj, mode_t* mode) {
  if (!is_object(obj) || mode == nullptr) return EINVAL;
  *mode = obj->node->mode();
  return 0;
}

int dfs_obj_get_info(dfs_t* dfs, dfs_obj_t* obj, dfs_obj_info_t* info) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || info == nullptr) return EINVAL;
  return run_files(dfs, read_node_info(dfs, obj->node, info));
}

int dfs_obj_set_oclass(dfs_t* dfs, dfs_obj_t* obj, int flags, daos_oclass_id_t cid) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || flags != 0 || check_new_class(cid) != 0) return EINVAL;
  if (!obj->node->is_directory()) return ENOTSUP;
  return run_files(dfs, set_class(dfs, obj->node, cid));
}

int dfs_obj_set_chunk_size(dfs_t* dfs, dfs_obj_t* obj, int flags, daos_size_t csize) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs) || flags != 0 || csize > aeon::dfs::kChunkSizeMax) return EINVAL;
  if (!obj->node->is_directory()) return ENOTSUP;
  return run_files(dfs, set_chunk(dfs, obj->node, csize));
}

int dfs_suggest_oclass(dfs_t* dfs, const char* hint, daos_oclass_id_t* cid) {
  if (!is_mount(dfs) || hint == nullptr || cid == nullptr ||
      strnlen(hint, DAOS_CONT_HINT_MAX_LEN) == DAOS_CONT_HINT_MAX_LEN) {
    return EINVAL;
  }
  const auto chosen = aeon::dfs::FileSystem::suggest_class(hint);
  if (chosen) *cid = *chosen;
  return to_errno(chosen);
}

int dfs_get_file_oh(dfs_obj_t* obj, daos_handle_t* oh) {
  if (!is_object(obj) || !is_mount(obj->mount) || oh == nullptr) return EINVAL;
  const Inside inside;
  if (!inside) return EACCES;
  if (daos_handle_is_inval(obj->array)) {
    const int rc = run_files(obj->mount, open_file_array(obj));
    if (rc != 0) return rc;
  }
  *oh = obj->array;
  return 0;
}

int dfs_get_chunk_size(dfs_obj_t* obj, daos_size_t* chunk_size) {
  if (!is_object(obj) || chunk_size == nullptr || obj->node->type() != aeon::dfs::NodeType::kFile) return EINVAL;
  *chunk_size = obj->node->chunk_size();
  return 0;
}

int dfs_get_symlink_value(dfs_obj_t* obj, char* buf, daos_size_t* size) {
  if (!is_object(obj) || size == nullptr || obj->node->type() != aeon::dfs::NodeType::kSymlink) return EINVAL;
  const std::string& target = obj->node->symlink_target();
  if (buf != nullptr) std::memcpy(buf, target.c_str(), std::min<size_t>(*size, target.size() + 1));
  *size = target.size() + 1;
  return 0;
}

int dfs_update_parent(dfs_obj_t* obj, dfs_obj_t* src_obj, const char* name) {
  if (!is_object(obj) || !is_object_of(src_obj, obj->mount) || !is_mount(obj->mount)) return EINVAL;
  if (src_obj->directory == nullptr && !src_obj->is_in_root) return EINVAL;
  std::string new_name = src_obj->node->name();
  if (name != nullptr) {
    const int rc = check_name(name);
    if (rc != 0) return rc;
    new_name = name;
  }
  return run_files(obj->mount, move_to(obj->mount, obj, src_obj->directory, src_obj->is_in_root, std::move(new_name)));
}
