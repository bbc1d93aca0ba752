#include "target/commit_service.h"

#include "base/log.h"
#include "base/mutation.h"
#include "rpc/write_data.h"
#include "runtime/hybrid_clock.h"

namespace aeon::target {
namespace {

// How far in the future commits take place: by then all have heard of them, so that fewer have read what they write at
// a later epoch already.
constexpr uint64_t kLead_ns = 500'000;

bool is_lost(const Status& status) { return status.code() == Code::kTimedOut || status.code() == Code::kUnavailable; }

}  // namespace

CommitService::CommitService(World& world, vos::Store& store, TargetService& service, Targets& targets)
    : world_(world),
      store_(store),
      service_(service),
      targets_(targets),
      gate_(world.executor),
      changed_(world.executor) {
  service_.set_listener(this);
}

CommitService::~CommitService() { service_.set_listener(nullptr); }

void CommitService::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::TargetOutcomeRequest>(*this, &CommitService::outcome);
}

Task<Status> CommitService::start() {
  router_.emplace(targets_.count());
  if (targets_.count() == 1) co_return ok();
  if (store_.media().is_read_only()) co_return ok();  // Nothing can be decided.
  CO_TRY(co_await load());
  gate_.spawn(keep_deciding());
  co_return ok();
}

Task<void> CommitService::stop() {
  Task<void> closed = gate_.close();
  changed_.notify_all();
  co_await closed;
}

// ---- Coordinating ---------------------------------------------------------------------------------------------------

Result<CommitService::Parts> CommitService::split(vos::Transaction transaction) const {
  Parts parts;
  for (TransactionRead& read : transaction.reads) {
    if (read.of == TransactionRead::Of::kContainer) {
      for (uint32_t target = 0; target < targets_.count(); ++target) parts[target].reads.push_back(read);
    } else if (read.of == TransactionRead::Of::kObject) {
      TRY_ASSIGN(const std::vector<uint32_t> holders, router_->targets_of(read.object));
      for (const uint32_t target : holders) parts[target].reads.push_back(read);
    } else {
      TRY_ASSIGN(const uint32_t target, router_->target_of(read.object, read.dkey));
      parts[target].reads.push_back(std::move(read));
    }
  }
  for (ObjectWrite& write : transaction.writes) {
    if (write.kind == ObjectWrite::Kind::kPunchObject) {
      TRY_ASSIGN(const std::vector<uint32_t> holders, router_->targets_of(write.object));
      for (const uint32_t target : holders) parts[target].writes.push_back(write);
    } else {
      TRY_ASSIGN(const uint32_t target, router_->target_of(write.object, write.dkey));
      parts[target].writes.push_back(std::move(write));
    }
  }
  return parts;
}

Epoch CommitService::choose_epoch() {
  const Epoch ahead = HybridClock::from_unix_ns(world_.clock.wall_ns() + kLead_ns);
  return std::max(store_.next_epoch(), ahead);
}

Task<Result<Epoch>> CommitService::commit(Uuid container, vos::Transaction transaction, vos::Durability durability,
                                          RequestId request) {
  if (targets_.count() == 1) {
    co_return co_await store_.commit_transaction(container, std::move(transaction), durability, request);
  }
  // Whoever gives none doesn't ask again.
  const bool is_named = !transaction.id.uuid.is_nil();
  const Uuid uuid = is_named ? transaction.id.uuid : world_.random.uuid();
  const Epoch read_epoch = transaction.read_epoch;
  CO_TRY(store_.observe(read_epoch));  // Its own epoch comes later.
  CO_TRY_ASSIGN(Parts parts, split(std::move(transaction)));
  if (parts.empty() || (parts.size() == 1 && parts.begin()->first == targets_.index())) {
    vos::Transaction own;
    if (is_named) own.id.uuid = uuid;
    own.read_epoch = read_epoch;
    if (!parts.empty()) {
      own.reads = std::move(parts.begin()->second.reads);
      own.writes = std::move(parts.begin()->second.writes);
    }
    co_return co_await store_.commit_transaction(container, std::move(own), durability, request);
  }
  const auto own = parts.find(targets_.index());
  if (own == parts.end() || own->second.writes.empty()) {
    co_return Status(Code::kInvalidArgument, "a commit over several targets goes to the target of one of its writes");
  }
  CO_TRY_ASSIGN(const std::optional<vos::DecidedTransaction> decided, co_await store_.find_decision(container, uuid));
  if (decided.has_value()) {
    if (decided->is_commit) co_return decided->id.epoch;
    co_return Status(Code::kConflict, "the transaction was aborted; begin again");
  }
  if (active_.contains(uuid) || prepared_.contains(uuid)) {
    co_return Status(Code::kInProgress, "the transaction is being committed");
  }
  active_.insert(uuid);
  const vos::TransactionId id{.uuid = uuid, .epoch = choose_epoch()};
  Result<Epoch> committed = co_await commit_parts(container, id, read_epoch, std::move(parts), request);
  active_.erase(uuid);
  if (prepared_.contains(uuid)) changed_.notify_all();  // It couldn't be decided.
  co_return committed;
}

