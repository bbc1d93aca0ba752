// A program in plain C: every header compiles there and every function has the signature that programs
// written for DAOS expect. cpp_headers_test.cc compiles this file as C++.

#include "c_headers_test.h"

#include <daos.h>
#include <daos_fs.h>
#include <gurt/common.h>

#ifdef __cplusplus
#include <type_traits>
#define SIGNATURE(function, ...) static_assert(std::is_same<decltype(function), __VA_ARGS__>::value, #function);
#else
#define SIGNATURE(function, ...) \
  extern char function##_differs[__builtin_types_compatible_p(__typeof__(function), __VA_ARGS__) ? 1 : -1];
#endif

SIGNATURE(d_iov_set, void(d_iov_t*, void*, size_t))
SIGNATURE(d_errstr, const char*(int))
SIGNATURE(d_errdesc, const char*(int))
SIGNATURE(daos_handle_is_inval, bool(daos_handle_t))
SIGNATURE(daos_handle_is_valid, bool(daos_handle_t))
SIGNATURE(daos_key_is_null, bool(daos_key_t))
SIGNATURE(daos_is_valid_uuid_string, bool(const char*, int))
SIGNATURE(daos_tx_open, int(daos_handle_t, daos_handle_t*, uint64_t, daos_event_t*))
SIGNATURE(daos_tx_commit, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_tx_abort, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_tx_restart, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_tx_open_snap, int(daos_handle_t, daos_epoch_t, daos_handle_t*, daos_event_t*))
SIGNATURE(daos_tx_close, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_tx_hdl2epoch, int(daos_handle_t, daos_epoch_t*))
SIGNATURE(daos_anchor_init, int(daos_anchor_t*, unsigned int))
SIGNATURE(daos_anchor_fini, void(daos_anchor_t*))
SIGNATURE(daos_anchor_is_eof, bool(daos_anchor_t*))
SIGNATURE(daos_eq_create, int(daos_handle_t*))
SIGNATURE(daos_eq_destroy, int(daos_handle_t, int))
SIGNATURE(daos_eq_poll, int(daos_handle_t, int, int64_t, unsigned int, daos_event_t**))
SIGNATURE(daos_eq_query, int(daos_handle_t, daos_eq_query_t, unsigned int, daos_event_t**))
SIGNATURE(daos_event_init, int(daos_event_t*, daos_handle_t, daos_event_t*))
SIGNATURE(daos_event_fini, int(daos_event_t*))
SIGNATURE(daos_event_next, daos_event_t*(daos_event_t*, daos_event_t*))
SIGNATURE(daos_event_test, int(struct daos_event*, int64_t, bool*))
SIGNATURE(daos_event_register_comp_cb, int(struct daos_event*, daos_event_comp_cb_t, void*))
SIGNATURE(daos_event_parent_barrier, int(struct daos_event*))
SIGNATURE(daos_event_abort, int(daos_event_t*))
SIGNATURE(daos_oclass_name2id, int(const char*))
SIGNATURE(daos_oclass_id2name, int(daos_oclass_id_t, char*))
SIGNATURE(daos_oclass_names_list, ssize_t(size_t, char*))
SIGNATURE(daos_oclass_nr, int(int))
SIGNATURE(daos_rf_is_valid, bool(unsigned long long))
SIGNATURE(daos_prop_co_status_2_val, uint64_t(struct daos_co_status*))
SIGNATURE(daos_prop_val_2_co_status, void(uint64_t, struct daos_co_status*))
SIGNATURE(daos_label_is_valid, bool(const char*))
SIGNATURE(daos_prop_alloc, daos_prop_t*(uint32_t))
SIGNATURE(daos_prop_fini, void(daos_prop_t*))
SIGNATURE(daos_prop_free, void(daos_prop_t*))
SIGNATURE(daos_prop_from_str, int(const char*, daos_size_t, daos_prop_t**))
SIGNATURE(daos_prop_merge2, int(daos_prop_t*, daos_prop_t*, daos_prop_t**))
SIGNATURE(daos_prop_merge, daos_prop_t*(daos_prop_t*, daos_prop_t*))
SIGNATURE(daos_prop_entry_get, struct daos_prop_entry*(daos_prop_t*, uint32_t))
SIGNATURE(daos_prop_has_str, bool(struct daos_prop_entry*))
SIGNATURE(daos_prop_has_ptr, bool(struct daos_prop_entry*))
SIGNATURE(daos_prop_set_str, int(daos_prop_t*, uint32_t, const char*, daos_size_t))
SIGNATURE(daos_prop_entry_set_str, int(struct daos_prop_entry*, const char*, daos_size_t))
SIGNATURE(daos_prop_set_ptr, int(daos_prop_t*, uint32_t, const void*, daos_size_t))
SIGNATURE(daos_prop_entry_set_ptr, int(struct daos_prop_entry*, const void*, daos_size_t))
SIGNATURE(daos_prop_entry_dup_ptr, int(struct daos_prop_entry*, struct daos_prop_entry*, size_t))
SIGNATURE(daos_prop_entry_dup_co_roots, int(struct daos_prop_entry*, struct daos_prop_entry*))
SIGNATURE(daos_prop_entry_cmp_acl, int(struct daos_prop_entry*, struct daos_prop_entry*))
SIGNATURE(daos_prop_is_set, bool(struct daos_prop_entry*))
SIGNATURE(daos_otype_t_is_valid, bool(enum daos_otype_t))
SIGNATURE(daos_is_dkey_lexical_type, bool(enum daos_otype_t))
SIGNATURE(daos_is_akey_lexical_type, bool(enum daos_otype_t))
SIGNATURE(daos_is_array_type, bool(enum daos_otype_t))
SIGNATURE(daos_is_kv_type, bool(enum daos_otype_t))
SIGNATURE(daos_is_dkey_uint64_type, bool(enum daos_otype_t))
SIGNATURE(daos_is_akey_uint64_type, bool(enum daos_otype_t))
SIGNATURE(daos_obj_id2type, enum daos_otype_t(daos_obj_id_t))
SIGNATURE(daos_is_dkey_lexical, bool(daos_obj_id_t))
SIGNATURE(daos_is_akey_lexical, bool(daos_obj_id_t))
SIGNATURE(daos_is_dkey_uint64, bool(daos_obj_id_t))
SIGNATURE(daos_is_akey_uint64, bool(daos_obj_id_t))
SIGNATURE(daos_is_array, bool(daos_obj_id_t))
SIGNATURE(daos_is_kv, bool(daos_obj_id_t))
SIGNATURE(daos_obj_id2ord, enum daos_obj_redun(daos_obj_id_t))
SIGNATURE(daos_obj_id2grp_nr, uint32_t(daos_obj_id_t))
SIGNATURE(daos_obj_id2class, daos_oclass_id_t(daos_obj_id_t))
SIGNATURE(daos_obj_id_is_nil, bool(daos_obj_id_t))
SIGNATURE(daos_pa_domain_is_valid, bool(uint32_t))
SIGNATURE(daos_obj_oid_cycle, void(daos_obj_id_t*))
SIGNATURE(daos_obj_generate_oid,
          int(daos_handle_t, daos_obj_id_t*, enum daos_otype_t, daos_oclass_id_t, daos_oclass_hints_t, uint32_t))
