#include "sim/sim_disk.h"

#include <algorithm>

namespace aeon {

namespace {

constexpr uint8_t kAllSectors = 0xff;
static_assert(kDiskBlockSize / kDiskSectorSize == 8);
constexpr size_t kCachedVersionsMax = 16;  // Of one block; a device writes the oldest back by itself then.
constexpr std::byte kInFlightGarbage{0xdb};

uint8_t all_sectors() { return kAllSectors; }

// What becomes of writes that nothing forced to the media, when the power goes. Whole crashes are sometimes
// extreme, since "all lost" and "all kept" are what much code is wrong about.
class SurvivalDraw {
 public:
  enum class Fate { kLost, kKept, kTorn };

  explicit SurvivalDraw(Random& random) : random_(random), mood_(random.below(5)) {}

  Fate next_fate() {
    if (mood_ == 0) return Fate::kLost;
    if (mood_ == 1) return Fate::kKept;
    const uint64_t draw = random_.below(4);
    return draw == 0 ? Fate::kLost : draw == 1 ? Fate::kKept : Fate::kTorn;
  }
  uint8_t sectors(Fate fate) {
    if (fate == Fate::kLost) return 0;
    if (fate == Fate::kKept) return kAllSectors;
    // Torn in whole blocks as well as within one.
    const uint64_t draw = random_.below(4);
    return draw == 0 ? uint8_t{0} : draw == 1 ? kAllSectors : static_cast<uint8_t>(random_.next());
  }

