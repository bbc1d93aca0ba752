#include <numeric>
#include <string>
#include <vector>

#include "scratch_system.h"

namespace aeon::capi {
namespace {

class Array : public ScratchContainer {
 protected:
  // `count` cells of 8 bytes counting from `first`.
  static std::vector<uint64_t> cells(uint64_t first, size_t count) {
    std::vector<uint64_t> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
  }
  static int transfer(decltype(daos_array_read)* call, daos_handle_t oh, std::vector<daos_range_t> ranges,
                      std::vector<uint64_t>& values, daos_array_iod_t* iod) {
    d_iov_t iov;
    d_iov_set(&iov, values.data(), values.size() * sizeof(uint64_t));
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    *iod = {};
    iod->arr_nr = ranges.size();
    iod->arr_rgs = ranges.data();
    return call(oh, DAOS_TX_NONE, iod, &sgl, nullptr);
  }

  daos_array_iod_t iod_{};
};

TEST_F(Array, RemembersItsSizesAndItsCells) {
  const daos_obj_id_t oid = new_oid(DAOS_OT_ARRAY);
  daos_handle_t oh;
  daos_size_t cell_size = 0;
  daos_size_t chunk_size = 0;
  EXPECT_EQ(daos_array_open(coh_, oid, DAOS_TX_NONE, DAOS_OO_RW, &cell_size, &chunk_size, &oh, nullptr), -DER_NONEXIST);
  ASSERT_EQ(daos_array_create(coh_, oid, DAOS_TX_NONE, 8, 100, &oh, nullptr), 0);
  std::vector<uint64_t> written = cells(1, 1000);
  ASSERT_EQ(transfer(daos_array_write, oh, {{50, 1000}}, written, &iod_), 0);
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
  EXPECT_EQ(daos_array_create(coh_, oid, DAOS_TX_NONE, 8, 100, &oh, nullptr), -DER_EXIST);

  ASSERT_EQ(daos_array_open(coh_, oid, DAOS_TX_NONE, DAOS_OO_RW, &cell_size, &chunk_size, &oh, nullptr), 0);
  EXPECT_EQ(cell_size, 8u);
  EXPECT_EQ(chunk_size, 100u);
  daos_size_t size = 0;
  ASSERT_EQ(daos_array_get_size(oh, DAOS_TX_NONE, &size, nullptr), 0);
  EXPECT_EQ(size, 1050u);
  std::vector<uint64_t> read(1000);
  ASSERT_EQ(transfer(daos_array_read, oh, {{50, 1000}}, read, &iod_), 0);
  EXPECT_EQ(read, written);
  EXPECT_EQ(iod_.arr_nr_read, 1000u);
  EXPECT_EQ(iod_.arr_nr_short_read, 0u);
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
}

TEST_F(Array, TellsHowMuchOfAReadLiesBehindItsEnd) {
  daos_handle_t oh;
  ASSERT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, 8, 10, &oh, nullptr), 0);
  std::vector<uint64_t> written = cells(1, 5);
  ASSERT_EQ(transfer(daos_array_write, oh, {{20, 5}}, written, &iod_), 0);
  std::vector<uint64_t> read(15, 77);
  ASSERT_EQ(transfer(daos_array_read, oh, {{30, 5}, {18, 10}}, read, &iod_), 0);
  EXPECT_EQ(iod_.arr_nr_read, 7u);
  EXPECT_EQ(iod_.arr_nr_short_read, 8u);
  EXPECT_EQ(read, (std::vector<uint64_t>{0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0}));
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
}

