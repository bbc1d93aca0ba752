// Objects and arrays of a local system, through the client.
#include <thread>

#include "client/array.h"
#include "client/key_value.h"
#include "local_system_fixture_test.h"

namespace aeon::local {
namespace {

// ---- Objects --------------------------------------------------------------------------------------------------------

TEST_F(ObjectTest, KeysAreInsertedUpdatedListedAndRemoved) {
  client::KeyValue values(container_, object_);
  ASSERT_TRUE(run(values.put("a", as_bytes("1"), kDkeyInsert)).is_ok());
  EXPECT_EQ(run(values.put("a", as_bytes("2"), kDkeyInsert)).code(), Code::kExists);
  EXPECT_EQ(run(values.put("b", as_bytes("2"), kDkeyUpdate)).code(), Code::kNotFound);
  ASSERT_TRUE(run(values.put("b", as_bytes("2"))).is_ok());
  const auto page = run(values.list(Anchor()));
  ASSERT_TRUE(page.is_ok());
  ASSERT_EQ(page->keys.size(), 2u);
  EXPECT_EQ(as_text(page->keys[0]), "a");
  ASSERT_TRUE(run(values.remove("a")).is_ok());
  EXPECT_EQ(run(values.get("a")).code(), Code::kNotFound);
  EXPECT_EQ(run(values.remove("a", kPunchIfExists)).code(), Code::kNotFound);
  ASSERT_TRUE(run(values.destroy()).is_ok());
  EXPECT_TRUE(run(values.list(Anchor()))->keys.empty());
}

TEST_F(ObjectTest, ValuesOfAllSizesComeBack) {
  client::KeyValue values(container_, object_);
  for (const size_t size : {1, 64, 4095, 4096, 4097, 32'768, 100'000, 3'000'001}) {
    Bytes value(size);
    for (size_t i = 0; i < size; ++i) value[i] = static_cast<std::byte>(i * 31 + size);
    const std::string key = std::to_string(size);
    ASSERT_TRUE(run(values.put(key, value)).is_ok());
    const auto got = run(values.get(key));
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    EXPECT_EQ(*got, value) << size;
    EXPECT_EQ(*run(values.get(key, MutableBytes())), size);
    Bytes small(size - 1);
    if (size > 1) {
      EXPECT_EQ(run(values.get(key, small)).code(), Code::kTooBig);
    }
  }
  EXPECT_EQ(run(values.put("empty", ByteView())).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(values.put("", as_bytes("v"))).code(), Code::kInvalidArgument);
  EXPECT_FALSE(run(values.put(std::string(3000, 'k'), as_bytes("v"))).is_ok());
}

TEST_F(ObjectTest, ATransactionReadsOneEpochAndCommitsAllOrNothing) {
  client::KeyValue values(container_, object_);
  const ObjectId other{.hi = 0, .lo = 2};
  ASSERT_TRUE(run(values.put("a", as_bytes("old"))).is_ok());
  const auto transaction = run(container_->begin_transaction());
  ASSERT_TRUE(transaction.is_ok()) << transaction.status().to_string();
  client::KeyValue inside((*transaction)->view(), object_);
  client::KeyValue inside_other((*transaction)->view(), other);
  ASSERT_TRUE(run(values.put("b", as_bytes("later"))).is_ok());
  EXPECT_EQ(*run(inside.get("a")), to_bytes("old"));
  EXPECT_EQ(run(inside.get("b")).code(), Code::kNotFound);
  {
    std::string memory = "new";
    ASSERT_TRUE(run(inside.put("c", as_bytes(memory))).is_ok());
    memory = "xxx";  // It has a copy.
  }
  ASSERT_TRUE(run(inside_other.put("c", as_bytes("new"))).is_ok());
  EXPECT_EQ(run(inside.get("c")).code(), Code::kNotFound);  // Not its own writes.
  EXPECT_EQ(run(values.get("c")).code(), Code::kNotFound);
  // Somebody gave "b", which it missed.
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kConflict);
  EXPECT_EQ(run(values.get("c")).code(), Code::kNotFound);
  EXPECT_EQ(run(inside.get("a")).code(), Code::kInvalidArgument);

  const Epoch before = (*transaction)->epoch();
  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  EXPECT_GT((*transaction)->epoch(), before);
  EXPECT_EQ(*run(inside.get("b")), to_bytes("later"));
  ASSERT_TRUE(run(inside.put("c", as_bytes("new"), kDkeyInsert)).is_ok());
  ASSERT_TRUE(run(inside_other.put("c", as_bytes("new"))).is_ok());
  const auto committed = run((*transaction)->commit());
  ASSERT_TRUE(committed.is_ok()) << committed.status().to_string();
  EXPECT_GT(*committed, (*transaction)->epoch());
  EXPECT_EQ(*run(values.get("c")), to_bytes("new"));
  EXPECT_EQ(*run(client::KeyValue(container_, other).get("c")), to_bytes("new"));
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kInvalidArgument);

  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  ASSERT_TRUE(run(inside.put("c", as_bytes("again"), kDkeyInsert)).is_ok());
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kExists);  // Conditions are looked at then.
  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  ASSERT_TRUE(run(inside.put("d", as_bytes("dropped"))).is_ok());
  ASSERT_TRUE(run((*transaction)->abort()).is_ok());
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(values.get("d")).code(), Code::kNotFound);
}

