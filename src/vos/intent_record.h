// How a prepared transaction is stored until it is decided, and how decisions are remembered.
//
// An intent is the records that committing will put, with their keys and versions, so that a commit only copies them.
// It is one run of bytes, cut into as many values of the index as it takes.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::vos {

struct IndexRecord {
  Bytes key;
  Bytes value;
};

struct IntentImage {
  struct Record {
    ByteView key;
    ByteView value;
  };
  Bytes encoded;  // What the views point into.
  Epoch epoch;
  ByteView participants;
  std::vector<Record> records;
};

Bytes encode_intent(Epoch epoch, ByteView participants, const std::vector<IndexRecord>& records);
// kCorrupt for anything encode_intent doesn't write.
Result<IntentImage> decode_intent(Bytes encoded);

struct Decision {
  enum class Outcome : uint8_t {
    kCommitted = 1,
    kAborted = 2,
    kCommittedAlone = 3,  // Without having been prepared.
    kCommittedKept = 4,   // Until it is released.
  };
  Uuid transaction;
  Epoch epoch;
  Outcome outcome = Outcome::kAborted;
  bool is_commit() const { return outcome != Outcome::kAborted; }
  bool is_kept() const { return outcome == Outcome::kCommittedKept; }
};
Bytes encode_decision(const Decision& decision);
Result<Decision> decode_decision(ByteView encoded);

}  // namespace aeon::vos
