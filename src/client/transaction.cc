#include "transaction.h"

#include "checksums.h"
#include "rpc/write_data.h"

namespace aeon::client {
namespace {

constexpr ByteCount kWrittenSizeMax = 256 * kMiB;  // Of one transaction, in the client's memory.
constexpr size_t kWritesMax = 256 * 1024;

Status invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

TransactionRead read_of(TransactionRead::Of of, ObjectId object = {}, Bytes dkey = {}, Bytes akey = {}) {
  TransactionRead read;
  read.of = of;
  read.object = object;
  read.dkey = std::move(dkey);
  read.akey = std::move(akey);
  return read;
}
std::vector<TransactionRead> one(TransactionRead read) {
  std::vector<TransactionRead> reads;
  reads.push_back(std::move(read));
  return reads;
}

// Copies the data of the writes into one piece of memory, which they point to from then on.
Bytes take_data(std::vector<ObjectWrite>& writes) {
  size_t size = 0;
  for (const ObjectWrite& write : writes) {
    for (const AkeyUpdate& update : write.akeys) size += rpc::total_size(std::span<const ByteView>(update.data));
  }
  Bytes memory;
  memory.reserve(size);
  for (ObjectWrite& write : writes) {
    for (AkeyUpdate& update : write.akeys) {
      const size_t begin = memory.size();
      for (const ByteView& piece : update.data) memory.insert(memory.end(), piece.begin(), piece.end());
      update.data.clear();
      if (memory.size() != begin) update.data.push_back(ByteView(memory).subspan(begin));
    }
  }
  return memory;
}

}  // namespace

// The container as a transaction sees it. What isn't about objects goes to the container itself.
class TransactionView final : public Container {
 public:
  explicit TransactionView(std::shared_ptr<TransactionState> state) : state_(std::move(state)) {}

  Uuid id() const override { return container().id(); }
  Access access() const override { return container().access(); }
  Executor& executor() override { return container().executor(); }
  Task<Result<ContainerInfo>> query() override { return container().query(); }
  Task<Result<Properties>> properties() override { return container().properties(); }
  Task<Status> set_properties(Properties changed) override { return container().set_properties(std::move(changed)); }
  Task<Result<std::map<std::string, Bytes>>> attributes() override { return container().attributes(); }
  Task<Status> change_attributes(std::map<std::string, std::optional<Bytes>> changes) override {
    return container().change_attributes(std::move(changes));
  }
  Task<Result<Epoch>> create_snapshot(std::string name) override {
    return container().create_snapshot(std::move(name));
  }
  Task<Result<std::vector<SnapshotInfo>>> snapshots() override { return container().snapshots(); }
  Task<Status> destroy_snapshot(Epoch epoch) override { return container().destroy_snapshot(epoch); }
  Task<Result<ContainerEpochs>> epochs() override { return container().epochs(); }
  Task<Status> commit(Epoch epoch) override { return container().commit(epoch); }
  Task<Status> discard(Epoch begin, Epoch end) override { return container().discard(begin, end); }
  Task<Status> aggregate(Epoch through) override { return container().aggregate(through); }
  Task<Result<SpaceSurvey>> survey_space() override { return container().survey_space(); }
  Task<Result<uint64_t>> allocate_object_numbers(uint64_t count) override {
    return container().allocate_object_numbers(count);
  }
  Task<Status> flush() override { return container().flush(); }
  uint32_t place_of(ObjectId object, ByteView dkey) const override { return container().place_of(object, dkey); }

