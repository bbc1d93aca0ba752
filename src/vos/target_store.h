// Store, over one KeyBlockStore.
//
// Writes prepare their values first (that may suspend on the disk), then take the writer turn for what must not
// interleave: giving the epoch, looking at what is there, applying the batch. Waiting for durability is outside the
// turn, so that the log commits many writes at once. Reads take no turn: versions make them stable (see ReadEpoch).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/mutation.h"
#include "container_state.h"
#include "done_requests.h"
#include "key_codec.h"
#include "lookup.h"
#include "object_punches.h"
#include "runtime/cancellation.h"
#include "runtime/gate.h"
#include "runtime/hybrid_clock.h"
#include "scrubber.h"
#include "space_news.h"
#include "value_reader.h"
#include "value_writer.h"
#include "vos/store.h"

namespace aeon::vos {

// Epochs that callers give stay below, so that epochs of our own clock never run out.
inline constexpr Epoch kEpochGivenMax{(uint64_t{1} << 63) - 1};

using ContainerRef = std::shared_ptr<ContainerState>;

class TargetStore final : public Store {
 public:
  TargetStore(World& world, std::unique_ptr<media::KeyBlockStore> media, StoreOptions options);
  ~TargetStore() override;

  Task<Status> load();  // Once, before anything else.

  Task<Status> close() override;
  media::KeyBlockStore& media() override { return *media_; }

  Task<Status> create_container(Uuid container, ContainerOptions options) override;
  Task<Status> destroy_container(Uuid container) override;
  Task<Result<ContainerInfo>> query_container(Uuid container) override;
  Task<Result<std::vector<Uuid>>> list_containers() override;
  Task<Status> commit(Uuid container, Epoch epoch) override;
  Task<Result<Epoch>> create_snapshot(Uuid container, Epoch epoch) override;
  Task<Status> destroy_snapshot(Uuid container, Epoch epoch) override;

  Task<Result<Epoch>> write(Uuid container, std::vector<ObjectWrite> writes, Epoch epoch, Durability durability,
                            RequestId id) override;
  Task<Result<std::optional<DoneRequest>>> find_request(RequestId id) override;
  Task<Result<std::vector<FetchedAkey>>> fetch(Uuid container, ObjectId object, Bytes dkey,
                                               std::vector<AkeyFetch> akeys, uint32_t conditions, Epoch epoch,
                                               ReadIntent intent) override;
  Task<Result<ObjectPage>> list_objects(Uuid container, Epoch epoch, Anchor from, ListLimits limits,
                                        ReadIntent intent) override;
  Task<Result<KeyPage>> list_dkeys(Uuid container, ObjectId object, Epoch epoch, Anchor from, ListLimits limits,
                                   ReadIntent intent) override;
  Task<Result<KeyPage>> list_akeys(Uuid container, ObjectId object, Bytes dkey, Epoch epoch, Anchor from,
                                   ListLimits limits, ReadIntent intent) override;
  Task<Result<RecxPage>> list_recxs(Uuid container, ObjectId object, Bytes dkey, Bytes akey, Epoch epoch, Anchor from,
                                    ListLimits limits, ReadIntent intent) override;
  Task<Result<QueriedKey>> query_key(Uuid container, ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                     Epoch epoch, ReadIntent intent) override;
  Task<Result<Epoch>> query_max_epoch(Uuid container, ObjectId object, Epoch epoch, ReadIntent intent) override;
  Task<Result<Epoch>> begin_transaction(Uuid container) override;
  Task<Result<Epoch>> commit_transaction(Uuid container, Transaction transaction, Durability durability,
                                         RequestId request) override;
  Task<Status> prepare(Uuid container, Transaction transaction, Bytes participants) override;
  Task<Status> commit_prepared(Uuid container, TransactionId id, Remember remember, RequestId request) override;
  Task<Status> abort_prepared(Uuid container, TransactionId id) override;
  Task<Result<std::optional<DecidedTransaction>>> find_decision(Uuid container, Uuid transaction) override;
  Task<Status> release_decision(Uuid container, Uuid transaction) override;
  Task<Result<std::vector<TransactionId>>> list_kept_decisions(Uuid container) override;
  Task<Result<std::vector<UndecidedTransaction>>> list_undecided(Uuid container) override;
  Task<Result<AggregateProgress>> aggregate(Uuid container, Epoch through) override;
  Task<Status> discard(Uuid container, Epoch begin, Epoch end) override;
  ScrubProgress scrub_progress() const override;
  std::vector<DamagedPlace> damaged_places() const override;
  void set_aggregation_policy(AggregationPolicy policy) override { policy_ = policy; }
  void end_space_waits() override { space_waits_.cancel(); }
  const AggregationCounters& aggregation_counters() const override { return aggregation_counters_; }
  Task<Result<SpaceSurvey>> survey_space(Uuid container) override;
  Task<Result<SpaceUse>> destroyed_space() override;
  Task<Status> flush() override { return media_->flush(); }
  Epoch next_epoch() override { return clock_.next(); }
  Epoch last_epoch() const override { return clock_.last(); }
  Status observe(Epoch epoch) override;

