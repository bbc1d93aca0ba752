#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

class KeyListing : public ScratchContainer {
 protected:
  void SetUp() override {
    ScratchContainer::SetUp();
    ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &oh_, nullptr), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_obj_close(oh_, nullptr), 0);
    ScratchContainer::TearDown();
  }

  void store(const std::string& dkey, const std::string& akey) {
    std::string data = "v";
    d_iov_t iov = iov_of(data);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    daos_key_t key = key_of(dkey.c_str());
    daos_iod_t iod{};
    iod.iod_name = key_of(akey.c_str());
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_size = 1;
    iod.iod_nr = 1;
    ASSERT_EQ(daos_obj_update(oh_, DAOS_TX_NONE, 0, &key, 1, &iod, &sgl, nullptr), 0);
  }

  // All keys, listed with room for `count_max` keys in buffers of the given sizes.
  std::multiset<std::string> list(uint32_t count_max, std::vector<size_t> sizes, daos_key_t* dkey = nullptr) {
    std::multiset<std::string> keys;
    std::vector<std::string> buffers;
    for (const size_t size : sizes) buffers.emplace_back(size, '.');
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;
    std::vector<daos_key_desc_t> kds(count_max);
    while (!daos_anchor_is_eof(&anchor)) {
      std::vector<d_iov_t> iovs;
      for (std::string& buffer : buffers) iovs.push_back(iov_of(buffer));
      d_sg_list_t sgl{.sg_nr = static_cast<uint32_t>(iovs.size()), .sg_nr_out = 0, .sg_iovs = iovs.data()};
      uint32_t count = count_max;
      const int rc = dkey == nullptr
                         ? daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds.data(), &sgl, &anchor, nullptr)
                         : daos_obj_list_akey(oh_, DAOS_TX_NONE, dkey, &count, kds.data(), &sgl, &anchor, nullptr);
      EXPECT_EQ(rc, 0);
      if (rc != 0) break;
      EXPECT_LE(count, count_max);
      std::string packed;
      for (const d_iov_t& iov : iovs) packed.append(static_cast<const char*>(iov.iov_buf), iov.iov_len);
      size_t at = 0;
      for (uint32_t i = 0; i < count; ++i) {
        keys.insert(packed.substr(at, kds[i].kd_key_len));
        at += kds[i].kd_key_len;
      }
      EXPECT_EQ(at, packed.size());
    }
    return keys;
  }

  daos_handle_t oh_{};
};

TEST_F(KeyListing, GivesEveryKeyOnceWhateverTheRoom) {
  std::multiset<std::string> stored;
  for (int i = 0; i < 300; ++i) stored.insert("key" + std::to_string(i));
  for (const std::string& key : stored) store(key, "a");
  EXPECT_EQ(list(1000, {100000}), stored);
  EXPECT_EQ(list(7, {100000}), stored);
  EXPECT_EQ(list(1000, {32}), stored);
  EXPECT_EQ(list(1000, {5, 5, 5, 7}), stored);  // Keys go over from one buffer into the next.
  EXPECT_EQ(list(1, {6}), stored);
}

TEST_F(KeyListing, GoesOnBehindKeysTooLongForAnAnchor) {
  std::multiset<std::string> stored;
  for (int i = 0; i < 20; ++i) stored.insert(std::string(1500, 'p') + std::to_string(i));
  stored.insert(std::string(2048, 'q'));
  stored.insert("short");
  for (const std::string& key : stored) store(key, "a");
  EXPECT_EQ(list(3, {10000}), stored);
  EXPECT_EQ(list(1, {2048}), stored);
}

TEST_F(KeyListing, ListsAkeysOfOneDkey) {
  for (int i = 0; i < 50; ++i) store("d", "akey" + std::to_string(i));
  store("e", "other");
  daos_key_t dkey = key_of("d");
  EXPECT_EQ(list(8, {64}, &dkey).size(), 50u);
  dkey = key_of("e");
  EXPECT_EQ(list(8, {64}, &dkey), (std::multiset<std::string>{"other"}));
  dkey = key_of("nobody");
  EXPECT_TRUE(list(8, {64}, &dkey).empty());
}

TEST_F(KeyListing, AKeyThatDoesNotFitTellsItsLengthAndMayBeTriedAgain) {
  store(std::string(100, 'x'), "a");
  std::string buffer(50, '.');
  d_iov_t iov = iov_of(buffer);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_key_desc_t kds[4];
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  uint32_t count = 4;
  ASSERT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), -DER_KEY2BIG);
  EXPECT_EQ(kds[0].kd_key_len, 100u);
  EXPECT_EQ(count, 4u);
  buffer.resize(kds[0].kd_key_len);
  iov = iov_of(buffer);
  ASSERT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), 0);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(buffer, std::string(100, 'x'));
}

TEST_F(KeyListing, AtTheEndThereIsNothingMore) {
  store("d", "a");
  std::string buffer(50, '.');
  d_iov_t iov = iov_of(buffer);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_key_desc_t kds[4];
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  uint32_t count = 4;
  while (!daos_anchor_is_eof(&anchor)) {
    count = 4;
    ASSERT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), 0);
  }
  count = 4;
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), 0);
  EXPECT_EQ(count, 0u);
  EXPECT_TRUE(daos_anchor_is_eof(&anchor));
}

TEST_F(KeyListing, BadArgumentsAreErrors) {
  std::string buffer(50, '.');
  d_iov_t iov = iov_of(buffer);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  d_sg_list_t no_buffers{};
  daos_key_desc_t kds[4];
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  uint32_t count = 4;
  uint32_t none = 0;
  EXPECT_EQ(daos_obj_list_dkey(coh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, nullptr, kds, &sgl, &anchor, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &none, kds, &sgl, &anchor, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, nullptr, &sgl, &anchor, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, nullptr, &anchor, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &no_buffers, &anchor, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_list_akey(oh_, DAOS_TX_NONE, nullptr, &count, kds, &sgl, &anchor, nullptr), -DER_INVAL);
  std::memset(&anchor, 0x77, sizeof anchor);
  EXPECT_EQ(daos_obj_list_dkey(oh_, DAOS_TX_NONE, &count, kds, &sgl, &anchor, nullptr), -DER_INVAL);
}

}  // namespace
}  // namespace aeon::capi
