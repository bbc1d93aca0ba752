// The versioned object store of one target: containers of objects of dkeys of akeys of values, by epoch.
//
// Writes add versions and never overwrite; a read at epoch E sees, for each record, the newest write or punch at or
// before E at any level (000 "VOS"; DESIGN section 3). Objects, dkeys and akeys exist while a value of theirs is
// visible. It knows nothing of pools, replicas or the network.
//
// Epochs: kEpochZero in a write means "now", from the store's hybrid clock, greater than every epoch before; writes
// at a given epoch are for explicit-epoch containers, which take no others, and for replicas. A later call at the same
// epoch wins over an earlier one, also for punches.
// Reads at kEpochMax see the newest that readers may use: everything applied, or with explicit epochs everything
// committed. A read at a given epoch sees what is there at or before it, committed or not, so that a writer reads its
// own writes back. What isn't committed may change under it.
// Durability: a write returns when it is durable (Durability::kSync) or when it is applied and logged in memory
// (kFlush: durable at the next flush(); after a crash a prefix of the writes survives).
// Ownership and threading: one executor. Suspension: every Task may suspend; writes are atomic all the same.
#pragma once

#include <memory>

#include "media/key_block_store.h"
#include "runtime/world.h"
#include "vos/scrub.h"
#include "vos/transaction.h"
#include "vos/types.h"

namespace aeon::vos {

enum class Durability : uint8_t { kSync = 0, kFlush = 1 };

struct ListLimits {
  uint32_t count_max = 1024;
  ByteCount bytes_max = 64 * kKiB;
};

struct KeyPage {
  std::vector<Bytes> keys;
  Anchor next;
};
struct ObjectPage {
  std::vector<ObjectId> objects;
  // With explicit epochs: the newest epoch, up to the listing's, that changed each of them. Else empty.
  std::vector<Epoch> changed;
  Anchor next;
};
struct RecxPage {
  std::vector<ListedRecx> recxs;
  Anchor next;
};

// When a container is aggregated without being asked: after writes of `written_min` bytes and of `written_part` of what
// it stores, or of an eighth of what is free. With less than `free_part` of the device free it merges and trims more.
// What was written in the last `readable_for` of the clock's epochs stays readable at every epoch; a tenth of that when
// space is short.
struct AggregationPolicy {
  bool is_on = false;
  Duration readable_for = std::chrono::seconds(30);
  ByteCount written_min = 64 * kMiB;
  double written_part = 0.25;
  double free_part = 0.15;
};

// Of all containers, since the store was opened.
struct AggregationCounters {
  uint64_t passes = 0;
  uint64_t failed = 0;  // Of these, ended by a fault.
  uint64_t records_dropped = 0;
  uint64_t extents_merged = 0;
  ByteCount value_bytes_dropped = 0;
  ByteCount bytes_rewritten = 0;
};

struct StoreOptions {
  ScrubOptions scrub;
};

class Store {
 public:
  // On a store that media::KeyBlockStore formatted. Takes ownership. If that is open for reading only, so is this one:
  // changes are kReadOnly, and nothing goes on in the background.
  static Task<Result<std::unique_ptr<Store>>> open(World& world, std::unique_ptr<media::KeyBlockStore> media,
                                                   StoreOptions options = {});
  virtual ~Store() = default;
  // Stops background work and closes the media.
  virtual Task<Status> close() = 0;
  virtual media::KeyBlockStore& media() = 0;

