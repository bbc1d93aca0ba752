// The format as it was written once: stores made by earlier versions must open forever. AEON_UPDATE_GOLDEN=1 in the
// environment writes the files anew.
#include <cstdlib>

#include "log_frame.h"
#include "store_workload_test.h"
#include "superblock.h"

namespace aeon::media {
namespace {

std::string testdata(const std::string& name) { return std::string(AEON_TESTDATA_DIR) + "/" + name; }

SimDiskOptions sample_disk() {
  SimDiskOptions options;
  options.capacity = 2 * kMiB;
  options.latency = SimDiskLatency::none();
  return options;
}

StoreModel sample_model() {
  StoreModel model;
  for (int i = 0; i < 40; ++i) model["key " + std::to_string(i)] = "value " + std::to_string(i * i);
  model["long"] = std::string(kValueSizeMax, 'L');
  return model;
}

// Some keys in pages, some in the log only.
void make_sample(const std::string& path) {
  TestMachine machine(1, sample_disk());
  ASSERT_TRUE(machine.format().is_ok());
  const Result<KeyBlockStore*> store = machine.open(small_pages());
  ASSERT_TRUE(store.is_ok());
  int count = 0;
  for (const auto& [key, value] : sample_model()) {
    ASSERT_TRUE(machine.run(put_durable(*store, key, value)).is_ok());
    if (++count == 35) {
      ASSERT_TRUE(machine.run((*store)->checkpoint()).is_ok());
    }
  }
  machine.crash();
  ASSERT_TRUE(machine.disk.image().save_sample(path).is_ok());
}

TEST(StoreFormat, AStoreOfFormatOneOpensForever) {
  const std::string path = testdata("store_format_1.blocks");
  if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) make_sample(path);
  TestMachine machine(1, sample_disk());
  const Result<DiskImage> image = DiskImage::load_sample(path);
  ASSERT_TRUE(image.is_ok()) << image.status().to_string();
  ASSERT_FALSE(image->empty()) << path;
  machine.disk.load(*image);
  const Result<KeyBlockStore*> store = machine.open();
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ((*store)->uuid(), kTestStore);
  EXPECT_EQ((*store)->counters().replayed_batches, 6u);
  EXPECT_EQ(*machine.run(read_all(*store)), sample_model());
  const auto damage = machine.run((*store)->verify());
  ASSERT_TRUE(damage.is_ok());
  EXPECT_TRUE((*damage).empty());
}

constexpr uint64_t kContentTag = 300;

Task<Status> carry_contents(KeyBlockStore* store) {
  for (uint64_t i = 0; i < 4; ++i) {
    Result<std::vector<BlockRange>> reserved = store->reserve(i + 1);
    CO_TRY(reserved.status());
    const BlockRange range = (*reserved)[0];
    Batch batch;
    batch.adopt(range, tagged_content(range, kContentTag + i));
    batch.put(as_bytes("b" + std::to_string(i)), as_bytes(encode_block(range, kContentTag + i)));
    const Result<LogPosition> applied = co_await store->apply(std::move(batch));
    CO_TRY(applied.status());
    if (i == 1) CO_TRY(co_await store->checkpoint());
  }
  const Result<std::optional<std::string>> freed = co_await get(store, "b2");
  CO_TRY(freed.status());
  uint64_t tag = 0;
  Batch batch;
  batch.free(decode_block(**freed, tag));
  batch.erase(as_bytes("b2"));
  const Result<LogPosition> applied = co_await store->apply(std::move(batch));
  CO_TRY(applied.status());
  co_return co_await store->flush();
}

// One content in its blocks, two only in the log, one of which was freed there.
TEST(StoreFormat, AStoreWhoseLogCarriesContentsOpensForever) {
  const std::string path = testdata("store_format_1_contents.blocks");
  if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) {
    TestMachine machine(1, sample_disk());
    ASSERT_TRUE(machine.format().is_ok());
    const Result<KeyBlockStore*> store = machine.open(small_pages());
    ASSERT_TRUE(store.is_ok());
    const Status made = machine.run(carry_contents(*store));
    ASSERT_TRUE(made.is_ok()) << made.to_string();
    machine.crash();
    ASSERT_TRUE(machine.disk.image().save_sample(path).is_ok());
  }
  TestMachine machine(1, sample_disk());
  const Result<DiskImage> image = DiskImage::load_sample(path);
  ASSERT_TRUE(image.is_ok()) << image.status().to_string();
  ASSERT_FALSE(image->empty()) << path;
  machine.disk.load(*image);
  const Result<KeyBlockStore*> store = machine.open();
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ((*store)->counters().replayed_batches, 3u);
  EXPECT_GT((*store)->counters().contents_waiting, 12'000u);
  const Result<StoreModel> found = machine.run(read_all(*store));
  ASSERT_TRUE(found.is_ok());
  ASSERT_EQ((*found).size(), 3u);
  for (const char* key : {"b0", "b1", "b3"}) {
    uint64_t tag = 0;
    const BlockRange range = decode_block((*found).at(key), tag);
    DiskBuffer out(range.count * kBlockSize);
    ASSERT_TRUE(machine.run((*store)->read_blocks(range, out.bytes())).is_ok());
    Bytes expected = tagged_content(range, tag);
    expected.resize(out.size());
    EXPECT_EQ(to_bytes(out.bytes()), expected) << key;
  }
  EXPECT_EQ((*store)->space().blocks_used, 7 * kBlockSize);
}

TEST(Superblock, KeepsEveryField) {
  Superblock superblock;
  superblock.store = kTestStore;
  superblock.generation = 5;
  superblock.life = 3;
  superblock.is_clean = true;
  superblock.log_first = kLogFirstBlock;
  superblock.log_count = 64;
  superblock.data_first = 96;
  superblock.data_end = 1000;
  superblock.checkpoint = 9;
  superblock.root = {{200, 3}, 12};
  superblock.replay_from = {8192, 4, 777};
  superblock.adopted_blocks = 31;
  superblock.allocator = {300, 2};
  superblock.replay_life = 2;
  Bytes block(kBlockSize);
  encode_superblock(superblock, 1, block);
  const Result<Superblock> decoded = decode_superblock(block, 1);
  ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
  EXPECT_EQ(*decoded, superblock);
  EXPECT_EQ(decode_superblock(block, 0).code(), Code::kCorrupt);  // Written where the other copy belongs.
}

TEST(LogFrame, KeepsEveryFieldAndNoticesEveryFlippedBit) {
  const FrameHeader header{.store_hash = 1,
                           .life = 2,
                           .sequence = 3,
                           .position = 4096,
                           .stream = 5,
                           .durable_through = 2,
                           .payload_size = 100};
  Bytes frame(kBlockSize, std::byte{0x5a});
  encode_frame(header, frame);
  const Result<FrameHeader> decoded = decode_frame(frame, 1);
  ASSERT_TRUE(decoded.is_ok());
  EXPECT_EQ(*decoded, header);
  EXPECT_EQ((*decoded).end_position(), 8192u);
  EXPECT_EQ(decode_frame(frame, 2).code(), Code::kCorrupt);
  for (size_t bit = 0; bit < frame.size() * 8; bit += 7) {
    frame[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    EXPECT_FALSE(decode_frame(frame, 1).is_ok()) << bit;
    frame[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

}  // namespace
}  // namespace aeon::media
