#include "crash_run.h"

#include <memory>

#include "runtime/system.h"
#include "sim/image_disk.h"
#include "sim/sim_clock.h"

namespace aeon {

namespace {

constexpr uint64_t kLifeCount = 4;
constexpr uint64_t kGoOnEvery = 16;
constexpr uint64_t kEmptyEvery = 40;

// A process for the time of one life, or of one look at an image.
class Machine {
 public:
  explicit Machine(uint64_t seed)
      : scheduler(seed),
        clock(scheduler),
        process(scheduler.new_process("store")),
        random(seed ^ 0x5eed),
        world{process, clock, network, random, faults} {}

  SimScheduler scheduler;
  SimClock clock;
  SimExecutor& process;
  NoNetwork network;
  Random random;
  Faults faults;
  World world;
};

class CrashRun {
 public:
  CrashRun(const CrashWorkload& workload, uint64_t seed, const CrashRunOptions& options,
           const std::function<void(uint64_t)>& on_point, CrashTotals& totals)
      : seed_(seed),
        options_(options),
        on_point_(on_point),
        totals_(totals),
        random_(seed),
        subject_(workload.make(random_.next())),
        media_(subject_->block_count(), subject_->unwritten_is_garbage() ? garbage_content() : zero_content()) {}

  std::optional<CrashFailure> run() {
    try {
      format();
      for (uint64_t life = 0; life < kLifeCount && !failure_ && !is_enough(); ++life) {
        const CrashRecording recording = record();
        if (failure_) break;
        check_points(recording);
      }
    } catch (const SimFailure& stuck) {
      failure_ = CrashFailure{kNever, stuck.what()};
    }
    ++totals_.run_count;
    return failure_;
  }

 private:
  bool is_enough() const { return looked_at_ >= options_.point_count_max; }

  void format() {
    Machine machine(random_.next());
    ImageDisk disk(media_, arena_);
    const Status status = machine.scheduler.run(machine.process, subject_->format(&machine.world, &disk));
    if (!status.is_ok()) machine.scheduler.fail("format: " + status.to_string());
    media_ = disk.table();
  }

  CrashRecording record() {
    CrashRecording recording(media_, std::move(cached_), next_moment_);
    cached_.clear();
    const uint64_t seed = random_.next();
    Machine machine(seed);
    constexpr uint64_t kEventCounts[] = {30, 120, 120, 300};
    RecordingDisk disk(machine.process, recording, arena_, kEventCounts[random_.below(4)]);
    disk.set_space(subject_->space_blocks());
    disk.set_is_memory(seed % 4 == 0);
    machine.process.spawn(subject_->live(&machine.world, &machine.process, &disk, &recording, random_.fork()));
    machine.scheduler.run_for(std::chrono::milliseconds(random_.one_in(3) ? 20 : 400));
    machine.scheduler.crash(machine.process);
    if (!subject_->fault().empty()) failure_ = CrashFailure{kNever, subject_->fault()};
    next_moment_ = recording.now() + 1;
    ++totals_.life_count;
    totals_.moment_count += recording.events().size() + 1;
    return recording;
  }

  // What follows a power loss is one of the points, each as likely. What follows a kill is what the disk's cache has.
  void check_points(const CrashRecording& recording) {
    const bool ends_by_kill = random_.one_in(4);
    Random choice = random_.fork();
    CrashImages images(recording, random_.next());
    BlockTable next = media_;
    const std::function<void(const CrashPoint&)> visit = [&](const CrashPoint& point) {
      const uint64_t number = next_point_++;
      const bool is_chosen = !ends_by_kill && choice.one_in(point.number + 1);
      if (is_chosen) next = kept(point.image, next);
      if (is_chosen) chosen_moment_ = point.moment;
      if (failure_ || (options_.only_point && *options_.only_point != number)) return;
      if (is_enough() || (!options_.only_point && (number + seed_) % options_.stride != 0)) return;
      ++looked_at_;
      count(recording, point);
      check(point, number);
    };
    images.for_each(visit);
    if (ends_by_kill) {
      media_ = images.media();
      cached_ = images.pending();
      std::erase_if(cached_,
                    [&](const PendingWrite& write) { return !recording.has_completed(write.id) && choice.one_in(2); });
    } else {
      media_ = std::move(next);
      subject_->crashed_at(chosen_moment_);
    }
  }

