// Device bytes for each user byte, in the steady state of random overwrites on a disk that is 70 % full, with
// aggregation by itself. On a simulated disk: what counts is bytes, not time. Prints JSON.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/gate.h"
#include "runtime/random.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = uint64_t{13} << 56, .lo = 2};  // Integer dkeys, as files have.
constexpr ByteCount kChunk = kMiB;                              // Of a file, in one dkey.

struct Setup {
  ByteCount disk = 128 * kMiB;
  ByteCount log = 8 * kMiB;
  double full = 0.7;
  ByteCount write = 4096;
  ByteCount prefill = kMiB;
  int writers = 16;
  double rounds = 3;  // How often all is overwritten; the last third is measured.
};

class Bench {
 public:
  explicit Bench(const Setup& setup)
      : setup_(setup), scheduler_(1), network_(scheduler_), process_(scheduler_, network_, "target"), random_(7) {
    SimDiskOptions options;  // With times, so that writers meet in the log as they would.
    options.capacity = setup.disk;
    process_.add_disk(std::move(options));
    media::FormatOptions format;
    format.store = Uuid::from_random(3, 4);
    format.log_size = setup.log;
    must(process_.run(media::KeyBlockStore::format(process_.world(), process_.disk(0), format)));
    auto media = process_.run(media::KeyBlockStore::open(process_.world(), process_.disk(0), {}));
    must(media.status());
    auto opened = process_.run(Store::open(process_.world(), std::move(media).value()));
    must(opened.status());
    store_ = &process_.own(std::move(opened).value());
    must(process_.run(store_->create_container(container_, {})));
    AggregationPolicy policy;
    policy.is_on = true;
    policy.readable_for = Duration::zero();
    policy.written_min = setup.disk / 16;
    store_->set_aggregation_policy(policy);
    chunks_ = static_cast<uint64_t>(static_cast<double>(store_->media().space().capacity) * setup.full / kChunk);
  }

  void run(const char* name, bool is_last) {
    for (uint64_t chunk = 0; chunk < chunks_; ++chunk) {
      for (uint64_t at = 0; at < kChunk; at += setup_.prefill) must(process_.run(write(chunk, at, setup_.prefill)));
    }
    must(process_.run(store_->media().checkpoint()));
    const auto total = static_cast<uint64_t>(setup_.rounds * static_cast<double>(chunks_ * kChunk));
    must(process_.run(overwrite(total * 2 / 3)));
    const Sums before = sums();
    must(process_.run(overwrite(total / 3)));
    const Sums after = sums();
    const double user = static_cast<double>(total / 3 / setup_.write * setup_.write);
    const auto info = process_.run(store_->query_container(container_));
    must(info.status());
    const media::Space space = store_->media().space();
    const auto part = [user](ByteCount begin, ByteCount end) { return static_cast<double>(end - begin) / user; };
    std::printf(
        "  {\"name\": \"%s\", \"device_bytes_per_user_byte\": %.3f, \"log\": %.3f, \"blocks\": %.3f, \"pages\": %.3f, "
        "\"other\": %.3f, \"full\": %.2f, \"stored_per_current_byte\": %.3f, \"records_per_mib\": %.1f, "
        "\"no_space\": %llu}%s\n",
        name, part(before.all(), after.all()), part(before.log, after.log), part(before.blocks, after.blocks),
        part(before.pages, after.pages), part(before.other, after.other),
        1 - static_cast<double>(space.free) / static_cast<double>(space.capacity),
        static_cast<double>(info->space.stored_bytes()) / static_cast<double>(chunks_ * kChunk),
        static_cast<double>(info->space.records) / static_cast<double>(chunks_),
        static_cast<unsigned long long>(no_space_), is_last ? "" : ",");
  }

 private:
  struct Sums {
    ByteCount log = 0, blocks = 0, pages = 0, other = 0;
    ByteCount all() const { return log + blocks + pages + other; }
  };
  static void must(const Status& status) {
    if (status.is_ok()) return;
    std::fflush(stdout);
    std::fprintf(stderr, "space_bench: %s\n", status.to_string().c_str());
    std::exit(1);
  }
  Sums sums() const {
    const media::Counters counters = store_->media().counters();
    return {.log = counters.log_bytes,
            .blocks = counters.block_bytes_written,
            .pages = counters.page_bytes_written,
            .other = counters.other_bytes_written};
  }

  Task<Status> write(uint64_t chunk, uint64_t at, ByteCount size) {
    DiskBuffer data(size);
    store_le(data.data(), random_.next());
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = integer_key(chunk);
    writes[0].akeys.push_back(TestStore::extent(text("a"), {at, size}, 1, data.bytes()));
    const auto written = co_await store_->write(container_, std::move(writes), kEpochZero, Durability::kSync);
    co_return written.status();
  }

  Task<void> writer(uint64_t* left, Status* failed) {
    while (*left >= setup_.write && failed->is_ok()) {
      *left -= setup_.write;
      const uint64_t chunk = random_.below(chunks_);
      const uint64_t at = random_.below(kChunk / setup_.write) * setup_.write;
      Status status = co_await write(chunk, at, setup_.write);
      while (status.code() == Code::kNoSpace && no_space_ < 2'000) {  // Aggregation is behind: as a client would.
        ++no_space_;
        const auto done = co_await store_->aggregate(container_, kEpochMax);
        if (!done.is_ok()) *failed = done.status();
        status = co_await write(chunk, at, setup_.write);
      }
      if (!status.is_ok()) *failed = status;
    }
  }

  Task<Status> overwrite(uint64_t bytes) {
    Gate writers(process_.executor());
    Status failed;
    for (int i = 0; i < setup_.writers; ++i) writers.spawn(writer(&bytes, &failed));
    co_await writers.close();
    CO_TRY(failed);
    co_return co_await store_->media().checkpoint();
  }

  const Setup setup_;
  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  Random random_;
  const Uuid container_ = Uuid::from_random(1, 2);
  Store* store_ = nullptr;
  uint64_t chunks_ = 0;
  uint64_t no_space_ = 0;
};

}  // namespace
}  // namespace aeon::vos

int main() {
  using aeon::vos::Bench;
  using aeon::vos::Setup;
  std::printf("[\n");
  Bench(Setup{}).run("random_4k_16_writers", false);
  Bench(Setup{.prefill = 4096}).run("random_4k_16_writers_filled_with_4k", false);
  Bench(Setup{.writers = 1}).run("random_4k_1_writer", false);
  Bench(Setup{.write = 8192}).run("random_8k_16_writers", false);
  Bench(Setup{.write = 65'536}).run("random_64k_16_writers", false);
  Bench(Setup{.write = aeon::kMiB, .writers = 4}).run("random_1m_4_writers", true);
  std::printf("]\n");
}
