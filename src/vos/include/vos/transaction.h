// Transactions on one store, and the hooks of a two-phase commit over several: what Store's calls speak of.
// docs/design/transactions.md says why they are as they are.
#pragma once

#include <vector>

#include "base/data_model.h"

namespace aeon::vos {

inline constexpr ByteCount kParticipantsSizeMax = 4 * kKiB;
// Of one container: prepared and not decided, and decided and to be remembered until released.
inline constexpr size_t kUndecidedMax = 1024;
inline constexpr size_t kDecisionsKept = 1024;  // Of one container: the newest of the others.

// Whether a read is to stay as it is for its reader's transaction: nothing that it saw or missed changes at or before
// its epoch any more.
enum class ReadIntent : uint8_t { kPlain, kTransaction };

// Named by whoever runs it. The epoch is that of its writes.
struct TransactionId {
  Uuid uuid;
  Epoch epoch;
  friend auto operator<=>(const TransactionId&, const TransactionId&) = default;
};

// For how long a decision is remembered: while it is among the newest, or until release_decision() says that nobody
// will ask for it any more.
enum class Remember : uint8_t { kAWhile, kUntilReleased };

struct DecidedTransaction {
  TransactionId id;
  bool is_commit = false;
};

struct Transaction {
  TransactionId id;
  Epoch read_epoch;                    // Of all its reads: what begin_transaction() gave.
  std::vector<TransactionRead> reads;  // Each was made with ReadIntent::kTransaction.
  std::vector<ObjectWrite> writes;
};

struct UndecidedTransaction {
  TransactionId id;
  Bytes participants;  // As prepare() was given them.
};

}  // namespace aeon::vos
