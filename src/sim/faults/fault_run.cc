#include "fault_run.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "../scenarios/store_calls.h"
#include "sim/sim_process.h"

namespace aeon {

namespace {

using vos::Durability;

constexpr int kCalmCalls = 30;
constexpr int kFaultySteps = 80;
constexpr int kFillingSteps = 400;

bool is_clear(const Status& status) {
  switch (status.code()) {
    case Code::kCorrupt:
    case Code::kIo:
    case Code::kNoSpace:
    case Code::kReadOnly: return !status.message().empty();
    default: return false;
  }
}

class FaultRun {
 public:
  FaultRun(const FaultKind& kind, uint64_t seed, FaultOutcomes& outcomes)
      : kind_(kind),
        outcomes_(outcomes),
        scheduler_(seed),
        network_(scheduler_),
        process_(scheduler_, network_, "store"),
        random_(scheduler_.random().fork()),
        disk_(process_.add_disk({.name = "store disk", .capacity = kind.is_full_store ? 960 * kKiB : 64 * kMiB})),
        container_(random_.uuid()) {}

  std::string run() {
    ++outcomes_.run_count;
    prepare();
    for (int call = 0; call < kCalmCalls && wrong_.empty() && !kind_.is_full_store; ++call) {
      ignore(make_call(Durability::kSync), "it was noted");
    }
    // What follows reads values from the disk, which until a checkpoint are in memory too; and half of the runs pages.
    must(run(store_->media().checkpoint()));
    if (random_.one_in(2)) reopen();
    begin_faults();
    const int step_count = kind_.is_full_store ? kFillingSteps : kFaultySteps;
    for (int step = 0; step < step_count && wrong_.empty() && is_certain_; ++step) take_step();
    end_faults();
    if (wrong_.empty() && kind_.is_full_store) make_room();
    if (wrong_.empty()) look_afterwards();
    if (!wrong_.empty()) ++outcomes_.silent_count;
    return wrong_;
  }

 private:
  void must(const Status& status) {
    if (!status.is_ok()) scheduler_.fail("before any fault: " + status.to_string());
  }
  template <typename T>
  T run(Task<T> task) {
    return process_.run(std::move(task));
  }
  media::OpenOptions open_options() {
    media::OpenOptions options;
    options.checkpoint_log_bytes = 48 * kKiB;
    options.page_size_max = 4 * kKiB;
    options.memory_budget = 64 * kMiB;  // The same on every machine.
    return options;
  }

  void prepare() {
    media::FormatOptions format;
    format.store = random_.uuid();
    format.log_size = 256 * kKiB;
    must(run(media::KeyBlockStore::format(process_.world(), disk_, format)));
    must(open());
    must(run(store_->create_container(container_)));
  }
  Status open() {
    Result<std::unique_ptr<media::KeyBlockStore>> media =
        run(media::KeyBlockStore::open(process_.world(), disk_, open_options()));
    if (!media.is_ok()) return media.status();
    Result<std::unique_ptr<vos::Store>> opened = run(vos::Store::open(process_.world(), std::move(media).value()));
    if (!opened.is_ok()) return opened.status();
    store_ = &process_.own(std::move(opened).value());
    return ok();
  }
  void reopen() {
    must(run(store_->close()));
    process_.kill();
    process_.start();
    must(open());
  }

  void begin_faults() {
    if (kind_.probability != nullptr) {
      constexpr double kProbabilities[] = {0.003, 0.02, 0.1};
      disk_.options().faults.*kind_.probability = kProbabilities[random_.below(3)];
    }
    if (kind_.is_full_disk) {
      disk_.options().space = (disk_.image().block_count() + random_.below(60)) * kDiskBlockSize;
    }
    has_faults_ = true;
  }
  void end_faults() {
    disk_.options().faults = SimDiskFaults();
    disk_.options().space = ~ByteCount{0};
    has_faults_ = false;
    for (const auto& [name, count] : scheduler_.fault_counts().all()) {
      if (name.starts_with("disk_") && !name.starts_with("disk_crash")) outcomes_.fault_count += count;
    }
  }

  void note(std::string_view what, const Status& status) {
    if (has_faults_) ++outcomes_.operation_count;
    if (status.is_ok()) {
      if (has_faults_) ++outcomes_.right_count;
      return;
    }
    if (has_faults_) ++outcomes_.error_count;
    if (has_faults_ && kind_.is_full_store) ++outcomes_.fault_count;
    const bool is_expected = (has_faults_ || kind_.is_full_store) && is_clear(status);
    if (!is_expected) wrong_ = std::string(what) + ": " + status.to_string();
  }

