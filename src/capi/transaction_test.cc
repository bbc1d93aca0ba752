#include <string>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

class Transaction : public ScratchContainer {
 protected:
  void SetUp() override {
    ScratchContainer::SetUp();
    ASSERT_EQ(daos_kv_open(coh_, new_oid(DAOS_OT_KV_HASHED), DAOS_OO_RW, &kv_, nullptr), 0);
    ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED, 2), DAOS_OO_RW, &object_, nullptr), 0);
    ASSERT_EQ(daos_tx_open(coh_, &th_, 0, nullptr), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_tx_close(th_, nullptr), 0);
    EXPECT_EQ(daos_tx_close(th_, nullptr), -DER_NO_HDL);
    EXPECT_EQ(daos_obj_close(object_, nullptr), 0);
    EXPECT_EQ(daos_kv_close(kv_, nullptr), 0);
    ScratchContainer::TearDown();
  }
  int put(const char* key, const std::string& value, daos_handle_t th = DAOS_TX_NONE, uint64_t flags = 0) {
    return daos_kv_put(kv_, th, flags, key, value.size(), value.data(), nullptr);
  }
  std::string get(const char* key, daos_handle_t th = DAOS_TX_NONE) {
    char buffer[64];
    daos_size_t size = sizeof buffer;
    const int rc = daos_kv_get(kv_, th, 0, key, &size, buffer, nullptr);
    return rc == 0 ? std::string(buffer, size) : "error " + std::to_string(rc);
  }
  // One single value of the other object.
  int update(std::string value, daos_handle_t th) {
    daos_key_t dkey = key_of("d");
    daos_iod_t iod{};
    iod.iod_name = key_of("a");
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_size = value.size();
    iod.iod_nr = 1;
    d_iov_t iov = iov_of(value);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    return daos_obj_update(object_, th, 0, &dkey, 1, &iod, &sgl, nullptr);
  }
  std::string fetch(daos_handle_t th, uint64_t flags = 0, uint64_t iod_flags = 0) {
    std::string buffer(64, '.');
    daos_key_t dkey = key_of("d");
    daos_iod_t iod{};
    iod.iod_name = key_of("a");
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_size = DAOS_REC_ANY;
    iod.iod_flags = iod_flags;
    iod.iod_nr = 1;
    d_iov_t iov = iov_of(buffer);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    const int rc = daos_obj_fetch(object_, th, flags, &dkey, 1, &iod, &sgl, nullptr, nullptr);
    return rc == 0 ? buffer.substr(0, iod.iod_size) : "error " + std::to_string(rc);
  }

  daos_handle_t kv_{};
  daos_handle_t object_{};
  daos_handle_t th_{};
};

TEST_F(Transaction, CommitsWritesToManyObjectsAtOnce) {
  ASSERT_EQ(put("key", "value", th_), 0);
  ASSERT_EQ(update("single", th_), 0);
  EXPECT_EQ(get("key"), "");
  EXPECT_EQ(get("key", th_), "");  // Nor does it see its own.
  ASSERT_EQ(daos_tx_commit(th_, nullptr), 0);
  EXPECT_EQ(get("key"), "value");
  EXPECT_EQ(fetch(DAOS_TX_NONE), "single");
  EXPECT_EQ(daos_tx_commit(th_, nullptr), -DER_INVAL);
  EXPECT_EQ(put("key", "more", th_), -DER_INVAL);
}

TEST_F(Transaction, ReadsOneEpochAndRestartsWhenThatChanged) {
  daos_epoch_t epoch = 0;
  EXPECT_EQ(daos_tx_hdl2epoch(th_, &epoch), 0);
  ASSERT_EQ(put("key", "later"), 0);
  EXPECT_EQ(get("key", th_), "");
  ASSERT_EQ(put("result", "1", th_), 0);
  EXPECT_EQ(daos_tx_commit(th_, nullptr), -DER_TX_RESTART);
  EXPECT_EQ(get("result"), "");
  ASSERT_EQ(daos_tx_restart(th_, nullptr), 0);
  daos_epoch_t again = 0;
  EXPECT_EQ(daos_tx_hdl2epoch(th_, &again), 0);
  EXPECT_GT(again, epoch);
  EXPECT_EQ(get("key", th_), "later");
  ASSERT_EQ(put("result", "2", th_), 0);
  EXPECT_EQ(daos_tx_commit(th_, nullptr), 0);
  EXPECT_EQ(get("result"), "2");
}