SIGNATURE(daos_obj_open, int(daos_handle_t, daos_obj_id_t, unsigned int, daos_handle_t*, daos_event_t*))
SIGNATURE(daos_obj_close, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_obj_fetch, int(daos_handle_t, daos_handle_t, uint64_t, daos_key_t*, unsigned int, daos_iod_t*,
                              d_sg_list_t*, daos_iom_t*, daos_event_t*))
SIGNATURE(daos_obj_update, int(daos_handle_t, daos_handle_t, uint64_t, daos_key_t*, unsigned int, daos_iod_t*,
                               d_sg_list_t*, daos_event_t*))
SIGNATURE(daos_obj_punch, int(daos_handle_t, daos_handle_t, uint64_t, daos_event_t*))
SIGNATURE(daos_obj_punch_dkeys, int(daos_handle_t, daos_handle_t, uint64_t, unsigned int, daos_key_t*, daos_event_t*))
SIGNATURE(daos_obj_punch_akeys,
          int(daos_handle_t, daos_handle_t, uint64_t, daos_key_t*, unsigned int, daos_key_t*, daos_event_t*))
SIGNATURE(daos_obj_list_dkey,
          int(daos_handle_t, daos_handle_t, uint32_t*, daos_key_desc_t*, d_sg_list_t*, daos_anchor_t*, daos_event_t*))