  // Its torn blocks would go with the visit.
  BlockTable kept(const BlockTable& image, const BlockTable& known) {
    BlockTable table = image;
    for (uint64_t block = 0; block < table.block_count(); ++block) {
      const std::byte* const content = table.block(block);
      const bool is_shared = content == known.block(block) || content == zero_content() || content == garbage_content();
      if (!is_shared) table.set(block, arena_.keep(content));
    }
    return table;
  }

  void check(const CrashPoint& point, uint64_t number) {
    on_point_(number);
    Random random(seed_ * 0x9e3779b97f4a7c15u + number);
    CrashSubject::Depth depth = CrashSubject::Depth::kLook;
    if (random.one_in(kGoOnEvery)) depth = CrashSubject::Depth::kGoOn;
    if (random.one_in(kEmptyEvery)) depth = CrashSubject::Depth::kEmpty;
    if (depth == CrashSubject::Depth::kGoOn) ++totals_.went_on_count;
    if (depth == CrashSubject::Depth::kEmpty) ++totals_.emptied_count;
    scratch_.clear();
    ImageDisk disk(point.image, scratch_);
    Machine machine(random.next());
    std::string why;
    try {
      why = machine.scheduler.run(machine.process, subject_->check(&machine.world, &machine.process, &disk,
                                                                   point.moment, random.fork(), depth));
      machine.scheduler.crash(machine.process);
    } catch (const SimFailure& stuck) {
      why = stuck.what();
    }
    if (!why.empty()) {
      failure_ = CrashFailure{number, "at moment " + std::to_string(point.moment) + ", " +
                                          std::to_string(point.pending_count) + " pending writes, image " +
                                          std::string(name_of(point.kind)) + ": " + why};
    }
  }

  void count(const CrashRecording& recording, const CrashPoint& point) {
    ++totals_.point_count;
    ++totals_.by_kind[static_cast<size_t>(point.kind)];
    totals_.pending_max = std::max<uint64_t>(totals_.pending_max, point.pending_count);
    if (point.pending_count <= 3) ++totals_.exhaustive_count;
    const uint64_t index = point.moment - recording.first();
    if (index == 0) {
      ++totals_.before_any;
      return;
    }
    switch (recording.events()[index - 1].kind) {
      case CrashRecording::Kind::kWrite: ++totals_.after_write; break;
      case CrashRecording::Kind::kDurableWrite: ++totals_.after_durable_write; break;
      case CrashRecording::Kind::kDiscard: ++totals_.after_discard; break;
      case CrashRecording::Kind::kDurableEnd: ++totals_.after_durable_end; break;
      case CrashRecording::Kind::kFlushEnd: ++totals_.after_flush; break;
    }
  }

  const uint64_t seed_;
  const CrashRunOptions& options_;
  const std::function<void(uint64_t)>& on_point_;
  CrashTotals& totals_;
  Random random_;
  std::unique_ptr<CrashSubject> subject_;
  BlockArena arena_;
  BlockArena scratch_;
  BlockTable media_;
  std::vector<PendingWrite> cached_;
  Moment next_moment_ = 0;
  Moment chosen_moment_ = 0;
  uint64_t next_point_ = 0;
  uint64_t looked_at_ = 0;
  std::optional<CrashFailure> failure_;
};

}  // namespace

void CrashTotals::add(const CrashTotals& other) {
  run_count += other.run_count;
  life_count += other.life_count;
  moment_count += other.moment_count;
  point_count += other.point_count;
  for (size_t i = 0; i < by_kind.size(); ++i) by_kind[i] += other.by_kind[i];
  after_write += other.after_write;
  after_durable_write += other.after_durable_write;
  after_discard += other.after_discard;
  after_flush += other.after_flush;
  after_durable_end += other.after_durable_end;
  before_any += other.before_any;
  exhaustive_count += other.exhaustive_count;
  pending_max = std::max(pending_max, other.pending_max);
  went_on_count += other.went_on_count;
  emptied_count += other.emptied_count;
}

std::optional<CrashFailure> run_crash_seed(const CrashWorkload& workload, uint64_t seed, const CrashRunOptions& options,
                                           const std::function<void(uint64_t)>& on_point, CrashTotals& totals) {
  CrashRun run(workload, seed, options, on_point, totals);
  return run.run();
}

const std::vector<CrashWorkload>& crash_workloads() {
  static const std::vector<CrashWorkload> all = {
      {"media", "batches, blocks, checkpoints and a log that wraps, on the key and block store", make_media_subject},
      {"vos",
       "updates, punches, transactions, explicit epochs, snapshots, aggregation, discards and containers on the "
       "versioned store",
       make_vos_subject},
  };
  return all;
}

}  // namespace aeon