TEST_F(Transaction, AnAbortedOneLeavesNothing) {
  ASSERT_EQ(put("key", "value", th_), 0);
  ASSERT_EQ(daos_tx_abort(th_, nullptr), 0);
  EXPECT_EQ(daos_tx_commit(th_, nullptr), -DER_INVAL);
  EXPECT_EQ(get("key"), "");
}

TEST_F(Transaction, ConditionsAreLookedAtByTheCommit) {
  ASSERT_EQ(put("key", "mine", th_, DAOS_COND_KEY_INSERT), 0);
  ASSERT_EQ(put("key", "theirs"), 0);
  EXPECT_EQ(daos_tx_commit(th_, nullptr), -DER_EXIST);
  EXPECT_EQ(get("key"), "theirs");
}

TEST_F(Transaction, ConditionsOfSingleAkeysAreReadAtItsEpoch) {
  ASSERT_EQ(update("old", DAOS_TX_NONE), 0);
  ASSERT_EQ(daos_tx_restart(th_, nullptr), 0);
  ASSERT_EQ(update("new", DAOS_TX_NONE), 0);
  EXPECT_EQ(fetch(th_, DAOS_COND_PER_AKEY, DAOS_COND_AKEY_FETCH), "old");
}

TEST_F(Transaction, OneForReadingRefusesToWrite) {
  daos_handle_t reader{};
  ASSERT_EQ(daos_tx_open(coh_, &reader, DAOS_TF_RDONLY, nullptr), 0);
  EXPECT_EQ(put("key", "value", reader), -DER_NO_PERM);
  EXPECT_EQ(get("key", reader), "");
  EXPECT_EQ(daos_tx_commit(reader, nullptr), 0);
  EXPECT_EQ(daos_tx_close(reader, nullptr), 0);
}

TEST_F(Transaction, CreatesAndWritesArrays) {
  daos_handle_t array{};
  const daos_obj_id_t oid = new_oid(DAOS_OT_ARRAY, 3);
  ASSERT_EQ(daos_array_create(coh_, oid, th_, 1, 1024, &array, nullptr), 0);
  std::string data = "data";
  d_iov_t iov = iov_of(data);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_range_t range{.rg_idx = 0, .rg_len = 4};
  daos_array_iod_t iod{};
  iod.arr_nr = 1;
  iod.arr_rgs = &range;
  ASSERT_EQ(daos_array_write(array, th_, &iod, &sgl, nullptr), 0);
  daos_size_t size = 99;
  ASSERT_EQ(daos_array_get_size(array, DAOS_TX_NONE, &size, nullptr), 0);
  EXPECT_EQ(size, 0u);
  ASSERT_EQ(daos_tx_commit(th_, nullptr), 0);
  ASSERT_EQ(daos_array_get_size(array, DAOS_TX_NONE, &size, nullptr), 0);
  EXPECT_EQ(size, 4u);
  EXPECT_EQ(daos_array_close(array, nullptr), 0);
}

TEST_F(Transaction, WorksWithEvents) {
  daos_handle_t queue{};
  ASSERT_EQ(daos_eq_create(&queue), 0);
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, queue, nullptr), 0);
  ASSERT_EQ(put("key", "value", th_), 0);
  ASSERT_EQ(daos_tx_commit(th_, &event), 0);
  daos_event_t* done = nullptr;
  ASSERT_EQ(daos_eq_poll(queue, 1, DAOS_EQ_WAIT, 1, &done), 1);
  EXPECT_EQ(event.ev_error, 0);
  EXPECT_EQ(get("key"), "value");
  EXPECT_EQ(daos_event_fini(&event), 0);
  EXPECT_EQ(daos_eq_destroy(queue, 0), 0);
}

TEST_F(Transaction, BadCallsAreRefused) {
  daos_handle_t other{};
  EXPECT_EQ(daos_tx_open(coh_, nullptr, 0, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_tx_open(coh_, &other, 1u << 20, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_tx_open(kv_, &other, 0, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_tx_commit(coh_, nullptr), -DER_NO_HDL);
  daos_epoch_t epoch = 0;
  ASSERT_EQ(daos_cont_create_snap(coh_, &epoch, nullptr, nullptr), 0);
  ASSERT_EQ(daos_tx_open_snap(coh_, epoch, &other, nullptr), 0);
  EXPECT_EQ(daos_tx_commit(other, nullptr), -DER_EP_RO);
  EXPECT_EQ(daos_tx_restart(other, nullptr), -DER_EP_RO);
  EXPECT_EQ(daos_tx_abort(other, nullptr), -DER_EP_RO);
  EXPECT_EQ(daos_tx_close(other, nullptr), 0);
}

}  // namespace
}  // namespace aeon::capi
