#include "target.h"

#include <filesystem>

#include "runtime/gate.h"

namespace aeon::bench {
namespace {

constexpr ObjectId kFileOrValues{uint64_t{8} << 56 | uint64_t{1} << 48 | uint64_t{1} << 32, 1};
constexpr ByteCount kFileChunk = kMiB;
constexpr ByteCount kCapacity = 64 * kGiB;  // Unless a case wants less: files grow on demand.

Bytes chunk_dkey(ByteCount offset) {
  Bytes key(8);
  store_le(key.data(), offset / kFileChunk);
  return key;
}

struct Loop {
  const Operation* operation;
  Clock::time_point end;
  LoopOptions options;
  uint64_t next = 0;
};

Task<void> repeat(Loop* loop) {
  DiskBuffer buffer(loop->options.buffer_size);  // In whole blocks.
  for (size_t i = 0; i < buffer.size(); ++i) buffer.bytes()[i] = std::byte(scatter(i));
  const MutableBytes bytes = buffer.bytes().first(loop->options.buffer_size);
  while (loop->next < loop->options.count_max && Clock::now() < loop->end)
    co_await (*loop->operation)(loop->next++, bytes);
}

Task<void> repeat_beside(Executor* executor, Loop* loop) {
  Gate gate(*executor);
  for (uint32_t i = 0; i < loop->options.outstanding; ++i) gate.spawn(repeat(loop));
  co_await gate.close();
}

}  // namespace

ByteCount anonymous_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long long size = 0, resident = 0, of_files = 0;
  if (file == nullptr || std::fscanf(file, "%llu %llu %llu", &size, &resident, &of_files) != 3)
    fail("can't read /proc/self/statm");
  std::fclose(file);
  return (resident - of_files) * 4096;
}

ByteCount bytes_written_to_devices() {
  std::FILE* const file = std::fopen("/proc/self/io", "r");
  unsigned long long written = 0;
  char line[128];
  bool is_found = false;
  while (file != nullptr && !is_found && std::fgets(line, sizeof line, file) != nullptr)
    is_found = std::sscanf(line, "write_bytes: %llu", &written) == 1;
  if (!is_found) fail("can't read /proc/self/io");
  std::fclose(file);
  return written;
}

// ---- Target ---------------------------------------------------------------------------------------------------------

Target::Target(const std::string& directory, TargetOptions options, Start start)
    : path_(directory + "/target"), options_(options) {
  std::filesystem::create_directories(directory);
  const bool is_new = start == Start::kNew;
  if (is_new) std::filesystem::remove(path_);
  disk_ = must(FileDisk::open(
      reactor_, path_,
      {.create = is_new, .read_only = false, .capacity = options.capacity != 0 ? options.capacity : kCapacity}));
  if (is_new) {
    media::FormatOptions format;
    format.store = world_->random.uuid();
    must(reactor_.run(media::KeyBlockStore::format(*world_, *disk_, format)));
  }
  open();
  if (is_new) must(reactor_.run(store_->create_container(container_)));
}

Target::~Target() {
  must(reactor_.run(store_->close()));
  store_.reset();
  disk_.reset();
  if (!options_.keeps_file) std::filesystem::remove(path_);
}

void Target::open() {
  const auto start = Clock::now();
  media::OpenOptions options;
  options.memory_budget = options_.memory_budget;
  auto media = must(reactor_.run(media::KeyBlockStore::open(*world_, *disk_, options)));
  store_ = must(reactor_.run(vos::Store::open(*world_, std::move(media))));
  opened_in_ms_ = 1e3 * seconds_since(start);
}

double Target::reopen(ByteCount memory_budget) {
  must(reactor_.run(store_->close()));
  store_.reset();
  options_.memory_budget = memory_budget;
  open();
  return opened_in_ms_;
}

// ---- Operations -----------------------------------------------------------------------------------------------------