SIGNATURE(daos_obj_list_akey, int(daos_handle_t, daos_handle_t, daos_key_t*, uint32_t*, daos_key_desc_t*, d_sg_list_t*,
                                  daos_anchor_t*, daos_event_t*))
SIGNATURE(daos_obj_list_recx, int(daos_handle_t, daos_handle_t, daos_key_t*, daos_key_t*, daos_size_t*, uint32_t*,
                                  daos_recx_t*, daos_epoch_range_t*, daos_anchor_t*, bool, daos_event_t*))
SIGNATURE(daos_obj_query_key,
          int(daos_handle_t, daos_handle_t, uint64_t, daos_key_t*, daos_key_t*, daos_recx_t*, daos_event_t*))
SIGNATURE(daos_array_generate_oid,
          int(daos_handle_t, daos_obj_id_t*, bool, daos_oclass_id_t, daos_oclass_hints_t, uint32_t))
SIGNATURE(daos_array_create,
          int(daos_handle_t, daos_obj_id_t, daos_handle_t, daos_size_t, daos_size_t, daos_handle_t*, daos_event_t*))
SIGNATURE(daos_array_open, int(daos_handle_t, daos_obj_id_t, daos_handle_t, unsigned int, daos_size_t*, daos_size_t*,
                               daos_handle_t*, daos_event_t*))
SIGNATURE(daos_array_open_with_attr, int(daos_handle_t, daos_obj_id_t, daos_handle_t, unsigned int, daos_size_t,
                                         daos_size_t, daos_handle_t*, daos_event_t*))
SIGNATURE(daos_array_close, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_array_read, int(daos_handle_t, daos_handle_t, daos_array_iod_t*, d_sg_list_t*, daos_event_t*))
SIGNATURE(daos_array_write, int(daos_handle_t, daos_handle_t, daos_array_iod_t*, d_sg_list_t*, daos_event_t*))
SIGNATURE(daos_array_get_size, int(daos_handle_t, daos_handle_t, daos_size_t*, daos_event_t*))
SIGNATURE(daos_array_set_size, int(daos_handle_t, daos_handle_t, daos_size_t, daos_event_t*))
SIGNATURE(daos_array_destroy, int(daos_handle_t, daos_handle_t, daos_event_t*))
SIGNATURE(daos_array_punch, int(daos_handle_t, daos_handle_t, daos_array_iod_t*, daos_event_t*))
SIGNATURE(daos_array_get_attr, int(daos_handle_t, daos_size_t*, daos_size_t*))
SIGNATURE(daos_cont_create, int(daos_handle_t, uuid_t*, daos_prop_t*, daos_event_t*))
SIGNATURE(daos_cont_create_with_label, int(daos_handle_t, const char*, daos_prop_t*, uuid_t*, daos_event_t*))
SIGNATURE(daos_cont_open,
          int(daos_handle_t, const char*, unsigned int, daos_handle_t*, daos_cont_info_t*, daos_event_t*))
