// What a container's transactions need in memory: times of what they read, the undecided ones, and the decisions that
// are remembered. A container that never had a transaction has none of this.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "access_times.h"
#include "intent_record.h"
#include "key_codec.h"
#include "media/key_block_store.h"
#include "vos/transaction.h"

namespace aeon::vos {

// The place of a TransactionRead; its keys must have been checked.
class ReadPlace {
 public:
  ReadPlace(uint32_t container, const TransactionRead& read);
  KeyPlace place() const { return {.object = object_, .dkey = dkey_, .akey = akey_}; }

 private:
  Bytes object_, dkey_, akey_;
};

// An object, dkey or akey that an undecided transaction changes.
struct Guard {
  Bytes prefix;
  size_t dkey_end = 0;
  size_t akey_end = 0;
  KeyPlace place() const {
    const ByteView all = prefix;
    return {.object = all.first(kObjectPrefixSize), .dkey = all.first(dkey_end), .akey = all.first(akey_end)};
  }
};

struct Intent {
  TransactionId id;
  Bytes participants;
  uint32_t piece_count = 0;
  uint64_t headroom_blocks = 0;
  std::vector<Guard> guards;
  // Reserved, so that other writes leave room for its commit.
  std::vector<media::BlockRange> headroom;
};
uint64_t commit_headroom(ByteCount encoded_size, size_t record_count);  // In blocks.
// kCorrupt if a record isn't one that a write makes.
Result<Intent> intent_of(Uuid transaction, const IntentImage& image);

// The undecided transactions. No two of them change the same thing.
class IntentTable {
 public:
  bool empty() const { return intents_.empty(); }
  size_t size() const { return intents_.size(); }
  const Intent* find(Uuid transaction) const;
  // kNoSpace without room for it.
  Status take_headroom(media::KeyBlockStore& media, Uuid transaction);
  void give_back_headroom(media::KeyBlockStore& media, Uuid transaction);
  const std::map<Uuid, Intent>& all() const { return intents_; }
  void add(Intent intent);
  void remove(Uuid transaction);

  // An undecided transaction at or before `epoch` that changes the place, something below it, or punches above it.
  const Intent* in_the_way(const KeyPlace& place, Epoch epoch) const;
  // The oldest of all; kEpochMax without.
  Epoch oldest() const;
  Epoch newest() const;

 private:
  std::map<Uuid, Intent> intents_;
  std::map<Bytes, const Intent*> guards_;
};

// The kDecisionsKept newest decisions, in memory and in the index, and those that are kept until they are released. Of
// older ones only the largest epoch is kept, which fences off what may arrive late; commits that weren't prepared need
// none.
class DecisionLog {
 public:
  const Decision* find(Uuid transaction) const;
  Epoch forgotten_through() const { return forgotten_through_; }
  // Those kept until released, with their places in the index.
  const std::map<Uuid, uint64_t>& kept() const { return kept_; }

  // Puts what add() will remember into a batch; nothing may be added between the two.
  void put_into(media::Batch& batch, uint32_t container, const Decision& decision) const;
  void add(const Decision& decision);
  // The same for making a kept one the newest of the others.
  void put_release_into(media::Batch& batch, uint32_t container, Uuid transaction) const;
  void release(Uuid transaction);

  // From the index, in order.
  Status load(uint64_t sequence, ByteView value);

 private:
  struct Place {
    uint64_t sequence = 0;
    Uuid transaction;
  };
  uint64_t next_sequence_ = 1;  // 0 is the record of forgotten_through.
  std::deque<Place> order_;     // Of those that will be forgotten.
  std::map<Uuid, uint64_t> kept_;
  std::map<Uuid, Decision> decisions_;  // Both.
  Epoch forgotten_through_;

  Epoch forgotten_with_oldest() const;
  Decision released(Uuid transaction) const;
};

struct ContainerTransactions {
  AccessTimes times;
  IntentTable intents;
  DecisionLog decisions;
  media::LogPosition decided_position;  // Of the newest decision, for who mustn't tell what a crash would undo.
};

}  // namespace aeon::vos