  Task<Status> change_metadata(std::vector<MetadataChange> changes, RequestId id, DoneRequest done) override;
  Task<Result<std::optional<Bytes>>> get_metadata(std::string name) override;
  Task<Result<std::vector<std::pair<std::string, Bytes>>>> list_metadata(std::string prefix) override;

 private:
  // An operation of a write call that is ready to be applied: records of one version.
  struct Change {
    enum class Kind : uint8_t { kPunchObject, kPunchDkey, kPunchAkey, kUpdate };
    Kind kind = Kind::kUpdate;
    Bytes prefix;  // Of what changes; the others are parts of it. Empty below the kind's level.
    ByteView object;
    ByteView dkey;
    ByteView akey;
    uint32_t conditions = 0;
    ValueKind value_kind = ValueKind::kSingle;
    uint64_t record_size = 0;
    std::vector<PreparedValue> values;
    bool follows_punch = false;  // An operation before it in the call punches what was there.

    Change(Kind the_kind, uint32_t container, const ObjectWrite& write, const Bytes* the_akey);
    Change(Change&&) = default;
    Change& operator=(Change&&) = default;
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
  };

  Result<ContainerRef> find_container(Uuid container) const;
  static Epoch read_epoch(const ContainerState& container, Epoch epoch) {
    return epoch == kEpochMax ? MUTATION("read_doesnt_fix_its_epoch", container.newest_readable(), kEpochGivenMax)
                              : epoch;
  }

  // object_fetch.cc
  //
  // What a plain read finds without suspending, because all of the index that it needs is in memory; `later` is what is
  // left to be read from blocks. False for whatever is out of the ordinary, faults included: then fetch_in_full() has
  // the answer. `fetches` were checked.
  bool fetch_at_once(const ContainerState& container, ObjectId object, const Bytes& dkey,
                     const std::vector<AkeyFetch>& fetches, Epoch epoch, std::vector<FetchedAkey>& all,
                     std::vector<BlockRead>& later);
  Task<Status> read_later(const ContainerRef* container, Epoch epoch, const std::vector<AkeyFetch>* akeys,
                          const std::vector<BlockRead>* later, std::vector<FetchedAkey>* all);
  // Arguments stay until the task ends.
  Task<Result<std::vector<FetchedAkey>>> fetch_in_full(const ContainerRef* container, ObjectId object,
                                                       const Bytes* dkey, const std::vector<AkeyFetch>* akeys,
                                                       uint32_t conditions, Epoch epoch, ReadIntent intent);

