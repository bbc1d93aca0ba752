// A container in memory for tests: conditions, epochs and snapshots as the store has them; requests are counted, and
// writes can be made to fail.
#pragma once

#include <map>
#include <memory>

#include "client/client.h"
#include "runtime/hybrid_clock.h"

namespace aeon::dfs {

class MemoryContainer final : public client::Container {
 public:
  struct Counts {
    unsigned writes = 0;
    unsigned fetches = 0;
    unsigned lists = 0;
    unsigned queries = 0;
    unsigned flushes = 0;
    unsigned all() const { return writes + fetches + lists + queries; }
  };

  explicit MemoryContainer(Executor& executor) : executor_(executor) {}

  Counts counts;
  // Before the write with this number (from now on), calls the hook; a fault it returns fails the write.
  std::function<Status()> before_write;
  // Lets others run before each request, as a real one may. Off for hooks that use the container themselves.
  bool yields = true;
  client::Access opened_for = client::Access::kReadWrite;
  // Objects that exist now.
  size_t object_count() const;
  // The epoch the next write gets, as nanoseconds.
  uint64_t next_write_ns() const { return now_ns_ + kStepNs; }

  Uuid id() const override { return Uuid::from_random(1, 2); }
  client::Access access() const override { return opened_for; }
  Executor& executor() override { return executor_; }
  Task<Result<client::ContainerInfo>> query() override;
  Task<Result<SpaceSurvey>> survey_space() override;
  Task<Result<client::Properties>> properties() override;
  Task<Status> set_properties(client::Properties changed) override;
  Task<Result<std::map<std::string, Bytes>>> attributes() override;
  Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) override;
  Task<Result<Epoch>> create_snapshot(std::string name) override;
  Task<Result<std::vector<client::SnapshotInfo>>> snapshots() override;
  Task<Status> destroy_snapshot(Epoch epoch) override;
  Task<Result<client::ContainerEpochs>> epochs() override;
  Task<Status> commit(Epoch epoch) override;
  Task<Status> discard(Epoch begin, Epoch end) override;
  Task<Status> aggregate(Epoch through) override;
  Task<Result<uint64_t>> allocate_object_numbers(uint64_t count) override;
  Task<Result<Epoch>> write(std::vector<ObjectWrite> writes, Epoch epoch) override;
  Task<Result<std::vector<FetchedAkey>>> fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                               uint32_t conditions, Epoch epoch) override;
  Task<Result<client::ObjectPage>> list_objects(Anchor from, client::ListLimits limits, Epoch epoch) override;
  Task<Result<client::KeyPage>> list_dkeys(ObjectId object, Anchor from, client::ListLimits limits,
                                           Epoch epoch) override;
  Task<Result<client::KeyPage>> list_akeys(ObjectId object, Bytes dkey, Anchor from, client::ListLimits limits,
                                           Epoch epoch) override;
  Task<Result<client::RecxPage>> list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                            client::ListLimits limits, Epoch epoch) override;
  Task<Result<QueriedKey>> query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey, Epoch epoch) override;
  Task<Result<Epoch>> query_max_epoch(ObjectId object, Epoch epoch) override;
  Task<Status> flush() override;

 private:
  static constexpr uint64_t kStepNs = 1'000'000;
  struct Extent {
    Bytes data;
    Epoch epoch;
  };
  struct Value {
    bool is_array = false;
    Bytes single;
    Epoch epoch;
    std::map<uint64_t, Extent> extents;  // By start; never overlapping.
  };
  using Akeys = std::map<Bytes, Value>;
  using Dkeys = std::map<Bytes, Akeys>;  // Integer keys most significant byte first.
  using State = std::map<ObjectId, Dkeys>;

  static Bytes ordered(ObjectId object, const Bytes& dkey);
  static Bytes as_given(ObjectId object, const Bytes& ordered);
  static void cut(Value& value, uint64_t begin, uint64_t end);
  const State& at(Epoch epoch) const;
  const Akeys* find(ObjectId object, const Bytes& dkey, Epoch epoch) const;
  Status check(const ObjectWrite& write) const;
  void apply(const ObjectWrite& write, Epoch epoch);

  Executor& executor_;
  State state_;
  std::map<uint64_t, State> snapshots_;
  uint64_t now_ns_ = 1'800'000'000'000'000'000;
  uint64_t next_number_ = 0;
};

}  // namespace aeon::dfs
