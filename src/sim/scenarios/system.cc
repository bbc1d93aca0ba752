// A whole system: an engine of one or several targets on simulated disks, and clients that use it through the product's
// own client library over connections that stall and break, and a network that is cut one way or both. The engine and
// the clients crash, are killed, stall and start again.
//
// Each key and array has one writer, and anybody reads it: what is read was acknowledged and not overwritten by what
// was acknowledged later, or was in progress. Snapshots keep what they had. Object numbers are given out once.
// Containers that were created are there. When the faults stop everybody gets done, also before and after a restart
// of the engine in good order.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/array.h"
#include "client/key_value.h"
#include "placement/object_class.h"
#include "scenario.h"
#include "sim/sim_nemesis.h"
#include "sim_system.h"
#include "single_writer.h"

namespace aeon {

namespace {

using client::Access;
using client::Container;
using client::Pool;

const ObjectId kKeysObject = placement::make_object_id({.hi = 1, .lo = 1}, 0, placement::kSX);
const ObjectId kInsertedObject = placement::make_object_id({.hi = 1, .lo = 2}, 0, placement::kSX);
constexpr uint64_t kArraysObjects = 1000;  // An array's object is this plus its number.
constexpr uint64_t kChunkCells = 300;
constexpr uint64_t kCellCount = 1000;
constexpr uint64_t kKeysOfClient = 3;
constexpr size_t kValueSizeMax = 9000;

// Where data is: acknowledged means durable in one, flushed in the other.
enum Place : size_t { kSyncPlace = 0, kFlushPlace = 1, kPlaceCount = 2 };
constexpr const char* kPlaceLabels[] = {"sync", "flush"};

struct Key {
  std::string name;
  Place place = kSyncPlace;
  SingleWriterValue value;
  // In the place of flushes: the newest acknowledged version and the engine's life that has it, maybe in memory only.
  uint64_t applied = 0;
  size_t applied_life = 0;
};

struct ArrayOf {
  explicit ArrayOf(uint64_t array_number) : number(array_number), cells(array_number, kCellCount) {}
  uint64_t number;
  SingleWriterCells cells;
  bool is_quiet = true;  // No write in progress.
};

// A snapshot of the sync place: what it may hold, until somebody looked and it is known.
struct Snapshot {
  struct OfKey {
    const Key* key;
    VersionWindow window;
    std::optional<std::optional<Bytes>> seen;
  };
  struct OfArray {
    const ArrayOf* array;
    std::vector<uint64_t> floors;
    uint64_t newest = 0;
    std::optional<Bytes> seen;
  };
  Epoch epoch;
  std::vector<OfKey> keys;
  std::vector<OfArray> arrays;
  bool is_going = false;
};

// What all clients of a run know together; outlives their processes.
struct Knowledge {
  std::vector<std::unique_ptr<Key>> keys;
  std::vector<std::unique_ptr<ArrayOf>> arrays;
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  enum class Presence { kThere, kGone, kUnknown };
  std::map<std::string, Presence> containers;
  std::set<uint64_t> numbers;
  bool is_stopping = false;
  std::string fault;  // The first broken promise.
  uint64_t acknowledged_count = 0;

  void blame(std::string why) {
    if (fault.empty()) fault = std::move(why);
  }
};

// That it wasn't done, or not yet: expected while faults happen. They never last as long as a deadline, so what was
// sent is answered.
bool is_outage(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kStaleHandle || status.code() == Code::kBusy;
}

WriteOutcome outcome(const Status& status) {
  if (status.is_ok()) return WriteOutcome::kDone;
  const bool is_refusal = status.code() == Code::kStaleHandle || status.code() == Code::kBusy;
  return is_refusal ? WriteOutcome::kNotDone : WriteOutcome::kUnknown;
}

// One life of one client.
class Session {
 public:
  Session(SimSystem& system, SimSystem::Client& client, Random random, Knowledge& known)
      : system_(system), client_(client), executor_(client.process.executor()), random_(random), known_(known) {
    const std::string name =
        "client " + std::to_string(client.node) + " life " + std::to_string(client.process.life_count()) + " ";
    name_ = name;
  }

  bool is_done() const { return is_done_; }

