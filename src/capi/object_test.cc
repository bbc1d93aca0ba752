#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

class Object : public ScratchContainer {
 protected:
  void SetUp() override {
    ScratchContainer::SetUp();
    ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &oh_, nullptr), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_obj_close(oh_, nullptr), 0);
    ScratchContainer::TearDown();
  }

  static daos_iod_t single(const char* akey, daos_size_t size) {
    daos_iod_t iod{};
    iod.iod_name = key_of(akey);
    iod.iod_type = DAOS_IOD_SINGLE;
    iod.iod_size = size;
    iod.iod_nr = 1;
    return iod;
  }
  static daos_iod_t array(const char* akey, daos_size_t record_size, std::vector<daos_recx_t>& recxs) {
    daos_iod_t iod{};
    iod.iod_name = key_of(akey);
    iod.iod_type = DAOS_IOD_ARRAY;
    iod.iod_size = record_size;
    iod.iod_nr = static_cast<uint32_t>(recxs.size());
    iod.iod_recxs = recxs.data();
    return iod;
  }

  int update(const char* dkey, daos_iod_t iod, std::string data, uint64_t flags = 0) {
    d_iov_t iov = iov_of(data);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    daos_key_t key = key_of(dkey);
    return daos_obj_update(oh_, DAOS_TX_NONE, flags, &key, 1, &iod, &sgl, nullptr);
  }
  int fetch(const char* dkey, daos_iod_t* iod, std::string* out, uint64_t flags = 0, daos_iom_t* iom = nullptr) {
    d_iov_t iov = iov_of(*out);
    sgl_ = {.sg_nr = 1, .sg_nr_out = 7, .sg_iovs = &iov};
    daos_key_t key = key_of(dkey);
    const int rc = daos_obj_fetch(oh_, DAOS_TX_NONE, flags, &key, 1, iod, &sgl_, iom, nullptr);
    filled_ = iov.iov_len;
    return rc;
  }

  daos_handle_t oh_{};
  d_sg_list_t sgl_{};    // Of the last fetch.
  size_t filled_ = 0;
};

TEST_F(Object, GivesBackASingleValue) {
  ASSERT_EQ(update("d", single("a", 5), "hello"), 0);
  std::string out(16, '.');
  daos_iod_t iod = single("a", DAOS_REC_ANY);
  ASSERT_EQ(fetch("d", &iod, &out), 0);
  EXPECT_EQ(iod.iod_size, 5u);
  EXPECT_EQ(sgl_.sg_nr_out, 1u);
  EXPECT_EQ(filled_, 5u);
  EXPECT_EQ(out, "hello...........");
}

TEST_F(Object, TellsASizeWithoutBuffers) {
  ASSERT_EQ(update("d", single("a", 5), "hello"), 0);
  daos_key_t dkey = key_of("d");
  daos_iod_t iod = single("a", DAOS_REC_ANY);
  ASSERT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, 0, &dkey, 1, &iod, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(iod.iod_size, 5u);
  d_sg_list_t empty{};
  iod.iod_size = DAOS_REC_ANY;
  ASSERT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, 0, &dkey, 1, &iod, &empty, nullptr, nullptr), 0);
  EXPECT_EQ(iod.iod_size, 5u);
  std::vector<daos_recx_t> recxs{{0, 4}};
  ASSERT_EQ(update("d", array("r", 8, recxs), std::string(32, 'r')), 0);
  iod = array("r", DAOS_REC_ANY, recxs);
  ASSERT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, 0, &dkey, 1, &iod, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(iod.iod_size, 8u);
}

TEST_F(Object, WhereThereIsNothingSizesAreZero) {
  std::string out(8, '.');
  daos_iod_t iod = single("a", DAOS_REC_ANY);
  ASSERT_EQ(fetch("d", &iod, &out), 0);
  EXPECT_EQ(iod.iod_size, 0u);
  EXPECT_EQ(sgl_.sg_nr_out, 0u);
  EXPECT_EQ(filled_, 0u);
  EXPECT_EQ(out, "........");
}