  void take_step() {
    const uint64_t kind = random_.below(20);
    if (kind < 9) {
      ignore(make_call(random_.one_in(3) ? Durability::kFlush : Durability::kSync), "it was noted");
    } else if (kind < 16) {
      read(random_.below(kDkeyCount), snapshot_ && random_.one_in(4) ? *snapshot_ : kEpochMax);
    } else if (kind < 17) {
      const uint64_t returned = calls_.newest_returned();
      const Status status = run(store_->flush());
      note("flush", status);
      if (status.is_ok()) calls_.promise_through(returned);
    } else if (kind < 18) {
      note("checkpoint", run(store_->media().checkpoint()));
    } else if (kind < 19) {
      if (!snapshot_) take_snapshot();
    } else if (!kind_.is_full_store) {
      note("aggregate", run(store_->aggregate(container_, kEpochMax)).status());
    }
  }

  // Deleting works on a full store, and gives room for more.
  void make_room() {
    if (snapshot_) note("destroy_snapshot", run(store_->destroy_snapshot(container_, *snapshot_)));
    snapshot_.reset();
    std::vector<ObjectWrite> writes(1);
    writes[0].kind = ObjectWrite::Kind::kPunchObject;
    writes[0].object = kDataObject;
    Call& call = calls_.begin(random_, ++order_);
    call.changes.assign(1, Change{.kind = Change::Kind::kPunchObject});
    call.count.clear();  // Putting a number would be more than deleting: it goes by that of the call before it.
    const Result<Epoch> punched = run(store_->write(container_, std::move(writes), kEpochZero, Durability::kSync));
    if (punched.is_ok()) {
      call.number = calls_.calls().size() > 1 ? calls_.calls()[calls_.calls().size() - 2].number : 0;
      call.epoch = *punched;
      call.returned = ++order_;
      call.is_promised = true;
    }
    must_work("punching", punched.status());
    must_work("aggregating", run(store_->aggregate(container_, kEpochMax)).status());
    if (wrong_.empty()) must_work("writing again", make_call(Durability::kSync));
  }
  void must_work(std::string_view what, const Status& status) {
    if (wrong_.empty() && !status.is_ok())
      wrong_ = std::string(what) + " after the store was full: " + status.to_string();
  }

  void take_snapshot() {
    snapshot_number_ = calls_.newest_number();
    const Result<Epoch> made = run(store_->create_snapshot(container_, kEpochZero));
    note("create_snapshot", made.status());
    if (made.is_ok() && is_certain_) snapshot_ = *made;
  }

  Status make_call(Durability durability) {
    Call& call = calls_.begin(random_, ++order_);
    const Result<Epoch> written =
        run(store_->write(container_, to_writes(call.changes, call.count), kEpochZero, durability));
    note("write", written.status());
    if (!written.is_ok()) {
      resolve(call);
      return written.status();
    }
    call.epoch = *written;
    call.returned = ++order_;
    call.is_promised = durability == Durability::kSync;
    return ok();
  }

  // After an error a call was made in memory, or not at all; the store itself says which.
  void resolve(Call& call) {
    const Found count = run(fetch_dkey(store_, container_, kCountObject, kNumberKey, kNumberKey, kEpochMax));
    if (!count.status.is_ok()) {
      note("fetch", count.status);
      is_certain_ = false;
      return;
    }
    const bool is_there = equal_bytes(count.state.single, call.count);
    if (!is_there) {
      calls_.abandon_last();
      return;
    }
    call.epoch = count.epoch;
    call.returned = ++order_;
  }

  uint64_t promised() const {
    uint64_t number = 0;
    for (const Call& call : calls_.calls()) number = call.is_promised ? call.number : number;
    return number;
  }

  void read(uint64_t dkey, Epoch epoch) {
    const Found found = run(fetch_dkey(store_, container_, kDataObject, dkey_name(dkey), kSingleAkey, epoch));
    if (!found.status.is_ok()) {
      note("fetch", found.status);
      return;
    }
    const uint64_t number = epoch == kEpochMax ? calls_.newest_number() : snapshot_number_;
    const DkeyState expected = calls_.state(dkey, number, epoch);
    if (expected.single == found.state.single && expected.same_array(found.state)) {
      note("fetch", ok());
      return;
    }
    wrong_ = "a read of dkey " + std::to_string(dkey) + (epoch == kEpochMax ? "" : " at a snapshot") +
             " gave what isn't there";
  }

