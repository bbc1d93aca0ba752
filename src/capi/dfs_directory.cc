// Reading and changing directories.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "anchor.h"
#include "dfs_mount.h"

#include <daos_errno.h>
#include <gurt/common.h>

namespace aeon::capi {
namespace {

constexpr uint32_t kEntriesInAPage = 16 * 1024;

int check_directory(const dfs_t* dfs, const dfs_obj_t* obj) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs)) return EINVAL;
  return obj->node->is_directory() ? 0 : ENOTDIR;
}

int read_place(const daos_anchor_t* anchor, const uint32_t* nr, Anchor* from) {
  if (anchor == nullptr || nr == nullptr || *nr == 0) return EINVAL;
  int error = 0;
  auto loaded = load_anchor(*anchor, &error);
  if (!loaded) return daos_der2errno(error);
  *from = std::move(*loaded);
  return 0;
}

// One page that isn't empty, or the end.
Task<Result<dfs::DirectoryPage>> read_entries(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer directory,
                                              Anchor from, uint32_t count_max, dfs::EntryDetail detail) {
  dfs::DirectoryPage page;
  page.next = std::move(from);
  while (page.entries.empty() && !page.next.is_end) {
    auto next = co_await files->read_directory(directory, page.next, std::min(count_max, kEntriesInAPage), detail);
    if (!next) co_return next.status();
    page = std::move(*next);
  }
  co_return page;
}

Task<int> read_directory(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, Anchor from, uint32_t* nr,
                         struct dirent* dirs, struct stat* stbufs, daos_anchor_t* anchor) {
  const auto detail = stbufs == nullptr ? dfs::EntryDetail::kNames : dfs::EntryDetail::kAttributes;
  const auto page = co_await read_entries(std::move(files), std::move(node), std::move(from), *nr, detail);
  if (!page) co_return to_errno(page);
  for (size_t i = 0; i < page->entries.size(); ++i) {
    const dfs::DirectoryEntry& entry = page->entries[i];
    const size_t length = entry.name.copy(dirs[i].d_name, sizeof dirs[i].d_name - 1);
    dirs[i].d_name[length] = '\0';
    if (stbufs != nullptr) stbufs[i] = to_stat(entry.attributes.value_or(dfs::Attributes()));
  }
  *nr = static_cast<uint32_t>(page->entries.size());
  store_anchor(anchor, page->next);
  co_return 0;
}

Task<int> read_names(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, Anchor from, uint32_t count_max,
                     dfs::DirectoryPage* out) {
  auto page =
      co_await read_entries(std::move(files), std::move(node), std::move(from), count_max, dfs::EntryDetail::kNames);
  if (page) *out = std::move(*page);
  co_return to_errno(page);
}

// Names with their NULs that fit into `size` bytes.
uint32_t fitting_names(const dfs::DirectoryPage& page, size_t size) {
  uint32_t count = 0;
  for (const dfs::DirectoryEntry& entry : page.entries) {
    if (entry.name.size() + 1 > size) break;
    size -= entry.name.size() + 1;
    ++count;
  }
  return count;
}

// The place behind `count` entries from `from` on, which come in more than one page only if the directory changes.
int skip_entries(dfs_t* mount, const dfs::NodePointer& node, uint32_t count, Anchor* from) {
  while (count > 0 && !from->is_end) {
    dfs::DirectoryPage page;
    const int rc = run_files(mount, read_names(mount->files, node, *from, count, &page));
    if (rc != 0) return rc;
    count -= std::min<uint32_t>(count, static_cast<uint32_t>(page.entries.size()));
    *from = page.next;
  }
  return 0;
}

Task<int> make_directory(std::shared_ptr<dfs::FileSystem> files, Entry entry, dfs::CreateOptions options) {
  const auto made = co_await files->mkdir(std::move(entry.directory), std::move(entry.name), std::move(options));
  co_return to_errno(made);
}

// The object that an entry names; nil if there is none.
Task<Result<ObjectId>> object_of(std::shared_ptr<dfs::FileSystem> files, Entry entry) {
  const auto node = co_await files->lookup_in(std::move(entry.directory), std::move(entry.name));
  if (node) co_return (*node)->object();
  if (node.code() == Code::kNotFound) co_return ObjectId{};
  co_return node.status();
}

Task<int> remove_entry(std::shared_ptr<dfs::FileSystem> files, Entry entry, bool force, daos_obj_id_t* oid) {
  ObjectId object;
  if (oid != nullptr) {
    const auto found = co_await object_of(files, entry);
    if (!found) co_return to_errno(found);
    object = *found;
  }
  auto removal = force ? files->remove_all(std::move(entry.directory), std::move(entry.name))
                       : files->remove(std::move(entry.directory), std::move(entry.name));
  const Status removed = co_await removal;
  if (removed.is_ok() && oid != nullptr) *oid = to_oid(object);
  co_return to_errno(removed);
}

