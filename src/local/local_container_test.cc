// Containers of a local system, through the client.
#include "client/key_value.h"
#include "local_system_fixture_test.h"

namespace aeon::local {
namespace {

TEST_F(ContainerTest, IsFoundByLabelAndUuidAndListed) {
  const Result<Uuid> id = create("results", {{client::kPropLayoutType, client::kLayoutPosix}});
  ASSERT_TRUE(id.is_ok()) << id.status().to_string();
  EXPECT_EQ(opened("results")->id(), *id);
  EXPECT_EQ(opened(id->to_string())->id(), *id);
  ASSERT_TRUE(create("").is_ok());
  const auto listed = run(pool_->list_containers());
  ASSERT_TRUE(listed.is_ok());
  ASSERT_EQ(listed->size(), 2u);
  const auto& info = (*listed)[0].id == *id ? (*listed)[0] : (*listed)[1];
  EXPECT_EQ(info.label, "results");
  EXPECT_EQ(info.layout_type, client::kLayoutPosix);
  EXPECT_EQ(info.handle_count, 0u);
  EXPECT_GT(info.opened_unix_ns, 0u);
  EXPECT_EQ(run(pool_->query())->container_count, 2u);
}

// What the key holds, or the name of the error.
std::string held(client::System& system, std::shared_ptr<client::Container> container, Epoch epoch = kEpochMax) {
  client::KeyValue values(std::move(container), ObjectId{.hi = 0, .lo = 1}, epoch);
  const auto got = system.run(values.get("key"));
  return std::string(got.is_ok() ? as_text(*got) : code_name(got.code()));
}

TEST_F(ContainerTest, ACloneStartsFromItsBaseAndOutlivesIt) {
  ASSERT_TRUE(create("base", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  client::ContainerSpec spec;
  uint64_t number = 0;
  {
    const auto base = opened("base");
    client::KeyValue values(base, ObjectId{.hi = 0, .lo = 1});
    ASSERT_TRUE(run(values.put("key", as_bytes("old"))).is_ok());
    ASSERT_TRUE(run(base->change_attributes({{"color", to_bytes("red")}})).is_ok());
    number = *run(base->allocate_object_numbers(100));
    const auto snapshot = run(base->create_snapshot("before"));
    ASSERT_TRUE(snapshot.is_ok());
    ASSERT_TRUE(run(values.put("key", as_bytes("new"))).is_ok());
    spec.label = "of the snapshot";
    ASSERT_TRUE(run(pool_->clone_container("base", *snapshot, spec)).is_ok());
    spec.label = "of now";
    ASSERT_TRUE(run(pool_->clone_container("base", kEpochMax, spec)).is_ok());
    EXPECT_EQ(run(pool_->clone_container("base", kEpochMax, spec)).code(), Code::kExists);
    EXPECT_EQ(run(pool_->clone_container("nope", kEpochMax, {})).code(), Code::kNotFound);
    EXPECT_EQ(run(base->epochs())->clones.size(), 2u);
    ASSERT_TRUE(run(values.put("key", as_bytes("later"))).is_ok());
  }
  {
    client::KeyValue values(opened("of now"), ObjectId{.hi = 0, .lo = 1});
    EXPECT_EQ(held(*system_, opened("of now")), "new");
    ASSERT_TRUE(run(values.put("key", as_bytes("cloned"))).is_ok());
  }
  EXPECT_EQ(held(*system_, opened("base")), "later");
  ASSERT_TRUE(run(pool_->destroy_container("base", true)).is_ok());
  reopen();
  EXPECT_EQ(held(*system_, opened("of now")), "cloned");
  EXPECT_EQ(held(*system_, opened("of the snapshot")), "old");
  const auto clone = opened("of the snapshot");
  EXPECT_EQ(run(clone->properties())->at(client::kPropDurability), client::PropertyValue(uint64_t{1}));
  EXPECT_EQ(run(clone->attributes())->at("color"), to_bytes("red"));
  EXPECT_GE(*run(clone->allocate_object_numbers(1)), number + 100);
  EXPECT_TRUE(run(clone->snapshots())->empty());
  EXPECT_TRUE(run(clone->epochs())->base.has_value());
}

TEST_F(ContainerTest, ExplicitEpochsAreCommittedOrAborted) {
  EXPECT_EQ(create("files", {{client::kPropEpochs, uint64_t{1}}, {client::kPropLayoutType, uint64_t{1}}}).code(),
            Code::kInvalidArgument);
  ASSERT_TRUE(create("mine", {{client::kPropEpochs, uint64_t{1}}}).is_ok());
  const auto put = [&](std::string_view value, Epoch epoch) {
    const Bytes data = to_bytes(value);
    std::vector<ObjectWrite> writes(1);
    writes[0].object = {.hi = 0, .lo = 1};
    writes[0].dkey = to_bytes("key");
    AkeyUpdate& update = writes[0].akeys.emplace_back();
    update.akey = to_bytes("0");  // As KeyValue has it.
    update.record_size = data.size();
    update.data.push_back(data);
    return run(opened("mine")->write(writes, epoch)).code();
  };
  EXPECT_EQ(put("one", kEpochZero), Code::kInvalidArgument);
  ASSERT_EQ(put("one", Epoch{5}), Code::kOk);
  EXPECT_EQ(held(*system_, opened("mine")), "not_found");
  EXPECT_EQ(held(*system_, opened("mine"), Epoch{5}), "one");
  ASSERT_TRUE(run(opened("mine")->commit(Epoch{5})).is_ok());
  EXPECT_EQ(run(opened("mine")->list_objects(Anchor()))->changed, std::vector<Epoch>{Epoch{5}});
  ASSERT_EQ(put("two", Epoch{7}), Code::kOk);
  reopen();
  EXPECT_EQ(held(*system_, opened("mine")), "one");
  auto epochs = run(opened("mine")->epochs());
  ASSERT_TRUE(epochs.is_ok());
  EXPECT_TRUE(epochs->are_explicit);
  EXPECT_EQ(epochs->highest_committed, Epoch{5});
  EXPECT_EQ(epochs->highest_written, Epoch{7});
  EXPECT_EQ(run(opened("mine")->discard(Epoch{5}, kEpochMax)).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(opened("mine")->discard(Epoch{6}, kEpochMax)).is_ok());
  EXPECT_EQ(held(*system_, opened("mine"), Epoch{9}), "one");
  ASSERT_TRUE(create("theirs").is_ok());
  EXPECT_EQ(run(opened("theirs")->commit(Epoch{5})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(opened("theirs")->discard(Epoch{5}, kEpochMax)).code(), Code::kInvalidArgument);
}

TEST_F(ContainerTest, AnUnknownOneIsNamedWithTheWayOut) {
  const auto unknown = run(pool_->open_container("nope", Access::kReadOnly));
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(unknown.status(), "'nope'"));
  EXPECT_TRUE(mentions(unknown.status(), "daos container list default"));
  EXPECT_EQ(run(pool_->destroy_container("nope", true)).code(), Code::kNotFound);
}

TEST_F(ContainerTest, LabelsAreUniqueAndByTheRules) {
  ASSERT_TRUE(create("one").is_ok());
  EXPECT_EQ(create("one").code(), Code::kExists);
  EXPECT_EQ(create(std::string(128, 'x')).code(), Code::kInvalidArgument);
  EXPECT_EQ(create("a/b").code(), Code::kInvalidArgument);
  EXPECT_EQ(create(std::string("a\0b", 3)).code(), Code::kInvalidArgument);
  EXPECT_EQ(create("6ba7b810-9dad-11d1-80b4-00c04fd430c8").code(), Code::kInvalidArgument);
  client::ContainerSpec spec;
  spec.id = Uuid::from_random(7, 7);
  ASSERT_TRUE(run(pool_->create_container(spec)).is_ok());
  EXPECT_EQ(run(pool_->create_container(spec)).code(), Code::kExists);
  EXPECT_EQ(create("two", {{0x9999, uint64_t{1}}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(pool_->list_containers())->size(), 2u);
}

TEST_F(ContainerTest, PropertiesSurviveAndRelabellingFreesTheOldLabel) {
  ASSERT_TRUE(create("old", {{client::kPropLayoutType, client::kLayoutPosix}}).is_ok());
  auto container = opened("old");
  EXPECT_EQ(run(container->set_properties({{client::kPropLayoutType, uint64_t{0}}})).code(), Code::kInvalidArgument);
  const Status changed = run(
      container->set_properties({{client::kPropLabel, std::string("new")}, {client::kPropDurability, uint64_t{1}}}));
  ASSERT_TRUE(changed.is_ok()) << changed.to_string();
  container.reset();
  ASSERT_TRUE(create("old").is_ok());
  reopen();
  const auto properties = run(opened("new")->properties());
  ASSERT_TRUE(properties.is_ok());
  EXPECT_EQ(properties->at(client::kPropLayoutType), client::PropertyValue(client::kLayoutPosix));
  EXPECT_EQ(properties->at(client::kPropDurability), client::PropertyValue(uint64_t{1}));
  EXPECT_EQ(properties->at(client::kPropChecksum), client::PropertyValue(uint64_t{2}));
  EXPECT_EQ(run(opened("old")->set_properties({{client::kPropLabel, std::string("new")}})).code(), Code::kExists);
}

TEST_F(ContainerTest, AnOpenOneIsDestroyedOnlyByForceAndItsHandlesGoStale) {
  ASSERT_TRUE(create("c").is_ok());
  auto container = opened("c");
  const Status busy = run(pool_->destroy_container("c", false));
  EXPECT_EQ(busy.code(), Code::kBusy);
  EXPECT_TRUE(mentions(busy, "force"));
  ASSERT_TRUE(run(pool_->destroy_container("c", true)).is_ok());
  EXPECT_EQ(run(container->query()).code(), Code::kStaleHandle);
  client::KeyValue values(container, ObjectId{.hi = 0, .lo = 1});
  EXPECT_EQ(run(values.put("k", as_bytes("v"))).code(), Code::kStaleHandle);
  container.reset();
  EXPECT_EQ(run(pool_->open_container("c", Access::kReadOnly)).code(), Code::kNotFound);
  ASSERT_TRUE(create("c").is_ok());
  container = opened("c");
  container.reset();
  EXPECT_TRUE(run(pool_->destroy_container("c", false)).is_ok());
  reopen();
  EXPECT_TRUE(run(pool_->list_containers())->empty());
}

TEST_F(ContainerTest, AnExclusiveHandleKeepsOthersOut) {
  ASSERT_TRUE(create("c").is_ok());
  auto first = opened("c", Access::kReadOnly);
  EXPECT_EQ(run(pool_->open_container("c", Access::kExclusive)).code(), Code::kBusy);
  first.reset();
  auto held = opened("c", Access::kExclusive);
  EXPECT_EQ(run(pool_->open_container("c", Access::kReadOnly)).code(), Code::kBusy);
  client::KeyValue values(held, ObjectId{.hi = 0, .lo = 1});
  EXPECT_TRUE(run(values.put("k", as_bytes("v"))).is_ok());
}

TEST_F(ContainerTest, AReadOnlyHandleWritesNothing) {
  ASSERT_TRUE(create("c").is_ok());
  auto reader = opened("c", Access::kReadOnly);
  client::KeyValue values(reader, ObjectId{.hi = 0, .lo = 1});
  const Status refused = run(values.put("k", as_bytes("v")));
  EXPECT_EQ(refused.code(), Code::kPermission);
  EXPECT_TRUE(mentions(refused, "read-only"));
  EXPECT_EQ(run(reader->create_snapshot("s")).code(), Code::kPermission);
  EXPECT_EQ(run(reader->allocate_object_numbers(1)).code(), Code::kPermission);
  EXPECT_EQ(run(reader->set_properties({})).code(), Code::kPermission);
  EXPECT_EQ(run(reader->aggregate(kEpochMax)).code(), Code::kPermission);
  EXPECT_EQ(run(values.get("k")).code(), Code::kNotFound);
}

TEST_F(ContainerTest, SnapshotsKeepWhatWasThere) {
  ASSERT_TRUE(create("c").is_ok());
  auto container = opened("c");
  const ObjectId object{.hi = 0, .lo = 1};
  client::KeyValue values(container, object);
  ASSERT_TRUE(run(values.put("k", as_bytes("before"))).is_ok());
  const auto epoch = run(container->create_snapshot("first"));
  ASSERT_TRUE(epoch.is_ok()) << epoch.status().to_string();
  EXPECT_EQ(run(container->create_snapshot("first")).code(), Code::kExists);
  ASSERT_TRUE(run(values.put("k", as_bytes("after"))).is_ok());
  ASSERT_TRUE(run(container->aggregate(kEpochMax)).is_ok());
  container.reset();
  values = client::KeyValue(nullptr, object);
  reopen();
  container = opened("c");
  const auto snapshots = run(container->snapshots());
  ASSERT_EQ(snapshots->size(), 1u);
  EXPECT_EQ((*snapshots)[0].name, "first");
  EXPECT_EQ((*snapshots)[0].epoch, *epoch);
  EXPECT_EQ(run(container->query())->last_snapshot, *epoch);
  EXPECT_EQ(as_text(*run(client::KeyValue(container, object, *epoch).get("k"))), "before");
  EXPECT_EQ(as_text(*run(client::KeyValue(container, object).get("k"))), "after");
  ASSERT_TRUE(run(container->destroy_snapshot(*epoch)).is_ok());
  EXPECT_EQ(run(container->destroy_snapshot(*epoch)).code(), Code::kNotFound);
  EXPECT_TRUE(run(container->snapshots())->empty());
}

TEST_F(ContainerTest, NumbersNeverRepeat) {
  ASSERT_TRUE(create("c").is_ok());
  uint64_t next = *run(opened("c")->allocate_object_numbers(10)) + 10;
  for (const uint64_t count : {uint64_t{1}, uint64_t{100'000}, uint64_t{5}}) {
    const auto first = run(opened("c")->allocate_object_numbers(count));
    ASSERT_TRUE(first.is_ok());
    EXPECT_GE(*first, next);
    next = *first + count;
  }
  reopen();
  EXPECT_EQ(*run(opened("c")->allocate_object_numbers(1)), next);  // Closed in order: not even a gap.
  EXPECT_EQ(run(opened("c")->allocate_object_numbers(0)).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(opened("c")->allocate_object_numbers(~uint64_t{0})).code(), Code::kTooBig);
}

}  // namespace
}  // namespace aeon::local
