// The object API in C++: System → Pool → Container → objects.
//
// Every operation is a Task that runs on the system's executor; a program without an executor of its own uses
// System::run(), which in embedded mode runs the whole operation on the calling thread. Handles are shared_ptr and
// close with their last owner; a Task keeps what it needs alive.
//
// Targets are reached only by the typed requests of wire/ over rpc::Channel, embedded or not.
//
// Checksums: write() computes them over the caller's memory before the task exists, fetch() verifies them in the
// caller's memory; a mismatch is kCorrupt.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/data_model.h"
#include "base/space_use.h"
#include "base/status.h"
#include "runtime/executor.h"
#include "runtime/task.h"

namespace aeon::client {

// Who holds a handle, as in DAOS: read-only, read-write, or exclusively.
enum class Access : uint8_t { kReadOnly = 1, kReadWrite = 2, kExclusive = 3 };

struct PoolInfo {
  Uuid id;
  std::string label;
  uint32_t target_count = 0;
  ByteCount capacity = 0;   // Bytes the pool may hold in all, and what is left of them for user data.
  ByteCount free = 0;
  uint32_t container_count = 0;
  std::optional<PoolSpace> space;  // Of Pool::query().
};

// Container properties by their DAOS 2.x property id (0x1001…; kPropLabel etc. below); a number or a text.
using PropertyValue = std::variant<uint64_t, std::string>;
using Properties = std::map<uint32_t, PropertyValue>;

struct ContainerInfo {
  Uuid id;
  std::string label;             // Empty if it has none.
  uint64_t layout_type = 0;      // DAOS_PROP_CO_LAYOUT_*: 0 unknown, 1 POSIX, …
  Epoch highest_committed;
  Epoch last_snapshot;           // Zero without snapshots.
  uint32_t snapshot_count = 0;
  uint32_t handle_count = 0;
  uint64_t opened_unix_ns = 0;   // Metadata open and modify times.
  uint64_t modified_unix_ns = 0;
  SpaceUse space;                // All epochs.
  AggregateProgress aggregation; // The one that runs, or the last one.
};

struct SnapshotInfo {
  Epoch epoch;
  std::string name;              // May be empty.
};

struct ContainerSpec {
  std::string label;             // Empty: none. Printable without '/', at most 127 characters, not a uuid.
  std::optional<Uuid> id;        // Chosen by the system if absent.
  Properties properties;         // Checked: unknown ids or values are kInvalidArgument naming them.
};

// Which epochs a container has.
struct ContainerEpochs {
  bool are_explicit = false;     // The application gives and commits them (property kPropEpochs).
  Epoch highest_committed;       // What readers use, committed by all targets.
  Epoch highest_committed_any;   // Above the former if a commit reached only some targets: commit again.
  Epoch highest_written;         // No write is above.
  Epoch aggregated_through;
  std::optional<Uuid> base;      // Of a clone; the container may be destroyed by now.
  Epoch base_epoch;
  std::vector<Epoch> clones;     // Where clones of this container start from, in order.
};

struct KeyPage {
  std::vector<Bytes> keys;
  Anchor next;
};
struct ObjectPage {
  std::vector<ObjectId> objects;
  std::vector<Epoch> changed;  // With explicit epochs: when each was changed last, as of the listing. Else empty.
  Anchor next;
};
struct RecxPage {
  std::vector<ListedRecx> recxs;
  Anchor next;
};
struct ListLimits {
  uint32_t count_max = 1024;
  ByteCount bytes_max = 64 * kKiB;
};

class Container;

// Reads and writes of a container as if nobody else were there. Reads see one epoch, and not what the transaction
// itself has written; its writes appear all at once when it commits, at a later epoch, if nothing that it read has
// changed by then. Commits are in the order of their epochs.
// kConflict, from any call: restart() and do it all again. Conditions of its writes are looked at when it commits.
class Transaction {
 public:
  virtual ~Transaction() = default;
  // Of its reads. From any thread.
  virtual Epoch epoch() const = 0;
  // The container as the transaction sees it, for KeyValue and Array too. write() keeps a copy and returns kEpochZero;
  // reads are at epoch(). Everything that isn't about objects goes to the container itself, at once.
  virtual std::shared_ptr<Container> view() = 0;
  // The epoch of its writes, or of its reads without any. Ends it, unless the answer was lost (kTimedOut,
  // kUnavailable): then committing again tells.
  virtual Task<Result<Epoch>> commit() = 0;
  // Forgets what was read and written. restart() then begins again, at a new epoch.
  virtual Task<Status> abort() = 0;
  virtual Task<Status> restart() = 0;
};

class Container {
 public:
  virtual ~Container() = default;