  // Containers. kExists. A clone takes the same time whatever its base holds, and is independent from then on: the base
  // refuses only what would change what the clone sees (writes and discards at or before the base epoch). A clone's own
  // epochs are all above its base epoch; reads before that see the base's history, as long as the base keeps it.
  // Where the clock gives the base's epochs, the base epoch may be one of another store's that is still to come here:
  // nothing is written to the base at or before it from then on.
  // kNotFound without the base; kInvalidArgument for an epoch that the base has aggregated or not committed yet, that
  // is before the base's own base epoch, or too far ahead of the clock; kInProgress if an undecided transaction may
  // change what is there at it; kBusy while such epochs are being discarded.
  virtual Task<Status> create_container(Uuid container, ContainerOptions options = {}) = 0;
  // Returns at once when it is durable; space comes back in the background, and goes on doing so after a restart. What
  // clones of the container see stays for them, hidden, until the last of them is gone.
  virtual Task<Status> destroy_container(Uuid container) = 0;  // kNotFound.
  virtual Task<Result<ContainerInfo>> query_container(Uuid container) = 0;
  virtual Task<Result<std::vector<Uuid>>> list_containers() = 0;

  // Explicit epochs: makes every write at or before `epoch` durable, and there for all readers; no more of them are
  // taken. Repeating a commit, or an earlier one, is harmless. kBusy while epochs up to it are being discarded;
  // kInvalidArgument where the clock gives the epochs.
  virtual Task<Status> commit(Uuid container, Epoch epoch) = 0;

  // Snapshots keep what is visible at their epoch from aggregation. kEpochZero: now; with explicit epochs, the highest
  // committed. Returns the epoch. Where the clock gives the epochs, it may be one of another store's that is still to
  // come here: no epoch at or before it is given from then on, after a restart neither. kInvalidArgument if the epoch
  // was aggregated already, is not committed yet, is before a clone's base epoch, or too far ahead of the clock;
  // kInProgress if an undecided transaction may change it.
  virtual Task<Result<Epoch>> create_snapshot(Uuid container, Epoch epoch) = 0;
  virtual Task<Status> destroy_snapshot(Uuid container, Epoch epoch) = 0;

  // Objects. `write` applies all of `writes` at one epoch, or nothing, and returns the epoch. Conditions look at the
  // state before the call; its operations apply in order. Checksums may be left out, else they are verified (kCorrupt).
  // A single value of size 0 punches the one there. kInvalidArgument also for an epoch that was aggregated or is not
  // below 2^63, and for another shape (kind, record size) than what the akey holds unpunched. kNoSpace: if aggregation
  // goes by itself, only once it makes no room for 10 s, or none is left to be made. find_request() tells of
  // one with an id, as long as types.h says, whether it was done; durable before it is told.
  virtual Task<Result<Epoch>> write(Uuid container, std::vector<ObjectWrite> writes, Epoch epoch, Durability durability,
                                    RequestId id = {}) = 0;
  virtual Task<Result<std::optional<DoneRequest>>> find_request(RequestId id) = 0;
  virtual Task<Result<std::vector<FetchedAkey>>> fetch(Uuid container, ObjectId object, Bytes dkey,
                                                       std::vector<AkeyFetch> akeys, uint32_t conditions, Epoch epoch,
                                                       ReadIntent intent = ReadIntent::kPlain) = 0;

  // Listings go in key order and resume from the anchor; a page is cut at the limits. kTooBig if the first key alone
  // exceeds bytes_max.
  virtual Task<Result<ObjectPage>> list_objects(Uuid container, Epoch epoch, Anchor from, ListLimits limits,
                                                ReadIntent intent = ReadIntent::kPlain) = 0;
  virtual Task<Result<KeyPage>> list_dkeys(Uuid container, ObjectId object, Epoch epoch, Anchor from, ListLimits limits,
                                           ReadIntent intent = ReadIntent::kPlain) = 0;
  virtual Task<Result<KeyPage>> list_akeys(Uuid container, ObjectId object, Bytes dkey, Epoch epoch, Anchor from,
                                           ListLimits limits, ReadIntent intent = ReadIntent::kPlain) = 0;
  // Visible extents in index order, each with its epoch; neighbours of one write are one.
  virtual Task<Result<RecxPage>> list_recxs(Uuid container, ObjectId object, Bytes dkey, Bytes akey, Epoch epoch,
                                            Anchor from, ListLimits limits, ReadIntent intent = ReadIntent::kPlain) = 0;
  // Largest or smallest dkey, akey (integer order for integer keys) and recx; with several of kGet… each within the
  // one above, as daos_obj_query_key. kNotFound without any.
  virtual Task<Result<QueriedKey>> query_key(Uuid container, ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                             Epoch epoch, ReadIntent intent = ReadIntent::kPlain) = 0;
  // The newest epoch of any write or punch of the object at or before `epoch`; zero if there is none (any more).
  // With explicit epochs one seek, and not changed by aggregation; else it looks at all records of the object, and
  // what was aggregated isn't among them.
  virtual Task<Result<Epoch>> query_max_epoch(Uuid container, ObjectId object, Epoch epoch,
                                              ReadIntent intent = ReadIntent::kPlain) = 0;