  Task<Result<Epoch>> write(std::vector<ObjectWrite> writes, Epoch epoch) override {
    Status checked = epoch == kEpochZero ? add_checksums(writes) : invalid("a transaction writes when it commits");
    Bytes memory = checked.is_ok() ? take_data(writes) : Bytes();
    return keep(state_, std::move(writes), std::move(memory), std::move(checked));
  }
  Task<Result<std::vector<FetchedAkey>>> fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                               uint32_t conditions, Epoch epoch) override {
    return fetch_in(state_, object, std::move(dkey), std::move(akeys), conditions, epoch);
  }
  Task<Result<ObjectPage>> list_objects(Anchor from, ListLimits limits, Epoch epoch) override {
    return list_objects_in(state_, std::move(from), limits, epoch);
  }
  Task<Result<KeyPage>> list_dkeys(ObjectId object, Anchor from, ListLimits limits, Epoch epoch) override {
    return list_dkeys_in(state_, object, std::move(from), limits, epoch);
  }
  Task<Result<KeyPage>> list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits, Epoch epoch) override {
    return list_akeys_in(state_, object, std::move(dkey), std::move(from), limits, epoch);
  }
  Task<Result<RecxPage>> list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from, ListLimits limits,
                                    Epoch epoch) override {
    return list_recxs_in(state_, object, std::move(dkey), std::move(akey), std::move(from), limits, epoch);
  }
  Task<Result<QueriedKey>> query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey, Epoch epoch) override {
    return query_key_in(state_, object, flags, std::move(dkey), std::move(akey), epoch);
  }
  Task<Result<Epoch>> query_max_epoch(ObjectId object, Epoch epoch) override {
    return query_max_epoch_in(state_, object, epoch);
  }

 private:
  using State = std::shared_ptr<TransactionState>;

  ContainerHandle& container() const { return state_->container(); }

  static Task<Result<Epoch>> keep(State state, std::vector<ObjectWrite> writes, Bytes memory, Status checked) {
    CO_TRY(checked);
    CO_TRY(state->keep(std::move(writes), std::move(memory)));
    co_return kEpochZero;  // It isn't known yet.
  }
  static Task<Result<std::vector<FetchedAkey>>> fetch_in(State state, ObjectId object, Bytes dkey,
                                                         std::vector<AkeyFetch> akeys, uint32_t conditions,
                                                         Epoch epoch) {
    std::vector<TransactionRead> reads;
    if ((conditions & kDkeyFetch) != 0) reads.push_back(read_of(TransactionRead::Of::kDkey, object, dkey));
    for (const AkeyFetch& akey : akeys) {
      reads.push_back(read_of(TransactionRead::Of::kAkey, object, dkey, akey.akey));
    }
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().fetch_at(object, std::move(dkey), std::move(akeys), conditions, epoch, true);
  }
  static Task<Result<ObjectPage>> list_objects_in(State state, Anchor from, ListLimits limits, Epoch epoch) {
    std::vector<TransactionRead> reads = one(read_of(TransactionRead::Of::kContainer));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().list_objects_at(std::move(from), limits, epoch, true);
  }
  static Task<Result<KeyPage>> list_dkeys_in(State state, ObjectId object, Anchor from, ListLimits limits,
                                             Epoch epoch) {
    std::vector<TransactionRead> reads = one(read_of(TransactionRead::Of::kObject, object));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().list_dkeys_at(object, std::move(from), limits, epoch, true);
  }
  static Task<Result<KeyPage>> list_akeys_in(State state, ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                             Epoch epoch) {
    std::vector<TransactionRead> reads = one(read_of(TransactionRead::Of::kDkey, object, dkey));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().list_akeys_at(object, std::move(dkey), std::move(from), limits, epoch, true);
  }
  static Task<Result<RecxPage>> list_recxs_in(State state, ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                              ListLimits limits, Epoch epoch) {
    std::vector<TransactionRead> reads = one(read_of(TransactionRead::Of::kAkey, object, dkey, akey));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().list_recxs_at(object, std::move(dkey), std::move(akey), std::move(from),
                                                        limits, epoch, true);
  }
  static Task<Result<QueriedKey>> query_key_in(State state, ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                               Epoch epoch) {
    TransactionRead read = read_of(TransactionRead::Of::kObject, object);
    if ((flags & kGetDkey) == 0) {
      read.of = (flags & kGetAkey) != 0 ? TransactionRead::Of::kDkey : TransactionRead::Of::kAkey;
      read.dkey = dkey;
      if (read.of == TransactionRead::Of::kAkey) read.akey = akey;
    }
    std::vector<TransactionRead> reads = one(std::move(read));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().query_key_at(object, flags, std::move(dkey), std::move(akey), epoch, true);
  }
  static Task<Result<Epoch>> query_max_epoch_in(State state, ObjectId object, Epoch epoch) {
    std::vector<TransactionRead> reads = one(read_of(TransactionRead::Of::kObject, object));
    CO_TRY_ASSIGN(epoch, state->begin_read(epoch, std::move(reads)));
    co_return co_await state->container().query_max_epoch_at(object, epoch, true);
  }

  const State state_;
};

std::shared_ptr<Container> TransactionState::view() { return std::make_shared<TransactionView>(shared_from_this()); }

Status TransactionState::check_open() const {
  switch (phase_) {
    case Phase::kOpen: return ok();
    case Phase::kCommitting: return invalid("the transaction is being committed");
    case Phase::kEnded: break;
  }
  return invalid("the transaction has ended; restart it or begin another");
}

Result<Epoch> TransactionState::begin_read(Epoch asked, std::vector<TransactionRead> reads) {
  TRY(check_open());
  if (asked != kEpochMax && asked != epoch()) return invalid("a transaction reads at its own epoch");
  for (TransactionRead& read : reads) reads_.insert(std::move(read));
  if (reads_.size() > kTransactionReadsMax) {
    return Status(Code::kTooBig, "a transaction has read more than " + std::to_string(kTransactionReadsMax) +
                                     " things; use smaller ones");
  }
  return epoch();
}

