// The data model of DESIGN section 3, as requests speak of it at every layer: keys, values, ranges, writes, fetches.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/units.h"

namespace aeon {

inline constexpr size_t kUserKeySizeMax = 2 * kKiB;       // dkeys and akeys, bytes as the user gave them.
// Data of an extent (or single value) under one CRC32C, from its start: what must be read to verify a part of it.
// Records beyond 1 MiB, which are never cut, have coarser ones, so that what describes them stays small.
inline constexpr ByteCount kChecksumChunk = 4 * kKiB;
inline constexpr ByteCount kCoarseChecksumChunk = 32 * kKiB;
constexpr ByteCount checksum_chunk(ByteCount record_size) {
  return record_size <= kMiB ? kChecksumChunk : kCoarseChecksumChunk;
}
inline constexpr ByteCount kValueBytesMax = 1 * kGiB;     // One extent in one call.

struct Recx {  // A range of records.
  uint64_t index = 0;
  uint64_t count = 0;
  uint64_t end() const { return index + count; }
  friend auto operator<=>(const Recx&, const Recx&) = default;
};

enum class ValueKind : uint8_t { kSingle = 1, kArray = 2 };

// How keys of an object compare, by its type (ObjectId::type(), as in DAOS's public object types).
enum class KeyOrder : uint8_t { kBytes, kUint64 };
KeyOrder dkey_order(ObjectId object);
KeyOrder akey_order(ObjectId object);

// Conditions of a write or fetch, with the values of the DAOS 2.x public flags. They look at what is visible at the
// call's epoch; one that doesn't hold fails the whole call with kExists (insert) or kNotFound (the others).
enum Condition : uint32_t {
  kPunchIfExists = 1u << 0,
  kDkeyInsert = 1u << 1,
  kDkeyUpdate = 1u << 2,
  kDkeyFetch = 1u << 3,
  kAkeyInsert = 1u << 4,
  kAkeyUpdate = 1u << 5,
  kAkeyFetch = 1u << 6,
};

// One akey of an update. `data` is what to store, in the order of `recxs`, in any number of pieces; their sizes add
// up to record_size * (sum of counts), or to record_size for a single value. For an array, record_size 0 punches the
// extents. Checksums: one CRC32C for each checksum_chunk() of each recx's bytes (of the single value's), in order.
struct AkeyUpdate {
  Bytes akey;
  ValueKind kind = ValueKind::kSingle;
  uint64_t record_size = 0;
  std::vector<Recx> recxs;
  std::vector<ByteView> data;        // The caller's memory; must stay until the call ends.
  std::vector<uint32_t> checksums;
  uint32_t conditions = 0;           // kAkeyInsert, kAkeyUpdate for this akey.
};

// A request, by who makes it and the number that they gave it: upwards, and again when it is repeated.
struct RequestId {
  uint64_t client = 0;  // 0: it won't be repeated.
  uint64_t number = 0;
};
// What the answer of one that was done needs, to be given again.
struct DoneRequest {
  Epoch epoch;
  Uuid made;
};

// One change of one object. A write call takes several and applies all or none at one epoch.
struct ObjectWrite {
  enum class Kind : uint8_t { kUpdate = 1, kPunchObject = 2, kPunchDkey = 3, kPunchAkeys = 4 };
  Kind kind = Kind::kUpdate;
  ObjectId object;
  Bytes dkey;                        // Not for kPunchObject.
  std::vector<AkeyUpdate> akeys;     // kUpdate.
  std::vector<Bytes> punched_akeys;  // kPunchAkeys.
  uint32_t conditions = 0;           // Conditions for the dkey and, applied to each, its akeys.
};

// One akey of a fetch. For an array, `recxs` say what to read; `out` takes the bytes in that order, densely: record
// r of recxs[i] is at the same place whether or not records before it are holes. Holes leave `out` as it was.
struct AkeyFetch {
  Bytes akey;
  ValueKind kind = ValueKind::kSingle;
  std::vector<Recx> recxs;
  std::vector<MutableBytes> out;     // The caller's memory. Empty: ask for sizes only.
};

struct FetchedSegment {  // Records that are there; what lies between segments is a hole.
  Recx recx;
  Epoch epoch;                          // Of the write that gave them.
  std::vector<uint32_t> checksums;      // One for each checksum_chunk() of the segment's bytes, from its start.
};

struct FetchedAkey {
  // Size of the single value, or of one record; 0 if there is nothing at all in what was asked for.
  uint64_t record_size = 0;
  std::vector<FetchedSegment> segments;  // In order of the recxs asked for. A single value is recx {0, 1}.
  // With explicit epochs: the newest epoch, up to the read's, that changed the object; so a copy that was read at an
  // epoch from this one on is still good. Zero elsewhere, and without anything in the object.
  Epoch object_changed;
};

inline constexpr size_t kTransactionReadsMax = 64 * 1024;

// What a transaction has read, as coarse as conflicts are told: changes anywhere below what is named count, and punches
// above it.
struct TransactionRead {
  enum class Of : uint8_t {
    kContainer = 1,  // Which objects there are.
    kObject = 2,  // Whether the object exists, which dkeys it has.
    kDkey = 3,  // Whether the dkey exists, which akeys it has.
    kAkey = 4,  // The value, or that there is none.
  };
  Of of = Of::kAkey;
  ObjectId object;
  Bytes dkey;
  Bytes akey;
  friend auto operator<=>(const TransactionRead&, const TransactionRead&) = default;
};

// Where a listing goes on. Opaque to callers; any Anchor continues at the same epoch after restarts too.
struct Anchor {
  Bytes position;
  bool is_end = false;
};

struct ListedRecx {
  Recx recx;
  uint64_t record_size = 0;
  Epoch epoch;
};

enum QueryFlags : uint32_t {  // Values of the DAOS 2.x public header.
  kGetMax = 1,
  kGetMin = 2,
  kGetDkey = 4,
  kGetAkey = 8,
  kGetRecx = 16,
};
struct QueriedKey {
  Bytes dkey;
  Bytes akey;
  Recx recx;
  uint64_t record_size = 0;
};

}  // namespace aeon