  // Transactions, of containers whose epochs come from the clock. All reads are at one epoch, begin_transaction()'s,
  // with ReadIntent::kTransaction; all writes at a later one. Committed transactions and writes are as if they had run
  // one by one in the order of their epochs.
  //
  // kConflict, from reads, commits and prepares: somebody else's change or read is in the way, also if that can't be
  // ruled out (the store was opened since, or the transaction took very long). Begin again. A plain write at a given
  // epoch that would change what a transaction has read gets it too.
  //
  // The epoch of the begin may be another store's: a transaction over several begins at one, and reads at all of them
  // at that epoch. kInvalidArgument if it is too far ahead of the clock. At a store whose clock is ahead of the other's
  // it may be from before the opening here, and so kConflict, until the other one observes that clock.
  virtual Task<Result<Epoch>> begin_transaction(Uuid container) = 0;
  // If nothing that it read has changed, applies all writes at one new epoch and returns that. The id's epoch is zero.
  // Its uuid, unless nil, is remembered as commit_prepared() does, so that a repeated call changes nothing and gets the
  // same answer. Without writes there is nothing to do, and the answer is the read epoch.
  // `request` as for write().
  virtual Task<Result<Epoch>> commit_transaction(Uuid container, Transaction transaction, Durability durability,
                                                 RequestId request = {}) = 0;

  // The two phases of a commit over several stores. prepare() checks all that commit_transaction() does, for the id's
  // epoch, which is after the read epoch, and promises durably to commit or abort as it is told then, also after a
  // restart. Until then what it changes is guarded: reads at or after its epoch, or of the newest, and plain writes are
  // kInProgress, other transactions' commits kConflict, and aggregation stops before it. `participants` is whatever the
  // caller needs to find out how it was decided. kBusy with kUndecidedMax undecided or kept.
  // Without writes there is nothing to decide, and nothing of the transaction stays: it isn't listed, and committing it
  // is kNotFound. What it read is guarded: changes at or before its epoch are refused, also after a restart. There, as
  // it isn't known any more what was read, that is so for every write at a given epoch up to then (kConflict).
  virtual Task<Status> prepare(Uuid container, Transaction transaction, Bytes participants) = 0;
  // Durable when they return. Repeating is harmless while the decision is remembered: until kDecisionsKept later ones
  // of the container. Aborting what was never prepared is remembered too, so that a prepare() that was overtaken fails;
  // and any prepare() at or before the epoch of a forgotten decision is kConflict. Committing what is neither prepared
  // nor remembered is kNotFound; contradicting a decision is kConflict, which is told when that decision is durable.
  // A commit that is to be remembered until it is released is kept, whatever else is decided, from the call that
  // decides it: repeated calls change nothing of that.
  // With a `request` find_request() tells of it, if this is the call that decides.
  virtual Task<Status> commit_prepared(Uuid container, TransactionId id, Remember remember = Remember::kAWhile,
                                       RequestId request = {}) = 0;
  virtual Task<Status> abort_prepared(Uuid container, TransactionId id) = 0;
  // How a transaction was decided, of those remembered: commits of one store too. Nothing if it is undecided, forgotten
  // or not known; it may still be decided then, unless it is aborted first. Durable before it is told.
  virtual Task<Result<std::optional<DecidedTransaction>>> find_decision(Uuid container, Uuid transaction) = 0;
  // From now on the decision is one of the others, and the newest. Harmless for what isn't kept or known. It isn't
  // waited for: after a crash the decision may be kept still.
  virtual Task<Status> release_decision(Uuid container, Uuid transaction) = 0;
  // Commits that are remembered until released, in the order of their uuids. Durable before they are told.
  virtual Task<Result<std::vector<TransactionId>>> list_kept_decisions(Uuid container) = 0;
  // Prepared, and neither committed nor aborted; after a restart too. In the order of their uuids.
  virtual Task<Result<std::vector<UndecidedTransaction>>> list_undecided(Uuid container) = 0;

