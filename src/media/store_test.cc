#include "store_fixture.h"

namespace aeon::media {
namespace {

TEST(KeyBlockStore, KeepsWhatWasPutAcrossCloseAndOpen) {
  TestMachine machine(1);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  StoreModel model;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key " + std::to_string(i * 7919 % 1000);
    model[key] = std::string(static_cast<size_t>(i % 200), 'v');
    const Status put = machine.run(put_durable(store, key, model[key]));
    ASSERT_TRUE(put.is_ok()) << put.to_string();
  }
  EXPECT_EQ(*machine.run(read_all(store)), model);
  EXPECT_GT(store->counters().checkpoints, 0u);
  ASSERT_TRUE(machine.run(store->close()).is_ok());

  machine.boot();
  const Result<KeyBlockStore*> opened = machine.open();
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  store = *opened;
  EXPECT_EQ(store->counters().replayed_batches, 0u);
  EXPECT_EQ(*machine.run(read_all(store)), model);
  EXPECT_GT(store->counters().pages_read, 0u);
  const auto damage = machine.run(store->verify());
  ASSERT_TRUE(damage.is_ok());
  EXPECT_TRUE((*damage).empty()) << (*damage)[0].place << ": " << (*damage)[0].status.to_string();
  ASSERT_TRUE(machine.run(store->close()).is_ok());
}

TEST(KeyBlockStore, ReplaysTheLogAfterACrash) {
  TestMachine machine(2);
  ASSERT_TRUE(machine.format(kMiB).is_ok());
  KeyBlockStore* store = *machine.open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(machine.run(put_durable(store, "key " + std::to_string(i), "value")).is_ok());
  }
  machine.crash();
  const Result<KeyBlockStore*> opened = machine.open();
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_EQ((*opened)->counters().replayed_batches, 20u);
  EXPECT_EQ((*machine.run(read_all(*opened))).size(), 20u);
}

}  // namespace
}  // namespace aeon::media