TEST_F(ObjectTest, TransactionsListAndQueryAndAreArrays) {
  client::Array array(container_, object_, 1, 1024);
  ASSERT_TRUE(run(array.write({{0, 3}}, {as_bytes("abc")})).is_ok());
  const auto transaction = run(container_->begin_transaction());
  ASSERT_TRUE(transaction.is_ok());
  const std::shared_ptr<client::Container> view = (*transaction)->view();
  EXPECT_EQ(view->id(), container_->id());
  client::Array inside(view, object_, 1, 1024);
  EXPECT_EQ(*run(inside.size()), 3u);
  EXPECT_EQ(run(view->list_objects(Anchor()))->objects.size(), 1u);
  EXPECT_EQ(run(view->query_max_epoch(object_)).code(), Code::kOk);
  EXPECT_EQ(run(view->list_dkeys(object_, Anchor()))->keys.size(), 1u);
  EXPECT_EQ(run(view->list_dkeys(object_, Anchor(), {}, Epoch{5})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(view->begin_transaction()).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(inside.write({{3, 3}}, {as_bytes("def")})).is_ok());
  EXPECT_EQ(*run(inside.size()), 3u);
  ASSERT_TRUE(run((*transaction)->commit()).is_ok());
  EXPECT_EQ(*run(array.size()), 6u);
}

TEST_F(ObjectTest, WritesOfOneCallAreAllThereOrNone) {
  const Bytes data = to_bytes("data");
  std::vector<ObjectWrite> writes(2);
  for (size_t i = 0; i < 2; ++i) {
    writes[i].object = object_;
    writes[i].dkey = to_bytes(i == 0 ? "first" : "second");
    AkeyUpdate& update = writes[i].akeys.emplace_back();
    update.akey = to_bytes("a");
    update.record_size = data.size();
    update.data.push_back(data);
  }
  writes[1].conditions = kDkeyUpdate;
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kNotFound);
  EXPECT_TRUE(run(container_->list_dkeys(object_, Anchor()))->keys.empty());
  writes[1].conditions = 0;
  EXPECT_TRUE(run(container_->write(writes)).is_ok());
  EXPECT_EQ(run(container_->list_dkeys(object_, Anchor()))->keys.size(), 2u);
  EXPECT_EQ(run(container_->list_objects(Anchor()))->objects, std::vector<ObjectId>({object_}));
  EXPECT_EQ(run(container_->list_akeys(object_, to_bytes("first"), Anchor()))->keys.size(), 1u);
  EXPECT_EQ(*run(container_->query_max_epoch(object_)), run(container_->query())->highest_committed);
}

TEST_F(ObjectTest, DataThatDoesntFitItsExtentsIsRefusedBeforeItIsSent) {
  const Bytes data(10);
  std::vector<ObjectWrite> writes(1);
  writes[0].object = object_;
  writes[0].dkey = to_bytes("d");
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.akey = to_bytes("a");
  update.record_size = 11;
  update.data.push_back(data);
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kInvalidArgument);
  writes[0].akeys[0].record_size = 10;
  EXPECT_EQ(run(container_->write(writes, Epoch{5})).code(), Code::kInvalidArgument);
  writes[0].akeys[0].checksums = {12345};
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kCorrupt);
}

TEST_F(ObjectTest, RedundantClassesAreRefusedWithTheWayOut) {
  const ObjectId replicated{.hi = uint64_t{8} << 48 | uint64_t{1} << 32, .lo = 1};
  client::KeyValue values(container_, replicated);
  const Status refused = run(values.put("k", as_bytes("v")));
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(refused, "RP_2G1")) << refused.message();
}

TEST_F(ObjectTest, FlushedContainersTakeWritesAtOnce) {
  ASSERT_TRUE(create("lazy", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  auto lazy = opened("lazy");
  client::KeyValue values(lazy, object_);
  ASSERT_TRUE(run(values.put("k", as_bytes("v"))).is_ok());
  EXPECT_TRUE(run(lazy->flush()).is_ok());
  EXPECT_EQ(as_text(*run(values.get("k"))), "v");
}

TEST_F(ObjectTest, ThreadsShareTheSystem) {
  constexpr int kThreads = 4;
  constexpr int kKeys = 200;
  ASSERT_TRUE(create("lazy", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  auto lazy = opened("lazy");
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        client::KeyValue values(lazy, ObjectId{.hi = 0, .lo = 1});
        for (int i = 0; i < kKeys; ++i) {
          const std::string key = std::to_string(thread) + "/" + std::to_string(i);
          if (!run(values.put(key, as_bytes(key))).is_ok()) ++wrong;
          const auto got = run(values.get(key));
          if (!got.is_ok() || as_text(*got) != key) ++wrong;
          // Handles come and go on any thread.
          if (i % 50 == 0) opened("lazy", Access::kReadOnly);
        }
      });
    }
  }
  EXPECT_EQ(wrong.load(), 0);
  size_t count = 0;
  for (Anchor at; !at.is_end;) {
    auto page = run(lazy->list_dkeys(object_, at));
    ASSERT_TRUE(page.is_ok());
    count += page->keys.size();
    at = page->next;
  }
  EXPECT_EQ(count, size_t{kThreads * kKeys});
}

