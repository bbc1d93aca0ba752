// A store of one target on a file, and the operations and loops that its cases are made of.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench_support.h"
#include "media/key_block_store.h"
#include "runtime/file_disk.h"
#include "runtime/reactor.h"
#include "runtime/system.h"
#include "vos/store.h"

namespace aeon::bench {

inline void must(const Status& status) {
  if (!status.is_ok()) fail(status.to_string());
}
template <typename T>
T must(Result<T> result) {
  must(result.status());
  return std::move(result).value();
}

// Of this process. Memory without the program's own pages.
ByteCount anonymous_bytes();
ByteCount bytes_written_to_devices();

// How a case is to run.
struct Run {
  std::string directory;
  double seconds = 1;  // For each measured loop.
};

struct TargetOptions {
  ByteCount capacity = 0;
  ByteCount memory_budget = 0;
  bool keeps_file = false;
};

// A store in a file of its own, with one container. Unless options say otherwise, the file goes with it.
class Target {
 public:
  enum class Start : uint8_t { kNew, kExisting };
  explicit Target(const std::string& directory, TargetOptions options = {}, Start start = Start::kNew);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Closes and opens again; returns how long opening took, in ms.
  double reopen(ByteCount memory_budget = 0);

  Reactor& reactor() { return reactor_; }
  vos::Store& store() { return *store_; }
  Uuid container() const { return container_; }
  Uuid new_id() { return world_->random.uuid(); }
  double opened_in_ms() const { return opened_in_ms_; }

 private:
  void open();

  std::string path_;
  TargetOptions options_;
  Reactor reactor_;
  LocalWorld world_{reactor_};
  Uuid container_ = Uuid::from_random(1, 2);
  double opened_in_ms_ = 0;
  std::unique_ptr<FileDisk> disk_;
  std::unique_ptr<vos::Store> store_;
};

// ---- Operations -----------------------------------------------------------------------------------------------------

// The `number`-th single value: its key is scattered.
Task<void> put_value(Target* target, uint64_t number, ByteView value, vos::Durability durability);
Task<void> get_value(Target* target, uint64_t number, MutableBytes out);
// Bytes [offset, offset + size) of a file in chunks of 1 MiB, each a dkey, as DFS cuts files.
Task<Status> try_write_extent(Target* target, ByteCount offset, ByteView data, vos::Durability durability);
Task<void> write_extent(Target* target, ByteCount offset, ByteView data, vos::Durability durability);
Task<void> read_extent(Target* target, ByteCount offset, MutableBytes out);

// ---- Loops ----------------------------------------------------------------------------------------------------------

using Operation = std::function<Task<void>(uint64_t number, MutableBytes buffer)>;

struct Measured {
  uint64_t count = 0;
  double seconds = 0;
  double cpu = 0;

  double per_second() const { return static_cast<double>(count) / seconds; }
  double cpu_us_each() const { return 1e6 * cpu / static_cast<double>(count); }
};
void print(const char* name, const Measured& measured);

struct LoopOptions {
  uint32_t outstanding = 1;
  ByteCount buffer_size = 0;
  double seconds = 3600;
  uint64_t count_max = ~uint64_t{0};
  bool ends_with_flush = false;  // Which then is part of the time.
};
// operation(0), operation(1), … on one thread, until the time or the count is over.
Measured run_loop(Target& target, LoopOptions options, const Operation& operation);

// Untimed, and durable at the end.
void must_all(Target& target, uint32_t outstanding, ByteCount buffer_size, uint64_t count, const Operation& operation);
// Values 0 … count - 1.
void load_values(Target& target, ByteCount value_size, uint64_t count);
// A file of `size` bytes, written in pieces of `piece`.
void load_file(Target& target, ByteCount size, ByteCount piece);

}  // namespace aeon::bench
