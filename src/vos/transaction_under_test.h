// Transactions in the one container of a TestStore.
#pragma once

#include "store_under_test.h"

#define EXPECT_CODE(code_, expression)                         \
  do {                                                         \
    const Status status_ = status_of(expression);              \
    EXPECT_EQ(status_.code(), (code_)) << status_.to_string(); \
  } while (false)

namespace aeon::vos {

inline TransactionRead value_read(ObjectId object, Bytes dkey, Bytes akey) {
  return {.of = TransactionRead::Of::kAkey, .object = object, .dkey = std::move(dkey), .akey = std::move(akey)};
}
inline TransactionRead dkey_read(ObjectId object, Bytes dkey) {
  return {.of = TransactionRead::Of::kDkey, .object = object, .dkey = std::move(dkey), .akey = {}};
}
inline TransactionRead object_read(ObjectId object) {
  return {.of = TransactionRead::Of::kObject, .object = object, .dkey = {}, .akey = {}};
}
inline TransactionRead container_read() {
  return {.of = TransactionRead::Of::kContainer, .object = {}, .dkey = {}, .akey = {}};
}

inline ObjectWrite value_write(ObjectId object, Bytes dkey, Bytes akey, ByteView value) {
  ObjectWrite write;
  write.object = object;
  write.dkey = std::move(dkey);
  write.akeys.push_back(TestStore::single(std::move(akey), value));
  return write;
}
inline ObjectWrite punch_write(ObjectWrite::Kind kind, ObjectId object, Bytes dkey = {}, Bytes akey = {}) {
  ObjectWrite write;
  write.kind = kind;
  write.object = object;
  write.dkey = std::move(dkey);
  if (kind == ObjectWrite::Kind::kPunchAkeys) write.punched_akeys.push_back(std::move(akey));
  return write;
}

// One that collects what it reads, as a client does.
class TestTransaction {
 public:
  explicit TestTransaction(TestStore& target, uint64_t number = 1) : target_(target) {
    transaction_.id.uuid = Uuid::from_random(number, 77);
    begin();
  }
  void begin() {
    const auto begun = target_.run(target_.store().begin_transaction(target_.container()));
    if (!begun) throw SimFailure("a transaction didn't begin: " + begun.status().to_string());
    begin_at(*begun);
  }
  // At the epoch that another store gave.
  void begin_at(Epoch epoch) {
    transaction_.read_epoch = epoch;
    transaction_.reads.clear();
    transaction_.writes.clear();
  }

  Result<Bytes> get(ObjectId object, Bytes dkey, Bytes akey) {
    Bytes out(256);
    AkeyFetch fetch;
    fetch.akey = akey;
    fetch.out.push_back(out);
    std::vector<AkeyFetch> fetches{fetch};
    auto fetched = target_.run(
        target_.store().fetch(target_.container(), object, dkey, fetches, 0, read_epoch(), ReadIntent::kTransaction));
    if (!fetched) return fetched.status();
    transaction_.reads.push_back(value_read(object, dkey, akey));
    out.resize(fetched->front().record_size);
    return out;
  }
  Result<std::vector<Bytes>> dkeys(ObjectId object) {
    auto page = target_.run(
        target_.store().list_dkeys(target_.container(), object, read_epoch(), {}, {}, ReadIntent::kTransaction));
    if (!page) return page.status();
    transaction_.reads.push_back(object_read(object));
    return page->keys;
  }
  Result<std::vector<Bytes>> akeys(ObjectId object, Bytes dkey) {
    auto page = target_.run(
        target_.store().list_akeys(target_.container(), object, dkey, read_epoch(), {}, {}, ReadIntent::kTransaction));
    if (!page) return page.status();
    transaction_.reads.push_back(dkey_read(object, dkey));
    return page->keys;
  }
  Result<std::vector<ObjectId>> objects() {
    auto page =
        target_.run(target_.store().list_objects(target_.container(), read_epoch(), {}, {}, ReadIntent::kTransaction));
    if (!page) return page.status();
    transaction_.reads.push_back(container_read());
    return page->objects;
  }
  void write(ObjectWrite write) { transaction_.writes.push_back(std::move(write)); }

  Result<Epoch> commit(Durability durability = Durability::kSync) {
    return target_.run(target_.store().commit_transaction(target_.container(), transaction_, durability));
  }
  Status prepare(Epoch epoch = kEpochZero, ByteView participants = {}) {
    transaction_.id.epoch = epoch == kEpochZero ? target_.store().next_epoch() : epoch;
    return target_.run(target_.store().prepare(target_.container(), transaction_, to_bytes(participants)));
  }
  Status commit_prepared(Remember remember = Remember::kAWhile) {
    return target_.run(target_.store().commit_prepared(target_.container(), transaction_.id, remember));
  }
  Status abort_prepared() { return target_.run(target_.store().abort_prepared(target_.container(), transaction_.id)); }

  Epoch read_epoch() const { return transaction_.read_epoch; }
  TransactionId id() const { return transaction_.id; }
  Transaction& transaction() { return transaction_; }

 private:
  TestStore& target_;
  Transaction transaction_;
};

inline std::vector<UndecidedTransaction> undecided(TestStore& target) {
  auto listed = target.run(target.store().list_undecided(target.container()));
  if (!listed) throw SimFailure("undecided transactions can't be listed: " + listed.status().to_string());
  return *listed;
}

inline std::vector<TransactionId> kept_decisions(TestStore& target) {
  auto listed = target.run(target.store().list_kept_decisions(target.container()));
  if (!listed) throw SimFailure("kept decisions can't be listed: " + listed.status().to_string());
  return *listed;
}

// Nothing, "committed" or "aborted".
inline std::string decision_of(TestStore& target, Uuid transaction) {
  const auto found = target.run(target.store().find_decision(target.container(), transaction));
  if (!found) throw SimFailure("a decision can't be looked up: " + found.status().to_string());
  if (!found->has_value()) return "";
  EXPECT_EQ((*found)->id.uuid, transaction);
  return (*found)->is_commit ? "committed" : "aborted";
}

// An epoch as a store gives it whose clock is ahead, by less than one may be, but so far that nothing here has come
// near it.
inline Epoch epoch_of_another(TestStore& target) {
  constexpr uint64_t kAhead = 5ull * 16 * 1000 * 1000 * 1000;
  return Epoch{target.store().next_epoch().value + kAhead};
}

}  // namespace aeon::vos