  virtual Uuid id() const = 0;
  virtual Access access() const = 0;
  virtual Executor& executor() = 0;

  virtual Task<Result<ContainerInfo>> query() = 0;
  // Looks at all that is stored: how much of it is history, and how much aggregation would free.
  virtual Task<Result<SpaceSurvey>> survey_space() = 0;
  virtual Task<Result<Properties>> properties() = 0;
  virtual Task<Status> set_properties(Properties changed) = 0;
  // User attributes: names ≤ 511 bytes to values ≤ 4 KiB.
  virtual Task<Result<std::map<std::string, Bytes>>> attributes() = 0;
  virtual Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) = 0;

  virtual Task<Result<Epoch>> create_snapshot(std::string name) = 0;
  virtual Task<Result<std::vector<SnapshotInfo>>> snapshots() = 0;
  virtual Task<Status> destroy_snapshot(Epoch epoch) = 0;
  virtual Task<Result<ContainerEpochs>> epochs() = 0;
  // With explicit epochs: makes all at or before `epoch` durable, and there for readers at kEpochMax. Repeating is
  // harmless.
  virtual Task<Status> commit(Epoch epoch) = 0;
  // With explicit epochs: drops what was written at begin … end and not committed; kEpochMax leaves the end open.
  virtual Task<Status> discard(Epoch begin, Epoch end) = 0;
  // Drops history up to `through` that neither readers of the newest state nor snapshots see.
  virtual Task<Status> aggregate(Epoch through) = 0;
  // `count` 64-bit numbers that nobody else gets from this container; returns the first.
  virtual Task<Result<uint64_t>> allocate_object_numbers(uint64_t count) = 0;

  virtual Task<Result<std::shared_ptr<Transaction>>> begin_transaction();

  // A number for where a dkey of an object is. What one write() changes at places of several numbers costs more: it is
  // committed in two phases. 0 where everything is at one place, and for objects that can't be.
  virtual uint32_t place_of(ObjectId object, ByteView dkey) const {
    static_cast<void>(object);
    static_cast<void>(dkey);
    return 0;
  }
  // All of `writes` at one epoch, or none (with explicit epochs: none of them committed). The data's memory must stay
  // until the task has ended. `epoch`: zero, but in explicit-epoch containers.
  virtual Task<Result<Epoch>> write(std::vector<ObjectWrite> writes, Epoch epoch = kEpochZero) = 0;
  // Fills `out` of each akey (see AkeyFetch; holes stay as they were).
  virtual Task<Result<std::vector<FetchedAkey>>> fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                                       uint32_t conditions = 0, Epoch epoch = kEpochMax) = 0;
  virtual Task<Result<ObjectPage>> list_objects(Anchor from, ListLimits limits = {}, Epoch epoch = kEpochMax) = 0;
  virtual Task<Result<KeyPage>> list_dkeys(ObjectId object, Anchor from, ListLimits limits = {},
                                           Epoch epoch = kEpochMax) = 0;
  virtual Task<Result<KeyPage>> list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits = {},
                                           Epoch epoch = kEpochMax) = 0;
  virtual Task<Result<RecxPage>> list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                            ListLimits limits = {}, Epoch epoch = kEpochMax) = 0;
  // See QueryFlags. kNotFound if there is nothing.
  virtual Task<Result<QueriedKey>> query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                             Epoch epoch = kEpochMax) = 0;
  virtual Task<Result<Epoch>> query_max_epoch(ObjectId object, Epoch epoch = kEpochMax) = 0;

  // Everything written to this container so far is durable when it ends (for durability=flush).
  virtual Task<Status> flush() = 0;
};

