// The functions of libdfs, which is a door: its dfs_name() goes on to aeon_dfs_name() in libdaos.
//
// Both libraries work on the same handles, events and systems, so these must exist once in a process. They live in
// libdaos, and a libdfs with code of its own would need much of its inside exported. This is one name each.
#pragma once

#include <daos_fs.h>

// clang-format off
#define AEON_FOREACH_DFS_FUNCTION(X) \
  X(dfs_access) X(dfs_chmod) X(dfs_chown) X(dfs_connect) X(dfs_connect_snap) X(dfs_cont_create) \
  X(dfs_cont_create_with_label) X(dfs_cont_get) X(dfs_cont_put) X(dfs_destroy) X(dfs_disconnect) X(dfs_dup) \
  X(dfs_exchange) X(dfs_fini) X(dfs_get_chunk_size) X(dfs_get_file_oh) X(dfs_get_mode) X(dfs_get_size) \
  X(dfs_get_symlink_value) X(dfs_getxattr) X(dfs_init) X(dfs_iterate) X(dfs_listxattr) X(dfs_lookup) \
  X(dfs_lookup_rel) X(dfs_mkdir) X(dfs_mount) X(dfs_mount_snap) X(dfs_move) X(dfs_obj2id) \
  X(dfs_obj_get_info) X(dfs_obj_set_chunk_size) X(dfs_obj_set_oclass) X(dfs_open) X(dfs_osetattr) \
  X(dfs_ostat) X(dfs_pool_get) X(dfs_pool_put) X(dfs_punch) X(dfs_query) X(dfs_read) X(dfs_readdir) \
  X(dfs_readdirplus) X(dfs_readx) X(dfs_release) X(dfs_remove) X(dfs_removexattr) X(dfs_set_prefix) \
  X(dfs_setxattr) X(dfs_stat) X(dfs_suggest_oclass) X(dfs_sync) X(dfs_umount) X(dfs_update_parent) \
  X(dfs_write) X(dfs_writex)
// clang-format on