Status TransactionState::keep(std::vector<ObjectWrite> writes, Bytes memory) {
  TRY(check_open());
  if (memory_size_ + memory.size() > kWrittenSizeMax || writes_.size() + writes.size() > kWritesMax) {
    return Status(Code::kTooBig, "a transaction writes too much; use smaller ones");
  }
  memory_size_ += memory.size();
  memory_.push_back(std::move(memory));  // Where the data is stays.
  for (ObjectWrite& write : writes) writes_.push_back(std::move(write));
  return ok();
}

void TransactionState::forget() {
  reads_.clear();
  writes_.clear();
  memory_.clear();
  memory_size_ = 0;
}

Task<Result<Epoch>> TransactionState::commit() { return send_commit(shared_from_this()); }

Task<Result<Epoch>> TransactionState::send_commit(std::shared_ptr<TransactionState> self) {
  CO_TRY(self->check_open());
  if (self->writes_.empty()) {  // All its reads are of one epoch: that is where it takes place.
    self->phase_ = Phase::kEnded;
    co_return self->epoch();
  }
  self->phase_ = Phase::kCommitting;
  const std::vector<ByteView> pieces = rpc::data_of(self->writes_);
  wire::TransactionCommitRequest request;
  // The store gives out each epoch once.
  request.transaction = Uuid::from_random(self->epoch().value, self->epoch().value);
  request.read_epoch = self->epoch();
  request.reads.assign(self->reads_.begin(), self->reads_.end());
  request.writes = self->writes_;
  const rpc::Bulk bulk{.send = pieces, .receive = {}};
  CO_TRY_ASSIGN(const uint32_t coordinator, self->coordinator());
  const Result<wire::EpochReply> reply = co_await ask_at(self->container_, coordinator, std::move(request), bulk);
  // Whether it was done isn't known: asking again tells.
  const bool may_ask_again = reply.code() == Code::kTimedOut || reply.code() == Code::kUnavailable ||
                             reply.code() == Code::kBusy || reply.code() == Code::kCanceled;
  self->phase_ = may_ask_again ? Phase::kOpen : Phase::kEnded;
  if (!reply.is_ok()) co_return reply.status();
  self->note_written();
  self->forget();
  co_return reply->epoch;
}

// The target of its first write.
Result<uint32_t> TransactionState::coordinator() const {
  const ObjectWrite& first = writes_.front();
  if (first.kind != ObjectWrite::Kind::kPunchObject) return container_->router().target_of(first.object, first.dkey);
  TRY_ASSIGN(const std::vector<uint32_t> targets, container_->router().targets_of(first.object));
  return targets.front();
}

void TransactionState::note_written() {
  for (const ObjectWrite& write : writes_) {
    if (write.kind != ObjectWrite::Kind::kPunchObject) {
      container_->note_written(container_->place_of(write.object, write.dkey));
      continue;
    }
    const Result<std::vector<uint32_t>> targets = container_->router().targets_of(write.object);
    if (!targets.is_ok()) continue;
    for (const uint32_t target : *targets) container_->note_written(target);
  }
}

Task<Status> TransactionState::restart() { return begin_again(shared_from_this()); }

Task<Status> TransactionState::begin_again(std::shared_ptr<TransactionState> self) {
  if (self->phase_ == Phase::kCommitting) co_return self->check_open();
  self->phase_ = Phase::kEnded;
  self->forget();
  wire::TransactionBeginRequest request;
  CO_TRY_ASSIGN(const wire::EpochReply reply, co_await ask(self->container_, request));
  self->epoch_.store(reply.epoch.value, std::memory_order_relaxed);
  self->phase_ = Phase::kOpen;
  co_return ok();
}

Task<Status> TransactionState::abort() {
  const std::shared_ptr<TransactionState> self = shared_from_this();
  if (self->phase_ == Phase::kCommitting) co_return self->check_open();
  self->phase_ = Phase::kEnded;
  self->forget();
  co_return ok();
}

namespace {

Task<Result<std::shared_ptr<Transaction>>> begin(std::shared_ptr<ContainerHandle> container) {
  wire::TransactionBeginRequest request;
  CO_TRY_ASSIGN(const wire::EpochReply reply, co_await ask(container, request));
  co_return std::shared_ptr<Transaction>(std::make_shared<TransactionState>(std::move(container), reply.epoch));
}
Task<Result<std::shared_ptr<Transaction>>> no_transactions() {
  co_return Status(Code::kInvalidArgument, "transactions begin at the container itself");
}

}  // namespace

Task<Result<std::shared_ptr<Transaction>>> Container::begin_transaction() { return no_transactions(); }

Task<Result<std::shared_ptr<Transaction>>> ContainerHandle::begin_transaction() { return begin(shared_from_this()); }

}  // namespace aeon::client