  // write_path.cc
  Status check_write(const ObjectWrite& write) const;
  Status check_writes(const std::vector<ObjectWrite>& writes, Epoch epoch) const;
  Task<Status> make_changes(uint32_t container, const std::vector<ObjectWrite>& writes, std::vector<Change>& changes,
                            Reservation& reservation);
  // `transaction` if it's one's commit; stays until the task ends. The first waits for room (maintenance.cc).
  Task<Result<Epoch>> apply_with_room(Uuid container, std::vector<ObjectWrite> writes, Epoch epoch,
                                      Durability durability, RequestId id, const Transaction* transaction);
  Task<Result<Epoch>> apply_writes(Uuid container, const std::vector<ObjectWrite>* writes, Epoch epoch,
                                   Durability durability, RequestId id, const Transaction* transaction);
  template <typename Visit>
  static Version visit_records(const std::vector<Change>& changes, Version first, Visit visit);
  Task<Status> check_conditions(const ContainerState& container, const Change& change, Epoch epoch);
  // Whether check_shape() would find nothing to do, by one look at what is in memory. False: it must be asked.
  bool keeps_shape(const ContainerState& container, const Change& change);
  Task<Result<bool>> check_shape(const ContainerState& container, const Change& change, Epoch epoch);
  struct ShapesSeen {
    bool same_is_there = false;  // Something that a reader sees has the shape of the change: nothing more to look at.
    bool single = false;  // A single value, punched or not.
    bool other = false;  // Something of another shape, though hidden.
  };
  Task<Status> look_at_shapes(ByteView akey, const Change& change, Epoch epoch, Epoch through, Version floor,
                              ShapesSeen& seen);
  // What is remembered of the index, behind a batch that made these changes.
  void note_changes(const ContainerState& container, const std::vector<Change>& changes);
  static void add_stamps(const std::vector<Change>& changes, Epoch epoch, media::Batch& batch);
  // Adds what keeps epochs and minors from being given twice. `is_clocked`: the epoch is from our clock.
  struct Raised {
    std::optional<Epoch> bound;
    std::optional<uint64_t> minor_bound;
  };
  Raised raise_bounds(const ContainerState& container, Epoch epoch, bool is_clocked, uint64_t next_minor,
                      media::Batch& batch) const;

  // transaction.cc. Those without a Task, and those that say so, run in the writer turn.
  //
  // What a read looks at first, if reads_are_watched(). `asked`: the epoch as the caller gave it, `epoch`: the one it
  // is made at, which is registered already (ReadEpoch).
  static bool reads_are_watched(const ContainerState& container, ReadIntent intent) {
    return container.transactions != nullptr || intent != ReadIntent::kPlain;
  }
  Task<Status> admit_read(ContainerRef container, Epoch asked, Epoch epoch, ReadIntent intent,
                          std::vector<TransactionRead> reads);
  bool is_too_late(Epoch epoch);
  static ContainerTransactions& transactions_of(ContainerState& container);
  static Status check_undecided(const ContainerState& container, const std::vector<TransactionRead>& reads,
                                Epoch epoch);
  static Status check_reads(const Transaction& transaction);
  static KeyPlace place_of(const Change& change) {
    return {.object = change.object, .dkey = change.dkey, .akey = change.akey};
  }
  // Whether plain writes may be made.
  static Status check_plain_writes(const ContainerState& container, const std::vector<Change>& changes, Epoch epoch,
                                   bool is_clocked);
  // Whether the transaction may commit at `epoch`: in the turn.
  Task<Status> check_transaction(ContainerRef container, const Transaction& transaction,
                                 const std::vector<Change>& changes, Epoch epoch);
  Task<Result<bool>> was_changed(const ContainerState& container, KeyPlace place, Epoch after);
  static void note_writes(ContainerState& container, const std::vector<Change>& changes, Epoch epoch, bool is_clocked);
  // That it was committed: into the batch, and into memory once that is applied.
  static void put_commit_decision(ContainerState& container, const Transaction& transaction, Epoch epoch,
                                  media::Batch& batch);
  static void note_commit(ContainerState& container, const Transaction& transaction, const std::vector<Change>& changes,
                          Epoch epoch);
  // What the transaction has read, conditions included, was like that until `epoch`: nobody may change it before.
  static void note_reads(ContainerState& container, const Transaction& transaction, const std::vector<Change>& changes,
                         Epoch epoch);
  // That no later life of the store gives `epoch` away again: cover_epoch() in the turn, wait_covered() behind it.
  Task<Status> cover_epoch(ContainerRef container, Epoch epoch);
  Task<Status> wait_covered(ContainerRef container, Epoch epoch);
  // cover_epoch(), and that later lives know that something was read up to the bound: what must be durable for that.
  Task<Status> cover_guarded(ContainerRef container, Epoch epoch);
  // A prepare without writes, whose arguments were checked.
  Task<Status> prepare_reads(ContainerRef container, Transaction transaction);
  Task<Result<IntentImage>> read_intent(uint32_t container, Uuid transaction, uint32_t& piece_count);
  // Decides in the turn, and returns what must be durable.
  Task<Result<media::LogPosition>> decide(ContainerRef container, Decision decision, RequestId request = {});
  Task<Status> load_transactions(const std::map<uint32_t, ContainerRef>& by_number);
  Task<Status> erase_transactions(uint32_t number);  // Of a destroyed container; outside the turn.

