#include <set>
#include <string>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

class KeyValue : public ScratchContainer {
 protected:
  void SetUp() override {
    ScratchContainer::SetUp();
    ASSERT_EQ(daos_kv_open(coh_, new_oid(DAOS_OT_KV_HASHED), DAOS_OO_RW, &kv_, nullptr), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_kv_close(kv_, nullptr), 0);
    ScratchContainer::TearDown();
  }
  int put(const char* key, const std::string& value, uint64_t flags = 0) {
    return daos_kv_put(kv_, DAOS_TX_NONE, flags, key, value.size(), value.data(), nullptr);
  }
  daos_handle_t kv_{};
};

TEST_F(KeyValue, GivesBackWhatWasPut) {
  ASSERT_EQ(put("key", "value"), 0);
  daos_size_t size = DAOS_REC_ANY;
  ASSERT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "key", &size, nullptr, nullptr), 0);
  EXPECT_EQ(size, 5u);
  char buffer[16] = {};
  size = 3;
  EXPECT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "key", &size, buffer, nullptr), -DER_REC2BIG);
  EXPECT_EQ(size, 5u);
  size = sizeof buffer;
  ASSERT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "key", &size, buffer, nullptr), 0);
  EXPECT_EQ(std::string(buffer, size), "value");
}

TEST_F(KeyValue, AMissingKeyIsAnErrorOnlyOnRequest) {
  char buffer[16];
  daos_size_t size = sizeof buffer;
  EXPECT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "key", &size, buffer, nullptr), 0);
  EXPECT_EQ(size, 0u);
  size = sizeof buffer;
  EXPECT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, DAOS_COND_KEY_GET, "key", &size, buffer, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_kv_remove(kv_, DAOS_TX_NONE, 0, "key", nullptr), 0);
  EXPECT_EQ(daos_kv_remove(kv_, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "key", nullptr), -DER_NONEXIST);
  EXPECT_EQ(put("key", "v", DAOS_COND_KEY_UPDATE), -DER_NONEXIST);
  EXPECT_EQ(put("key", "v", DAOS_COND_KEY_INSERT), 0);
  EXPECT_EQ(put("key", "w", DAOS_COND_KEY_INSERT), -DER_EXIST);
  EXPECT_EQ(daos_kv_remove(kv_, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, "key", nullptr), 0);
}

TEST_F(KeyValue, ListsItsKeysAndForgetsThemWhenDestroyed) {
  for (int i = 0; i < 100; ++i) ASSERT_EQ(put(("key" + std::to_string(i)).c_str(), "v"), 0);
  const auto list = [&] {
    std::set<std::string> keys;
    std::string buffer(100, '.');
    daos_key_desc_t kds[10];
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;
    while (!daos_anchor_is_eof(&anchor)) {
      d_iov_t iov = iov_of(buffer);
      d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
      uint32_t count = 10;
      if (daos_kv_list(kv_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr) != 0) break;
      size_t at = 0;
      for (uint32_t i = 0; i < count; at += kds[i++].kd_key_len) keys.insert(buffer.substr(at, kds[i].kd_key_len));
    }
    return keys;
  };
  EXPECT_EQ(list().size(), 100u);
  EXPECT_TRUE(list().contains("key99"));
  ASSERT_EQ(daos_kv_destroy(kv_, DAOS_TX_NONE, nullptr), 0);
  EXPECT_TRUE(list().empty());
}

TEST_F(KeyValue, BadArgumentsAreErrors) {
  char buffer[4];
  daos_size_t size = sizeof buffer;
  daos_handle_t kv;
  EXPECT_EQ(daos_kv_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &kv, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_kv_open(poh_, new_oid(DAOS_OT_KV_HASHED), DAOS_OO_RW, &kv, nullptr), -DER_NO_HDL);
  EXPECT_EQ(put("", "v"), -DER_INVAL);
  EXPECT_EQ(put(nullptr, "v"), -DER_INVAL);
  EXPECT_EQ(put("key", ""), -DER_INVAL);
  EXPECT_EQ(put(std::string(3000, 'k').c_str(), "v"), -DER_KEY2BIG);
  EXPECT_EQ(put("key", "v", DAOS_COND_KEY_GET), -DER_INVAL);
  EXPECT_EQ(daos_kv_put(kv_, DAOS_TX_NONE, 0, "key", 4, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "key", nullptr, buffer, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_kv_get(coh_, DAOS_TX_NONE, 0, "key", &size, buffer, nullptr), -DER_NO_HDL);
  daos_handle_t oh;
  ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_KV_HASHED), DAOS_OO_RW, &oh, nullptr), 0);
  EXPECT_EQ(daos_kv_get(oh, DAOS_TX_NONE, 0, "key", &size, buffer, nullptr), -DER_NO_HDL);  // Opened as an object.
  EXPECT_EQ(daos_kv_close(oh, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_obj_close(oh, nullptr), 0);
}

}  // namespace
}  // namespace aeon::capi
