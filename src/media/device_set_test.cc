#include "media/device_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "device_label.h"
#include "store_workload_test.h"

namespace aeon::media {
namespace {

constexpr size_t kDataDisks = 2;

SimDiskOptions disk_options() {
  SimDiskOptions options;
  options.capacity = 8 * kMiB;
  return options;
}

class Devices : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(machine_.format().is_ok()); }

  std::vector<DeviceCandidate> candidates(std::vector<SimDisk*> disks) {
    std::vector<DeviceCandidate> all;
    for (SimDisk* disk : disks) all.push_back({.disk = disk, .name = std::string(disk->name()), .failure = {}});
    return all;
  }
  Result<std::unique_ptr<DeviceSet>> open_given(std::vector<DeviceCandidate> given, DeviceSetOptions options = {}) {
    return machine_.run(DeviceSet::open(*machine_.world, std::move(given), options));
  }
  Result<std::unique_ptr<DeviceSet>> open(std::vector<SimDisk*> disks, DeviceSetOptions options = {}) {
    return open_given(candidates(std::move(disks)), options);
  }
  SimDisk& log() { return machine_.disk; }
  SimDisk& data(size_t index) { return *machine_.data_disks[index]; }
  void expect_message(const Status& status, Code code, const std::vector<std::string>& parts) {
    EXPECT_EQ(status.code(), code) << status.to_string();
    for (const std::string& part : parts) {
      EXPECT_NE(status.message().find(part), std::string::npos) << part << "\nin " << status.message();
    }
  }
  // One block written and adopted; where it is.
  uint64_t store_block(KeyBlockStore* store, uint64_t number) {
    const Result<std::vector<BlockRange>> blocks = store->reserve(1);
    EXPECT_TRUE(blocks.is_ok()) << blocks.status().to_string();
    EXPECT_TRUE(machine_.run(write_tagged(store, (*blocks)[0], number)).is_ok());
    Batch batch;
    batch.adopt((*blocks)[0]);
    batch.put(as_bytes("b" + std::to_string(number)), as_bytes(encode_block((*blocks)[0], number)));
    EXPECT_TRUE(machine_.run(store->apply(std::move(batch))).is_ok());
    return (*blocks)[0].first;
  }
  size_t part_of(uint64_t block) {
    const std::vector<DiskPart> parts = machine_.devices->disk().parts();
    for (size_t i = 0; i < parts.size(); ++i) {
      if (block * kBlockSize >= parts[i].offset && block * kBlockSize < parts[i].offset + parts[i].size) return i;
    }
    return parts.size();
  }

  TestMachine machine_{1, disk_options(), kDataDisks};
};

TEST_F(Devices, MayBeGivenInAnyOrder) {
  const Result<std::unique_ptr<DeviceSet>> set = open({&data(1), &log(), &data(0)});
  ASSERT_TRUE(set.is_ok()) << set.status().to_string();
  ASSERT_EQ((*set)->devices().size(), 3u);
  EXPECT_EQ((*set)->devices()[0].name, log().name());
  EXPECT_EQ((*set)->devices()[0].role, DeviceRole::kLog);
  EXPECT_EQ((*set)->devices()[2].name, data(1).name());
  EXPECT_EQ((*set)->store(), kTestStore);
}

TEST_F(Devices, OneThatIsMissingIsNamedWithWhyItCouldNotBeOpened) {
  std::vector<DeviceCandidate> given = candidates({&log(), &data(0)});
  given.push_back({.disk = nullptr, .name = "/dev/gone", .failure = Status(Code::kNotFound, "no such device")});
  expect_message(open_given(std::move(given)).status(), Code::kUnavailable,
                 {"device 3 of 3 (data, uuid ", kTestStore.to_string(), "is missing", "/dev/gone: no such device"});
  expect_message(open({&data(0)}).status(), Code::kUnavailable,
                 {"device 1 of 3 (log, ", "device 3 of 3", "are missing"});
}