  // The faults are over; what they did to the media stays.
  void look_afterwards() {
    if (random_.one_in(2))
      process_.kill();
    else
      process_.crash();
    process_.start();
    Status opened = open();
    // What a cache still has of the past is read once.
    for (int tries = 0; tries < 80 && !opened.is_ok() && kind_.is_passing && is_clear(opened); ++tries) opened = open();
    if (!opened.is_ok()) {
      ++outcomes_.refused_count;
      if (!kind_.may_refuse || !is_clear(opened)) wrong_ = "open: " + opened.to_string();
      return;
    }
    ++outcomes_.opened_count;
    const Found count = read_afterwards(kCountObject, kNumberKey, kNumberKey);
    if (!count.status.is_ok()) {
      afterwards("count", count.status);
      return;
    }
    const uint64_t number = count.state.single.empty() ? 0 : load_le<uint64_t>(count.state.single.data());
    if (number < promised()) {
      ++outcomes_.lost_tail_count;
      if (!kind_.may_lose_tail) {
        wrong_ = "call " + std::to_string(promised()) + " was promised, and " + std::to_string(number) +
                 " is the last one there";
      }
    }
    for (uint64_t dkey = 0; dkey < kDkeyCount && wrong_.empty(); ++dkey) {
      const Found found = read_afterwards(kDataObject, dkey_name(dkey), kSingleAkey);
      if (!found.status.is_ok()) {
        afterwards("fetch", found.status);
        continue;
      }
      const DkeyState expected = calls_.state(dkey, number, kEpochMax);
      if (expected.single != found.state.single || !expected.same_array(found.state)) {
        wrong_ = "after opening again, dkey " + std::to_string(dkey) + " doesn't hold what the first " +
                 std::to_string(number) + " calls made";
      }
      ++outcomes_.read_again_count;
    }
  }
  Found read_afterwards(ObjectId object, const Bytes& dkey, const Bytes& akey) {
    Found found = run(fetch_dkey(store_, container_, object, dkey, akey, kEpochMax));
    for (int tries = 0; tries < 80 && !found.status.is_ok() && kind_.is_passing; ++tries) {
      found = run(fetch_dkey(store_, container_, object, dkey, akey, kEpochMax));
    }
    return found;
  }
  void afterwards(std::string_view what, const Status& status) {
    ++outcomes_.damaged_count;
    if (!kind_.may_refuse || !is_clear(status)) wrong_ = std::string(what) + " afterwards: " + status.to_string();
  }

  const FaultKind& kind_;
  FaultOutcomes& outcomes_;
  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  Random random_;
  SimDisk& disk_;
  const Uuid container_;
  vos::Store* store_ = nullptr;
  CallList calls_{0};
  std::optional<Epoch> snapshot_;
  uint64_t snapshot_number_ = 0;
  bool is_certain_ = true;  // Whether the last call was made.
  bool has_faults_ = false;
  uint64_t order_ = 0;
  std::string wrong_;
};

}  // namespace

const std::vector<FaultKind>& fault_kinds() {
  static const std::vector<FaultKind> all = {
      {.name = "bit_rot",
       .what = "a bit on the media changes",
       .probability = &SimDiskFaults::bit_rot,
       .may_refuse = true,
       .may_lose_tail = true},
      {.name = "transient_flip", .what = "a read has a wrong bit, once", .probability = &SimDiskFaults::transient_flip},
      {.name = "stale_read",
       .what = "a read misses the last write, once",
       .probability = &SimDiskFaults::stale_read,
       .is_passing = true,
       .may_lose_tail = true},
      {.name = "lost_write",
       .what = "a write never happens",
       .probability = &SimDiskFaults::lost_write,
       .may_refuse = true,
       .may_lose_tail = true},
      {.name = "misdirected_write",
       .what = "a write lands elsewhere",
       .probability = &SimDiskFaults::misdirected_write,
       .may_refuse = true,
       .may_lose_tail = true},
      {.name = "torn_write",
       .what = "some sectors of a write never happen",
       .probability = &SimDiskFaults::torn_write,
       .may_refuse = true,
       .may_lose_tail = true},
      {.name = "sector_error",
       .what = "a sector can't be read any more",
       .probability = &SimDiskFaults::sector_error,
       .may_refuse = true},
      {.name = "read_error", .what = "a read fails, once", .probability = &SimDiskFaults::read_error},
      {.name = "write_error", .what = "a write fails", .probability = &SimDiskFaults::write_error},
      {.name = "flush_error", .what = "a flush fails and loses writes", .probability = &SimDiskFaults::flush_error},
      {.name = "slow", .what = "100 to 1000 times as long", .probability = &SimDiskFaults::slow},
      {.name = "full_disk", .what = "no room in the file system below", .probability = nullptr, .is_full_disk = true},
      {.name = "full_store", .what = "no room in the store", .probability = nullptr, .is_full_store = true},
  };
  return all;
}

void FaultOutcomes::add(const FaultOutcomes& other) {
  run_count += other.run_count;
  fault_count += other.fault_count;
  operation_count += other.operation_count;
  right_count += other.right_count;
  error_count += other.error_count;
  opened_count += other.opened_count;
  refused_count += other.refused_count;
  read_again_count += other.read_again_count;
  damaged_count += other.damaged_count;
  lost_tail_count += other.lost_tail_count;
  silent_count += other.silent_count;
}

std::string run_fault_seed(const FaultKind& kind, uint64_t seed, FaultOutcomes& outcomes) {
  FaultRun run(kind, seed, outcomes);
  try {
    return run.run();
  } catch (const SimFailure& stuck) {
    ++outcomes.silent_count;
    return stuck.what();
  }
}

}  // namespace aeon