Task<Result<Epoch>> CommitService::commit_parts(Uuid container, vos::TransactionId id, Epoch read_epoch, Parts parts,
                                                RequestId request) {
  std::vector<Question<wire::TargetPrepareRequest>> preparing;
  std::vector<uint32_t> writers;  // Beside this target.
  for (auto& [target, part] : parts) {
    Question<wire::TargetPrepareRequest>& question = preparing.emplace_back();
    question.target = target;
    question.request.container = container;
    question.request.transaction = id.uuid;
    question.request.epoch = id.epoch;
    question.request.coordinator = targets_.index();
    question.request.read_epoch = read_epoch;
    question.request.reads = std::move(part.reads);
    question.request.writes = std::move(part.writes);
    if (target == targets_.index()) continue;
    if (!question.request.writes.empty()) writers.push_back(target);
    question.data = rpc::data_of(question.request.writes);
  }
  if (MUTATION("only_the_coordinator_prepares", false, true)) {
    std::erase_if(preparing, [this](const auto& question) { return question.target != targets_.index(); });
  }
  const std::vector<Result<wire::EmptyReply>> prepared =
      co_await targets_.ask_each(std::move(preparing), kTargetTimeout, kTargetTimeout / 2);
  if (Status failed = first_error(prepared); !failed.is_ok()) {
    const Status aborted = co_await abort_parts(container, id, std::move(writers));
    if (!aborted.is_ok()) co_return aborted;
    // Nothing was done: whoever asks again may get what it wants.
    if (is_lost(failed)) co_return Status(Code::kUnavailable, std::string(failed.message()) + "; it wasn't done");
    co_return failed;
  }
  // From here on it is committed, if this doesn't fail; if it does, what the store knows decides, when it knows.
  const vos::Remember remember = writers.empty() ? vos::Remember::kAWhile : vos::Remember::kUntilReleased;
  CO_TRY(co_await store_.commit_prepared(container, id, remember, request));
  on_decided(id.uuid);
  if (!writers.empty()) {
    kept_[id.uuid] = {.container = container, .id = id};
    gate_.spawn(tell_commit(container, id, std::move(writers)));
  }
  co_return id.epoch;
}

std::vector<Question<wire::TargetDecideRequest>> CommitService::tellings(Uuid container, vos::TransactionId id,
                                                                         bool is_commit,
                                                                         const std::vector<uint32_t>& others) const {
  std::vector<Question<wire::TargetDecideRequest>> questions(others.size());
  for (size_t i = 0; i < others.size(); ++i) {
    questions[i].target = others[i];
    questions[i].request.container = container;
    questions[i].request.transaction = id.uuid;
    questions[i].request.epoch = id.epoch;
    questions[i].request.is_commit = is_commit;
  }
  return questions;
}

// Here first: then whoever asks is told so too.
Task<Status> CommitService::abort_parts(Uuid container, vos::TransactionId id, std::vector<uint32_t> others) {
  CO_TRY(co_await store_.abort_prepared(container, id));
  on_decided(id.uuid);
  gate_.spawn(tell_abort(container, id, std::move(others)));
  co_return ok();
}

// Those that can't be told will ask.
Task<void> CommitService::tell_abort(Uuid container, vos::TransactionId id, std::vector<uint32_t> others) {
  std::vector<Question<wire::TargetDecideRequest>> questions = tellings(container, id, false, others);
  const auto told = co_await targets_.ask_each(std::move(questions));
  const Status failed = first_error(told);
  if (!failed.is_ok()) log::info("abort_not_told", {{"transaction", id.uuid.to_string()}, {"status", failed}});
}

Task<void> CommitService::tell_commit(Uuid container, vos::TransactionId id, std::vector<uint32_t> others) {
  std::vector<Question<wire::TargetDecideRequest>> questions = tellings(container, id, true, others);
  const auto told = co_await targets_.ask_each(std::move(questions));
  Status done = first_error(told);
  if (done.is_ok()) done = co_await store_.release_decision(container, id.uuid);
  if (done.is_ok() || done.code() == Code::kNotFound) {
    kept_.erase(id.uuid);
    co_return;
  }
  log::info("commit_not_told", {{"transaction", id.uuid.to_string()}, {"status", done}});
  changed_.notify_all();  // Again later.
}

}  // namespace aeon::target