TEST_F(Devices, OneGivenTwiceIsNamed) {
  SimDisk copy(*machine_.process, disk_options());
  copy.load(data(0).image());
  expect_message(open({&log(), &data(0), &copy, &data(1)}).status(), Code::kInvalidArgument,
                 {"data disk 0 and sim-disk are both device 2 of 3", "copy"});
}

TEST_F(Devices, OneOfAnotherStoreIsNamed) {
  TestMachine other(2, disk_options(), kDataDisks);
  FormatOptions options;
  options.store = Uuid::from_random(8, 9);
  options.log_size = 256 * kKiB;
  const std::vector<SimDisk*> disks = other.all_disks();
  ASSERT_TRUE(other.run(DeviceSet::format(*other.world, {disks.begin(), disks.end()}, true, options)).is_ok());
  data(1).load(disks[2]->image());
  expect_message(
      open({&log(), &data(0), &data(1)}).status(), Code::kInvalidArgument,
      {"data disk 1 is device 3 of 3", options.store.to_string(), "and not of store", kTestStore.to_string()});
  DeviceSetOptions wanted;
  wanted.store = options.store;
  EXPECT_EQ(open({&log(), &data(0)}, wanted).code(), Code::kInvalidArgument);
}

TEST_F(Devices, OneThatIsNoneOrShrankIsNamed) {
  SimDisk blank(*machine_.process, disk_options());
  expect_message(open({&log(), &data(0), &blank}).status(), Code::kInvalidArgument,
                 {"sim-disk is no device of an Aeon store"});
  data(1).options().capacity -= kDiskBlockSize;
  expect_message(open({&log(), &data(0), &data(1)}).status(), Code::kInvalidArgument,
                 {"data disk 1, device 3 of 3", "give it its size back"});
  data(1).options().capacity += 10 * kDiskBlockSize;
  EXPECT_TRUE(open({&log(), &data(0), &data(1)}).is_ok());
}

Task<Status> flush_disk(Disk* disk) { co_return co_await disk->flush(); }
Task<Status> write_block(Disk* disk, uint64_t block, const DiskBuffer* content) {
  co_return co_await disk->write_durable(block * kBlockSize, content->bytes());
}

TEST_F(Devices, OneDamagedCopyOfALabelIsMendedAndTwoAreSaid) {
  DiskBuffer noise(kBlockSize);
  std::memset(noise.data(), 0x5a, noise.size());
  const auto damage = [&](int copy) { return write_block(&data(0), kDeviceLabelPlaces[copy], &noise); };
  ASSERT_TRUE(machine_.run(damage(0)).is_ok());
  ASSERT_TRUE(open({&log(), &data(0), &data(1)}).is_ok());
  ASSERT_TRUE(machine_.run(damage(1)).is_ok());
  ASSERT_TRUE(open({&log(), &data(0), &data(1)}).is_ok()) << "the first copy was written anew";
  encode_device_label({.store = kTestStore, .devices = {{Uuid::from_random(1, 1), DeviceRole::kLogAndData, 0, 9}}}, 1,
                      noise.bytes());
  noise.data()[700] = std::byte{1};
  ASSERT_TRUE(machine_.run(damage(0)).is_ok());
  ASSERT_TRUE(machine_.run(damage(1)).is_ok());
  expect_message(open({&log(), &data(0), &data(1)}).status(), Code::kCorrupt, {"data disk 0", "checksum"});
}

TEST_F(Devices, DataIsSpreadOverThemInStrides) {
  const Result<KeyBlockStore*> store = machine_.open();
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  std::vector<size_t> counts(3);
  size_t changes = 0, last = 0;
  for (uint64_t i = 0; i < 256; ++i) {
    const size_t part = part_of(store_block(*store, i));
    ASSERT_LT(part, 3u);
    ++counts[part];
    changes += part != last ? 1 : 0;
    last = part;
  }
  EXPECT_EQ(counts[0], 0u) << "the log's device holds no data";
  EXPECT_NEAR(static_cast<double>(counts[1]), 128, 16);
  EXPECT_NEAR(static_cast<double>(counts[2]), 128, 16);
  EXPECT_LE(changes, 256u / 16 + 1);
  EXPECT_GE(changes, 8u);
}