SIGNATURE(daos_cont_close, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_cont_destroy, int(daos_handle_t, const char*, int, daos_event_t*))
SIGNATURE(daos_cont_query, int(daos_handle_t, daos_cont_info_t*, daos_prop_t*, daos_event_t*))
SIGNATURE(daos_cont_set_prop, int(daos_handle_t, daos_prop_t*, daos_event_t*))
SIGNATURE(daos_cont_alloc_oids, int(daos_handle_t, daos_size_t, uint64_t*, daos_event_t*))
SIGNATURE(daos_cont_list_attr, int(daos_handle_t, char*, size_t*, daos_event_t*))
SIGNATURE(daos_cont_get_attr, int(daos_handle_t, int, const char* const*, void* const*, size_t*, daos_event_t*))
SIGNATURE(daos_cont_set_attr,
          int(daos_handle_t, int, const char* const*, const void* const*, const size_t*, daos_event_t*))
SIGNATURE(daos_cont_del_attr, int(daos_handle_t, int, const char* const*, daos_event_t*))
SIGNATURE(daos_cont_create_snap, int(daos_handle_t, daos_epoch_t*, char*, daos_event_t*))
SIGNATURE(daos_cont_list_snap, int(daos_handle_t, int*, daos_epoch_t*, char**, daos_anchor_t*, daos_event_t*))
SIGNATURE(daos_cont_destroy_snap, int(daos_handle_t, daos_epoch_range_t, daos_event_t*))
SIGNATURE(daos_kv_open, int(daos_handle_t, daos_obj_id_t, unsigned int, daos_handle_t*, daos_event_t*))
SIGNATURE(daos_kv_close, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_kv_destroy, int(daos_handle_t, daos_handle_t, daos_event_t*))
SIGNATURE(daos_kv_put,
          int(daos_handle_t, daos_handle_t, uint64_t, const char*, daos_size_t, const void*, daos_event_t*))
SIGNATURE(daos_kv_get, int(daos_handle_t, daos_handle_t, uint64_t, const char*, daos_size_t*, void*, daos_event_t*))
SIGNATURE(daos_kv_remove, int(daos_handle_t, daos_handle_t, uint64_t, const char*, daos_event_t*))
SIGNATURE(daos_kv_list,
          int(daos_handle_t, daos_handle_t, uint32_t*, daos_key_desc_t*, d_sg_list_t*, daos_anchor_t*, daos_event_t*))
SIGNATURE(daos_mgmt_list_pools, int(const char*, daos_size_t*, daos_mgmt_pool_info_t*, daos_event_t*))
SIGNATURE(daos_pool_connect,
          int(const char*, const char*, unsigned int, daos_handle_t*, daos_pool_info_t*, daos_event_t*))
SIGNATURE(daos_pool_disconnect, int(daos_handle_t, daos_event_t*))
SIGNATURE(daos_pool_query, int(daos_handle_t, d_rank_list_t**, daos_pool_info_t*, daos_prop_t*, daos_event_t*))
SIGNATURE(daos_pool_list_cont, int(daos_handle_t, daos_size_t*, struct daos_pool_cont_info*, daos_event_t*))
SIGNATURE(daos_init, int(void))
SIGNATURE(daos_fini, int(void))
SIGNATURE(daos_reinit, int(void))
SIGNATURE(dfs_init, int(void))
SIGNATURE(dfs_fini, int(void))
SIGNATURE(dfs_connect, int(const char*, const char*, const char*, int, dfs_attr_t*, dfs_t**))
SIGNATURE(dfs_connect_snap, int(const char*, const char*, const char*, int, daos_epoch_t, const char*, dfs_t**))
SIGNATURE(dfs_disconnect, int(dfs_t*))
SIGNATURE(dfs_destroy, int(const char*, const char*, const char*, int, daos_event_t*))
SIGNATURE(dfs_cont_create, int(daos_handle_t, uuid_t*, dfs_attr_t*, daos_handle_t*, dfs_t**))
SIGNATURE(dfs_cont_create_with_label, int(daos_handle_t, const char*, dfs_attr_t*, uuid_t*, daos_handle_t*, dfs_t**))
SIGNATURE(dfs_mount, int(daos_handle_t, daos_handle_t, int, dfs_t**))
SIGNATURE(dfs_mount_snap, int(daos_handle_t, daos_handle_t, int, daos_epoch_t, const char*, dfs_t**))
SIGNATURE(dfs_umount, int(dfs_t*))
SIGNATURE(dfs_pool_get, int(dfs_t*, daos_handle_t*))
SIGNATURE(dfs_pool_put, int(dfs_t*, daos_handle_t))
SIGNATURE(dfs_cont_get, int(dfs_t*, daos_handle_t*))
SIGNATURE(dfs_cont_put, int(dfs_t*, daos_handle_t))
SIGNATURE(dfs_query, int(dfs_t*, dfs_attr_t*))
SIGNATURE(dfs_set_prefix, int(dfs_t*, const char*))
SIGNATURE(dfs_sync, int(dfs_t*))
SIGNATURE(dfs_lookup, int(dfs_t*, const char*, int, dfs_obj_t**, mode_t*, struct stat*))
SIGNATURE(dfs_lookup_rel, int(dfs_t*, dfs_obj_t*, const char*, int, dfs_obj_t**, mode_t*, struct stat*))
SIGNATURE(dfs_open,
          int(dfs_t*, dfs_obj_t*, const char*, mode_t, int, daos_oclass_id_t, daos_size_t, const char*, dfs_obj_t**))
