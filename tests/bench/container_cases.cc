// Cases that concern a whole container or store.
#include <thread>

#include "child.h"
#include "target_cases.h"

namespace aeon::bench {
namespace {

constexpr ObjectId kListed{uint64_t{8} << 56 | uint64_t{1} << 48 | uint64_t{1} << 32, 1};

Task<uint64_t> list_all_dkeys(Target* target) {
  uint64_t count = 0;
  const vos::ListLimits limits{.count_max = 4096, .bytes_max = 256 * kKiB};
  Anchor anchor;
  while (true) {
    Anchor from = std::move(anchor);
    auto page = co_await target->store().list_dkeys(target->container(), kListed, kEpochMax, std::move(from), limits);
    must(page.status());
    count += page->keys.size();
    anchor = std::move(page->next);
    if (anchor.is_end) co_return count;
  }
}

Task<void> put_object(Target* target, uint64_t number, ByteView value) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object.lo = scatter(number);
  writes[0].dkey = to_bytes("d");
  writes[0].akeys.resize(1);
  writes[0].akeys[0].akey = to_bytes("0");
  writes[0].akeys[0].record_size = value.size();
  writes[0].akeys[0].data.push_back(value);
  const auto written =
      co_await target->store().write(target->container(), std::move(writes), kEpochZero, vos::Durability::kFlush);
  must(written.status());
}

double median_ms(uint32_t count, const std::function<void()>& body) {
  std::vector<double> ms;
  for (uint32_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    body();
    ms.push_back(1e3 * seconds_since(start));
  }
  std::sort(ms.begin(), ms.end());
  return ms[ms.size() / 2];
}

}  // namespace

void listing(const Run& run) {
  constexpr uint64_t kCount = 1'000'000;
  Target target(run.directory);
  load_values(target, 8, kCount);
  const auto start = Clock::now();
  const uint64_t seen = target.reactor().run(list_all_dkeys(&target));
  const double seconds = seconds_since(start);
  if (seen != kCount) fail("the listing isn't complete");
  print("list_dkeys", {{"per_second", static_cast<double>(seen) / seconds}});
}

void snapshots(const Run& run) {
  constexpr uint32_t kTimes = 21;
  Target target(run.directory);
  uint64_t present = 0;
  for (const uint64_t count : {uint64_t{1'000}, uint64_t{10'000}, uint64_t{100'000}, uint64_t{1'000'000}}) {
    must_all(target, 16, 16, count - present,
             [&](uint64_t number, MutableBytes value) { return put_object(&target, present + number, value); });
    present = count;
    const double snapshot_ms = median_ms(kTimes, [&] {
      must(target.reactor().run(target.store().create_snapshot(target.container(), kEpochZero)).status());
    });
    const double clone_ms = median_ms(kTimes, [&] {
      vos::ContainerOptions options;
      options.base = vos::CloneBase{.container = target.container()};
      must(target.reactor().run(target.store().create_container(target.new_id(), options)));
    });
    print(fmt::format("snapshot_at_{}", count), {{"snapshot_ms", snapshot_ms}, {"clone_ms", clone_ms}});
  }
}

// ---- Opening a store of 1 GiB ---------------------------------------------------------------------------------------

namespace {
constexpr ByteCount kExtentBytes = 900 * kMiB;
constexpr uint64_t kSmallCount = 1'000'000;
}  // namespace

void fill_until_killed(const Run& run) {
  Target target(run.directory);
  load_file(target, kExtentBytes, 256 * kKiB);
  load_values(target, 64, kSmallCount);
  Child::say_ready();
  // All over the index, so that replay meets as many pages as it can.
  run_loop(target, {.outstanding = 16, .buffer_size = 64}, [&](uint64_t number, MutableBytes value) {
    return put_value(&target, scatter(number) % kSmallCount, value, vos::Durability::kFlush);
  });
}

void opening(const Run& run) {
  Child filling(run, "fill_until_killed");
  filling.wait_until_it_says_ready();
  // At any moment between two checkpoints.
  std::this_thread::sleep_for(std::chrono::milliseconds(200 + system_random().below(800)));
  filling.kill();
  Target target(run.directory, {}, Target::Start::kExisting);
  const media::Counters counters = target.store().media().counters();
  print("open_after_kill",
        {{"ms", target.opened_in_ms()}, {"replayed_batches", static_cast<double>(counters.replayed_batches)}});
  print("open_after_stop", {{"ms", target.reopen()}});
}

}  // namespace aeon::bench