TEST_F(Devices, OnlyThoseThatWereWrittenAreFlushed) {
  const Result<KeyBlockStore*> store = machine_.open();
  ASSERT_TRUE(store.is_ok());
  ASSERT_TRUE(machine_.run((*store)->flush()).is_ok());
  const size_t written = part_of(store_block(*store, 1));
  const uint64_t before[2] = {data(0).write_event_count(), data(1).write_event_count()};
  ASSERT_TRUE(machine_.run((*store)->flush()).is_ok());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(data(i).write_event_count() - before[i], written == i + 1 ? 1u : 0u) << "data disk " << i;
  }
  ASSERT_TRUE(machine_.run(flush_disk(&machine_.devices->disk())).is_ok());
  EXPECT_EQ(data(written - 1).write_event_count() - before[written - 1], 1u) << "flushed, and not written since";
}

TEST_F(Devices, WithoutADataDeviceItsValuesFailByNameAndTheRestWorks) {
  std::vector<uint64_t> blocks;
  {
    const Result<KeyBlockStore*> store = machine_.open();
    ASSERT_TRUE(store.is_ok());
    for (uint64_t i = 0; i < 64; ++i) blocks.push_back(store_block(*store, 100 * i));
    ASSERT_TRUE(machine_.run((*store)->close()).is_ok());
    machine_.boot();
  }
  const std::vector<SimDisk*> rest{&log(), &data(0)};
  EXPECT_EQ(open(rest).code(), Code::kUnavailable);
  Result<std::unique_ptr<DeviceSet>> set = open(rest, {.store = {}, .allow_missing = true});
  ASSERT_TRUE(set.is_ok()) << set.status().to_string();
  machine_.devices = std::move(*set);
  ASSERT_TRUE(machine_.devices->devices()[2].is_missing);
  {
    Result<std::unique_ptr<KeyBlockStore>> opened =
        machine_.run(KeyBlockStore::open(*machine_.world, machine_.devices->disk(), {}));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    KeyBlockStore* const store = &machine_.process->own(std::move(opened).value());
    DiskBuffer buffer(kBlockSize);
    size_t failed = 0;
    for (const uint64_t block : blocks) {
      const Status status = machine_.run(store->read_blocks({block, 1}, buffer.bytes()));
      EXPECT_EQ(status.code(), part_of(block) == 2 ? Code::kIo : Code::kOk);
      if (!status.is_ok()) expect_message(status, Code::kIo, {"device 3 of 3 (data, ", "is missing"});
      failed += status.is_ok() ? 0 : 1;
    }
    EXPECT_GT(failed, 16u);
    EXPECT_LT(failed, 48u);
    for (uint64_t i = 100; i < 164; ++i) {
      blocks.push_back(store_block(store, 100 * i));
      EXPECT_EQ(part_of(blocks.back()), 1u);
    }
    // Of the missing one, too, what is deleted is gone.
    Batch batch;
    const auto lost = std::find_if(blocks.begin(), blocks.end(), [&](uint64_t block) { return part_of(block) == 2; });
    batch.free({*lost, 1});
    batch.erase(as_bytes("b" + std::to_string(100 * (lost - blocks.begin()))));
    ASSERT_TRUE(machine_.run(store->apply(std::move(batch))).is_ok());
    ASSERT_TRUE(machine_.run(store->checkpoint()).is_ok());
    ASSERT_TRUE(machine_.run(store->close()).is_ok());
    machine_.boot();
  }
  const Result<KeyBlockStore*> whole = machine_.open();
  ASSERT_TRUE(whole.is_ok()) << whole.status().to_string();
  const Result<StoreModel> found = machine_.run(read_all(*whole));
  ASSERT_TRUE(found.is_ok());
  EXPECT_EQ(found->size(), 127u);
  const Status checked = machine_.run(check_blocks(*whole, *found));
  EXPECT_TRUE(checked.is_ok()) << checked.to_string();
  const Result<std::vector<KeyBlockStore::Damage>> damage = machine_.run((*whole)->verify());
  ASSERT_TRUE(damage.is_ok());
  EXPECT_TRUE(damage->empty());
}