SIGNATURE(dfs_dup, int(dfs_t*, dfs_obj_t*, int, dfs_obj_t**))
SIGNATURE(dfs_release, int(dfs_obj_t*))
SIGNATURE(dfs_read, int(dfs_t*, dfs_obj_t*, d_sg_list_t*, daos_off_t, daos_size_t*, daos_event_t*))
SIGNATURE(dfs_readx, int(dfs_t*, dfs_obj_t*, dfs_iod_t*, d_sg_list_t*, daos_size_t*, daos_event_t*))
SIGNATURE(dfs_write, int(dfs_t*, dfs_obj_t*, d_sg_list_t*, daos_off_t, daos_event_t*))
SIGNATURE(dfs_writex, int(dfs_t*, dfs_obj_t*, dfs_iod_t*, d_sg_list_t*, daos_event_t*))
SIGNATURE(dfs_get_size, int(dfs_t*, dfs_obj_t*, daos_size_t*))
SIGNATURE(dfs_punch, int(dfs_t*, dfs_obj_t*, daos_off_t, daos_size_t))
SIGNATURE(dfs_readdir, int(dfs_t*, dfs_obj_t*, daos_anchor_t*, uint32_t*, struct dirent*))
SIGNATURE(dfs_readdirplus, int(dfs_t*, dfs_obj_t*, daos_anchor_t*, uint32_t*, struct dirent*, struct stat*))
SIGNATURE(dfs_iterate, int(dfs_t*, dfs_obj_t*, daos_anchor_t*, uint32_t*, size_t, dfs_filler_cb_t, void*))
SIGNATURE(dfs_mkdir, int(dfs_t*, dfs_obj_t*, const char*, mode_t, daos_oclass_id_t))
SIGNATURE(dfs_remove, int(dfs_t*, dfs_obj_t*, const char*, bool, daos_obj_id_t*))
SIGNATURE(dfs_move, int(dfs_t*, dfs_obj_t*, const char*, dfs_obj_t*, const char*, daos_obj_id_t*))
SIGNATURE(dfs_exchange, int(dfs_t*, dfs_obj_t*, const char*, dfs_obj_t*, const char*))
SIGNATURE(dfs_stat, int(dfs_t*, dfs_obj_t*, const char*, struct stat*))
SIGNATURE(dfs_ostat, int(dfs_t*, dfs_obj_t*, struct stat*))
SIGNATURE(dfs_osetattr, int(dfs_t*, dfs_obj_t*, struct stat*, int))
SIGNATURE(dfs_access, int(dfs_t*, dfs_obj_t*, const char*, int))
SIGNATURE(dfs_chmod, int(dfs_t*, dfs_obj_t*, const char*, mode_t))
SIGNATURE(dfs_chown, int(dfs_t*, dfs_obj_t*, const char*, uid_t, gid_t, int))
SIGNATURE(dfs_setxattr, int(dfs_t*, dfs_obj_t*, const char*, const void*, daos_size_t, int))
SIGNATURE(dfs_getxattr, int(dfs_t*, dfs_obj_t*, const char*, void*, daos_size_t*))
SIGNATURE(dfs_removexattr, int(dfs_t*, dfs_obj_t*, const char*))
SIGNATURE(dfs_listxattr, int(dfs_t*, dfs_obj_t*, char*, daos_size_t*))
SIGNATURE(dfs_obj2id, int(dfs_obj_t*, daos_obj_id_t*))
SIGNATURE(dfs_get_mode, int(dfs_obj_t*, mode_t*))
SIGNATURE(dfs_obj_get_info, int(dfs_t*, dfs_obj_t*, dfs_obj_info_t*))
SIGNATURE(dfs_obj_set_oclass, int(dfs_t*, dfs_obj_t*, int, daos_oclass_id_t))
SIGNATURE(dfs_obj_set_chunk_size, int(dfs_t*, dfs_obj_t*, int, daos_size_t))
SIGNATURE(dfs_suggest_oclass, int(dfs_t*, const char*, daos_oclass_id_t*))
SIGNATURE(dfs_get_file_oh, int(dfs_obj_t*, daos_handle_t*))
SIGNATURE(dfs_get_chunk_size, int(dfs_obj_t*, daos_size_t*))
SIGNATURE(dfs_get_symlink_value, int(dfs_obj_t*, char*, daos_size_t*))
SIGNATURE(dfs_update_parent, int(dfs_obj_t*, dfs_obj_t*, const char*))

