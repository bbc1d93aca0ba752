// A mount and an open entry, as programs hold them, and what all dfs_* calls begin with.
#pragma once

#include <memory>
#include <string>

#include "dfs/file_system.h"
#include "dfs_names.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

// From here on the functions that this module defines as dfs_name() are aeon_dfs_name() to the linker.
extern "C" {
#define AEON_LABEL(name) decltype(name) name __asm__("aeon_" #name);
AEON_FOREACH_DFS_FUNCTION(AEON_LABEL)
#undef AEON_LABEL
}

struct dfs {
  static constexpr uint64_t kMark = 0xae0e'd15c'0000'0001;

  uint64_t mark = kMark;
  aeon::capi::Inside inside;  // It has the system in use, so the library can't end before it.
  std::shared_ptr<aeon::capi::ContainerHandle> container;
  daos_handle_t poh{};
  daos_handle_t coh{};
  bool is_connected = false;  // Made by dfs_connect(): the handles end with it.
  std::shared_ptr<aeon::dfs::FileSystem> files;
  std::string prefix;

  ~dfs() { mark = 0; }
};

struct dfs_obj {
  static constexpr uint64_t kMark = 0xae0e'd15c'0000'0002;

  uint64_t mark = kMark;
  dfs_t* mount = nullptr;
  aeon::dfs::NodePointer node;
  aeon::dfs::NodePointer directory;  // Where its entry was when it was opened, if that is known; null for the root.
  bool is_in_root = false;           // `directory` is null because it is the root.
  daos_handle_t array{};             // Given out by dfs_get_file_oh().

  ~dfs_obj() { mark = 0; }
};

namespace aeon::capi {

// C programs lose track of pointers; most of what isn't alive, or of the other kind, is told by its mark.
inline bool is_mount(const dfs_t* dfs) {
  return dfs != nullptr && dfs->mark == dfs_t::kMark && dfs->inside.is_of_this_process();
}
inline bool is_object(const dfs_obj_t* obj) { return obj != nullptr && obj->mark == dfs_obj_t::kMark; }
inline bool is_object_of(const dfs_obj_t* obj, const dfs_t* dfs) { return is_object(obj) && obj->mount == dfs; }

// The directory that a call means by `parent`: null for the root. False if it is none of this mount.
bool read_parent(const dfs_t* dfs, const dfs_obj_t* parent, dfs::NodePointer* directory);
// 0, EINVAL, ENAMETOOLONG.
int check_name(const char* name);

// Mount, directory and name at once, for the calls that work on an entry.
struct Entry {
  dfs::NodePointer directory;
  std::string name;
};
int read_entry(const dfs_t* dfs, const dfs_obj_t* parent, const char* name, Entry* entry);

// Runs `work`, whose result is an errno, as run_operation() does.
int run_files(const dfs_t* dfs, Task<int> work, daos_event_t* ev = nullptr);

// Names that are too long are ENAMETOOLONG where they aren't told before.
int name_errno(const Status& status);

dfs::OpenMode open_mode_of(int flags);
// What fstat says of it.
struct stat to_stat(const dfs::Attributes& attributes);
// Makes the pointer that a program gets. `directory` as in dfs_obj.
dfs_obj_t* make_object(dfs_t* dfs, dfs::NodePointer node, dfs::NodePointer directory, bool is_in_root);

}  // namespace aeon::capi
