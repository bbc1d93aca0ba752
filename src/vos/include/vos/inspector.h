// Looks at the objects of a store without opening it: what lies there, version by version, and whether all of it is
// whole. Writes nothing; damage is reported and gone around. See media/inspector.h for the state it shows. Ownership
// and threading: one executor; the disk must outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/inspector.h"
#include "vos/damage.h"
#include "vos/types.h"

namespace aeon::vos {

// One record of the index: a version of a value, or a punch.
struct StoredRecord {
  enum class Kind : uint8_t {
    kForeign,         // Not in a form this store writes.
    kObjectPunch,
    kDkeyPunch,
    kAkeyPunch,
    kSeveralShapes,   // The mark of an akey that held values of several shapes.
    kSingle,
    kSinglePunch,
    kExtent,
    kExtentPunch,
    kStamp,           // Of an object in a container with explicit epochs: something changed at the epoch.
  };
  Kind kind = Kind::kForeign;
  Status status;  // kCorrupt: what is wrong with key or value; fields are set as far as they could be read.
  uint32_t container = 0;  // Its number.
  bool has_object = false;
  ObjectId object;
  Bytes dkey;
  Bytes akey;
  Epoch epoch;
  uint64_t minor = 0;  // Among records of one epoch, the greater is newer.
  uint16_t part = 0;  // Of a large single value.
  Recx recx;  // Of an extent or its punch.
  uint64_t record_size = 0;  // Of a single value: the size of all its parts.
  ByteCount bytes = 0;  // Stored under this record.
  ByteCount chunk = kChecksumChunk;  // How much of the bytes each checksum covers.
  std::vector<uint32_t> checksums;
  Bytes inline_bytes;  // Unless it has blocks.
  std::vector<media::BlockRange> blocks;
  uint64_t page_block = 0;  // The index page it is on; 0: in the log only.
  size_t index_bytes = 0;  // Key and value.
  Bytes key;  // As the index has it.

  bool has_value() const { return kind == Kind::kSingle || kind == Kind::kExtent; }
};
std::string_view name_of(StoredRecord::Kind kind);

struct ContainerSpace {
  uint64_t objects = 0;
  uint64_t values = 0;  // Versions of values and extents.
  uint64_t punches = 0;
  ByteCount index_bytes = 0;  // Keys and values of its records, inline bytes among them.
  ByteCount inline_bytes = 0;
  ByteCount block_bytes = 0;  // Whole blocks.
  ByteCount value_bytes = 0;  // What was written into both.
};

// A transaction that was prepared and isn't decided.
struct StoredIntent {
  Uuid transaction;
  Status status;  // kCorrupt: it isn't in a form we write; the rest is empty then.
  Epoch epoch;
  Bytes participants;
  std::vector<StoredRecord> records;  // What committing it will put.
};

// How a transaction was decided.
struct StoredDecision {
  uint64_t sequence = 0;
  Uuid transaction;
  Epoch epoch;
  bool is_commit = false;
  bool was_prepared = false;  // Always so if it was aborted.
  bool is_kept = false;       // Until it is released; else it is forgotten when there are enough newer ones.
};

struct StoredContainer {
  uint32_t number = 0;
  Uuid id;  // Nil: destroyed, its records are being erased.
  bool is_destroyed = false;
  bool is_hidden = false;  // Destroyed, and kept for its clones.
  EpochMode epochs = EpochMode::kClock;
  Epoch epoch_bound;  // At or above the newest write; exact after closing in order.
  bool guards_reads = false;  // Opening it takes no writes at given epochs up to the bound: something was read there.
  Epoch committed;  // With explicit epochs: the highest.
  Epoch aggregated_through;
  uint32_t base_number = 0;  // Of a clone: the container that it shares records with,
  Epoch base_epoch;  // up to this epoch.
  std::vector<Epoch> snapshots;
  ContainerSpace space;
  std::optional<SpaceUse> counters;  // What the store itself says its records take.
  std::vector<StoredIntent> undecided;
  std::vector<StoredDecision> decisions;  // Those still remembered, in their order.
  Epoch decisions_forgotten;  // The largest epoch of the others.
};

struct StoreOverview {
  uint32_t format_version = 0;  // 0: no info record, so an empty store.
  Status status;  // Ok, or why the store can't be opened: kVersionUnsupported, kCorrupt.
  std::vector<StoredContainer> containers;
  std::vector<std::pair<std::string, Bytes>> metadata;  // Of the services above.
  uint64_t remembered_requests = 0;  // Of clients that may ask for them again.
  ContainerSpace others;  // Of records without a container.
  std::vector<DamagedPlace> damage;
};

struct VerifyCounts {
  uint64_t pages = 0;
  uint64_t records = 0;
  uint64_t values = 0;
  ByteCount bytes = 0;  // Read.
  ByteCount bytes_total = 0;  // About what there is to read.
  uint64_t unowned_blocks = 0;  // Neither free nor of anything that was found.
  uint64_t damage = 0;
};

class Inspector {
 public:
  // As media::Inspector::open.
  static Task<Result<std::unique_ptr<Inspector>>> open(Disk& disk);
  explicit Inspector(std::unique_ptr<media::Inspector> media);
  ~Inspector();

