#include <gurt/common.h>

#include <cstdlib>
#include <string>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

using Pool = ScratchSystem;

TEST(Library, CountsItsStarts) {
  EXPECT_EQ(daos_fini(), -DER_UNINIT);
  EXPECT_EQ(daos_init(), 0);
  EXPECT_EQ(daos_init(), 0);
  EXPECT_EQ(daos_fini(), 0);
  daos_handle_t eqh;
  EXPECT_EQ(daos_eq_create(&eqh), 0);
  EXPECT_EQ(daos_fini(), 0);
  EXPECT_EQ(daos_eq_create(&eqh), -DER_UNINIT);
  EXPECT_EQ(daos_fini(), -DER_UNINIT);
}

TEST(Library, RefusesASystemItDoesNotUnderstand) {
  setenv("AEON_SYSTEM", "elsewhere://x", 1);
  EXPECT_EQ(daos_init(), -DER_INVAL);
  unsetenv("AEON_SYSTEM");
  ASSERT_EQ(daos_init(), 0);
  daos_handle_t poh;
  EXPECT_EQ(daos_pool_connect("default", "elsewhere", DAOS_PC_RW, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_fini(), 0);
}

TEST(Library, WithoutAStartNothingWorks) {
  daos_handle_t handle{};
  daos_size_t count = 0;
  EXPECT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &handle, nullptr, nullptr), -DER_UNINIT);
  EXPECT_EQ(daos_mgmt_list_pools(nullptr, &count, nullptr, nullptr), -DER_UNINIT);
  EXPECT_EQ(daos_cont_close(handle, nullptr), -DER_UNINIT);
  EXPECT_EQ(daos_obj_close(handle, nullptr), -DER_UNINIT);
  daos_event_t event;
  EXPECT_EQ(daos_event_init(&event, DAOS_HDL_INVAL, nullptr), -DER_UNINIT);
}

TEST_F(Pool, TellsAboutItself) {
  daos_handle_t poh;
  daos_pool_info_t info{};
  info.pi_bits = DPI_SPACE;
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, &info, nullptr), 0);
  EXPECT_FALSE(uuid_is_null(info.pi_uuid));
  EXPECT_GE(info.pi_ntargets, 1u);
  EXPECT_EQ(info.pi_nnodes, 1u);
  EXPECT_EQ(info.pi_bits, uint64_t{DPI_SPACE});
  EXPECT_GT(info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME], 0u);
  EXPECT_LE(info.pi_space.ps_space.s_free[DAOS_MEDIA_NVME], info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME]);

  d_rank_list_t* ranks = nullptr;
  info.pi_bits = DPI_ENGINES_ENABLED;
  ASSERT_EQ(daos_pool_query(poh, &ranks, &info, nullptr, nullptr), 0);
  EXPECT_EQ(ranks->rl_nr, 1u);
  d_rank_list_free(ranks);
  ASSERT_EQ(daos_pool_query(poh, &ranks, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(ranks->rl_nr, 0u);  // None is down.
  d_rank_list_free(ranks);

  char uuid[DAOS_UUID_STR_SIZE];
  uuid_unparse_lower(info.pi_uuid, uuid);
  daos_handle_t by_uuid;
  EXPECT_EQ(daos_pool_connect(uuid, "daos_server", DAOS_PC_RO, &by_uuid, nullptr, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(by_uuid, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_pool_query(poh, nullptr, &info, nullptr, nullptr), -DER_NO_HDL);
}

TEST_F(Pool, AnswersForPropertiesAskedOrAll) {
  daos_handle_t poh;
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), 0);
  daos_prop_t* one = daos_prop_alloc(1);
  one->dpp_entries[0].dpe_type = DAOS_PROP_PO_LABEL;
  ASSERT_EQ(daos_pool_query(poh, nullptr, nullptr, one, nullptr), 0);
  EXPECT_STREQ(one->dpp_entries[0].dpe_str, "default");
  daos_prop_free(one);

  daos_prop_t* all = daos_prop_alloc(0);
  ASSERT_EQ(daos_pool_query(poh, nullptr, nullptr, all, nullptr), 0);
  EXPECT_EQ(all->dpp_nr, static_cast<uint32_t>(DAOS_PROP_PO_NUM));
  EXPECT_FALSE(daos_prop_is_set(daos_prop_entry_get(all, DAOS_PROP_PO_ACL)));
  daos_prop_free(all);

  daos_prop_t* wrong = daos_prop_alloc(1);
  wrong->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
  EXPECT_EQ(daos_pool_query(poh, nullptr, nullptr, wrong, nullptr), -DER_INVAL);
  wrong->dpp_entries[0].dpe_type = 0;
  daos_prop_free(wrong);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), 0);
}

TEST_F(Pool, IsListed) {
  daos_handle_t poh;
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), 0);
  daos_size_t count = 0;
  ASSERT_EQ(daos_mgmt_list_pools(nullptr, &count, nullptr, nullptr), 0);
  ASSERT_EQ(count, 1u);
  daos_mgmt_pool_info_t pool{};
  count = 0;
  EXPECT_EQ(daos_mgmt_list_pools(nullptr, &count, &pool, nullptr), -DER_TRUNC);
  ASSERT_EQ(count, 1u);
  ASSERT_EQ(daos_mgmt_list_pools(nullptr, &count, &pool, nullptr), 0);
  EXPECT_STREQ(pool.mgpi_label, "default");
  ASSERT_NE(pool.mgpi_svc, nullptr);
  EXPECT_EQ(pool.mgpi_svc->rl_nr, 1u);
  std::free(pool.mgpi_label);
  d_rank_list_free(pool.mgpi_svc);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), 0);
}

TEST_F(Pool, BadArgumentsAreErrors) {
  daos_handle_t poh{};
  EXPECT_EQ(daos_pool_connect(nullptr, nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect("", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect("default", nullptr, 0, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RO | DAOS_PC_RW, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, nullptr, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect(std::string(500, 'x').c_str(), nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_pool_connect("another", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_pool_connect("default", "local:/nowhere/at/all", DAOS_PC_RO, &poh, nullptr, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_pool_disconnect(DAOS_HDL_INVAL, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_pool_list_cont({0x1234567890}, nullptr, nullptr, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_mgmt_list_pools(nullptr, nullptr, nullptr, nullptr), -DER_INVAL);
}

TEST_F(Pool, IsHeldExclusivelyByOne) {
  daos_handle_t first;
  daos_handle_t second;
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_EX, &first, nullptr, nullptr), 0);
  EXPECT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RO, &second, nullptr, nullptr), -DER_BUSY);
  EXPECT_EQ(daos_pool_disconnect(first, nullptr), 0);
  EXPECT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RO, &second, nullptr, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(second, nullptr), 0);
}

TEST_F(Pool, WhatIsLeftOpenEndsWithTheLibrary) {
  daos_handle_t poh;
  daos_handle_t coh;
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_create_with_label(poh, "left", nullptr, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_open(poh, "left", DAOS_COO_RW, &coh, nullptr, nullptr), 0);
  ASSERT_EQ(daos_fini(), 0);
  ASSERT_EQ(daos_init(), 0);
  EXPECT_EQ(daos_cont_close(coh, nullptr), -DER_NO_HDL);
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_open(poh, "left", DAOS_COO_EX, &coh, nullptr, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), -DER_BUSY);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh, nullptr), 0);
}

}  // namespace
}  // namespace aeon::capi