class Pool {
 public:
  virtual ~Pool() = default;

  virtual Uuid id() const = 0;
  virtual Access access() const = 0;
  virtual Task<Result<PoolInfo>> query() = 0;
  virtual Task<Result<std::vector<ContainerInfo>>> list_containers() = 0;
  virtual Task<Result<Uuid>> create_container(ContainerSpec spec) = 0;
  // A container that starts from what `base` (label or uuid text) shows at `epoch`, made at once whatever that is, and
  // independent from then on. It has the base's properties but the label, those of `spec` instead, and its attributes;
  // not its snapshots. The base may be changed and destroyed.
  virtual Task<Result<Uuid>> clone_container(std::string base, Epoch epoch, ContainerSpec spec) = 0;
  // By label or uuid text. kNotFound names it; kBusy if somebody holds it exclusively.
  virtual Task<Result<std::shared_ptr<Container>>> open_container(std::string container, Access access) = 0;
  // kBusy while handles are open, unless `force`.
  virtual Task<Status> destroy_container(std::string container, bool force) = 0;
  virtual Task<Result<std::map<std::string, Bytes>>> attributes() = 0;
  virtual Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) = 0;
};

class System {
 public:
  virtual ~System() = default;

  virtual std::string name() const = 0;
  virtual Executor& executor() = 0;
  virtual Task<Result<std::vector<PoolInfo>>> list_pools() = 0;
  virtual Task<Result<std::shared_ptr<Pool>>> connect_pool(std::string pool, Access access) = 0;

  // From a thread outside the executor: runs the task to its end, on this thread where possible.
  template <typename T>
  T run(Task<T> task) {
    std::optional<T> value;
    run_blocking(store_value(std::move(task), &value));
    return std::move(*value);
  }
  void run(Task<void> task) { run_blocking(std::move(task)); }
  // Starts the task and returns; it may have run on this thread until it first suspends.
  virtual void submit(Task<void> task) = 0;
  // Helps along what was submitted, on this thread. False if there was nothing to do.
  virtual bool poll() = 0;

 protected:
  virtual void run_blocking(Task<void> task) = 0;

 private:
  template <typename T>
  static Task<void> store_value(Task<T> task, std::optional<T>* value) {
    value->emplace(co_await task);
  }
};

// Property ids used by name in C++ (the numbers of DAOS 2.x's public header daos_prop.h).
inline constexpr uint32_t kPropLabel = 0x1001;
inline constexpr uint32_t kPropLayoutType = 0x1002;
inline constexpr uint32_t kPropLayoutVersion = 0x1003;
inline constexpr uint32_t kPropChecksum = 0x1004;
inline constexpr uint32_t kPropChecksumSize = 0x1005;
inline constexpr uint32_t kPropChecksumServerVerify = 0x1006;
inline constexpr uint32_t kPropRedundancyFactor = 0x1007;
// Ours, beyond DAOS's: 0 sync (acknowledged means durable), 1 flush (durable at the next flush()).
inline constexpr uint32_t kPropDurability = 0x1f01;
// 0 clock: the system gives the epochs of writes; 1 explicit: the application does, and commits them.
inline constexpr uint32_t kPropEpochs = 0x1f02;

inline constexpr uint64_t kLayoutUnknown = 0;
inline constexpr uint64_t kLayoutPosix = 1;

}  // namespace aeon::client