// Killed before they were written to their blocks: the log has them, and keeps them until the device is back.
TEST_F(Devices, ContentsInTheLogOutliveTheAbsenceOfTheirDevice) {
  const std::string content(kBlockSize, 'c');
  uint64_t carried = 0;
  {
    const Result<KeyBlockStore*> store = machine_.open();
    ASSERT_TRUE(store.is_ok());
    while (part_of(carried) != 2) {
      const Result<std::vector<BlockRange>> blocks = (*store)->reserve(1);
      ASSERT_TRUE(blocks.is_ok());
      carried = (*blocks)[0].first;
      Batch batch;
      batch.adopt((*blocks)[0], as_bytes(content));
      ASSERT_TRUE(machine_.run((*store)->apply(std::move(batch))).is_ok());
    }
    ASSERT_TRUE(machine_.run((*store)->flush()).is_ok());
    machine_.crash();
  }
  DiskBuffer buffer(kBlockSize);
  {
    const std::vector<SimDisk*> rest{&log(), &data(0)};
    Result<std::unique_ptr<DeviceSet>> set = open(rest, {.store = {}, .allow_missing = true});
    ASSERT_TRUE(set.is_ok()) << set.status().to_string();
    machine_.devices = std::move(*set);
    Result<std::unique_ptr<KeyBlockStore>> opened =
        machine_.run(KeyBlockStore::open(*machine_.world, machine_.devices->disk(), {}));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    KeyBlockStore* const store = &machine_.process->own(std::move(opened).value());
    ASSERT_TRUE(machine_.run(store->read_blocks({carried, 1}, buffer.bytes())).is_ok());
    EXPECT_TRUE(equal_bytes(buffer.bytes(), as_bytes(content)));
    ASSERT_TRUE(machine_.run(put_durable(store, "key", "value")).is_ok());
    expect_message(machine_.run(store->checkpoint()), Code::kIo, {"device 3 of 3", "is missing"});
    machine_.crash();
  }
  const Result<KeyBlockStore*> whole = machine_.open();
  ASSERT_TRUE(whole.is_ok()) << whole.status().to_string();
  ASSERT_TRUE(machine_.run((*whole)->checkpoint()).is_ok());
  ASSERT_TRUE(machine_.run((*whole)->read_blocks({carried, 1}, buffer.bytes())).is_ok());
  EXPECT_TRUE(equal_bytes(buffer.bytes(), as_bytes(content)));
  const Result<std::optional<std::string>> value = machine_.run(get(*whole, "key"));
  ASSERT_TRUE(value.is_ok());
  EXPECT_EQ(*value, "value");
}

TEST_F(Devices, WithoutTheLogNothingOpens) {
  expect_message(open({&data(0), &data(1)}, {.store = {}, .allow_missing = true}).status(), Code::kUnavailable,
                 {"device 1 of 3 (log, "});
}

TEST_F(Devices, OneAloneIsNotTakenForAStoreWithoutDevices) {
  const Result<std::unique_ptr<KeyBlockStore>> opened =
      machine_.run(KeyBlockStore::open(*machine_.world, log(), OpenOptions()));
  expect_message(opened.status(), Code::kInvalidArgument, {"a device of a store that knows its devices"});
  const Result<std::string> found = machine_.run(find_store(data(0)));
  ASSERT_TRUE(found.is_ok());
  EXPECT_NE(found->find("device 2 of 3"), std::string::npos) << *found;
}