  // Drops history at or before `through` (at most the newest epoch written, or committed with explicit epochs) that
  // neither a later read nor a snapshot nor a clone can see, and writes runs of small extents, and extents of which
  // little is visible, anew. What was written anew has the newest epoch of its parts. Works in slices, with pauses
  // while others call. Discard drops every write with begin <= epoch <= end; kEpochMax: all from `begin` on. It is how
  // writes that aren't committed are aborted. After a crash some of them may be left; repeating it is harmless.
  // kInvalidArgument for epochs that were committed, or that a clone sees; kInProgress if there is an undecided
  // transaction among them.
  virtual Task<Result<AggregateProgress>> aggregate(Uuid container, Epoch through) = 0;
  // Aggregates by itself when much was written since the last time, or space gets short. Off until set.
  virtual void set_aggregation_policy(AggregationPolicy policy) = 0;
  // From now on writes that find no room fail at once, those that wait for some too. close() does that first.
  virtual void end_space_waits() = 0;
  virtual const AggregationCounters& aggregation_counters() const = 0;
  // Looks at all records of a container, as aggregation does, and changes nothing.
  virtual Task<Result<SpaceSurvey>> survey_space(Uuid container) = 0;
  // What destroyed containers still take: they are being erased, or kept for their clones.
  virtual Task<Result<SpaceUse>> destroyed_space() = 0;
  virtual Task<Status> discard(Uuid container, Epoch begin, Epoch end) = 0;

  // The background check of all that is stored (StoreOptions.scrub): how far it is, and what is damaged, as the last
  // cycle and this one found it. At most 1000 places.
  virtual ScrubProgress scrub_progress() const = 0;
  virtual std::vector<DamagedPlace> damaged_places() const = 0;

  virtual Task<Status> flush() = 0;
  // An epoch greater than all before, for snapshots and transactions.
  virtual Epoch next_epoch() = 0;
  // Another store gave `epoch`: all that this one gives from now on are greater. kInvalidArgument if it is too far
  // ahead of the clock, by more than clocks of machines differ. It is forgotten at a restart, but for what was done
  // with it (reads of transactions, prepares, writes, snapshots, clones).
  virtual Status observe(Epoch epoch) = 0;
  // No epoch that the store gave or observed is later.
  virtual Epoch last_epoch() const = 0;

  // Small records beside the containers, for the services above: names (printable, ≤ 200 bytes) to values
  // (≤ 8 KiB). Changes of one call are atomic and durable when it returns; nullopt erases. With an id it is remembered
  // for find_request() that they were made, and `done`.
  struct MetadataChange {
    std::string name;
    std::optional<Bytes> value;
  };
  virtual Task<Status> change_metadata(std::vector<MetadataChange> changes, RequestId id = {},
                                       DoneRequest done = {}) = 0;
  virtual Task<Result<std::optional<Bytes>>> get_metadata(std::string name) = 0;
  // Names with the prefix, in order.
  virtual Task<Result<std::vector<std::pair<std::string, Bytes>>>> list_metadata(std::string prefix) = 0;
};

}  // namespace aeon::vos