// ---- Arrays ---------------------------------------------------------------------------------------------------------

class ArrayTest : public ObjectTest {
 protected:
  static Bytes pattern(size_t size, uint64_t seed) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i + seed) * 131 + (i >> 8));
    return bytes;
  }
  const ObjectId array_id_{.hi = uint64_t{13} << 56, .lo = 7};
};

TEST_F(ArrayTest, RemembersItsShape) {
  EXPECT_EQ(run(client::Array::open(container_, array_id_)).code(), Code::kNotFound);
  ASSERT_TRUE(run(client::Array::create(container_, array_id_, 8, 1000)).is_ok());
  EXPECT_EQ(run(client::Array::create(container_, array_id_, 8, 1000)).code(), Code::kExists);
  auto array = run(client::Array::open(container_, array_id_));
  ASSERT_TRUE(array.is_ok()) << array.status().to_string();
  EXPECT_EQ(array->cell_size(), 8u);
  EXPECT_EQ(array->chunk_cells(), 1000u);
  EXPECT_EQ(*run(array->size()), 0u);
  EXPECT_EQ(run(client::Array::create(container_, object_, 0, 1)).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(array->destroy()).is_ok());
  EXPECT_EQ(run(client::Array::open(container_, array_id_)).code(), Code::kNotFound);
}

TEST_F(ArrayTest, AgreesWithAPlainVector) {
  client::Array array(container_, array_id_, 1, 4096);
  Bytes model;
  uint64_t state = 1;
  const auto random = [&state](uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  for (int step = 0; step < 200; ++step) {
    const uint64_t begin = random(40'000);
    const uint64_t count = 1 + random(20'000);
    switch (random(5)) {
      case 0:
      case 1: {
        const Bytes data = pattern(count, random(1000));
        ASSERT_TRUE(run(array.write({{begin, count}}, {data})).is_ok());
        if (model.size() < begin + count) model.resize(begin + count);
        std::copy(data.begin(), data.end(), model.begin() + static_cast<std::ptrdiff_t>(begin));
        break;
      }
      case 2: {
        const Status resized = run(array.set_size(begin));
        ASSERT_TRUE(resized.is_ok()) << resized.to_string();
        model.resize(begin);
        break;
      }
      default: {
        Bytes out(count + 10, std::byte{0xee});
        const MutableBytes memory = out;
        const auto read =
            run(array.read({{begin, count}, {5, 10}}, {memory.first(7 % count), memory.subspan(7 % count)}));
        ASSERT_TRUE(read.is_ok()) << read.status().to_string();
        Bytes padded = model;
        padded.resize(std::max<size_t>(model.size(), 70'000));
        Bytes expected(padded.begin() + static_cast<std::ptrdiff_t>(begin),
                       padded.begin() + static_cast<std::ptrdiff_t>(begin + count));
        expected.insert(expected.end(), padded.begin() + 5, padded.begin() + 15);
        ASSERT_EQ(out, expected) << step;
        const auto overlap = [&](uint64_t from, uint64_t to) {
          return std::min<uint64_t>(to, model.size()) - std::min<uint64_t>(from, model.size());
        };
        ASSERT_EQ(read->bytes, overlap(begin, begin + count) + overlap(5, 15));
      }
    }
    ASSERT_EQ(*run(array.size()), model.size()) << step;
  }
}

TEST_F(ArrayTest, PunchingMakesHolesHoweverLongTheRange) {
  client::Array array(container_, array_id_, 4, 100);
  const Bytes data = pattern(4000, 3);
  ASSERT_TRUE(run(array.write({{0, 1000}}, {data})).is_ok());
  const Status punched = run(array.punch({{150, uint64_t{1} << 60}}));
  ASSERT_TRUE(punched.is_ok()) << punched.to_string();
  EXPECT_EQ(*run(array.size()), 150u);
  ASSERT_TRUE(run(array.punch({{10, 5}})).is_ok());
  Bytes out(80, std::byte{1});
  const auto read = run(array.read({{0, 20}}, {out}));
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read->bytes, 80u);
  EXPECT_EQ(read->bytes_present, 60u);
  EXPECT_EQ(Bytes(out.begin() + 40, out.begin() + 60), Bytes(20));
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 40), Bytes(data.begin(), data.begin() + 40));
}

TEST_F(ArrayTest, MemoryOfAnotherLengthThanTheRangesIsInvalid) {
  client::Array array(container_, array_id_, 4, 100);
  Bytes memory(10);
  EXPECT_EQ(run(array.write({{0, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.read({{0, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.write({{~uint64_t{0}, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.read({{0, uint64_t{1} << 63}}, {memory})).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::local
