// Stops the world at each write of a workload that clones containers, commits explicit epochs and destroys bases, and
// opens again: every container is there as it was before or after the call that was cut.
#include <algorithm>
#include <map>
#include <optional>

#include "key_codec.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr int kDepth = 7;

Uuid level(int depth) { return Uuid::from_random(70, static_cast<uint64_t>(depth)); }

// What is known of each container: what it shows, as of the last call that returned; and while a call is cut, what it
// may show instead. Absent: destroyed.
using Shown = std::map<Uuid, std::map<std::string, std::string>>;
struct Progress {
  Shown before;
  Shown after;
};

Task<Status> put(Store& store, Uuid container, std::string akey, std::string value, uint64_t epoch) {
  const Epoch at{epoch};
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = text("d");
  const Bytes bytes = text(value);
  writes[0].akeys.push_back(TestStore::single(text(akey), bytes));
  const auto written = co_await store.write(container, std::move(writes), at, Durability::kFlush);
  co_return written.status();
}

// A chain of clones of explicit epochs. Each commits what it adds and also writes what it never commits.
Task<Status> workload(Store& store, Progress& progress) {
  for (int depth = 0; depth <= kDepth; ++depth) {
    ContainerOptions options;
    options.epochs = EpochMode::kExplicit;
    if (depth != 0) {
      options.base = CloneBase{.container = level(depth - 1), .epoch = kEpochMax};
      progress.after[level(depth)] = progress.before[level(depth - 1)];
    } else {
      progress.after[level(depth)] = {};
    }
    CO_TRY(co_await store.create_container(level(depth), options));
    progress.before = progress.after;

    const auto epoch = static_cast<uint64_t>(10 * (depth + 1));
    const std::string akey = "a" + std::to_string(depth);
    CO_TRY(co_await put(store, level(depth), akey, "first", epoch));
    CO_TRY(co_await put(store, level(depth), "shared", akey, epoch + 1));
    progress.after[level(depth)][akey] = "first";
    progress.after[level(depth)]["shared"] = akey;
    const Epoch committed{epoch + 2};
    CO_TRY(co_await store.commit(level(depth), committed));
    progress.before = progress.after;
    CO_TRY(co_await put(store, level(depth), "shared", "never committed", epoch + 5));
    if (depth == 2) {
      CO_TRY(co_await store.media().checkpoint());
    }
  }
  constexpr int kDestroyed[] = {2, 0, 1, 5, 4, 6};  // The last one is left, and needs something of each.
  for (const int depth : kDestroyed) {
    progress.after.erase(level(depth));
    CO_TRY(co_await store.destroy_container(level(depth)));
    progress.before = progress.after;
    CO_TRY(co_await store.flush());  // With what was erased and trimmed meanwhile.
    if (depth == 5) {
      CO_TRY(co_await store.media().checkpoint());
    }
  }
  const auto aggregated = co_await store.aggregate(level(3), kEpochMax);
  CO_TRY(aggregated.status());
  const Epoch not_committed{43};
  CO_TRY(co_await store.discard(level(3), not_committed, kEpochMax));
  progress.after.erase(level(3));
  CO_TRY(co_await store.destroy_container(level(3)));
  progress.before = progress.after;
  progress.after.erase(level(kDepth));
  CO_TRY(co_await store.destroy_container(level(kDepth)));
  progress.before = progress.after;
  co_return co_await store.flush();
}

std::optional<std::map<std::string, std::string>> shown_by(TestStore& target, Uuid container) {
  target.use(container);
  const auto page = target.run(target.store().list_akeys(container, kObject, text("d"), kEpochMax, {}, {}));
  if (page.code() == Code::kNotFound) return std::nullopt;
  EXPECT_TRUE(page.is_ok()) << page.status().to_string();
  std::map<std::string, std::string> shown;
  if (!page) return shown;
  for (const Bytes& akey : page->keys) {
    const auto value = target.get(kObject, text("d"), akey);
    EXPECT_TRUE(value.is_ok()) << value.status().to_string();
    if (value) shown[std::string(as_text(akey))] = std::string(as_text(*value));
  }
  return shown;
}

std::optional<std::map<std::string, std::string>> expected_of(const Shown& shown, Uuid container) {
  const auto found = shown.find(container);
  if (found == shown.end()) return std::nullopt;
  return found->second;
}

Task<uint32_t> last_container_number(media::KeyBlockStore& media) {
  media::Cursor cursor(media);
  const Bytes end(16, std::byte{0xff});
  const Status status = co_await cursor.seek_before(end);
  co_return status.is_ok() && cursor.valid() ? load_be32(cursor.key().data()) : ~uint32_t{0};
}

// Answers whether the workload ended before the crash.
bool crash_at(uint64_t write, uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  TestStore target(seed, SimDiskOptions{});
  EXPECT_TRUE(target.run(target.store().destroy_container(target.container())).is_ok());
  Progress progress;
  const bool has_ended = target.crash_at_write(write, workload(target.store(), progress));
  const Status opened = target.try_open();
  EXPECT_TRUE(opened.is_ok()) << opened.to_string();
  if (!opened.is_ok()) return true;

  // Once as the crash left it, and once more when what was left to erase and to trim is done.
  for (const bool is_settled : {false, true}) {
    SCOPED_TRACE(is_settled ? "settled" : "just opened");
    if (is_settled) target.scheduler().run_for(std::chrono::seconds(2));
    for (int depth = 0; depth <= kDepth; ++depth) {
      const auto shown = shown_by(target, level(depth));
      const bool is_before = shown == expected_of(progress.before, level(depth));
      const bool is_after = shown == expected_of(progress.after, level(depth));
      EXPECT_TRUE(is_before || is_after) << "container " << depth;
    }
  }
  // Whoever is left can go, and takes everything along.
  const auto ids = target.run(target.store().list_containers());
  for (const Uuid id : *ids) EXPECT_TRUE(target.run(target.store().destroy_container(id)).is_ok());
  target.scheduler().run_for(std::chrono::seconds(2));
  EXPECT_EQ(target.run(last_container_number(target.store().media())), kStoreNumber);
  const auto damages = target.run(target.store().media().verify());
  EXPECT_TRUE(damages.is_ok() && damages->empty());
  return has_ended;
}

TEST(CloneCrash, EveryContainerIsAsBeforeOrAfterTheCallThatWasCut) {
  crash_at_each_write(30, [](uint64_t write) {
    bool has_ended = false;
    for (uint64_t seed = 0; seed < 4; ++seed) has_ended = crash_at(write, 4 * write + seed) || has_ended;
    return has_ended;
  });
}

}  // namespace
}  // namespace aeon::vos