TEST_F(Object, ABufferTooSmallIsToldTheSize) {
  ASSERT_EQ(update("d", single("a", 5), "hello"), 0);
  std::string out(3, '.');
  daos_iod_t iod = single("a", DAOS_REC_ANY);
  EXPECT_EQ(fetch("d", &iod, &out), -DER_REC2BIG);
  EXPECT_EQ(iod.iod_size, 5u);
  std::vector<daos_recx_t> recxs{{0, 2}};
  ASSERT_EQ(update("d", array("r", 8, recxs), std::string(16, 'r')), 0);
  for (const daos_size_t size : {8, 0}) {
    iod = array("r", size, recxs);
    EXPECT_EQ(fetch("d", &iod, &out), -DER_REC2BIG) << size;
    EXPECT_EQ(iod.iod_size, 8u);
  }
}

TEST_F(Object, ReadsAndWritesExtentsOverSeveralBuffers) {
  std::vector<daos_recx_t> recxs{{10, 2}, {100, 1}};
  std::string first = "aaaabb";
  std::string second = "bbcccc";
  d_iov_t iovs[2] = {iov_of(first), iov_of(second)};
  d_sg_list_t sgl{.sg_nr = 2, .sg_nr_out = 0, .sg_iovs = iovs};
  daos_iod_t iod = array("r", 4, recxs);
  daos_key_t dkey = key_of("d");
  ASSERT_EQ(daos_obj_update(oh_, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, nullptr), 0);

  std::vector<daos_recx_t> wanted{{100, 1}, {9, 4}};
  std::string out(20, '.');
  iod = array("r", DAOS_REC_ANY, wanted);
  std::vector<daos_recx_t> found(4);
  daos_iom_t iom{};
  iom.iom_flags = DAOS_IOMF_DETAIL;
  iom.iom_nr = 4;
  iom.iom_recxs = found.data();
  ASSERT_EQ(fetch("d", &iod, &out, 0, &iom), 0);
  EXPECT_EQ(out, "cccc....aaaabbbb....");  // Records 9 and 12 were never written.
  EXPECT_EQ(iod.iod_size, 4u);
  EXPECT_EQ(filled_, 16u);
  EXPECT_EQ(iom.iom_size, 4u);
  ASSERT_EQ(iom.iom_nr_out, 2u);
  EXPECT_EQ(found[0].rx_idx, 10u);
  EXPECT_EQ(found[0].rx_nr, 2u);
  EXPECT_EQ(found[1].rx_idx, 100u);
  EXPECT_EQ(iom.iom_recx_lo.rx_idx, 10u);
  EXPECT_EQ(iom.iom_recx_hi.rx_idx, 100u);

  iom.iom_nr = 1;
  iod = array("r", 4, wanted);
  ASSERT_EQ(fetch("d", &iod, &out, 0, &iom), 0);
  EXPECT_EQ(iom.iom_nr_out, 1u);
  EXPECT_EQ(iom.iom_nr, 2u);
}

TEST_F(Object, AnotherRecordSizeThanStoredIsAnError) {
  std::vector<daos_recx_t> recxs{{0, 2}};
  ASSERT_EQ(update("d", array("r", 8, recxs), std::string(16, 'r')), 0);
  std::string out(64, '.');
  daos_iod_t iod = array("r", 4, recxs);
  EXPECT_EQ(fetch("d", &iod, &out), -DER_REC_SIZE);
  EXPECT_EQ(iod.iod_size, 8u);
}

TEST_F(Object, UpdatesSeveralAkeysAtOnce) {
  std::string data[2] = {"one", "three"};
  d_iov_t iovs[2] = {iov_of(data[0]), iov_of(data[1])};
  d_sg_list_t sgls[2] = {{1, 0, &iovs[0]}, {1, 0, &iovs[1]}};
  daos_iod_t iods[2] = {single("a", 3), single("b", 5)};
  daos_key_t dkey = key_of("d");
  ASSERT_EQ(daos_obj_update(oh_, DAOS_TX_NONE, 0, &dkey, 2, iods, sgls, nullptr), 0);

  // A size of 0 removes the one, while the other changes.
  iods[0] = single("a", 0);
  ASSERT_EQ(daos_obj_update(oh_, DAOS_TX_NONE, 0, &dkey, 2, iods, sgls, nullptr), 0);
  iods[0].iod_size = DAOS_REC_ANY;
  ASSERT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, 0, &dkey, 2, iods, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(iods[0].iod_size, 0u);
  EXPECT_EQ(iods[1].iod_size, 5u);
}