TEST_F(Array, CanBeCutExtendedAndPunched) {
  daos_handle_t oh;
  const daos_obj_id_t oid = new_oid(DAOS_OT_ARRAY);
  ASSERT_EQ(daos_array_create(coh_, oid, DAOS_TX_NONE, 8, 10, &oh, nullptr), 0);
  std::vector<uint64_t> written = cells(1, 100);
  ASSERT_EQ(transfer(daos_array_write, oh, {{0, 100}}, written, &iod_), 0);
  daos_size_t size = 0;
  for (const daos_size_t wanted : {33, 1000, 0, 12}) {
    ASSERT_EQ(daos_array_set_size(oh, DAOS_TX_NONE, wanted, nullptr), 0);
    ASSERT_EQ(daos_array_get_size(oh, DAOS_TX_NONE, &size, nullptr), 0);
    EXPECT_EQ(size, wanted);
  }
  ASSERT_EQ(transfer(daos_array_write, oh, {{0, 100}}, written, &iod_), 0);
  daos_range_t hole{.rg_idx = 5, .rg_len = 90};
  iod_ = {};
  iod_.arr_nr = 1;
  iod_.arr_rgs = &hole;
  ASSERT_EQ(daos_array_punch(oh, DAOS_TX_NONE, &iod_, nullptr), 0);
  std::vector<uint64_t> read(100);
  ASSERT_EQ(transfer(daos_array_read, oh, {{0, 100}}, read, &iod_), 0);
  EXPECT_EQ(read[4], 5u);
  EXPECT_EQ(read[5], 0u);
  EXPECT_EQ(read[94], 0u);
  EXPECT_EQ(read[95], 96u);
  ASSERT_EQ(daos_array_destroy(oh, DAOS_TX_NONE, nullptr), 0);
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
  EXPECT_EQ(daos_array_open(coh_, oid, DAOS_TX_NONE, DAOS_OO_RO, nullptr, nullptr, &oh, nullptr), -DER_NONEXIST);
}

TEST_F(Array, OfBytesNeedsNoCreation) {
  daos_handle_t oh;
  const daos_obj_id_t oid = new_oid(DAOS_OT_ARRAY_BYTE);
  EXPECT_EQ(daos_array_open_with_attr(coh_, oid, DAOS_TX_NONE, DAOS_OO_RW, 8, 4096, &oh, nullptr), -DER_INVAL);
  ASSERT_EQ(daos_array_open_with_attr(coh_, oid, DAOS_TX_NONE, DAOS_OO_RW, 1, 4096, &oh, nullptr), 0);
  daos_size_t cell_size = 0;
  daos_size_t chunk_size = 0;
  ASSERT_EQ(daos_array_get_attr(oh, &chunk_size, &cell_size), 0);
  EXPECT_EQ(cell_size, 1u);
  EXPECT_EQ(chunk_size, 4096u);
  std::vector<uint64_t> written = cells(1, 10000);
  ASSERT_EQ(transfer(daos_array_write, oh, {{3, 80000}}, written, &iod_), 0);
  std::vector<uint64_t> read(10000);
  ASSERT_EQ(transfer(daos_array_read, oh, {{3, 40000}, {40003, 40000}}, read, &iod_), 0);
  EXPECT_EQ(read, written);
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
}

TEST_F(Array, BadArgumentsAreErrors) {
  daos_handle_t oh;
  EXPECT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, 0, 10, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, 8, 0, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, ~0ull, 16, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_KV_HASHED), DAOS_TX_NONE, 8, 10, &oh, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_create(poh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, 8, 10, &oh, nullptr), -DER_NO_HDL);
  ASSERT_EQ(daos_array_create(coh_, new_oid(DAOS_OT_ARRAY), DAOS_TX_NONE, 8, 10, &oh, nullptr), 0);
  std::vector<uint64_t> values(4);
  EXPECT_EQ(transfer(daos_array_write, oh, {{0, 5}}, values, &iod_), -DER_INVAL);
  EXPECT_EQ(transfer(daos_array_read, oh, {{0, 3}}, values, &iod_), -DER_INVAL);
  EXPECT_EQ(transfer(daos_array_write, oh, {{~0ull - 1, 4}}, values, &iod_), -DER_INVAL);
  EXPECT_EQ(transfer(daos_array_write, oh, {}, values, &iod_), -DER_INVAL);
  EXPECT_EQ(daos_array_read(oh, DAOS_TX_NONE, nullptr, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_get_size(oh, DAOS_TX_NONE, nullptr, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_array_set_size(oh, DAOS_TX_NONE, ~0ull, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_obj_punch(oh, DAOS_TX_NONE, 0, nullptr), -DER_NO_HDL);
  EXPECT_EQ(daos_array_close(oh, nullptr), 0);
  EXPECT_EQ(daos_array_close(oh, nullptr), -DER_NO_HDL);
}

}  // namespace
}  // namespace aeon::capi