  media::Inspector& media() { return *media_; }

  // Containers and metadata; with `with_space` all records are looked at.
  Task<Result<StoreOverview>> overview(bool with_space);

  // Records of objects in the order of the index: by container, object, dkey, akey; within those, punches first, and
  // newest first.
  class RecordWalk {
   public:
    // Those whose keys start with `prefix` (prefix functions below).
    RecordWalk(Inspector& inspector, Bytes prefix);
    ~RecordWalk();
    RecordWalk(const RecordWalk&) = delete;
    RecordWalk& operator=(const RecordWalk&) = delete;
    enum class Step : uint8_t { kEnd, kRecord, kDamage };
    Task<Step> next();
    const StoredRecord& record() const { return record_; }
    const DamagedPlace& damage() const { return damage_; }

   private:
    Inspector& inspector_;
    Bytes prefix_;
    media::Inspector::EntryWalk walk_;
    StoredRecord record_;
    DamagedPlace damage_;
  };
  static Bytes prefix_of(uint32_t container);
  static Bytes prefix_of(uint32_t container, ObjectId object);
  // kInvalidArgument or kTooBig for what can't be a key of that object.
  static Result<Bytes> prefix_of(uint32_t container, ObjectId object, ByteView dkey);
  static Result<Bytes> prefix_of(uint32_t container, ObjectId object, ByteView dkey, ByteView akey);

  // All versions of an akey's value, and which of them a reader at `epoch` sees, worked out from the records alone: so
  // it also works where damage keeps the store from opening. What a clone's base has isn't looked at.
  struct SeenValue {
    std::vector<StoredRecord> versions;  // Values and punches of the akey and of what is above it.
    std::vector<DamagedPlace> damage;  // Pages that may hide more of them.
    bool is_array = false;
    uint64_t record_size = 0;  // Of the newest part seen; 0: nothing is seen.
    struct Piece {
      size_t version = 0;
      Recx recx;  // Of an array; of a single value {0, 1}.
      ByteCount offset = 0;  // Where its bytes begin in those of the version.
      ByteCount size = 0;
    };
    std::vector<Piece> pieces;  // In order. What lies between is a hole.
  };
  Task<Result<SeenValue>> see(uint32_t container, ObjectId object, Bytes dkey, Bytes akey, Epoch epoch);

  // Reads the value of a record and checks it; `content`, if there, gets the bytes whatever their state.
  Task<Status> check(const StoredRecord& record, Bytes* content);

  // All there is: superblocks, log, allocator, pages, and every value against its checksums, also those of prepared
  // transactions; that no block belongs to two; and that the counters of space are what the records take. `on_damage`
  // hears of each finding, `on_progress` now and then; false from it ends the work (kCanceled). Memory grows with the
  // number of separate runs of blocks.
  struct VerifyListener {
    std::function<void(const DamagedPlace&)> on_damage;
    std::function<bool(const VerifyCounts&)> on_progress;
  };
  Task<Result<VerifyCounts>> verify(VerifyListener listener);

 private:
  struct Verification;
  Task<void> collect(Bytes prefix, SeenValue* into, bool stops_behind_punches);
  Task<Status> collect_layer(uint32_t container, ObjectId object, Bytes dkey, Bytes akey, Epoch through,
                             SeenValue* into);
  Task<void> verify_structure(Verification* verification);
  Task<void> verify_intents(Verification* verification, const std::vector<StoredContainer>* containers);
  Task<bool> verify_records(Verification* verification);
  Task<void> verify_value(Verification* verification, const StoredRecord* record, DamagedPlace place);

  std::unique_ptr<media::Inspector> media_;
};

// Any key of the index in words, for those who show logs and pages; and the value of such a key, if it is one of the
// store's own records whose fields can be told in a line. Empty for others.
std::string describe_index_key(ByteView key);
std::string describe_index_value(ByteView key, ByteView value);

}  // namespace aeon::vos