TEST_F(Object, AnArrayUpdateOfSizeZeroMakesAHole) {
  std::vector<daos_recx_t> all{{0, 4}};
  std::vector<daos_recx_t> middle{{1, 2}};
  ASSERT_EQ(update("d", array("r", 1, all), "abcd"), 0);
  ASSERT_EQ(update("d", array("r", 0, middle), ""), 0);
  std::string out = "....";
  daos_iod_t iod = array("r", 1, all);
  ASSERT_EQ(fetch("d", &iod, &out), 0);
  EXPECT_EQ(out, "a..d");
}

TEST_F(Object, ConditionsDecideWhetherAnythingHappens) {
  EXPECT_EQ(update("d", single("a", 1), "x", DAOS_COND_DKEY_UPDATE), -DER_NONEXIST);
  EXPECT_EQ(update("d", single("a", 1), "x", DAOS_COND_DKEY_INSERT), 0);
  EXPECT_EQ(update("d", single("a", 1), "y", DAOS_COND_DKEY_INSERT), -DER_EXIST);
  EXPECT_EQ(update("d", single("b", 1), "y", DAOS_COND_AKEY_UPDATE), -DER_NONEXIST);
  EXPECT_EQ(update("d", single("a", 1), "y", DAOS_COND_AKEY_INSERT), -DER_EXIST);
  daos_iod_t iod = single("b", 1);
  iod.iod_flags = DAOS_COND_AKEY_INSERT;
  EXPECT_EQ(update("d", iod, "z", DAOS_COND_PER_AKEY), 0);
  EXPECT_EQ(update("d", iod, "z", DAOS_COND_PER_AKEY), -DER_EXIST);
  std::string out(4, '.');
  iod = single("c", DAOS_REC_ANY);
  EXPECT_EQ(fetch("d", &iod, &out, DAOS_COND_AKEY_FETCH), -DER_NONEXIST);
  EXPECT_EQ(fetch("e", &iod, &out, DAOS_COND_DKEY_FETCH), -DER_NONEXIST);

  daos_key_t dkey = key_of("d");
  daos_iod_t iods[2] = {single("a", DAOS_REC_ANY), single("c", DAOS_REC_ANY)};
  iods[0].iod_flags = DAOS_COND_AKEY_FETCH;
  EXPECT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, DAOS_COND_PER_AKEY, &dkey, 2, iods, nullptr, nullptr, nullptr), 0);
  EXPECT_EQ(iods[0].iod_size, 1u);
  iods[1].iod_flags = DAOS_COND_AKEY_FETCH;
  EXPECT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, DAOS_COND_PER_AKEY, &dkey, 2, iods, nullptr, nullptr, nullptr),
            -DER_NONEXIST);
}

