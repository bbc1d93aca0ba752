// Sizes, offsets and numbers that programs compiled against DAOS 2.6 to 2.9 have built in.

#include <daos.h>
#include <daos_fs.h>
#include <gtest/gtest.h>

#include <cstddef>

namespace {

#define EXPECT_AT(type, member, position) EXPECT_EQ(offsetof(type, member), size_t{position})

TEST(Abi, HandlesAndBuffers) {
  EXPECT_EQ(sizeof(daos_handle_t), 8u);
  EXPECT_EQ(sizeof(d_iov_t), 24u);
  EXPECT_EQ(sizeof(daos_key_t), 24u);
  EXPECT_AT(d_iov_t, iov_buf, 0);
  EXPECT_AT(d_iov_t, iov_buf_len, 8);
  EXPECT_AT(d_iov_t, iov_len, 16);
  EXPECT_EQ(sizeof(d_sg_list_t), 16u);
  EXPECT_AT(d_sg_list_t, sg_nr, 0);
  EXPECT_AT(d_sg_list_t, sg_nr_out, 4);
  EXPECT_AT(d_sg_list_t, sg_iovs, 8);
  EXPECT_EQ(sizeof(d_rank_list_t), 16u);
  EXPECT_AT(d_rank_list_t, rl_nr, 8);
}

TEST(Abi, AnchorsAndEvents) {
  EXPECT_EQ(sizeof(daos_anchor_t), 120u);
  EXPECT_AT(daos_anchor_t, da_shard, 2);
  EXPECT_AT(daos_anchor_t, da_flags, 4);
  EXPECT_AT(daos_anchor_t, da_sub_anchors, 8);
  EXPECT_AT(daos_anchor_t, da_buf, 16);
  EXPECT_EQ(sizeof(daos_event_t), 176u);
  EXPECT_AT(daos_event_t, ev_error, 0);
  EXPECT_AT(daos_event_t, ev_private, 8);
  EXPECT_AT(daos_event_t, ev_debug, 168);
}

TEST(Abi, ObjectDescriptors) {
  EXPECT_EQ(sizeof(daos_obj_id_t), 16u);
  EXPECT_AT(daos_obj_id_t, hi, 8);
  EXPECT_EQ(sizeof(daos_recx_t), 16u);
  EXPECT_EQ(sizeof(daos_epoch_range_t), 16u);
  EXPECT_EQ(sizeof(daos_iod_t), 64u);
  EXPECT_AT(daos_iod_t, iod_type, 24);
  EXPECT_AT(daos_iod_t, iod_size, 32);
  EXPECT_AT(daos_iod_t, iod_flags, 40);
  EXPECT_AT(daos_iod_t, iod_nr, 48);
  EXPECT_AT(daos_iod_t, iod_recxs, 56);
  EXPECT_EQ(sizeof(daos_iom_t), 64u);
  EXPECT_AT(daos_iom_t, iom_nr, 4);
  EXPECT_AT(daos_iom_t, iom_nr_out, 8);
  EXPECT_AT(daos_iom_t, iom_flags, 12);
  EXPECT_AT(daos_iom_t, iom_size, 16);
  EXPECT_AT(daos_iom_t, iom_recx_lo, 24);
  EXPECT_AT(daos_iom_t, iom_recx_hi, 40);
  EXPECT_AT(daos_iom_t, iom_recxs, 56);
  EXPECT_EQ(sizeof(daos_key_desc_t), 16u);
  EXPECT_AT(daos_key_desc_t, kd_val_type, 8);
}

TEST(Abi, ArrayDescriptors) {
  EXPECT_EQ(sizeof(daos_range_t), 16u);
  EXPECT_EQ(sizeof(daos_array_iod_t), 32u);
  EXPECT_AT(daos_array_iod_t, arr_rgs, 8);
  EXPECT_AT(daos_array_iod_t, arr_nr_short_read, 16);
  EXPECT_AT(daos_array_iod_t, arr_nr_read, 24);
}

TEST(Abi, PoolAndContainerInfo) {
  EXPECT_EQ(sizeof(daos_cont_info_t), 48u);
  EXPECT_AT(daos_cont_info_t, ci_lsnapshot, 16);
  EXPECT_AT(daos_cont_info_t, ci_nhandles, 24);
  EXPECT_AT(daos_cont_info_t, ci_nsnapshots, 28);
  EXPECT_AT(daos_cont_info_t, ci_md_otime, 32);
  EXPECT_AT(daos_cont_info_t, ci_md_mtime, 40);
  EXPECT_EQ(sizeof(daos_pool_info_t), 192u);
  EXPECT_AT(daos_pool_info_t, pi_ntargets, 16);
  EXPECT_AT(daos_pool_info_t, pi_nnodes, 20);
  EXPECT_AT(daos_pool_info_t, pi_ndisabled, 24);
  EXPECT_AT(daos_pool_info_t, pi_map_ver, 28);
  EXPECT_AT(daos_pool_info_t, pi_leader, 32);
  EXPECT_AT(daos_pool_info_t, pi_bits, 40);
  EXPECT_AT(daos_pool_info_t, pi_space, 48);
  EXPECT_AT(daos_pool_info_t, pi_rebuild_st, 136);
  EXPECT_EQ(sizeof(daos_space), 32u);
  EXPECT_AT(daos_space, s_free, 16);
  EXPECT_EQ(sizeof(daos_pool_space), 88u);
  EXPECT_AT(daos_pool_space, ps_free_min, 32);
  EXPECT_AT(daos_pool_space, ps_free_max, 48);
  EXPECT_AT(daos_pool_space, ps_free_mean, 64);
  EXPECT_AT(daos_pool_space, ps_ntargets, 80);
  EXPECT_EQ(sizeof(daos_rebuild_status), 56u);
  EXPECT_AT(daos_rebuild_status, rs_errno, 8);
  EXPECT_AT(daos_rebuild_status, rs_state, 12);
  EXPECT_AT(daos_rebuild_status, rs_fail_rank, 20);
  EXPECT_AT(daos_rebuild_status, rs_toberb_obj_nr, 24);
  EXPECT_AT(daos_rebuild_status, rs_size, 48);
  EXPECT_EQ(sizeof(daos_pool_cont_info), 144u);
  EXPECT_AT(daos_pool_cont_info, pci_label, 16);
  EXPECT_EQ(sizeof(daos_mgmt_pool_info_t), 40u);
}

TEST(Abi, Properties) {
  EXPECT_EQ(sizeof(daos_prop_t), 16u);
  EXPECT_AT(daos_prop_t, dpp_entries, 8);
  EXPECT_EQ(sizeof(daos_prop_entry), 16u);
  EXPECT_AT(daos_prop_entry, dpe_flags, 4);
  EXPECT_AT(daos_prop_entry, dpe_val, 8);
  EXPECT_EQ(sizeof(daos_prop_co_roots), 64u);
  EXPECT_EQ(sizeof(daos_co_status), 8u);
  EXPECT_EQ(sizeof(daos_acl), 8u);
  EXPECT_AT(daos_acl, dal_len, 4);
  EXPECT_EQ(sizeof(daos_ace), 32u);
  EXPECT_AT(daos_ace, dae_principal_len, 2);
  EXPECT_AT(daos_ace, dae_access_flags, 4);
  EXPECT_AT(daos_ace, dae_allow_perms, 8);
  EXPECT_AT(daos_ace, dae_alarm_perms, 24);
}

TEST(Abi, Files) {
  EXPECT_EQ(sizeof(dfs_attr_t), 176u);
  EXPECT_AT(dfs_attr_t, da_chunk_size, 8);
  EXPECT_AT(dfs_attr_t, da_oclass_id, 16);
  EXPECT_AT(dfs_attr_t, da_props, 24);
  EXPECT_AT(dfs_attr_t, da_mode, 32);
  EXPECT_AT(dfs_attr_t, da_dir_oclass_id, 36);
  EXPECT_AT(dfs_attr_t, da_file_oclass_id, 40);
  EXPECT_AT(dfs_attr_t, da_hints, 44);
  EXPECT_EQ(sizeof(dfs_iod_t), 16u);
  EXPECT_EQ(sizeof(dfs_obj_info_t), 40u);
  EXPECT_AT(dfs_obj_info_t, doi_chunk_size, 8);
  EXPECT_AT(dfs_obj_info_t, doi_dir_oclass_id, 16);
  EXPECT_AT(dfs_obj_info_t, doi_oid, 24);
}

TEST(Abi, FlagsOfOpenCalls) {
  EXPECT_EQ(DAOS_PC_RO, 1u);
  EXPECT_EQ(DAOS_PC_RW, 2u);
  EXPECT_EQ(DAOS_PC_EX, 4u);
  EXPECT_EQ(DAOS_COO_RO, 1u);
  EXPECT_EQ(DAOS_COO_RW, 2u);
  EXPECT_EQ(DAOS_COO_EX, 4u);
  EXPECT_EQ(DAOS_COO_FORCE, 8u);
  EXPECT_EQ(DAOS_COO_RO_MDSTATS, 16u);
  EXPECT_EQ(DAOS_OO_RO, 2);
  EXPECT_EQ(DAOS_OO_RW, 4);
  EXPECT_EQ(DAOS_OO_EXCL, 8);
}

TEST(Abi, ObjectConstants) {
  EXPECT_EQ(DAOS_IOD_SINGLE, 1);
  EXPECT_EQ(DAOS_IOD_ARRAY, 2);
  EXPECT_EQ(DAOS_REC_ANY, 0);
  EXPECT_EQ(DAOS_COND_PUNCH, 1);
  EXPECT_EQ(DAOS_COND_DKEY_INSERT, 2);
  EXPECT_EQ(DAOS_COND_DKEY_UPDATE, 4);
  EXPECT_EQ(DAOS_COND_DKEY_FETCH, 8);
  EXPECT_EQ(DAOS_COND_AKEY_INSERT, 16);
  EXPECT_EQ(DAOS_COND_AKEY_UPDATE, 32);
  EXPECT_EQ(DAOS_COND_AKEY_FETCH, 64);
  EXPECT_EQ(DAOS_COND_PER_AKEY, 128);
  EXPECT_EQ(DAOS_COND_KEY_INSERT, 2);
  EXPECT_EQ(DAOS_COND_KEY_GET, 8);
  EXPECT_EQ(DAOS_GET_MAX, 1);
  EXPECT_EQ(DAOS_GET_MIN, 2);
  EXPECT_EQ(DAOS_GET_DKEY, 4);
  EXPECT_EQ(DAOS_GET_AKEY, 8);
  EXPECT_EQ(DAOS_GET_RECX, 16);
  EXPECT_EQ(DAOS_OT_MULTI_HASHED, 0);
  EXPECT_EQ(DAOS_OT_KV_HASHED, 8);
  EXPECT_EQ(DAOS_OT_ARRAY, 11);
  EXPECT_EQ(DAOS_OT_ARRAY_BYTE, 13);
  EXPECT_EQ(DAOS_OT_MAX, 14);
}

TEST(Abi, ObjectClasses) {
  EXPECT_EQ(OC_S1, 16777217);
  EXPECT_EQ(OC_SX, 16842751);
  EXPECT_EQ(OC_RP_2G1, 134217729);
  EXPECT_EQ(OR_RP_128, 20);
  EXPECT_EQ(OR_RS_2P1, 32);
  EXPECT_EQ(OR_RS_16P3, 42);
  EXPECT_EQ(OC_EC_16P3GX, 42 << 24 | 0xffff);
}

TEST(Abi, EventsAndPools) {
  EXPECT_EQ(DAOS_EQ_NOWAIT, 0);
  EXPECT_EQ(DAOS_EQ_WAIT, -1);
  EXPECT_EQ(DAOS_EQR_WAITING, 2);
  EXPECT_EQ(DAOS_EQR_ALL, 3);
  EXPECT_EQ(DAOS_EQ_DESTROY_FORCE, 1);
  EXPECT_EQ(DAOS_MEDIA_SCM, 0);
  EXPECT_EQ(DAOS_MEDIA_NVME, 1);
  EXPECT_EQ(DPI_SPACE, 1);
  EXPECT_EQ(DAOS_PROP_LABEL_MAX_LEN, 127);
  EXPECT_EQ(DAOS_SYS_NAME_MAX, 15);
}

TEST(Abi, PropertyIds) {
  EXPECT_EQ(DAOS_PROP_PO_LABEL, 1);
  EXPECT_EQ(DAOS_PROP_PO_SVC_OPS_ENTRY_AGE, 27);
  EXPECT_EQ(DAOS_PROP_CO_LABEL, 0x1001);
  EXPECT_EQ(DAOS_PROP_CO_LAYOUT_TYPE, 0x1002);
  EXPECT_EQ(DAOS_PROP_CO_ROOTS, 0x1011);
  EXPECT_EQ(DAOS_PROP_CO_PERF_DOMAIN, 0x101a);
  EXPECT_EQ(DAOS_PROP_CO_LAYOUT_POSIX, 1);
}

TEST(Abi, FileConstants) {
  EXPECT_EQ(DFS_SET_ATTR_MODE, 1);
  EXPECT_EQ(DFS_SET_ATTR_MTIME, 4);
  EXPECT_EQ(DFS_SET_ATTR_SIZE, 8);
  EXPECT_EQ(DFS_SET_ATTR_UID, 16);
  EXPECT_EQ(DFS_SET_ATTR_GID, 32);
  EXPECT_EQ(DFS_RELAXED, 0);
  EXPECT_EQ(DFS_BALANCED, 4);
  EXPECT_EQ(DFS_MAX_FSIZE, UINT64_MAX);
  EXPECT_EQ(DAOS_SUPER_MAGIC, 0xDA05AD10u);
  EXPECT_EQ(DFS_DEFAULT_CHUNK_SIZE, 1048576);
}

TEST(Abi, ErrorNumbers) {
  EXPECT_EQ(DER_NO_PERM, 1001);
  EXPECT_EQ(DER_TIMEDOUT, 1011);
  EXPECT_EQ(DER_CANCELED, 1018);
  EXPECT_EQ(DER_MISC, 1025);
  EXPECT_EQ(DER_NOTDIR, 1027);
  EXPECT_EQ(DER_IO, 2001);
  EXPECT_EQ(DER_ENOENT, 2003);
  EXPECT_EQ(DER_STALE, 2007);
  EXPECT_EQ(DER_EP_RO, 2010);
  EXPECT_EQ(DER_KEY2BIG, 2012);
  EXPECT_EQ(DER_EQ_BUSY, 2015);
  EXPECT_EQ(DER_TX_RESTART, 2025);
  EXPECT_EQ(DER_OP_CANCELED, 2027);
  EXPECT_EQ(DER_UNKNOWN, 501000);
}

}  // namespace