TEST(DevicesFormat, RefusesWhatCanNotWork) {
  SimDiskOptions small = disk_options();
  small.capacity = 2 * kMiB;
  TestMachine machine(1, small, 1);
  EXPECT_EQ(machine.format(2 * kMiB).code(), Code::kInvalidArgument);
  TestMachine alone(1, disk_options());
  FormatOptions options;
  options.store = kTestStore;
  options.log_size = 256 * kKiB;
  EXPECT_EQ(alone.run(DeviceSet::format(*alone.world, {&alone.disk}, true, options)).code(), Code::kInvalidArgument);
  EXPECT_EQ(alone.run(DeviceSet::format(*alone.world, {}, false, options)).code(), Code::kInvalidArgument);
  EXPECT_TRUE(alone.run(DeviceSet::format(*alone.world, {&alone.disk}, false, options)).is_ok());
}

TEST(DeviceLabel, SurvivesEncodingAndNothingElsePasses) {
  DeviceLabel label;
  label.store = kTestStore;
  label.index = 1;
  label.devices = {{Uuid::from_random(3, 4), DeviceRole::kLog, 0, 96},
                   {Uuid::from_random(5, 6), DeviceRole::kData, 96, 1000},
                   {Uuid::from_random(7, 8), DeviceRole::kData, 1097, 1000}};
  DiskBuffer block(kBlockSize);
  encode_device_label(label, 1, block.bytes());
  const Result<DeviceLabel> decoded = decode_device_label(block.bytes(), 1);
  ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
  EXPECT_EQ(*decoded, label);
  EXPECT_EQ(decode_device_label(block.bytes(), 0).code(), Code::kCorrupt) << "the other copy, misdirected";
  for (size_t byte = 0; byte < block.size(); byte += 7) {
    block.data()[byte] ^= std::byte{4};
    EXPECT_FALSE(decode_device_label(block.bytes(), 1).is_ok()) << byte;
    block.data()[byte] ^= std::byte{4};
  }
  for (const auto& spoil : std::vector<void (*)(DeviceLabel&)>{
           [](DeviceLabel& bad) { bad.index = 3; },
           [](DeviceLabel& bad) { bad.devices[2].first_block = 1095; },
           [](DeviceLabel& bad) { bad.devices[2].block_count = ~uint64_t{0} / kBlockSize; },
           [](DeviceLabel& bad) { bad.devices[1].device = bad.devices[2].device; },
           [](DeviceLabel& bad) { bad.devices[1].role = DeviceRole::kLog; },
           [](DeviceLabel& bad) { bad.devices[0].role = DeviceRole::kData; },
       }) {
    DeviceLabel bad = label;
    spoil(bad);
    encode_device_label(bad, 1, block.bytes());
    EXPECT_EQ(decode_device_label(block.bytes(), 1).code(), Code::kCorrupt);
  }
}

// Written by hand after docs/design/devices.md.
TEST(DeviceLabel, ASampleOfFormat1IsRead) {
  std::ifstream file(std::string(AEON_TESTDATA_DIR) + "/device_label_1.block", std::ios::binary);
  const std::string sample((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_EQ(sample.size(), kBlockSize);
  const Result<DeviceLabel> label = decode_device_label(as_bytes(sample), 1);
  ASSERT_TRUE(label.is_ok()) << label.status().to_string();
  EXPECT_EQ(label->store.to_string(), "01020304-0506-0708-090a-0b0c0d0e0f10");
  EXPECT_EQ(label->index, 1u);
  ASSERT_EQ(label->devices.size(), 3u);
  EXPECT_EQ(label->devices[0].role, DeviceRole::kLog);
  EXPECT_EQ(label->devices[2].first_block, 1097u);
  EXPECT_EQ(label->devices[2].block_count, 2000u);
  DiskBuffer again(kBlockSize);
  encode_device_label(*label, 1, again.bytes());
  EXPECT_TRUE(equal_bytes(again.bytes(), as_bytes(sample)));
}

}  // namespace
}  // namespace aeon::media