  // target_store.cc
  Task<Status> load_containers();
  void start_scrubber();
  Task<Status> load_space();
  Task<void> erase_container(uint32_t number, ContainerRef destroyed);

  // clones.cc
  Status link_containers(const std::map<uint32_t, ContainerRef>& by_number,
                         const std::map<uint32_t, ContainerInfoRecord>& infos);
  Result<Epoch> clone_epoch(const ContainerState& base, Epoch epoch);
  // What ends with a container: itself, and hidden bases of which it was the last clone.
  struct Ended {
    std::vector<ContainerRef> erased;
    ContainerRef hidden;  // The container itself, kept for its clones; or a hidden base that has other clones still.
  };
  Ended end_container(const ContainerRef& container, media::Batch& batch) const;
  void forget_container(const ContainerRef& container, const Ended& ended);
  void start_trim(const ContainerRef& hidden);
  Task<void> trim_container(ContainerRef hidden);
  Task<Status> trim_records(ContainerRef hidden);
  Task<Status> drop_epochs(const ContainerState& container, Epoch begin, Epoch end);
  Task<Status> erase_records(uint32_t number, ContainerRef destroyed);

  // maintenance.cc
  void note_written(const ContainerRef& container, ByteCount bytes);
  bool is_aggregation_due(const ContainerState& container, int64_t stored_bytes) const;
  // A write that found no room waits as long as aggregation makes some, since a store that is overwritten all the time
  // is full of what nobody can see. One of these for each write, from before it was tried first.
  struct SpaceWait {
    uint64_t seen = 0;  // Of space_news_.made.
    Instant began{};
    Instant made_at{};  // When `seen` changed last.
  };
  // A write while hardly any is left: waits a while, so that the last of it isn't used up before a pass has freed some.
  // What came to that would take a checkpoint for every few writes.
  Task<void> let_aggregation_ahead();
  // Waits for some, looking for what may be dropped however little was written. False if there won't be any.
  Task<bool> wait_for_space(SpaceWait* wait);
  bool look_for_space();  // False if there is nothing left that may be dropped.
  Task<void> aggregate_in_background(ContainerRef container, bool is_asked_for);
  void count_aggregation(const AggregateProgress& progress, const Status& status);
  Task<Result<AggregateProgress>> run_aggregation(ContainerRef container, Epoch through, bool is_background);
  // Of snapshots and reads in progress before `through`, and that itself.
  static std::vector<Epoch> kept_epochs(const ContainerState& container, Epoch through);

  // object_query.cc
  Task<Result<QueriedKey>> query_dkey(Lookup& lookup, ByteView dkey_prefix, uint32_t flags, const Bytes& akey,
                                      ObjectId id, Epoch epoch, Version object_floor);
  Task<Result<QueriedKey>> query_akey(Lookup& lookup, ByteView akey_prefix, uint32_t flags, Epoch epoch,
                                      Version dkey_floor);
  Task<Result<Epoch>> newest_change(const ContainerState& container, ObjectId object, Epoch epoch);

  World& world_;
  std::unique_ptr<media::KeyBlockStore> media_;
  HybridClock clock_;
  Semaphore turn_;  // The writer turn.
  Gate background_;
  Cancellation closing_;  // Ends the pauses of background work.
  Cancellation space_waits_;
  DoneRequests done_requests_;
  std::map<Uuid, ContainerRef> containers_;
  StoreInfoRecord info_;  // As stored.
  uint64_t next_minor_ = 0;  // Of late writes.
  bool is_closed_ = false;
  AggregationPolicy policy_;
  AggregationCounters aggregation_counters_;
  SpaceNews space_news_;
  Instant look_for_space_at_{};  // Not before; till then it answers the same.
  bool is_space_left_to_make_ = false;
  uint32_t space_waiters_ = 0;
  uint64_t foreground_calls_ = 0;
  ObjectPunches object_punches_;
  KnownArrays known_arrays_;
  uint64_t key_change_count_ = 0;  // Of what known_arrays_ can't keep up with: dkeys and akeys punched.
  // Of what doesn't suspend while it uses them: for their memory, and because the next one often is close by.
  media::Cursor cursor_;
  Bytes key_;
  Bytes dkey_key_;
  Bytes last_key_;
  ExtentSet extents_;
  std::vector<ReadAtOnce> reads_at_once_;
  const StoreOptions options_;
  std::unique_ptr<Scrubber> scrubber_;  // If it is on.
};

}  // namespace aeon::vos