TEST_F(Object, PunchesAkeysDkeysAndItself) {
  ASSERT_EQ(update("d", single("a", 1), "x"), 0);
  ASSERT_EQ(update("d", single("b", 1), "x"), 0);
  ASSERT_EQ(update("e", single("a", 1), "x"), 0);
  ASSERT_EQ(update("f", single("a", 1), "x"), 0);
  const auto size_of = [&](const char* dkey, const char* akey) {
    daos_iod_t iod = single(akey, DAOS_REC_ANY);
    daos_key_t key = key_of(dkey);
    EXPECT_EQ(daos_obj_fetch(oh_, DAOS_TX_NONE, 0, &key, 1, &iod, nullptr, nullptr, nullptr), 0);
    return iod.iod_size;
  };
  daos_key_t dkey = key_of("d");
  daos_key_t akey = key_of("a");
  ASSERT_EQ(daos_obj_punch_akeys(oh_, DAOS_TX_NONE, 0, &dkey, 1, &akey, nullptr), 0);
  EXPECT_EQ(daos_obj_punch_akeys(oh_, DAOS_TX_NONE, DAOS_COND_PUNCH, &dkey, 1, &akey, nullptr), -DER_NONEXIST);
  EXPECT_EQ(size_of("d", "a"), 0u);
  EXPECT_EQ(size_of("d", "b"), 1u);
  daos_key_t dkeys[2] = {key_of("d"), key_of("e")};
  ASSERT_EQ(daos_obj_punch_dkeys(oh_, DAOS_TX_NONE, 0, 2, dkeys, nullptr), 0);
  EXPECT_EQ(size_of("d", "b"), 0u);
  EXPECT_EQ(size_of("e", "a"), 0u);
  EXPECT_EQ(size_of("f", "a"), 1u);
  ASSERT_EQ(daos_obj_punch(oh_, DAOS_TX_NONE, 0, nullptr), 0);
  EXPECT_EQ(size_of("f", "a"), 0u);
}

TEST_F(Object, FindsTheGreatestAndSmallestIntegerKeys) {
  daos_handle_t oh;
  ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_UINT64, 2), DAOS_OO_RW, &oh, nullptr), 0);
  std::string data(10, 'x');
  d_iov_t iov = iov_of(data);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  for (uint64_t dkey_number : {7, 300, 20}) {
    daos_key_t dkey;
    d_iov_set(&dkey, &dkey_number, sizeof dkey_number);
    uint64_t akey_number = dkey_number * 2;
    std::vector<daos_recx_t> recxs{{dkey_number, 10}};
    daos_iod_t iod = array("", 1, recxs);
    d_iov_set(&iod.iod_name, &akey_number, sizeof akey_number);
    ASSERT_EQ(daos_obj_update(oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, nullptr), 0);
  }
  uint64_t found_dkey = 0;
  uint64_t found_akey = 0;
  daos_key_t dkey;
  daos_key_t akey;
  daos_recx_t recx{};
  d_iov_set(&dkey, &found_dkey, sizeof found_dkey);
  d_iov_set(&akey, &found_akey, sizeof found_akey);
  const uint64_t parts = DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX;
  ASSERT_EQ(daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MAX | parts, &dkey, &akey, &recx, nullptr), 0);
  EXPECT_EQ(found_dkey, 300u);
  EXPECT_EQ(found_akey, 600u);
  EXPECT_EQ(recx.rx_idx + recx.rx_nr, 310u);
  ASSERT_EQ(daos_obj_query_key(oh, DAOS_TX_NONE, DAOS_GET_MIN | parts, &dkey, &akey, &recx, nullptr), 0);
  EXPECT_EQ(found_dkey, 7u);
  EXPECT_EQ(recx.rx_idx, 7u);
  EXPECT_EQ(daos_obj_query_key(oh, DAOS_TX_NONE, parts, &dkey, &akey, &recx, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_query_key(oh_, DAOS_TX_NONE, DAOS_GET_MAX | DAOS_GET_DKEY, &dkey, nullptr, nullptr, nullptr),
            -DER_INVAL);
  EXPECT_EQ(daos_obj_close(oh, nullptr), 0);
}