// Designated and positional initialisers, as programs write them.
static const daos_anchor_t kStart = DAOS_ANCHOR_INIT;

static int buffer_faults(void) {
  char text[8] = "abcdefg";
  d_iov_t iov;
  d_sg_list_t sgl;
  int faults = 0;

  d_iov_set(&iov, text, sizeof(text));
  if (iov.iov_buf != text || iov.iov_len != 8 || iov.iov_buf_len != 8) faults++;

  if (d_sgl_init(&sgl, 2) != 0 || sgl.sg_nr != 2 || sgl.sg_nr_out != 0) faults++;
  sgl.sg_iovs[0] = iov;
  sgl.sg_iovs[1].iov_buf_len = 5;
  if (d_sgl_buf_size(&sgl) != 13) faults++;
  d_sgl_fini(&sgl, false);
  if (sgl.sg_iovs != NULL || sgl.sg_nr != 0) faults++;
  return faults;
}

static int handle_faults(void) {
  daos_handle_t handle = DAOS_HDL_INVAL;
  daos_handle_t transaction = DAOS_TX_NONE;
  daos_obj_id_t nil = DAOS_OBJ_NIL;
  int faults = 0;

  if (!daos_handle_is_inval(handle) || daos_handle_is_valid(transaction)) faults++;
  handle.cookie = 1;
  if (daos_handle_is_inval(handle)) faults++;
  if (!daos_obj_id_is_nil(nil)) faults++;
  return faults;
}

static int anchor_faults(void) {
  daos_anchor_t anchor;
  int faults = 0;

  memset(&anchor, 0xff, sizeof(anchor));
  if (daos_anchor_init(&anchor, 0) != 0 || memcmp(&anchor, &kStart, sizeof(anchor)) != 0) faults++;
  if (daos_anchor_is_eof(&anchor)) faults++;
  anchor.da_type = DAOS_ANCHOR_TYPE_EOF;
  if (!daos_anchor_is_eof(&anchor)) faults++;
  daos_anchor_fini(&anchor);
  return faults;
}

int FAULT_COUNT_NAME(void) { return buffer_faults() + handle_faults() + anchor_faults(); }
