#include <set>
#include <string>
#include <vector>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

using Container = ScratchContainer;

TEST_F(Container, IsFoundByLabelAndUuid) {
  uuid_t uuid;
  ASSERT_EQ(daos_cont_create_with_label(poh_, "named", nullptr, &uuid, nullptr), 0);
  EXPECT_EQ(daos_cont_create_with_label(poh_, "named", nullptr, nullptr, nullptr), -DER_EXIST);
  char text[DAOS_UUID_STR_SIZE];
  uuid_unparse(uuid, text);
  for (const char* name : {"named", static_cast<const char*>(text)}) {
    daos_handle_t coh;
    daos_cont_info_t info;
    ASSERT_EQ(daos_cont_open(poh_, name, DAOS_COO_RO, &coh, &info, nullptr), 0) << name;
    EXPECT_EQ(uuid_compare(info.ci_uuid, uuid), 0);
    EXPECT_EQ(info.ci_nhandles, 1u);
    EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
    EXPECT_EQ(daos_cont_close(coh, nullptr), -DER_NO_HDL);
  }
}

TEST_F(Container, IsListedWithItsPool) {
  ASSERT_EQ(daos_cont_create_with_label(poh_, "second", nullptr, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_create(poh_, nullptr, nullptr, nullptr), 0);
  daos_size_t count = 0;
  ASSERT_EQ(daos_pool_list_cont(poh_, &count, nullptr, nullptr), 0);
  ASSERT_EQ(count, 3u);
  std::vector<daos_pool_cont_info> containers(3);
  count = 2;
  EXPECT_EQ(daos_pool_list_cont(poh_, &count, containers.data(), nullptr), -DER_TRUNC);
  count = 3;
  ASSERT_EQ(daos_pool_list_cont(poh_, &count, containers.data(), nullptr), 0);
  std::set<std::string> labels;
  for (const auto& container : containers) labels.insert(container.pci_label);
  EXPECT_EQ(labels, (std::set<std::string>{"", "scratch", "second"}));
}

TEST_F(Container, IsNotDestroyedWhileOpenUnlessForced) {
  EXPECT_EQ(daos_cont_destroy(poh_, "scratch", 0, nullptr), -DER_BUSY);
  EXPECT_EQ(daos_cont_destroy(poh_, "scratch", 1, nullptr), 0);
  EXPECT_EQ(daos_cont_destroy(poh_, "scratch", 1, nullptr), -DER_NONEXIST);
  uint64_t number = 0;
  EXPECT_EQ(daos_cont_alloc_oids(coh_, 1, &number, nullptr), -DER_NO_HDL);
}

TEST_F(Container, GivesEveryNumberOnce) {
  std::set<uint64_t> numbers;
  for (int i = 0; i < 20; ++i) {
    uint64_t first = 0;
    ASSERT_EQ(daos_cont_alloc_oids(coh_, 10, &first, nullptr), 0);
    for (uint64_t number = first; number < first + 10; ++number) EXPECT_TRUE(numbers.insert(number).second);
  }
}

TEST_F(Container, HasThePropertiesItWasCreatedWith) {
  daos_prop_t* wanted = daos_prop_alloc(2);
  wanted->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
  ASSERT_EQ(daos_prop_set_str(wanted, DAOS_PROP_CO_LABEL, "propertied", 10), 0);
  wanted->dpp_entries[1].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
  wanted->dpp_entries[1].dpe_val = DAOS_PROP_CO_LAYOUT_PYTHON;
  ASSERT_EQ(daos_cont_create(poh_, nullptr, wanted, nullptr), 0);
  daos_prop_free(wanted);

  daos_handle_t coh;
  ASSERT_EQ(daos_cont_open(poh_, "propertied", DAOS_COO_RW, &coh, nullptr, nullptr), 0);
  daos_prop_t* all = daos_prop_alloc(0);
  ASSERT_EQ(daos_cont_query(coh, nullptr, all, nullptr), 0);
  EXPECT_EQ(all->dpp_nr, static_cast<uint32_t>(DAOS_PROP_CO_NUM));
  EXPECT_STREQ(daos_prop_entry_get(all, DAOS_PROP_CO_LABEL)->dpe_str, "propertied");
  EXPECT_EQ(daos_prop_entry_get(all, DAOS_PROP_CO_LAYOUT_TYPE)->dpe_val, uint64_t{DAOS_PROP_CO_LAYOUT_PYTHON});
  daos_prop_free(all);

  daos_prop_t* renamed = daos_prop_alloc(1);
  renamed->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
  ASSERT_EQ(daos_prop_set_str(renamed, DAOS_PROP_CO_LABEL, "renamed", 7), 0);
  EXPECT_EQ(daos_cont_set_prop(coh, renamed, nullptr), 0);
  ASSERT_EQ(daos_prop_set_str(renamed, DAOS_PROP_CO_LABEL, "scratch", 7), 0);
  EXPECT_EQ(daos_cont_set_prop(coh, renamed, nullptr), -DER_EXIST);
  daos_prop_free(renamed);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
  EXPECT_EQ(daos_cont_open(poh_, "renamed", DAOS_COO_RO, &coh, nullptr, nullptr), 0);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
}

TEST_F(Container, RefusesPropertiesItCannotHonour) {
  daos_prop_t* prop = daos_prop_alloc(1);
  daos_prop_entry& entry = prop->dpp_entries[0];
  for (const auto& [type, value] :
       std::vector<std::pair<uint32_t, uint64_t>>{{DAOS_PROP_CO_ENCRYPT, DAOS_PROP_CO_ENCRYPT_AES_XTS128},
                                                  {DAOS_PROP_CO_COMPRESS, DAOS_PROP_CO_COMPRESS_LZ4},
                                                  {DAOS_PROP_CO_REDUN_FAC, DAOS_PROP_CO_REDUN_RF2}}) {
    entry.dpe_type = type;
    entry.dpe_val = value;
    EXPECT_EQ(daos_cont_create(poh_, nullptr, prop, nullptr), -DER_NOTSUPPORTED) << type;
  }
  entry.dpe_type = DAOS_PROP_PO_RECLAIM;
  EXPECT_EQ(daos_cont_create(poh_, nullptr, prop, nullptr), -DER_INVAL);
  entry.dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
  EXPECT_EQ(daos_cont_set_prop(coh_, prop, nullptr), -DER_INVAL);
  daos_prop_free(prop);
}

TEST_F(Container, KeepsAttributes) {
  const char* const names[] = {"colour", "size"};
  const void* const values[] = {"green", "17 m"};
  const size_t sizes[] = {5, 4};
  ASSERT_EQ(daos_cont_set_attr(coh_, 2, names, values, sizes, nullptr), 0);

  size_t size = 0;
  ASSERT_EQ(daos_cont_list_attr(coh_, nullptr, &size, nullptr), 0);
  EXPECT_EQ(size, sizeof("colour") + sizeof("size"));
  std::string list(8, '.');
  size = list.size();
  ASSERT_EQ(daos_cont_list_attr(coh_, list.data(), &size, nullptr), 0);
  EXPECT_EQ(list, std::string("colour\0.", 8));
  EXPECT_EQ(size, sizeof("colour") + sizeof("size"));

  char colour[3] = {};
  char length[16] = {};
  void* const buffers[] = {colour, length};
  size_t got[] = {sizeof colour, sizeof length};
  ASSERT_EQ(daos_cont_get_attr(coh_, 2, names, buffers, got, nullptr), 0);
  EXPECT_EQ(std::string(colour, 3), "gre");
  EXPECT_STREQ(length, "17 m");
  EXPECT_EQ(got[0], 5u);
  EXPECT_EQ(got[1], 4u);

  ASSERT_EQ(daos_cont_del_attr(coh_, 1, names, nullptr), 0);
  EXPECT_EQ(daos_cont_del_attr(coh_, 1, names, nullptr), 0);
  EXPECT_EQ(daos_cont_get_attr(coh_, 2, names, nullptr, got, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_cont_set_attr(coh_, 0, names, values, sizes, nullptr), -DER_INVAL);
  const std::string too_long(600, 'n');
  const char* const bad[] = {too_long.c_str()};
  EXPECT_EQ(daos_cont_set_attr(coh_, 1, bad, values, sizes, nullptr), -DER_INVAL);
}

TEST_F(Container, SnapshotsKeepWhatWasThere) {
  const daos_obj_id_t oid = new_oid(DAOS_OT_KV_HASHED);
  daos_handle_t kv;
  ASSERT_EQ(daos_kv_open(coh_, oid, DAOS_OO_RW, &kv, nullptr), 0);
  ASSERT_EQ(daos_kv_put(kv, DAOS_TX_NONE, 0, "key", 3, "old", nullptr), 0);
  daos_epoch_t epoch = 0;
  char name[] = "before";
  ASSERT_EQ(daos_cont_create_snap(coh_, &epoch, name, nullptr), 0);
  EXPECT_EQ(daos_cont_create_snap(coh_, &epoch, name, nullptr), -DER_EXIST);
  ASSERT_EQ(daos_kv_put(kv, DAOS_TX_NONE, 0, "key", 5, "newer", nullptr), 0);

  daos_handle_t th;
  ASSERT_EQ(daos_tx_open_snap(coh_, epoch, &th, nullptr), 0);
  daos_epoch_t at = 0;
  EXPECT_EQ(daos_tx_hdl2epoch(th, &at), 0);
  EXPECT_EQ(at, epoch);
  char value[16] = {};
  daos_size_t size = sizeof value;
  ASSERT_EQ(daos_kv_get(kv, th, 0, "key", &size, value, nullptr), 0);
  EXPECT_EQ(std::string(value, size), "old");
  size = sizeof value;
  ASSERT_EQ(daos_kv_get(kv, DAOS_TX_NONE, 0, "key", &size, value, nullptr), 0);
  EXPECT_EQ(std::string(value, size), "newer");
  EXPECT_EQ(daos_kv_put(kv, th, 0, "key", 1, "x", nullptr), -DER_EP_RO);
  EXPECT_EQ(daos_tx_close(th, nullptr), 0);
  EXPECT_EQ(daos_tx_close(th, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_kv_get(kv, th, 0, "key", &size, value, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_tx_open_snap(coh_, epoch + 1, &th, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_kv_close(kv, nullptr), 0);
}

TEST_F(Container, SnapshotsAreListedInPagesAndDestroyedByRange) {
  std::vector<daos_epoch_t> made(5);
  for (size_t i = 0; i < made.size(); ++i) {
    std::string name = "snap" + std::to_string(i);
    ASSERT_EQ(daos_cont_create_snap(coh_, &made[i], name.data(), nullptr), 0);
  }
  int count = 0;
  ASSERT_EQ(daos_cont_list_snap(coh_, &count, nullptr, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(count, 5);

  std::vector<daos_epoch_t> listed;
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  std::string last_name;
  while (!daos_anchor_is_eof(&anchor)) {
    daos_epoch_t epochs[2];
    char name_space[2][DAOS_SNAPSHOT_MAX_LEN];
    char* names[2] = {name_space[0], name_space[1]};
    count = 2;
    ASSERT_EQ(daos_cont_list_snap(coh_, &count, epochs, names, &anchor, nullptr), 0);
    for (int i = 0; i < count; ++i) {
      listed.push_back(epochs[i]);
      last_name = names[i];
    }
  }
  EXPECT_EQ(listed, made);
  EXPECT_EQ(last_name, "snap4");

  EXPECT_EQ(daos_cont_destroy_snap(coh_, {made[2], made[2]}, nullptr), 0);
  EXPECT_EQ(daos_cont_destroy_snap(coh_, {made[2], made[2]}, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_cont_destroy_snap(coh_, {0, made[1]}, nullptr), 0);
  EXPECT_EQ(daos_cont_destroy_snap(coh_, {made[3], made[4]}, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_destroy_snap(coh_, {made[4], DAOS_EPOCH_MAX}, nullptr), 0);
  daos_cont_info_t info;
  ASSERT_EQ(daos_cont_query(coh_, &info, nullptr, nullptr), 0);
  EXPECT_EQ(info.ci_nsnapshots, 1u);
  EXPECT_EQ(info.ci_lsnapshot, made[3]);
}

TEST_F(Container, OpenForReadingCannotBeWrittenTo) {
  daos_handle_t coh;
  ASSERT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RO, &coh, nullptr, nullptr), 0);
  daos_handle_t oh;
  EXPECT_EQ(daos_obj_open(coh, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &oh, nullptr), -DER_NO_PERM);
  daos_epoch_t epoch;
  EXPECT_EQ(daos_cont_create_snap(coh, &epoch, nullptr, nullptr), -DER_NO_PERM);
  uint64_t number;
  EXPECT_EQ(daos_cont_alloc_oids(coh, 1, &number, nullptr), -DER_NO_PERM);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
}

TEST_F(Container, ObjectsEndWithIt) {
  daos_handle_t coh;
  ASSERT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RW, &coh, nullptr, nullptr), 0);
  daos_handle_t oh;
  ASSERT_EQ(daos_obj_open(coh, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &oh, nullptr), 0);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
  EXPECT_EQ(daos_obj_punch(oh, DAOS_TX_NONE, 0, nullptr), -DER_NO_HDL);
}

TEST_F(Container, BadArgumentsAreErrors) {
  daos_handle_t coh;
  EXPECT_EQ(daos_cont_create_with_label(poh_, "not a label", nullptr, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_create_with_label(poh_, nullptr, nullptr, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_create_with_label(coh_, "label", nullptr, nullptr, nullptr), -DER_NO_HDL);  // Of another kind.
  EXPECT_EQ(daos_cont_open(poh_, "missing", DAOS_COO_RW, &coh, nullptr, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_cont_open(poh_, nullptr, DAOS_COO_RW, &coh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_open(poh_, "scratch", 0, &coh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RW | 1u << 20, &coh, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RW, nullptr, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_EX, &coh, nullptr, nullptr), -DER_BUSY);
  EXPECT_EQ(daos_cont_query(poh_, nullptr, nullptr, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_cont_alloc_oids(coh_, 0, nullptr, nullptr), -DER_INVAL);
}

}  // namespace
}  // namespace aeon::capi