TEST_F(Object, ListsExtentsBothWays) {
  std::vector<daos_recx_t> recxs;
  for (uint64_t i = 0; i < 10; ++i) recxs.push_back({i * 100, 3});
  ASSERT_EQ(update("d", array("r", 2, recxs), std::string(60, 'x')), 0);
  daos_key_t dkey = key_of("d");
  daos_key_t akey = key_of("r");
  for (const bool rising : {true, false}) {
    std::vector<uint64_t> indices;
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;
    while (!daos_anchor_is_eof(&anchor)) {
      daos_recx_t page[3];
      daos_epoch_range_t epochs[3];
      uint32_t count = 3;
      daos_size_t size = 0;
      ASSERT_EQ(
          daos_obj_list_recx(oh_, DAOS_TX_NONE, &dkey, &akey, &size, &count, page, epochs, &anchor, rising, nullptr),
          0);
      for (uint32_t i = 0; i < count; ++i) {
        indices.push_back(page[i].rx_idx);
        EXPECT_EQ(page[i].rx_nr, 3u);
        EXPECT_EQ(size, 2u);
        EXPECT_GT(epochs[i].epr_lo, 0u);
      }
      ASSERT_LE(indices.size(), 10u);
    }
    std::vector<uint64_t> expected(10);
    for (size_t i = 0; i < 10; ++i) expected[i] = (rising ? i : 9 - i) * 100;
    EXPECT_EQ(indices, expected) << rising;
  }
}

TEST_F(Object, BadArgumentsAreErrors) {
  std::string data = "x";
  d_iov_t iov = iov_of(data);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_iod_t iod = single("a", 1);
  daos_key_t dkey = key_of("d");
  daos_key_t empty{};
  const std::string long_key(3000, 'k');
  daos_key_t too_long = key_of(long_key.c_str());
  const auto try_update = [&](daos_handle_t oh, daos_key_t* key, unsigned nr, daos_iod_t* iods, d_sg_list_t* sgls,
                              uint64_t flags = 0) {
    return daos_obj_update(oh, DAOS_TX_NONE, flags, key, nr, iods, sgls, nullptr);
  };
  EXPECT_EQ(try_update(coh_, &dkey, 1, &iod, &sgl), -DER_NO_HDL);
  EXPECT_EQ(try_update(DAOS_HDL_INVAL, &dkey, 1, &iod, &sgl), -DER_NO_HDL);
  EXPECT_EQ(try_update(oh_, nullptr, 1, &iod, &sgl), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &empty, 1, &iod, &sgl), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &too_long, 1, &iod, &sgl), -DER_KEY2BIG);
  EXPECT_EQ(try_update(oh_, &dkey, 0, &iod, &sgl), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &dkey, 1, nullptr, &sgl), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, nullptr), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, &sgl, DAOS_COND_DKEY_FETCH), -DER_INVAL);
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, &sgl, 1ull << 40), -DER_INVAL);
  iod.iod_size = 2;
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, &sgl), -DER_REC2BIG);
  std::vector<daos_recx_t> recxs{{0, 2}};
  daos_iod_t records = array("r", 1, recxs);
  EXPECT_EQ(try_update(oh_, &dkey, 1, &records, &sgl), -DER_IO_INVAL);
  recxs[0] = {~0ull - 1, 5};
  EXPECT_EQ(try_update(oh_, &dkey, 1, &records, &sgl), -DER_INVAL);
  recxs[0] = {0, 1ull << 63};
  records.iod_size = 4;
  EXPECT_EQ(try_update(oh_, &dkey, 1, &records, &sgl), -DER_INVAL);
  records.iod_nr = 0;
  EXPECT_EQ(try_update(oh_, &dkey, 1, &records, &sgl), -DER_INVAL);
  iod.iod_type = DAOS_IOD_NONE;
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, &sgl), -DER_INVAL);
  iov.iov_len = 100;  // More than there is.
  iod = single("a", 100);
  EXPECT_EQ(try_update(oh_, &dkey, 1, &iod, &sgl), -DER_INVAL);

  daos_handle_t oh;
  EXPECT_EQ(daos_obj_open(coh_, DAOS_OBJ_NIL, DAOS_OO_RW, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), 0, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RO, nullptr, nullptr), -DER_INVAL);
  ASSERT_EQ(daos_obj_open(coh_, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RO, &oh, nullptr), 0);
  EXPECT_EQ(daos_obj_punch(oh, DAOS_TX_NONE, 0, nullptr), -DER_NO_PERM);
  EXPECT_EQ(daos_obj_punch(oh_, {12345}, 0, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_obj_close(oh, nullptr), 0);
}

}  // namespace
}  // namespace aeon::capi