  // Works until the run is stopping.
  Task<void> work() {
    own_some();
    connection_ = system_.connect(client_);
    executor_.spawn(read_along());
    while (!known_.is_stopping && known_.fault.empty()) {
      co_await sleep_for(executor_, std::chrono::microseconds(random_.below(3'000)));
      const Status opened = co_await open();
      if (opened.is_ok())
        co_await act();
      else
        handle(opened, "open");
    }
    // Whatever is open closes while somebody answers.
    while (reading_along_) co_await sleep_for(executor_, std::chrono::milliseconds(1));
    forget();
    co_await connection_->settle();
    is_done_ = true;
  }

  // Reads everything, with nobody writing.
  Task<void> check_all() {
    connection_ = system_.connect(client_);
    const Status opened = co_await open();
    if (!opened.is_ok()) known_.blame("open in the end: " + opened.to_string());
    is_calm_ = true;
    for (size_t i = 0; i < known_.keys.size() && known_.fault.empty(); ++i) co_await read_key(*known_.keys[i]);
    for (size_t i = 0; i < known_.arrays.size() && known_.fault.empty(); ++i) co_await read_array(*known_.arrays[i]);
    for (size_t i = 0; i < known_.snapshots.size() && known_.fault.empty(); ++i) {
      if (!known_.snapshots[i]->is_going) co_await read_snapshot(*known_.snapshots[i], true);
    }
    if (known_.fault.empty()) co_await check_containers();
    forget();
    co_await connection_->settle();
    is_done_ = true;
  }

 private:
  // --- Handles ---

  Task<Status> open() {
    if (!greeted_) CO_TRY(co_await connection_->hello());
    greeted_ = true;
    if (pool_ == nullptr) {
      CO_TRY_ASSIGN(pool_, co_await connection_->connect_pool(SimSystem::kPoolLabel, Access::kReadWrite));
    }
    const std::shared_ptr<Pool> pool = pool_;
    for (size_t place = 0; place < kPlaceCount; ++place) {
      if (places_[place] != nullptr) continue;
      opened_in_life_ = system_.engine().life_count();
      CO_TRY_ASSIGN(places_[place], co_await pool->open_container(kPlaceLabels[place], Access::kReadWrite));
    }
    // read_along() may have found them stale meanwhile.
    if (!is_open()) co_return Status(Code::kStaleHandle, "opened in an earlier life of the engine");
    co_return ok();
  }
  bool is_open() const {
    return pool_ != nullptr && std::ranges::all_of(places_, [](const auto& place) { return place != nullptr; });
  }
  void forget() {
    for (std::shared_ptr<Container>& place : places_) place.reset();
    pool_.reset();
    unflushed_life_.reset();  // The handle knew.
  }

  // Beside work(), by the same handles.
  Task<void> read_along() {
    reading_along_ = true;
    while (!known_.is_stopping && known_.fault.empty()) {
      co_await sleep_for(executor_, std::chrono::microseconds(random_.below(10'000)));
      if (!is_open()) continue;
      const uint64_t kind = random_.below(3);
      if (kind == 0)
        co_await read_key(*known_.keys[random_.below(known_.keys.size())]);
      else if (kind == 1)
        co_await read_array(*known_.arrays[random_.below(known_.arrays.size())]);
      else
        co_await read_some_snapshot();
    }
    reading_along_ = false;
  }

  // What an answer other than ok means for what comes next.
  void handle(const Status& status, const std::string& what) {
    if (status.is_ok()) return;
    if (is_calm_ || !is_outage(status)) known_.blame(name_ + what + ": " + status.to_string());
    if (status.code() == Code::kStaleHandle) forget();
  }

  // --- Work ---

  void own_some() {
    for (size_t place = 0; place < kPlaceCount; ++place) {
      for (uint64_t i = 0; i < kKeysOfClient; ++i) {
        Key& key = *known_.keys.emplace_back(std::make_unique<Key>());
        key.name = name_ + kPlaceLabels[place] + " key " + std::to_string(i);
        key.place = static_cast<Place>(place);
        my_keys_.push_back(&key);
      }
    }
    my_array_ = known_.arrays.emplace_back(std::make_unique<ArrayOf>(known_.arrays.size())).get();
  }

  Task<void> act() {
    const uint64_t kind = random_.below(100);
    if (kind < 5)
      co_await insert_once();
    else if (kind < 35)
      co_await write_key(*my_keys_[random_.below(my_keys_.size())]);
    else if (kind < 60)
      co_await read_key(*known_.keys[random_.below(known_.keys.size())]);
    else if (kind < 68)
      co_await write_array();
    else if (kind < 74)
      co_await read_array(*known_.arrays[random_.below(known_.arrays.size())]);
    else if (kind < 79)
      co_await flush();
    else if (kind < 83)
      co_await change_snapshots();
    else if (kind < 88)
      co_await read_some_snapshot();
    else if (kind < 92)
      co_await change_containers();
    else if (kind < 94)
      co_await aggregate();
    else if (kind < 97)
      co_await allocate_number();
    else
      forget();
  }

  Task<void> write_key(Key& key) {
    client::KeyValue keys(places_[key.place], kKeysObject);
    std::optional<Bytes> value;
    if (!random_.one_in(5)) {
      Bytes content(1 + random_.below(random_.one_in(4) ? kValueSizeMax : size_t{40}));
      for (std::byte& byte : content) byte = static_cast<std::byte>(random_.next() >> 17);
      value = std::move(content);
    }
    const uint64_t version = key.value.begin_write(value);
    const size_t life = system_.engine().life_count();
    Status status;
    if (value.has_value())
      status = co_await keys.put(key.name, *value);
    else
      status = co_await keys.remove(key.name);
    if (status.is_ok()) ++known_.acknowledged_count;
    if (key.place == kFlushPlace && status.code() == Code::kIo) {  // Refused, because something before may be lost.
      key.value.end_write(version, WriteOutcome::kNotDone);
      may_be_lost(status);
      co_return co_await flush();
    }
    if (key.place == kSyncPlace) {
      key.value.end_write(version, outcome(status));
    } else if (!status.is_ok()) {
      key.value.end_write(version,
                          outcome(status) == WriteOutcome::kNotDone ? outcome(status) : WriteOutcome::kUnknown);
    } else if (life == system_.engine().life_count()) {
      key.applied = version;
      key.applied_life = life;
      if (!unflushed_life_) unflushed_life_ = life;
    }
    handle(status, "write");
  }

  // A key that nobody else inserts, so it isn't there: a write that is asked for again is known, or wasn't done.
  Task<void> insert_once() {
    const Bytes value(1 + random_.below(100));
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kInsertedObject;
    writes[0].dkey = to_bytes(name_ + std::to_string(++insert_count_));
    writes[0].conditions = kDkeyInsert;
    AkeyUpdate& update = writes[0].akeys.emplace_back();
    update.akey = to_bytes("0");  // As KeyValue reads it.
    update.record_size = value.size();
    update.data.emplace_back(value);
    const Result<Epoch> inserted = co_await places_[kSyncPlace]->write(std::move(writes), kEpochZero);
    if (inserted.is_ok()) ++known_.acknowledged_count;
    handle(inserted.status(), "insert");
    if (!inserted.is_ok() || !is_open()) co_return;
    client::KeyValue keys(places_[kSyncPlace], kInsertedObject);
    const Result<Bytes> found = co_await keys.get(name_ + std::to_string(insert_count_));
    if (found.code() == Code::kNotFound || (found.is_ok() && *found != value)) known_.blame(name_ + "lost an insert");
    handle(found.status(), "read of an insert");
  }

  // The oldest version that a read that begins now may find, given that the engine doesn't restart meanwhile or does.
  uint64_t floor_of(const Key& key, bool same_life) const {
    const bool has_applied = same_life && key.applied_life == system_.engine().life_count();
    return std::max(key.value.floor(), has_applied ? key.applied : 0);
  }

  Task<void> read_key(Key& key) {
    client::KeyValue keys(places_[key.place], kKeysObject);
    const size_t life = system_.engine().life_count();
    const uint64_t floor = floor_of(key, false), floor_in_life = floor_of(key, true);
    const Result<Bytes> found = co_await keys.get(key.name);
    if (!found.is_ok() && found.code() != Code::kNotFound) {
      handle(found.status(), "read");
      co_return;
    }
    const bool same_life = life == system_.engine().life_count();
    const VersionWindow window{same_life ? floor_in_life : floor, key.value.newest()};
    const std::optional<Bytes> value = found.is_ok() ? std::optional<Bytes>(*found) : std::nullopt;
    if (!key.value.may_find(window, value)) {
      known_.blame("a read of '" + key.name + "' found what isn't one of versions " + std::to_string(window.oldest) +
                   " to " + std::to_string(window.newest));
    }
  }

  client::Array array_at(const ArrayOf& array, Epoch epoch = kEpochMax) {
    const ObjectId object =
        placement::make_object_id({.hi = 1, .lo = kArraysObjects + array.number}, 0, placement::kSX);
    return client::Array(places_[kSyncPlace], object, sizeof(SingleWriterCells::Cell), kChunkCells, epoch);
  }

  bool writes_arrays_whole() const { return system_.target_count() == 1; }

  Task<void> write_array() {
    SingleWriterCells& cells = my_array_->cells;
    client::CellRange range;
    range.index = random_.below(kCellCount);
    range.count = 1 + random_.below(std::min<uint64_t>(kCellCount - range.index, random_.one_in(3) ? 700 : 30));
    const uint64_t version = cells.begin_write(range.index, range.count);
    const Bytes content = cells.content(version);
    const std::vector<client::CellRange> ranges(1, range);
    const std::vector<ByteView> pieces(1, ByteView(content));
    client::Array array = array_at(*my_array_);
    my_array_->is_quiet = false;
    const Status status = co_await array.write(ranges, pieces);
    my_array_->is_quiet = true;
    if (status.is_ok()) ++known_.acknowledged_count;
    // Over several targets it is several writes: one may be refused when others are done.
    const bool is_one = writes_arrays_whole();
    cells.end_write(version, is_one || status.is_ok() ? outcome(status) : WriteOutcome::kUnknown);
    handle(status, "array write");
  }

  Task<void> read_array(ArrayOf& of) {
    client::Array array = array_at(of);
    Bytes found(kCellCount * sizeof(SingleWriterCells::Cell));
    const std::vector<client::CellRange> ranges(1, client::CellRange{.index = 0, .count = kCellCount});
    const std::vector<MutableBytes> pieces(1, MutableBytes(found));
    const std::vector<uint64_t> floors = of.cells.floors();
    const auto read = co_await array.read(ranges, pieces);
    if (!read.is_ok()) {
      handle(read.status(), "array read");
      co_return;
    }
    if (!of.cells.may_find(floors, of.cells.newest(), found, is_calm_ && writes_arrays_whole())) {
      known_.blame("a read of array " + std::to_string(of.number) + " found what wasn't to be found then");
    }
  }

  // That is so only if the engine has restarted since this client opened the container.
  void may_be_lost(const Status& status) {
    if (system_.engine().life_count() == opened_in_life_)
      known_.blame(name_ + "without a restart: " + status.to_string());
  }

  Task<void> flush() {
    struct Applied {
      Key* key;
      uint64_t version;
    };
    const size_t life = system_.engine().life_count();
    std::vector<Applied> applied;
    for (const auto& key : known_.keys) {
      if (key->place == kFlushPlace && key->applied_life == life) applied.push_back({key.get(), key->applied});
    }
    const std::optional<size_t> unflushed = unflushed_life_;
    const Status status = co_await places_[kFlushPlace]->flush();
    if (status.code() == Code::kIo) {
      may_be_lost(status);
      unflushed_life_.reset();
      co_return;
    }
    handle(status, "flush");
    if (status.is_ok()) unflushed_life_.reset();
    if (status.is_ok() && unflushed && *unflushed != life) {
      known_.blame(name_ + "flush: it is well, though the engine restarted after what it flushes was written");
    }
    if (!status.is_ok() || life != system_.engine().life_count()) co_return;
    for (const Applied& one : applied) one.key->value.raise_floor(one.version);
  }

  // --- Snapshots of the sync place ---

  Task<void> change_snapshots() {
    if (known_.snapshots.size() > 4 && random_.one_in(2)) {
      Snapshot& chosen = *known_.snapshots[random_.below(known_.snapshots.size())];
      if (chosen.is_going) co_return;
      chosen.is_going = true;
      const Status status = co_await places_[kSyncPlace]->destroy_snapshot(chosen.epoch);
      handle(status, "destroy_snapshot");
      co_return;
    }
    if (known_.snapshots.size() > 12) co_return;
    auto made = std::make_unique<Snapshot>();
    for (const auto& key : known_.keys) {
      if (key->place != kSyncPlace) continue;
      Snapshot::OfKey& of = made->keys.emplace_back();
      of.key = key.get();
      of.window.oldest = key->value.floor();
    }
    for (const auto& array : known_.arrays) {
      Snapshot::OfArray& of = made->arrays.emplace_back();
      of.array = array.get();
      of.floors = array->cells.floors();
    }
    const std::string name = name_ + "snapshot " + std::to_string(++snapshot_number_);
    const Result<Epoch> epoch = co_await places_[kSyncPlace]->create_snapshot(name);
    handle(epoch.status(), "create_snapshot");
    if (!epoch.is_ok()) co_return;
    made->epoch = *epoch;
    for (Snapshot::OfKey& of : made->keys) of.window.newest = of.key->value.newest();
    for (Snapshot::OfArray& of : made->arrays) of.newest = of.array->cells.newest();
    known_.snapshots.push_back(std::move(made));
  }

  Task<void> read_some_snapshot() {
    if (known_.snapshots.empty()) co_return;
    Snapshot& chosen = *known_.snapshots[random_.below(known_.snapshots.size())];
    if (!chosen.is_going) co_await read_snapshot(chosen, false);
  }

  // All of it, or one key and one array.
  Task<void> read_snapshot(Snapshot& snapshot, bool all) {
    if (!all) {
      co_await read_key_at(snapshot, snapshot.keys[random_.below(snapshot.keys.size())]);
      co_await read_array_at(snapshot, snapshot.arrays[random_.below(snapshot.arrays.size())]);
      co_return;
    }
    for (size_t i = 0; i < snapshot.keys.size(); ++i) co_await read_key_at(snapshot, snapshot.keys[i]);
    for (size_t i = 0; i < snapshot.arrays.size(); ++i) co_await read_array_at(snapshot, snapshot.arrays[i]);
  }

  Task<void> read_key_at(Snapshot& snapshot, Snapshot::OfKey& of) {
    if (places_[kSyncPlace] == nullptr) co_return;  // A read before this one found the handle stale.
    client::KeyValue keys(places_[kSyncPlace], kKeysObject, snapshot.epoch);
    const Result<Bytes> found = co_await keys.get(of.key->name);
    if (!found.is_ok() && found.code() != Code::kNotFound) {
      handle(found.status(), "read at a snapshot");
      co_return;
    }
    if (snapshot.is_going) co_return;
    const std::optional<Bytes> value = found.is_ok() ? std::optional<Bytes>(*found) : std::nullopt;
    if (!of.key->value.may_find(of.window, value)) {
      known_.blame("a snapshot has another '" + of.key->name + "' than was there");
    }
    if (!of.seen.has_value()) of.seen = value;
    if (*of.seen != value) known_.blame("'" + of.key->name + "' changed in a snapshot");
  }

  Task<void> read_array_at(Snapshot& snapshot, Snapshot::OfArray& of) {
    if (places_[kSyncPlace] == nullptr) co_return;
    client::Array array = array_at(*of.array, snapshot.epoch);
    Bytes found(kCellCount * sizeof(SingleWriterCells::Cell));
    const std::vector<client::CellRange> ranges(1, client::CellRange{.index = 0, .count = kCellCount});
    const std::vector<MutableBytes> pieces(1, MutableBytes(found));
    const auto read = co_await array.read(ranges, pieces);
    if (!read.is_ok()) {
      handle(read.status(), "array read at a snapshot");
      co_return;
    }
    if (snapshot.is_going) co_return;
    const std::string name = "array " + std::to_string(of.array->number);
    if (!of.array->cells.may_find(of.floors, of.newest, found, writes_arrays_whole())) {
      known_.blame("a snapshot has another " + name + " than was there");
    }
    if (!of.seen.has_value()) of.seen = found;
    if (*of.seen != found) known_.blame(name + " changed in a snapshot");
  }

  // --- Containers and the rest ---

  Task<void> change_containers() {
    using Presence = Knowledge::Presence;
    const std::string label = "of-" + std::to_string(client_.node) + "-" +
                              std::to_string(client_.process.life_count()) + "-" + std::to_string(random_.below(3));
    Presence& presence = known_.containers.emplace(label, Presence::kGone).first->second;
    const Presence before = presence;
    presence = Presence::kUnknown;
    Status status;
    if (before == Presence::kThere) {
      status = co_await pool_->destroy_container(label, false);
      if (status.is_ok()) presence = Presence::kGone;
    } else {
      client::ContainerSpec spec;
      spec.label = label;
      const Result<Uuid> created = co_await pool_->create_container(std::move(spec));
      status = created.status();
      if (status.is_ok()) presence = Presence::kThere;
      if (status.code() == Code::kExists && before == Presence::kUnknown) {
        presence = Presence::kThere;
        co_return;
      }
    }
    if (outcome(status) == WriteOutcome::kNotDone) presence = before;
    handle(status, before == Presence::kThere ? "destroy_container" : "create_container");
  }

  Task<void> check_containers() {
    const Result<std::vector<client::ContainerInfo>> listed = co_await pool_->list_containers();
    handle(listed.status(), "list_containers");
    if (!listed.is_ok()) co_return;
    std::set<std::string> labels;
    for (const client::ContainerInfo& info : *listed) labels.insert(info.label);
    if (labels.size() != listed->size()) known_.blame("two containers have one label");
    for (const auto& [label, presence] : known_.containers) {
      const bool is_there = labels.contains(label);
      if (presence == Knowledge::Presence::kThere && !is_there) known_.blame("container " + label + " is gone");
      if (presence == Knowledge::Presence::kGone && is_there) known_.blame("container " + label + " is still there");
    }
  }

  Task<void> aggregate() {
    const Status status = co_await places_[random_.below(kPlaceCount)]->aggregate(kEpochMax);
    handle(status, "aggregate");
  }

  Task<void> allocate_number() {
    const uint64_t count = 1 + random_.below(5);
    const Result<uint64_t> first = co_await places_[kSyncPlace]->allocate_object_numbers(count);
    handle(first.status(), "allocate_object_numbers");
    for (uint64_t i = 0; first.is_ok() && i < count; ++i) {
      if (!known_.numbers.insert(*first + i).second) known_.blame("an object number was given out twice");
    }
  }

  SimSystem& system_;
  SimSystem::Client& client_;
  Executor& executor_;
  Random random_;
  Knowledge& known_;
  std::string name_;
  size_t opened_in_life_ = 0;
  std::optional<size_t> unflushed_life_;  // Of the first write through the handle that no flush has answered for.
  bool greeted_ = false;
  bool is_calm_ = false;  // No fault happens: every answer must be good.
  bool is_done_ = false;
  bool reading_along_ = false;
  std::shared_ptr<client::Connection> connection_;
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Container> places_[kPlaceCount];
  std::vector<Key*> my_keys_;
  ArrayOf* my_array_ = nullptr;
  uint64_t snapshot_number_ = 0;
  uint64_t insert_count_ = 0;
};

class SystemRun {
 public:
  explicit SystemRun(uint64_t seed)
      : scheduler_(seed), random_(scheduler_.random().fork()), system_(scheduler_, draw_options(seed, random_)) {}

  ScenarioOutcome run() {
    must(system_.format(), "format");
    system_.start_engine();
    make_places();
    if (random_.one_in(2)) system_.disk().options().faults.slow = 0.01;

    SimNemesisOptions strikes;
    strikes.calm_max = std::chrono::milliseconds(50 + random_.below(1'500));
    strikes.outage_max = std::chrono::milliseconds(20 + random_.below(1'500));
    strikes.link_fault_max = random_.one_in(3) ? 0.02 : 0.2;
    SimNemesis nemesis(scheduler_, system_.network(), strikes);
    nemesis.add(SimSystem::kEngineNode, system_.engine(), [this] { system_.start_engine(); });
    // Clients come last, and one fewer than there are: the last one looks at everything in the end.
    const size_t worker_count = system_.client_count() - 1;
    sessions_.resize(worker_count);
    for (size_t i = 0; i < worker_count; ++i) {
      nemesis.add(system_.client(i).node, system_.client(i).process, [this, i] { start_client(i); });
      start_client(i);
    }
    nemesis.start();
    const Instant end = scheduler_.now() + std::chrono::milliseconds(500 + random_.below(10'000));
    scheduler_.run_until([&] { return scheduler_.now() >= end || is_broken(); }, std::chrono::minutes(1));
    look();
    nemesis.stop();
    known_.is_stopping = true;
    const auto all_done = [this] {
      return is_broken() || std::ranges::all_of(sessions_, [](const Session* session) { return session->is_done(); });
    };
    if (!scheduler_.run_until(all_done, std::chrono::minutes(3))) scheduler_.fail("a client is stuck after the faults");
    look();
    // Calm: nothing is lost any more, and everything is read.
    system_.network().set_link(SimLink());
    check_everything();
    must(system_.stop_engine(), "stop");
    system_.start_engine();
    check_everything();
    return outcome_of(scheduler_);
  }

 private:
  static SimSystemOptions draw_options(uint64_t seed, Random& random) {
    SimSystemOptions options;
    options.client_count = 3 + random.below(3);
    options.log_size = (256 + 256 * random.below(8)) * kKiB;
    options.checkpoint_log_bytes = random.one_in(2) ? 0 : 64 * kKiB;
    Random of_targets(seed);  // By itself, so that what a seed does with one target stays.
    if (of_targets.one_in(2)) options.target_count = 2 + static_cast<uint32_t>(of_targets.below(3));
    return options;
  }

  void must(const Status& status, const std::string& what) {
    if (!status.is_ok()) scheduler_.fail(what + ": " + status.to_string());
  }
  bool is_broken() const { return !known_.fault.empty() || !system_.boot_status().is_ok(); }
  void look() {
    must(system_.boot_status(), "the engine doesn't start");
    if (!known_.fault.empty()) scheduler_.fail(known_.fault);
  }

  void make_places() {
    SimSystem::Client& client = system_.client(0);
    const std::shared_ptr<client::Connection> connection = system_.connect(client);
    must(scheduler_.run(client.process.executor(), create_places(connection)), "create the containers");
    client.process.kill();
    client.process.start();
  }
  static Task<Status> create_places(std::shared_ptr<client::Connection> connection) {
    CO_TRY(co_await connection->hello());
    CO_TRY_ASSIGN(const std::shared_ptr<Pool> pool,
                  co_await connection->connect_pool(SimSystem::kPoolLabel, Access::kReadWrite));
    for (size_t place = 0; place < kPlaceCount; ++place) {
      client::ContainerSpec spec;
      spec.label = kPlaceLabels[place];
      if (place == kFlushPlace) spec.properties[client::kPropDurability] = uint64_t{1};
      const Result<Uuid> created = co_await pool->create_container(std::move(spec));
      CO_TRY(created.status());
    }
    co_return ok();
  }

  Session* new_session(size_t index) {
    SimSystem::Client& client = system_.client(index);
    return &client.process.own(std::make_unique<Session>(system_, client, random_.fork(), known_));
  }
  void start_client(size_t index) {
    sessions_[index] = new_session(index);
    system_.client(index).process.executor().spawn(sessions_[index]->work());
  }

  void check_everything() {
    const size_t last = system_.client_count() - 1;
    Session* session = new_session(last);
    SimProcess& process = system_.client(last).process;
    process.executor().spawn(session->check_all());
    const auto done = [&] { return is_broken() || session->is_done(); };
    if (!scheduler_.run_until(done, std::chrono::minutes(3))) scheduler_.fail("who reads everything is stuck");
    look();
    process.kill();
    process.start();
  }

  Knowledge known_;  // Outlives the processes.
  SimScheduler scheduler_;
  Random random_;
  SimSystem system_;
  std::vector<Session*> sessions_;
};

}  // namespace

ScenarioOutcome run_system(uint64_t seed) {
  SystemRun run(seed);
  return run.run();
}

}  // namespace aeon
