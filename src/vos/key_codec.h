// The keys of the index: how (container, object, dkey, akey, what, version) become bytes whose order as bytes is the
// order in which everything is looked up. docs/design/versioned-objects.md has the layout.
//
// A *prefix* names a container, object, dkey or akey, and all records below it start with it. No prefix is the start
// of another one of its level, so prefix_end() skips exactly what is below.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"
#include "vos/types.h"

namespace aeon::vos {

// When a record was written: its epoch, and among records of one epoch the later call (within a call, the later
// operation) has the larger minor. A record is hidden by what is newer, whatever its level.
struct Version {
  Epoch epoch;
  uint64_t minor = 0;
  friend auto operator<=>(const Version&, const Version&) = default;
};

inline constexpr uint32_t kStoreNumber = 0;  // In place of a container's number: the store's own records.

enum class StoreRecord : uint8_t {
  kInfo = 1,           // One.
  kContainer = 2,      // + uuid.
  kContainerInfo = 3,  // + number.
  kSnapshot = 4,       // + number, epoch.
  kDying = 5,          // + number: a destroyed container whose records are being erased.
  kMetadata = 6,       // + name.
  kIntent = 7,         // + number, uuid of a prepared transaction, piece.
  kDecision = 8,  // + number, sequence: how a transaction was decided. Sequence 0: the epoch of those forgotten.
  kDoneRequest = 9,  // + client, place: a request that the client may make again.
  kSpace = 16,         // + number: counters of what the container's records take.
};

Bytes store_prefix(StoreRecord kind);
Bytes container_record_key(Uuid container);
Bytes container_info_key(uint32_t number);
Bytes snapshot_key(uint32_t number, Epoch epoch);
Bytes dying_key(uint32_t number);
Bytes space_key(uint32_t number);
Bytes metadata_key(std::string_view name);
Bytes intents_prefix(uint32_t number);  // Of all of a container's.
Bytes intent_key(uint32_t number, Uuid transaction, uint32_t piece);
Bytes decisions_prefix(uint32_t number);
Bytes decision_key(uint32_t number, uint64_t sequence);
Bytes done_requests_prefix(uint64_t client);  // Of all of a client's.
Bytes done_request_key(uint64_t client, uint8_t place);

// Prefixes. A key of the user must have been checked before.
Status check_user_key(std::string_view what, KeyOrder order, ByteView key);
Bytes container_prefix(uint32_t number);
Bytes object_prefix(uint32_t number, ObjectId object);
Bytes key_prefix(ByteView parent, KeyOrder order, ByteView key);  // Of a dkey below an object, or an akey below a dkey.
// The same behind what is there.
void append_object_prefix(Bytes& out, uint32_t number, ObjectId object);
void append_key_prefix(Bytes& out, KeyOrder order, ByteView key);

// The mark of an akey that held values of several shapes. It is before everything else of the akey.
Bytes several_shapes_key(ByteView akey);

// What sorts right behind everything that starts with `prefix`.
Bytes prefix_end(ByteView prefix);

// Tags that follow a prefix.
inline constexpr std::byte kPunchTag{0x00};  // object, dkey, akey: + version.
inline constexpr std::byte kKeyTag{0x01};  // object, dkey: + key.
inline constexpr std::byte kStampTag{0x02};  // object: + epoch.
inline constexpr std::byte kSingleTag{0x01};  // akey: + version, part.
inline constexpr std::byte kExtentTag{0x02};  // akey: + level, start, version.

// The stamp of an object in a container with explicit epochs: something of it changed at `epoch`. Behind everything
// else of the object, newest first.
Bytes stamp_key(ByteView object, Epoch epoch);

// The same place in another container: what starts with a container's prefix gets another number.
void set_container(Bytes& key, uint32_t number);

// Appends to a key being built.
void append_version(Bytes& key, Version version);
void append_epoch(Bytes& key, Epoch epoch);  // Sorts before all versions at or before it, behind all newer ones.
void append_tag_and_epoch(Bytes& key, std::byte tag, Epoch epoch);
void append_part(Bytes& key, uint16_t part);
void append_extent_start(Bytes& key, uint8_t level, uint64_t start);  // With its tag.

// Extents are grouped by size so that those that overlap a range are found by their start: an extent at level L has
// at most 2^L records, and more than half of that.
inline constexpr uint8_t kExtentLevelMax = 64;
uint8_t extent_level(uint64_t count);
// The smallest start of an extent at `level` that reaches beyond `index`.
uint64_t first_start_reaching(uint8_t level, uint64_t index);

// A key of an object's record, taken apart.
struct RecordKey {
  enum class Kind : uint8_t { kObjectPunch, kDkeyPunch, kAkeyPunch, kSingle, kExtent, kSeveralShapes, kStamp };
  Kind kind = Kind::kObjectPunch;
  uint32_t container = 0;
  ObjectId object;
  size_t dkey_end = 0;  // Lengths of the prefixes within the key; 0 if it has none.
  size_t akey_end = 0;
  uint8_t level = 0;  // kExtent.
  uint64_t start = 0;  // kExtent.
  uint16_t part = 0;  // kSingle.
  Version version;  // Not of kSeveralShapes; of kStamp only the epoch.
};
inline constexpr size_t kContainerPrefixSize = 4;
inline constexpr size_t kObjectPrefixSize = kContainerPrefixSize + 16;

// The same for a key known to start with a prefix of that size and the right tag.
struct ExtentKey {
  uint8_t level = 0;
  uint64_t start = 0;
  Version version;
};
struct SingleKey {
  Version version;
  uint16_t part = 0;
};
Result<Version> decode_punch_key(ByteView key, size_t prefix_size);
Result<SingleKey> decode_single_key(ByteView key, size_t akey_prefix_size);
Result<ExtentKey> decode_extent_key(ByteView key, size_t akey_prefix_size);

inline bool starts_with(ByteView key, ByteView prefix) {
  return key.size() >= prefix.size() && equal_bytes(key.first(prefix.size()), prefix);
}
inline bool starts_with(ByteView key, ByteView prefix, std::byte tag) {
  return key.size() > prefix.size() && key[prefix.size()] == tag && starts_with(key, prefix);
}

// kCorrupt for what no store of ours writes.
Result<RecordKey> decode_record_key(ByteView key);
// From the first 16 bytes.
Uuid uuid_of(ByteView bytes);
// The object of a key at least as long as an object's prefix.
ObjectId object_of(ByteView key);
// The key of the user behind `parent_size` bytes and a kKeyTag.
Result<Bytes> decode_user_key(ByteView key, size_t parent_size, KeyOrder order);

// "container 7 object 1.2 dkey 'a' akey 0x00ff extent [4, 8) epoch 12", for messages about damage.
std::string describe_record_key(ByteView key);
// A key for messages: quoted if printable, else in hexadecimal; long ones are cut.
std::string printable_key(ByteView key);

}  // namespace aeon::vos
