// Objects over several targets through the client: what looks at all targets, and what changes several at once.
#include <algorithm>
#include <set>

#include "client/key_value.h"
#include "local_system_fixture_test.h"
#include "placement/object_class.h"

namespace aeon::local {
namespace {

using client::Container;

constexpr int kKeyCount = 24;

ObjectId spread(uint64_t number) { return placement::make_object_id({.hi = 0, .lo = number}, 0, placement::kSX); }

class SpreadObjects : public LocalSystemTest {
 protected:
  std::shared_ptr<Container> make(client::Properties properties = {}) {
    CreateOptions options = small();
    options.log_size = 256 * kKiB;
    options.target_count = 3;
    EXPECT_TRUE(LocalSystem::create(directory(), options).is_ok());
    open(OpenOptions{});
    client::ContainerSpec spec;
    spec.label = "c";
    spec.properties = std::move(properties);
    EXPECT_TRUE(run(pool()->create_container(std::move(spec))).is_ok());
    return open_container("c");
  }
  std::shared_ptr<Container> open_container(const std::string& label) {
    auto container = run(pool()->open_container(label, Access::kReadWrite));
    CHECK(container.is_ok());
    return *container;
  }

  static ObjectWrite update(ObjectId object, const std::string& dkey, ByteView value) {
    ObjectWrite write;
    write.object = object;
    write.dkey = to_bytes(dkey);
    AkeyUpdate& akey = write.akeys.emplace_back();
    akey.akey = to_bytes("a");
    akey.record_size = value.size();
    akey.data.push_back(value);
    return write;
  }
  static ObjectWrite punch(ObjectId object, uint32_t conditions) {
    ObjectWrite write;
    write.kind = ObjectWrite::Kind::kPunchObject;
    write.object = object;
    write.conditions = conditions;
    return write;
  }
  // Keys "key 0" and on, by one call, so that they appear at once.
  Result<Epoch> put_keys(const std::shared_ptr<Container>& container, ObjectId object, Epoch epoch = kEpochZero) {
    std::vector<ObjectWrite> writes;
    std::set<uint32_t> places;
    for (int i = 0; i < kKeyCount; ++i) {
      writes.push_back(update(object, "key " + std::to_string(i), as_bytes("value")));
      places.insert(container->place_of(object, writes.back().dkey));
    }
    EXPECT_EQ(places.size(), 3u) << "else it isn't a test of several";
    return run(container->write(std::move(writes), epoch));
  }
  size_t count_keys(const std::shared_ptr<Container>& container, ObjectId object, Epoch epoch = kEpochMax) {
    std::set<Bytes> keys;
    size_t listed = 0;
    Anchor at;
    while (!at.is_end) {
      client::ListLimits limits;
      limits.count_max = 5;
      auto page = run(container->list_dkeys(object, std::move(at), limits, epoch));
      CHECK(page.is_ok());
      listed += page->keys.size();
      keys.insert(page->keys.begin(), page->keys.end());
      at = std::move(page->next);
    }
    EXPECT_EQ(listed, keys.size()) << "each once";
    return keys.size();
  }
};

TEST_F(SpreadObjects, AreListedOnceEachInTheOrderOfTheirIds) {
  const auto container = make();
  std::vector<ObjectId> made;
  for (uint64_t number = 1; number <= 150; ++number) {
    made.push_back(number % 3 == 0 ? spread(number) : ObjectId{.hi = 0, .lo = number});
    client::KeyValue keys(container, made.back());
    ASSERT_TRUE(run(keys.put("one", as_bytes("1"))).is_ok());
    ASSERT_TRUE(run(keys.put("two", as_bytes("2"))).is_ok());
    ASSERT_TRUE(run(keys.put("three", as_bytes("3"))).is_ok());
  }
  std::ranges::sort(made);
  for (const uint32_t count_max : {1u, 7u, 1000u}) {
    std::vector<ObjectId> listed;
    Anchor at;
    while (!at.is_end) {
      client::ListLimits limits;
      limits.count_max = count_max;
      auto page = run(container->list_objects(std::move(at), limits));
      ASSERT_TRUE(page.is_ok()) << page.status().to_string();
      EXPECT_LE(page->objects.size(), count_max);
      listed.insert(listed.end(), page->objects.begin(), page->objects.end());
      at = std::move(page->next);
    }
    EXPECT_EQ(listed, made) << count_max;
  }
}

TEST_F(SpreadObjects, AnAnchorOfAnotherListingIsRefused) {
  const auto container = make();
  ASSERT_TRUE(put_keys(container, spread(1)).is_ok());
  Anchor foreign;
  foreign.position = to_bytes("nonsense");
  EXPECT_EQ(run(container->list_dkeys(spread(1), foreign)).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(container->list_objects(foreign)).code(), Code::kInvalidArgument);
}

TEST_F(SpreadObjects, ArePunchedAsAWholeIfTheyExist) {
  const auto container = make();
  EXPECT_EQ(run(container->write({punch(spread(1), kPunchIfExists)})).code(), Code::kNotFound);
  // One key, so that two of the targets know nothing of it.
  client::KeyValue keys(container, spread(1));
  ASSERT_TRUE(run(keys.put("only", as_bytes("1"))).is_ok());
  const Result<Epoch> punched = run(container->write({punch(spread(1), kPunchIfExists)}));
  EXPECT_TRUE(punched.is_ok()) << punched.status().to_string();
  EXPECT_EQ(count_keys(container, spread(1)), 0u);
  EXPECT_EQ(run(container->write({punch(spread(1), kPunchIfExists)})).code(), Code::kNotFound);
}

TEST_F(SpreadObjects, AConditionThatOneTargetRefusesLeavesAllAsTheyWere) {
  const auto container = make();
  client::KeyValue keys(container, spread(1));
  ASSERT_TRUE(run(keys.put("key 7", as_bytes("there"))).is_ok());
  std::vector<ObjectWrite> writes;
  for (int i = 0; i < kKeyCount; ++i) {
    writes.push_back(update(spread(1), "key " + std::to_string(i), as_bytes("value")));
    writes.back().conditions = kDkeyInsert;
  }
  EXPECT_EQ(run(container->write(std::move(writes))).code(), Code::kExists);
  EXPECT_EQ(count_keys(container, spread(1)), 1u);
  EXPECT_TRUE(put_keys(container, spread(1)).is_ok()) << "nothing is left of the one that was refused";
}

TEST_F(SpreadObjects, TheLargestDkeyIsThatOfAllTargets) {
  const auto container = make();
  ASSERT_TRUE(put_keys(container, spread(1)).is_ok());
  const auto largest = run(container->query_key(spread(1), kGetMax | kGetDkey, {}, {}));
  ASSERT_TRUE(largest.is_ok()) << largest.status().to_string();
  EXPECT_EQ(as_text(largest->dkey), "key 9");
  const auto smallest = run(container->query_key(spread(1), kGetMin | kGetDkey, {}, {}));
  ASSERT_TRUE(smallest.is_ok());
  EXPECT_EQ(as_text(smallest->dkey), "key 0");
  EXPECT_EQ(run(container->query_key(spread(2), kGetMax | kGetDkey, {}, {})).code(), Code::kNotFound);
}

TEST_F(SpreadObjects, SnapshotsAndClonesHaveAllTargetsAtOneEpoch) {
  const auto container = make();
  const Result<Epoch> written = put_keys(container, spread(1));
  ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  const Result<Epoch> snapshot = run(container->create_snapshot("before"));
  ASSERT_TRUE(snapshot.is_ok()) << snapshot.status().to_string();
  EXPECT_GT(*snapshot, *written);
  const auto cloned = run(pool()->clone_container("c", *snapshot, {.label = "clone"}));
  ASSERT_TRUE(cloned.is_ok()) << cloned.status().to_string();
  ASSERT_TRUE(run(container->write({punch(spread(1), 0)})).is_ok());
  EXPECT_EQ(count_keys(container, spread(1)), 0u);
  EXPECT_EQ(count_keys(container, spread(1), *snapshot), size_t{kKeyCount});
  EXPECT_EQ(count_keys(open_container("clone"), spread(1)), size_t{kKeyCount});
  ASSERT_TRUE(run(container->destroy_snapshot(*snapshot)).is_ok());
  EXPECT_TRUE(run(container->snapshots())->empty());
}

TEST_F(SpreadObjects, ExplicitEpochsAreCommittedAndDiscardedOnAllTargets) {
  const auto container = make({{client::kPropEpochs, uint64_t{1}}});
  ASSERT_TRUE(put_keys(container, spread(1), Epoch{5}).is_ok());
  EXPECT_EQ(count_keys(container, spread(1)), 0u);
  EXPECT_EQ(count_keys(container, spread(1), Epoch{5}), size_t{kKeyCount});
  ASSERT_TRUE(run(container->commit(Epoch{5})).is_ok());
  EXPECT_EQ(count_keys(container, spread(1)), size_t{kKeyCount});
  ASSERT_TRUE(put_keys(container, spread(2), Epoch{8}).is_ok());
  ASSERT_TRUE(run(container->discard(Epoch{6}, kEpochMax)).is_ok());
  EXPECT_EQ(count_keys(container, spread(2), Epoch{8}), 0u);
  const auto epochs = run(container->epochs());
  ASSERT_TRUE(epochs.is_ok());
  EXPECT_EQ(epochs->highest_committed, Epoch{5});
  EXPECT_EQ(epochs->highest_committed_any, Epoch{5});
}

}  // namespace
}  // namespace aeon::local