Task<int> move_entry(std::shared_ptr<dfs::FileSystem> files, Entry from, Entry to, daos_obj_id_t* oid) {
  ObjectId replaced;
  if (oid != nullptr) {
    const auto found = co_await object_of(files, to);
    if (!found) co_return to_errno(found);
    replaced = *found;
  }
  const Status moved = co_await files->move(std::move(from.directory), std::move(from.name), std::move(to.directory),
                                            std::move(to.name));
  if (moved.is_ok() && oid != nullptr) *oid = to_oid(replaced);
  co_return to_errno(moved);
}

Task<int> exchange_entries(std::shared_ptr<dfs::FileSystem> files, Entry a, Entry b) {
  const Status status =
      co_await files->exchange(std::move(a.directory), std::move(a.name), std::move(b.directory), std::move(b.name));
  co_return to_errno(status);
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int dfs_readdir(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, struct dirent* dirs) {
  int rc = check_directory(dfs, obj);
  aeon::Anchor from;
  if (rc == 0) rc = read_place(anchor, nr, &from);
  if (rc != 0) return rc;
  if (dirs == nullptr) return EINVAL;
  return run_files(dfs, read_directory(dfs->files, obj->node, std::move(from), nr, dirs, nullptr, anchor));
}

int dfs_readdirplus(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, struct dirent* dirs,
                    struct stat* stbufs) {
  int rc = check_directory(dfs, obj);
  aeon::Anchor from;
  if (rc == 0) rc = read_place(anchor, nr, &from);
  if (rc != 0) return rc;
  if (dirs == nullptr || stbufs == nullptr) return EINVAL;
  return run_files(dfs, read_directory(dfs->files, obj->node, std::move(from), nr, dirs, stbufs, anchor));
}

int dfs_iterate(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, size_t size, dfs_filler_cb_t op,
                void* arg) {
  int rc = check_directory(dfs, obj);
  aeon::Anchor from;
  if (rc == 0) rc = read_place(anchor, nr, &from);
  aeon::dfs::DirectoryPage page;
  if (rc == 0) rc = run_files(dfs, read_names(dfs->files, obj->node, from, *nr, &page));
  if (rc != 0) return rc;
  const uint32_t fitting = fitting_names(page, size);
  if (fitting == 0 && !page.entries.empty()) return E2BIG;

  // Outside the executor, since callbacks may call anything.
  uint32_t count = 0;
  while (count < fitting && rc == 0) {
    const std::string& name = page.entries[count++].name;
    if (op != nullptr) rc = op(dfs, obj, name.c_str(), arg);
  }
  *nr = count;
  if (count == page.entries.size()) {
    from = page.next;
  } else {
    const int skipped = skip_entries(dfs, obj->node, count, &from);
    if (skipped != 0) return rc != 0 ? rc : skipped;
  }
  store_anchor(anchor, from);
  return rc;
}

int dfs_mkdir(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode, daos_oclass_id_t cid) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  if (rc != 0) return rc;
  aeon::dfs::CreateOptions options;
  options.mode = mode & 07777;
  options.object_class = cid;
  return run_files(dfs, make_directory(dfs->files, std::move(entry), std::move(options)));
}

int dfs_remove(dfs_t* dfs, dfs_obj_t* parent, const char* name, bool force, daos_obj_id_t* oid) {
  Entry entry;
  const int rc = read_entry(dfs, parent, name, &entry);
  return rc != 0 ? rc : run_files(dfs, remove_entry(dfs->files, std::move(entry), force, oid));
}

int dfs_move(dfs_t* dfs, dfs_obj_t* parent, const char* name, dfs_obj_t* new_parent, const char* new_name,
             daos_obj_id_t* oid) {
  Entry from;
  Entry to;
  int rc = read_entry(dfs, parent, name, &from);
  if (rc == 0) rc = read_entry(dfs, new_parent, new_name, &to);
  return rc != 0 ? rc : run_files(dfs, move_entry(dfs->files, std::move(from), std::move(to), oid));
}

int dfs_exchange(dfs_t* dfs, dfs_obj_t* parent1, const char* name1, dfs_obj_t* parent2, const char* name2) {
  Entry a;
  Entry b;
  int rc = read_entry(dfs, parent1, name1, &a);
  if (rc == 0) rc = read_entry(dfs, parent2, name2, &b);
  return rc != 0 ? rc : run_files(dfs, exchange_entries(dfs->files, std::move(a), std::move(b)));
}