 private:
  Random& random_;
  uint64_t mood_;
};

void count_fate(SimFaultCounts* counts, SurvivalDraw::Fate fate) {
  if (counts == nullptr) return;
  counts->add(fate == SurvivalDraw::Fate::kLost   ? "disk_crash_lost_write"
              : fate == SurvivalDraw::Fate::kKept ? "disk_crash_kept_write"
                                                  : "disk_crash_torn_write");
}

void fill_garbage(Random& random, MutableBytes out) {
  for (size_t i = 0; i + 8 <= out.size(); i += 8) store_le(out.data() + i, random.next());
}

std::string place(const DiskOp& op) {
  return "offset " + std::to_string(op.offset()) + ", size " + std::to_string(op.size());
}

std::string_view kind_name(DiskOp::Kind kind) {
  switch (kind) {
    case DiskOp::Kind::kRead: return "disk_read";
    case DiskOp::Kind::kWrite: return "disk_write";
    case DiskOp::Kind::kWriteDurable: return "disk_write_durable";
    case DiskOp::Kind::kFlush: return "disk_flush";
    case DiskOp::Kind::kDiscard: return "disk_discard";
  }
  return "disk";
}

}  // namespace

SimDiskFaults SimDiskFaults::random(Random& random, double probability_max) {
  SimDiskFaults faults;
  for (double* fault : {&faults.bit_rot, &faults.transient_flip, &faults.stale_read, &faults.lost_write,
                        &faults.misdirected_write, &faults.torn_write, &faults.sector_error, &faults.read_error,
                        &faults.write_error, &faults.flush_error, &faults.slow}) {
    const bool is_on = random.one_in(2);
    const double probability = random.fraction() * probability_max;
    *fault = is_on ? probability : 0;
  }
  return faults;
}

SimDiskLatency SimDiskLatency::none() {
  SimDiskLatency latency;
  latency.inline_probability = 1;
  return latency;
}

SimDisk::SimDisk(SimScheduler& scheduler, SimDiskOptions options)
    : scheduler_(scheduler),
      options_(std::move(options)),
      random_(scheduler.random().fork()),
      garbage_seed_(random_.next()) {
  CHECK(options_.capacity % kDiskBlockSize == 0);
}

SimDisk::SimDisk(SimExecutor& process, SimDiskOptions options) : SimDisk(process.scheduler(), std::move(options)) {
  attach(process);
}

SimDisk::~SimDisk() {
  if (process_ != nullptr) scheduler_.crash(*process_);
}

void SimDisk::attach(SimExecutor& process) {
  CHECK(in_flight_.empty());
  if (process_ != nullptr) process_->remove_crash_listener(*this);
  process_ = &process;
  process.add_crash_listener(*this);
}

// --- Operations ---

void SimDisk::submit(DiskOp& op) {
  if (process_ == nullptr || !process_->is_alive()) return;  // Swallowed: the awaiting frame is about to go.
  Status range = check_range(op);
  if (!range.is_ok()) return op.complete(std::move(range));

  const uint64_t id = next_id_++;
  scheduler_.trace(process_->index(), kind_name(op.kind()), id, op.offset(), op.size());
  InFlight flight;
  flight.op = &op;
  flight.completed_before = completed_count_;
  if (op.kind() == DiskOp::Kind::kRead) {
    std::fill_n(op.memory(), op.size(), kInFlightGarbage);
  } else {
    ++write_event_count_;
    if (observer_) observer_(write_event_count_);
    if (op.kind() == DiskOp::Kind::kDiscard)
      flight.writes = capture_discard(op, id);
    else if (op.kind() != DiskOp::Kind::kFlush && op.size() != 0)
      flight.writes.push_back(capture_write(op, id));
    if (stop_at_event_ && write_event_count_ >= *stop_at_event_) {
      stop_at_event_.reset();
      in_flight_.emplace(id, std::move(flight));
      scheduler_.crash_soon(*process_, stop_by_);
      return;
    }
  }

  const bool is_slow = hits(Script::kSlow, options_.faults.slow, "disk_slow");
  const bool is_inline = random_.fraction() < options_.latency.inline_probability;
  if ((is_inline && !is_slow) || options_.is_memory) return op.complete(perform(flight));
  Duration latency = draw_latency(op.kind());
  if (is_slow) latency *= static_cast<int64_t>(random_.between(100, 1000));
  in_flight_.emplace(id, std::move(flight));
  scheduler_.at(scheduler_.now() + latency, process_, [this, id] { finish(id); });
}

ByteView SimDisk::view(uint64_t offset, ByteCount size) {
  if (!options_.is_memory || process_ == nullptr || !process_->is_alive()) return {};
  DiskBuffer buffer(size);
  DiskOp op = read(offset, buffer.bytes());
  if (!check_range(op).is_ok()) return {};
  scheduler_.trace(process_->index(), "disk_view", offset, size);
  if (!perform_read(op).is_ok()) return {};
  if (views_.empty()) scheduler_.at(scheduler_.now(), process_, [this] { views_.clear(); });
  return views_.emplace_back(std::move(buffer)).bytes();
}

void SimDisk::finish(uint64_t id) {
  const auto found = in_flight_.find(id);
  CHECK(found != in_flight_.end());
  InFlight flight = std::move(found->second);
  in_flight_.erase(found);
  DiskOp& op = *flight.op;
  const bool is_write = op.kind() == DiskOp::Kind::kWrite || op.kind() == DiskOp::Kind::kWriteDurable;
  if (is_write && !flight.writes.empty() && !equal_bytes({op.memory(), op.size()}, flight.writes.front()->data)) {
    scheduler_.fail("memory of a write in flight changed: " + options_.name + ", " + place(op));
  }
  Status status = perform(flight);
  scheduler_.trace(process_->index(), "disk_done", id, static_cast<uint64_t>(status.code()));
  op.complete(std::move(status));
  process_->post(op.waiter());
}

Status SimDisk::check_range(const DiskOp& op) const {
  if (op.kind() == DiskOp::Kind::kFlush) return ok();
  const auto address = reinterpret_cast<uintptr_t>(op.memory());
  if (op.offset() % kDiskBlockSize != 0 || op.size() % kDiskBlockSize != 0 || address % kDiskBlockSize != 0) {
    return Status(Code::kInvalidArgument, options_.name + ": not in whole, aligned blocks: " + place(op));
  }
  if (op.offset() > options_.capacity || op.size() > options_.capacity - op.offset()) {
    return Status(Code::kInvalidArgument, options_.name + ": beyond the capacity: " + place(op));
  }
  return ok();
}

// Copied at submission, since at a crash the memory is gone before we know what survives.
std::shared_ptr<const SimDisk::Write> SimDisk::capture_write(const DiskOp& op, uint64_t id) const {
  auto write = std::make_shared<Write>();
  write->id = id;
  write->offset = op.offset();
  write->data.assign(op.memory(), op.memory() + op.size());
  return write;
}

// Only of blocks in use: the others stay as they are.
std::vector<std::shared_ptr<const SimDisk::Write>> SimDisk::capture_discard(const DiskOp& op, uint64_t id) {
  std::vector<std::shared_ptr<const Write>> writes;
  const uint64_t end = (op.offset() + op.size()) / kDiskBlockSize;
  auto on_media = media_.blocks().lower_bound(op.offset() / kDiskBlockSize);
  auto cached = cache_.lower_bound(op.offset() / kDiskBlockSize);
  uint64_t run_first = 0, run_count = 0;
  for (;;) {
    const uint64_t next_on_media = on_media == media_.blocks().end() ? end : on_media->first;
    const uint64_t next_cached = cached == cache_.end() ? end : cached->first;
    const uint64_t block = std::min(next_on_media, next_cached);
    if (block >= end) break;
    if (run_count != 0 && block != run_first + run_count)
      append_discard(writes, id, run_first, std::exchange(run_count, 0));
    if (run_count++ == 0) run_first = block;
    if (next_on_media == block) ++on_media;
    if (next_cached == block) ++cached;
  }
  if (run_count != 0) append_discard(writes, id, run_first, run_count);
  return writes;
}

void SimDisk::append_discard(std::vector<std::shared_ptr<const Write>>& writes, uint64_t id, uint64_t block,
                             uint64_t count) {
  SimDiscard gives = options_.discard;
  if (gives == SimDiscard::kAny) gives = static_cast<SimDiscard>(random_.below(3));
  if (gives == SimDiscard::kNothing) return;
  auto write = std::make_shared<Write>();
  write->id = id;
  write->offset = block * kDiskBlockSize;
  write->data.resize(count * kDiskBlockSize);
  write->is_discard = true;
  if (gives == SimDiscard::kGarbage) {
    fill_garbage(random_, write->data);
    scheduler_.fault_counts().add("disk_discard_garbage");
  }
  writes.push_back(std::move(write));
}

Duration SimDisk::draw_latency(DiskOp::Kind kind) {
  const SimDiskLatency& latency = options_.latency;
  Duration low = latency.write_min, high = latency.write_max;
  if (kind == DiskOp::Kind::kRead) low = latency.read_min, high = latency.read_max;
  if (kind == DiskOp::Kind::kFlush || kind == DiskOp::Kind::kWriteDurable)
    low = latency.flush_min, high = latency.flush_max;
  const double draw = random_.fraction();  // Cubed: mostly near the low end, with a tail.
  return low + Duration(static_cast<int64_t>(static_cast<double>((high - low).count()) * draw * draw * draw));
}

Status SimDisk::perform(InFlight& flight) {
  switch (flight.op->kind()) {
    case DiskOp::Kind::kRead: return perform_read(*flight.op);
    case DiskOp::Kind::kWrite:
    case DiskOp::Kind::kWriteDurable: return flight.writes.empty() ? ok() : perform_write(flight);
    case DiskOp::Kind::kFlush: return perform_flush(flight);
    case DiskOp::Kind::kDiscard: return perform_discard(flight);
  }
  return ok();
}

Status SimDisk::perform_read(DiskOp& op) {
  if (op.size() == 0) return ok();
  const uint64_t first_sector = op.offset() / kDiskSectorSize;
  const uint64_t sector_count = op.size() / kDiskSectorSize;
  const auto io_error = [&](std::string_view cause) {
    return Status(Code::kIo, options_.name + ": " + std::string(cause) + ": " + place(op));
  };
  if (hits(Script::kReadError, options_.faults.read_error, "disk_read_error")) return io_error("read failed");
  if (hits(Script::kSectorError, options_.faults.sector_error, "disk_sector_error")) {
    bad_sectors_.insert(first_sector + random_.below(sector_count));
  }
  const auto bad = bad_sectors_.lower_bound(first_sector);
  if (bad != bad_sectors_.end() && *bad < first_sector + sector_count) {
    return io_error("unreadable sector at " + std::to_string(*bad * kDiskSectorSize));
  }
  if (hits(Script::kBitRot, options_.faults.bit_rot, "disk_bit_rot")) {
    const uint64_t at = op.offset() + random_.below(op.size());
    media_.flip_bit(at, static_cast<int>(random_.below(8)));
  }

  const MutableBytes out(op.memory(), op.size());
  read_view(op.offset(), out);
  // Writes in flight over the same place: any mixture of old and new sectors.
  for (const std::shared_ptr<const Write>& write : shuffled_in_flight(random_)) {
    const uint64_t low = std::max(write->offset, op.offset());
    const uint64_t high = std::min(write->offset + write->data.size(), op.offset() + op.size());
    for (uint64_t sector = low; sector < high; sector += kDiskSectorSize) {
      if (random_.one_in(2)) continue;
      std::copy_n(write->data.data() + (sector - write->offset), kDiskSectorSize, out.data() + (sector - op.offset()));
    }
  }
  for (size_t i = 0; i < stale_.size(); ++i) {
    const StaleRange& range = stale_[i];
    const uint64_t low = std::max(range.offset, op.offset());
    const uint64_t high = std::min(range.offset + range.data.size(), op.offset() + op.size());
    if (low >= high) continue;
    std::copy_n(range.data.data() + (low - range.offset), high - low, out.data() + (low - op.offset()));
    scheduler_.fault_counts().add("disk_stale_read");
    stale_.erase(stale_.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  if (hits(Script::kTransientFlip, options_.faults.transient_flip, "disk_transient_flip")) {
    out[random_.below(out.size())] ^= static_cast<std::byte>(1u << random_.below(8));
  }
  return ok();
}

Status SimDisk::perform_write(const InFlight& flight) {
  std::shared_ptr<const Write> write = flight.writes.front();
  const bool is_durable = flight.op->kind() == DiskOp::Kind::kWriteDurable;
  const bool is_full = !has_room(*write);
  if (is_full) scheduler_.fault_counts().add("disk_full");
  if (is_full || hits(Script::kNoSpace, 0, "disk_full")) {
    return Status(Code::kNoSpace, options_.name + ": no room: " + place(*flight.op));
  }
  SurvivalDraw draw(random_);
  const SectorChoice some_sectors = [&] { return draw.sectors(SurvivalDraw::Fate::kTorn); };
  if (hits(Script::kWriteError, options_.faults.write_error, "disk_write_error")) {
    put_in_cache(write, some_sectors);
    return Status(Code::kIo, options_.name + ": write failed: " + place(*flight.op));
  }
  if (hits(Script::kLostWrite, options_.faults.lost_write, "disk_lost_write")) return ok();
  if (hits(Script::kStaleRead, options_.faults.stale_read, {})) {  // Counted when a read meets it.
    StaleRange stale{write->offset, Bytes(write->data.size())};
    read_view(stale.offset, stale.data);
    stale_.push_back(std::move(stale));
    if (stale_.size() > 64) stale_.erase(stale_.begin());
  }
  if (hits(Script::kMisdirectedWrite, options_.faults.misdirected_write, "disk_misdirected_write")) {
    write = misdirect(*write);
  }
  const bool is_torn = hits(Script::kTornWrite, options_.faults.torn_write, "disk_torn_write");
  const SectorChoice choice = is_torn ? some_sectors : SectorChoice(all_sectors);
  if (is_durable)
    put_on_media(*write, choice);
  else
    put_in_cache(write, choice);
  return ok();
}

// Where something else is, if there is such a place: that hurts most.
std::shared_ptr<const SimDisk::Write> SimDisk::misdirect(const Write& write) {
  auto elsewhere = std::make_shared<Write>(write);
  const uint64_t last = options_.capacity / kDiskBlockSize - write.block_count();
  const uint64_t block = media_.empty() || random_.one_in(4) ? write.first_block() + 1 : media_.random_block(random_);
  elsewhere->offset = std::min(block, last) * kDiskBlockSize;
  return elsewhere;
}

Status SimDisk::perform_discard(const InFlight& flight) {
  for (const auto& write : flight.writes) put_in_cache(write, all_sectors);
  const DiskOp& op = *flight.op;
  used_blocks_.erase(used_blocks_.lower_bound(op.offset() / kDiskBlockSize),
                     used_blocks_.lower_bound((op.offset() + op.size()) / kDiskBlockSize));
  return ok();
}

// Only what had completed when the flush was submitted is promised; the rest stays in the cache.
Status SimDisk::perform_flush(const InFlight& flight) {
  const bool fails = hits(Script::kFlushError, options_.faults.flush_error, "disk_flush_error");
  if (fails) ++failed_flush_count_;
  SurvivalDraw draw(random_);
  for (auto entry = cache_.begin(); entry != cache_.end();) {
    std::vector<CachedBlock>& versions = entry->second;
    size_t written = 0;
    for (; written < versions.size() && versions[written].completed < flight.completed_before; ++written) {
      const CachedBlock& version = versions[written];
      // After a failed flush systems differ in what they keep; none tries again.
      const uint8_t kept = fails ? draw.sectors(draw.next_fate()) : kAllSectors;
      apply(media_, *version.write, entry->first, version.data(), version.sectors & kept);
    }
    versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(written));
    entry = versions.empty() ? cache_.erase(entry) : std::next(entry);
  }
  return fails ? Status(Code::kIo, options_.name + ": flush failed") : ok();
}

// --- Faults ---

bool SimDisk::hits(Script fault, double probability, std::string_view name) {
  bool hit = false;
  for (size_t i = 0; i < scripts_.size() && !hit; ++i) {
    if (scripts_[i].fault != fault) continue;
    hit = scripts_[i].after == 0;
    if (hit)
      scripts_.erase(scripts_.begin() + static_cast<std::ptrdiff_t>(i));
    else
      --scripts_[i].after;
  }
  if (!hit && probability > 0) hit = random_.fraction() < probability;
  if (hit && !name.empty()) scheduler_.fault_counts().add(name);
  return hit;
}

bool SimDisk::has_room(const Write& write) const {
  uint64_t added = 0;
  for (uint64_t block = write.first_block(); block < write.first_block() + write.block_count(); ++block) {
    if (!used_blocks_.contains(block)) ++added;
  }
  return added == 0 || (used_blocks_.size() + added) * kDiskBlockSize <= options_.space;
}

// --- Contents ---

void SimDisk::read_view(uint64_t offset, MutableBytes out) const {
  for (size_t done = 0; done < out.size(); done += kDiskBlockSize) {
    read_block((offset + done) / kDiskBlockSize, out.data() + done);
  }
}

void SimDisk::read_block(uint64_t block, std::byte* out) const {
  if (options_.unwritten_is_garbage && !media_.has_block(block)) {
    Random garbage(garbage_seed_ ^ block * 0x9e3779b97f4a7c15u);
    fill_garbage(garbage, {out, kDiskBlockSize});
  } else {
    media_.read(block * kDiskBlockSize, {out, kDiskBlockSize});
  }
  const auto cached = cache_.find(block);
  if (cached == cache_.end()) return;
  for (const CachedBlock& version : cached->second) {
    for (size_t sector = 0; sector < 8; ++sector) {
      if ((version.sectors >> sector & 1) == 0) continue;
      std::copy_n(version.data() + sector * kDiskSectorSize, kDiskSectorSize, out + sector * kDiskSectorSize);
    }
  }
}

void SimDisk::apply(DiskImage& image, const Write& write, uint64_t block, const std::byte* data, uint8_t sectors) {
  if (write.is_discard && sectors == kAllSectors && data[0] == std::byte{0} &&
      equal_bytes({data, kDiskBlockSize - 1}, {data + 1, kDiskBlockSize - 1})) {
    image.erase(block, 1);
  } else {
    image.write_sectors(block, data, sectors);
  }
}

void SimDisk::put_in_cache(const std::shared_ptr<const Write>& write, const SectorChoice& choose) {
  heal_sectors(*write);
  const uint64_t completed = completed_count_++;
  for (uint64_t i = 0; i < write->block_count(); ++i) {
    const uint64_t block = write->first_block() + i;
    std::vector<CachedBlock>& versions = cache_[block];
    versions.push_back({write, completed, i * kDiskBlockSize, choose()});
    if (!write->is_discard) used_blocks_.insert(block);
    if (versions.size() > kCachedVersionsMax) {
      const CachedBlock& oldest = versions.front();
      apply(media_, *oldest.write, block, oldest.data(), oldest.sectors);
      versions.erase(versions.begin());
    }
  }
}

void SimDisk::put_on_media(const Write& write, const SectorChoice& choose) {
  heal_sectors(write);
  for (uint64_t i = 0; i < write.block_count(); ++i) {
    const uint64_t block = write.first_block() + i;
    const uint8_t sectors = choose();
    apply(media_, write, block, write.data.data() + i * kDiskBlockSize, sectors);
    used_blocks_.insert(block);
    // What is cached is older, so it must not come over this later.
    const auto cached = cache_.find(block);
    if (cached == cache_.end()) continue;
    for (CachedBlock& version : cached->second) version.sectors &= static_cast<uint8_t>(~sectors);
    std::erase_if(cached->second, [](const CachedBlock& version) { return version.sectors == 0; });
    if (cached->second.empty()) cache_.erase(cached);
  }
}

void SimDisk::heal_sectors(const Write& write) {
  const uint64_t first = write.offset / kDiskSectorSize;
  bad_sectors_.erase(bad_sectors_.lower_bound(first),
                     bad_sectors_.lower_bound(first + write.data.size() / kDiskSectorSize));
}

DiskImage SimDisk::image() const {
  DiskImage image = media_;
  for (const auto& [block, versions] : cache_) {
    for (const CachedBlock& version : versions) apply(image, *version.write, block, version.data(), version.sectors);
  }
  return image;
}

DiskImage SimDisk::image_after_crash(Random& random) const {
  DiskImage image = media_;
  survive(image, random, nullptr);
  return image;
}

void SimDisk::load(DiskImage image) {
  CHECK(in_flight_.empty());
  media_ = std::move(image);
  cache_.clear();
  stale_.clear();
  bad_sectors_.clear();
  used_blocks_.clear();
  for (const auto& [block, content] : media_.blocks()) used_blocks_.insert(block);
}

size_t SimDisk::unflushed_count() const {
  std::set<uint64_t> writes;
  for (const auto& [block, versions] : cache_) {
    for (const CachedBlock& version : versions) writes.insert(version.write->id);
  }
  return writes.size();
}

// --- Crash ---

void SimDisk::on_crash(bool power_lost) {
  process_ = nullptr;
  views_.clear();
  if (power_lost) {
    survive(media_, random_, &scheduler_.fault_counts());
    cache_.clear();
    stale_.clear();
  } else {
    SurvivalDraw draw(random_);
    for (const std::shared_ptr<const Write>& write : shuffled_in_flight(random_)) {
      const SurvivalDraw::Fate fate = draw.next_fate();
      count_fate(&scheduler_.fault_counts(), fate);
      if (fate != SurvivalDraw::Fate::kLost) put_in_cache(write, [&] { return draw.sectors(fate); });
    }
  }
  in_flight_.clear();
}

void SimDisk::survive(DiskImage& image, Random& random, SimFaultCounts* counts) const {
  SurvivalDraw cached_draw(random);
  std::map<uint64_t, SurvivalDraw::Fate> fates;  // By write.
  for (const auto& [block, versions] : cache_) {
    for (const CachedBlock& version : versions) {
      auto found = fates.find(version.write->id);
      if (found == fates.end()) {
        found = fates.emplace(version.write->id, cached_draw.next_fate()).first;
        count_fate(counts, found->second);
      }
      const uint8_t kept = version.sectors & cached_draw.sectors(found->second);
      apply(image, *version.write, block, version.data(), kept);
    }
  }
  SurvivalDraw in_flight_draw(random);
  for (const std::shared_ptr<const Write>& write : shuffled_in_flight(random)) {
    const SurvivalDraw::Fate fate = in_flight_draw.next_fate();
    count_fate(counts, fate);
    for (uint64_t i = 0; i < write->block_count(); ++i) {
      apply(image, *write, write->first_block() + i, write->data.data() + i * kDiskBlockSize,
            in_flight_draw.sectors(fate));
    }
  }
}

std::vector<std::shared_ptr<const SimDisk::Write>> SimDisk::shuffled_in_flight(Random& random) const {
  std::vector<std::shared_ptr<const Write>> writes;
  for (const auto& [id, flight] : in_flight_) {
    writes.insert(writes.end(), flight.writes.begin(), flight.writes.end());
  }
  for (size_t i = writes.size(); i > 1; --i) std::swap(writes[i - 1], writes[random.below(i)]);
  return writes;
}

}  // namespace aeon