Task<void> put_value(Target* target, uint64_t number, ByteView value, vos::Durability durability) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kFileOrValues;
  writes[0].dkey = to_bytes(Key(number).text());
  writes[0].akeys.resize(1);
  writes[0].akeys[0].akey.assign(1, std::byte{'0'});
  writes[0].akeys[0].record_size = value.size();
  writes[0].akeys[0].data.push_back(value);
  const auto written = co_await target->store().write(target->container(), std::move(writes), kEpochZero, durability);
  must(written.status());
}

Task<void> get_value(Target* target, uint64_t number, MutableBytes out) {
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey.assign(1, std::byte{'0'});
  fetches[0].out.push_back(out);
  Bytes dkey = to_bytes(Key(number).text());
  const auto fetched = co_await target->store().fetch(target->container(), kFileOrValues, std::move(dkey),
                                                      std::move(fetches), 0, kEpochMax);
  must(fetched.status());
  if ((*fetched)[0].record_size != out.size()) fail("a value is missing");
}

Task<Status> try_write_extent(Target* target, ByteCount offset, ByteView data, vos::Durability durability) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kFileOrValues;
  writes[0].dkey = chunk_dkey(offset);
  writes[0].akeys.resize(1);
  AkeyUpdate& update = writes[0].akeys[0];
  update.akey.assign(1, std::byte{'0'});
  update.kind = ValueKind::kArray;
  update.record_size = 1;
  update.recxs.push_back({.index = offset % kFileChunk, .count = data.size()});
  update.data.push_back(data);
  const auto written = co_await target->store().write(target->container(), std::move(writes), kEpochZero, durability);
  co_return written.status();
}

Task<void> write_extent(Target* target, ByteCount offset, ByteView data, vos::Durability durability) {
  const Status written = co_await try_write_extent(target, offset, data, durability);
  must(written);
}

Task<void> read_extent(Target* target, ByteCount offset, MutableBytes out) {
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey.assign(1, std::byte{'0'});
  fetches[0].kind = ValueKind::kArray;
  fetches[0].recxs.push_back({.index = offset % kFileChunk, .count = out.size()});
  fetches[0].out.push_back(out);
  Bytes dkey = chunk_dkey(offset);
  const auto fetched = co_await target->store().fetch(target->container(), kFileOrValues, std::move(dkey),
                                                      std::move(fetches), 0, kEpochMax);
  must(fetched.status());
  if ((*fetched)[0].segments.empty()) fail("an extent is missing");
}

// ---- Loops ----------------------------------------------------------------------------------------------------------

Measured run_loop(Target& target, LoopOptions options, const Operation& operation) {
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  const auto duration = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  Loop loop{.operation = &operation, .end = start + duration, .options = options};
  if (options.outstanding == 1)
    target.reactor().run(repeat(&loop));
  else
    target.reactor().run(repeat_beside(&target.reactor(), &loop));
  if (options.ends_with_flush) must(target.reactor().run(target.store().flush()));
  return {.count = loop.next, .seconds = seconds_since(start), .cpu = cpu_seconds() - cpu};
}

void print(const char* name, const Measured& measured) {
  print(name, {{"per_second", measured.per_second()}, {"cpu_us_each", measured.cpu_us_each()}});
}

void must_all(Target& target, uint32_t outstanding, ByteCount buffer_size, uint64_t count, const Operation& operation) {
  const Measured done = run_loop(
      target, {.outstanding = outstanding, .buffer_size = buffer_size, .count_max = count, .ends_with_flush = true},
      operation);
  if (done.count < count) fail("loading took more than an hour");
}

void load_values(Target& target, ByteCount value_size, uint64_t count) {
  must_all(target, 16, value_size, count, [&](uint64_t number, MutableBytes value) {
    return put_value(&target, number, value, vos::Durability::kFlush);
  });
}

void load_file(Target& target, ByteCount size, ByteCount piece) {
  must_all(target, 16, piece, size / piece, [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number * piece, data, vos::Durability::kFlush);
  });
}

}  // namespace aeon::bench
