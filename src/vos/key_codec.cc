#include "key_codec.h"

#include <bit>

#include "base/check.h"
#include "media/key_block_store.h"

namespace aeon::vos {

namespace {

void append_u16(Bytes& key, uint16_t value) {
  key.push_back(static_cast<std::byte>(value >> 8));
  key.push_back(static_cast<std::byte>(value));
}
void append_u32(Bytes& key, uint32_t value) {
  key.resize(key.size() + 4);
  store_be32(key.data() + key.size() - 4, value);
}
void append_u64(Bytes& key, uint64_t value) {
  key.resize(key.size() + 8);
  store_be64(key.data() + key.size() - 8, value);
}

// Bytes of any content as bytes that keep their order and end themselves. A run of n zeros becomes 00 and a code that
// says how long the run is and what comes behind it; the codes are in the order of what they stand for:
//   n        (0..126)  the key ends here. An end without zeros is 00 00.
//   128                127 zeros, and the key goes on, perhaps with more of them.
//   255 - n  (1..126)  another byte follows: it is larger than the zero a longer run would have there.
constexpr size_t kZeroRunMax = 127;
constexpr uint8_t kLongRunCode = 128;
constexpr size_t kEscapedSizeMax = kUserKeySizeMax + kUserKeySizeMax / 2 + 2;  // Every other byte a zero.
constexpr size_t kVersionSizeMax = 8 + 9;
static_assert(kObjectPrefixSize + 2 * (1 + kEscapedSizeMax) + 1 + 1 + 8 + kVersionSizeMax <= media::kKeySizeMax,
              "any two keys of users fit into a key of the index");

void append_escaped(Bytes& out, ByteView key) {
  size_t at = 0;
  while (true) {
    size_t run = 0;
    while (at < key.size() && key[at] == std::byte{0} && run < kZeroRunMax) {
      ++run;
      ++at;
    }
    if (run == kZeroRunMax) {
      out.push_back(std::byte{0});
      out.push_back(std::byte{kLongRunCode});
      continue;
    }
    if (at == key.size()) {
      out.push_back(std::byte{0});
      out.push_back(static_cast<std::byte>(run));
      return;
    }
    if (run != 0) {
      out.push_back(std::byte{0});
      out.push_back(static_cast<std::byte>(255 - run));
    }
    const ByteView rest = key.subspan(at);
    const void* const zero = std::memchr(rest.data(), 0, rest.size());
    const size_t size =
        zero == nullptr ? rest.size() : static_cast<size_t>(static_cast<const std::byte*>(zero) - rest.data());
    out.insert(out.end(), rest.begin(), rest.begin() + static_cast<ptrdiff_t>(size));
    at += size;
  }
}

// Reads an escaped key from `at` on, appending what it stands for to `out` if there is one, and moves `at` behind it.
bool read_escaped(ByteView from, size_t& at, Bytes* out) {
  size_t size = 0;
  while (at < from.size()) {
    const size_t begin = at;
    while (at < from.size() && from[at] != std::byte{0}) ++at;
    size += at - begin;
    if (size > kUserKeySizeMax) return false;
    if (out != nullptr) out->insert(out->end(), from.begin() + begin, from.begin() + at);
    if (from.size() - at < 2) return false;  // Nothing ends without a zero and a code.
    const auto code = std::to_integer<uint8_t>(from[at + 1]);
    at += 2;
    if (code == 127) return false;
    const bool ends = code < kZeroRunMax;
    const size_t run = ends ? code : (code == kLongRunCode ? kZeroRunMax : 255u - code);
    if (!ends && run == 0) return false;
    size += run;
    if (size > kUserKeySizeMax) return false;
    if (out != nullptr) out->insert(out->end(), run, std::byte{0});
    if (ends) return size != 0;
    // A code that promises another byte than zero must be kept, or two spellings would mean one key.
    if (code != kLongRunCode && (at == from.size() || from[at] == std::byte{0})) return false;
  }
  return false;
}

bool skip_user_key(ByteView from, size_t& at, KeyOrder order) {
  if (order == KeyOrder::kUint64) {
    if (from.size() - at < 8) return false;
    at += 8;
    return true;
  }
  return read_escaped(from, at, nullptr);
}

bool read_version(ByteView from, size_t& at, Version& version) {
  if (from.size() - at < 9) return false;
  version.epoch = Epoch{~load_be64(from.data() + at)};
  const auto first = static_cast<uint8_t>(~std::to_integer<unsigned>(from[at + 8]));
  at += 9;
  if (first < 0xf8) {
    version.minor = first;
    return true;
  }
  const size_t size = first - 0xf8u + 1;
  if (from.size() - at < size) return false;
  uint64_t minor = 0;
  for (size_t i = 0; i < size; ++i) minor = minor << 8 | static_cast<uint8_t>(~std::to_integer<unsigned>(from[at++]));
  version.minor = minor;
  return minor >= 0xf8 && (size == 1 || minor >> (8 * (size - 1)) != 0);
}

}  // namespace

Bytes store_prefix(StoreRecord kind) {
  Bytes key = container_prefix(kStoreNumber);
  key.push_back(static_cast<std::byte>(kind));
  return key;
}

Bytes container_record_key(Uuid container) {
  Bytes key = store_prefix(StoreRecord::kContainer);
  const auto* bytes = reinterpret_cast<const std::byte*>(container.bytes.data());
  key.insert(key.end(), bytes, bytes + container.bytes.size());
  return key;
}

Bytes container_info_key(uint32_t number) {
  Bytes key = store_prefix(StoreRecord::kContainerInfo);
  append_u32(key, number);
  return key;
}

Bytes snapshot_key(uint32_t number, Epoch epoch) {
  Bytes key = store_prefix(StoreRecord::kSnapshot);
  append_u32(key, number);
  append_u64(key, epoch.value);
  return key;
}

Bytes dying_key(uint32_t number) {
  Bytes key = store_prefix(StoreRecord::kDying);
  append_u32(key, number);
  return key;
}

Bytes space_key(uint32_t number) {
  Bytes key = store_prefix(StoreRecord::kSpace);
  append_u32(key, number);
  return key;
}

Bytes metadata_key(std::string_view name) {
  Bytes key = store_prefix(StoreRecord::kMetadata);
  const ByteView bytes = as_bytes(name);
  key.insert(key.end(), bytes.begin(), bytes.end());
  return key;
}

Bytes intents_prefix(uint32_t number) {
  Bytes key = store_prefix(StoreRecord::kIntent);
  append_u32(key, number);
  return key;
}

Bytes intent_key(uint32_t number, Uuid transaction, uint32_t piece) {
  Bytes key = intents_prefix(number);
  const auto* bytes = reinterpret_cast<const std::byte*>(transaction.bytes.data());
  key.insert(key.end(), bytes, bytes + transaction.bytes.size());
  append_u32(key, piece);
  return key;
}

Bytes decisions_prefix(uint32_t number) {
  Bytes key = store_prefix(StoreRecord::kDecision);
  append_u32(key, number);
  return key;
}

Bytes decision_key(uint32_t number, uint64_t sequence) {
  Bytes key = decisions_prefix(number);
  append_u64(key, sequence);
  return key;
}

Bytes done_requests_prefix(uint64_t client) {
  Bytes key = store_prefix(StoreRecord::kDoneRequest);
  append_u64(key, client);
  return key;
}

Bytes done_request_key(uint64_t client, uint8_t place) {
  Bytes key = done_requests_prefix(client);
  key.push_back(static_cast<std::byte>(place));
  return key;
}

Status check_user_key(std::string_view what, KeyOrder order, ByteView key) {
  if (order == KeyOrder::kUint64) {
    if (key.size() == 8) return ok();
    return Status(Code::kInvalidArgument, std::string(what) + " of " + std::to_string(key.size()) +
                                              " bytes: keys of this object type are 8-byte integers");
  }
  if (key.empty()) return Status(Code::kInvalidArgument, std::string(what) + " is empty");
  if (key.size() > kUserKeySizeMax) {
    return Status(Code::kTooBig, std::string(what) + " of " + std::to_string(key.size()) + " bytes; at most " +
                                     std::to_string(kUserKeySizeMax) + " fit");
  }
  return ok();
}

Bytes container_prefix(uint32_t number) {
  Bytes key;
  key.reserve(32);  // Most go on.
  append_u32(key, number);
  return key;
}

void append_object_prefix(Bytes& out, uint32_t number, ObjectId object) {
  const size_t at = out.size();
  out.resize(at + kObjectPrefixSize);
  store_be32(out.data() + at, number);
  store_be64(out.data() + at + 4, object.hi);
  store_be64(out.data() + at + 12, object.lo);
}

void append_key_prefix(Bytes& out, KeyOrder order, ByteView key) {
  const size_t at = out.size();
  if (order == KeyOrder::kUint64) {
    CHECK(key.size() == 8);
    out.resize(at + 9);
    out[at] = kKeyTag;
    store_be64(out.data() + at + 1, load_le<uint64_t>(key.data()));
  } else if (!key.empty() && std::memchr(key.data(), 0, key.size()) == nullptr) {  // As most keys.
    out.resize(at + 1 + key.size() + 2);  // With the two zeros that end it.
    out[at] = kKeyTag;
    std::memcpy(out.data() + at + 1, key.data(), key.size());
  } else {
    out.push_back(kKeyTag);
    append_escaped(out, key);
  }
}

Bytes object_prefix(uint32_t number, ObjectId object) {
  Bytes key;
  append_object_prefix(key, number, object);
  return key;
}

Bytes key_prefix(ByteView parent, KeyOrder order, ByteView key) {
  Bytes prefix;
  prefix.reserve(parent.size() + key.size() + 48);
  prefix.assign(parent.begin(), parent.end());
  append_key_prefix(prefix, order, key);
  return prefix;
}

Bytes several_shapes_key(ByteView akey) {
  Bytes key = to_bytes(akey);
  key.push_back(kPunchTag);
  return key;
}

Bytes stamp_key(ByteView object, Epoch epoch) {
  Bytes key;
  key.reserve(object.size() + 9);
  key.assign(object.begin(), object.end());
  key.push_back(kStampTag);
  append_epoch(key, epoch);
  return key;
}

void set_container(Bytes& key, uint32_t number) {
  CHECK(key.size() >= kContainerPrefixSize);
  store_be32(key.data(), number);
}

Bytes prefix_end(ByteView prefix) {
  Bytes end = to_bytes(prefix);
  while (!end.empty() && end.back() == std::byte{0xff}) end.pop_back();
  CHECK(!end.empty());  // Container numbers stay below the last one.
  end.back() = static_cast<std::byte>(std::to_integer<unsigned>(end.back()) + 1);
  return end;
}

void append_epoch(Bytes& key, Epoch epoch) { append_u64(key, ~epoch.value); }

void append_tag_and_epoch(Bytes& key, std::byte tag, Epoch epoch) {
  const size_t at = key.size();
  key.resize(at + 9);
  key[at] = tag;
  store_be64(key.data() + at + 1, ~epoch.value);
}

void append_version(Bytes& key, Version version) {
  append_epoch(key, version.epoch);
  if (version.minor < 0xf8) {
    key.push_back(static_cast<std::byte>(~version.minor));
    return;
  }
  const auto size = static_cast<unsigned>((std::bit_width(version.minor) + 7) / 8);
  key.push_back(static_cast<std::byte>(~(0xf8u + size - 1)));
  for (unsigned i = size; i-- > 0;) key.push_back(static_cast<std::byte>(~(version.minor >> (8 * i))));
}

void append_part(Bytes& key, uint16_t part) { append_u16(key, part); }

void append_extent_start(Bytes& key, uint8_t level, uint64_t start) {
  key.push_back(kExtentTag);
  key.push_back(static_cast<std::byte>(level));
  append_u64(key, start);
}

uint8_t extent_level(uint64_t count) {
  CHECK(count != 0);
  return static_cast<uint8_t>(std::bit_width(count - 1));
}

uint64_t first_start_reaching(uint8_t level, uint64_t index) {
  if (level >= 64) return 0;
  const uint64_t reach = (uint64_t{1} << level) - 1;
  return index < reach ? 0 : index - reach;
}

Uuid uuid_of(ByteView bytes) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), bytes.data(), uuid.bytes.size());
  return uuid;
}

ObjectId object_of(ByteView key) {
  CHECK(key.size() >= kObjectPrefixSize);
  return {.hi = load_be64(key.data() + kContainerPrefixSize), .lo = load_be64(key.data() + kContainerPrefixSize + 8)};
}

namespace {

Status foreign_key() { return Status(Code::kCorrupt, "an index key has a form that this store doesn't write"); }

bool read_part(ByteView from, size_t& at, uint16_t& part) {
  if (from.size() - at < 2) return false;
  part = static_cast<uint16_t>(std::to_integer<unsigned>(from[at]) << 8 | std::to_integer<unsigned>(from[at + 1]));
  at += 2;
  return true;
}

bool read_extent_start(ByteView from, size_t& at, uint8_t& level, uint64_t& start) {
  if (from.size() - at < 9) return false;
  level = std::to_integer<uint8_t>(from[at]);
  start = load_be64(from.data() + at + 1);
  at += 9;
  return level <= kExtentLevelMax;
}

}  // namespace

Result<Version> decode_punch_key(ByteView key, size_t prefix_size) {
  size_t at = prefix_size + 1;
  Version version;
  if (key.size() < at || !read_version(key, at, version) || at != key.size()) return foreign_key();
  return version;
}

Result<SingleKey> decode_single_key(ByteView key, size_t akey_prefix_size) {
  size_t at = akey_prefix_size + 1;
  SingleKey single;
  if (key.size() < at || !read_version(key, at, single.version) || !read_part(key, at, single.part) ||
      at != key.size()) {
    return foreign_key();
  }
  return single;
}

Result<ExtentKey> decode_extent_key(ByteView key, size_t akey_prefix_size) {
  size_t at = akey_prefix_size + 1;
  ExtentKey extent;
  if (key.size() < at || !read_extent_start(key, at, extent.level, extent.start) ||
      !read_version(key, at, extent.version) || at != key.size()) {
    return foreign_key();
  }
  return extent;
}

Result<RecordKey> decode_record_key(ByteView key) {
  if (key.size() < kObjectPrefixSize + 1) return foreign_key();
  RecordKey record;
  record.container = load_be32(key.data());
  record.object = object_of(key);
  size_t at = kObjectPrefixSize;
  std::byte tag = key[at++];
  record.kind = RecordKey::Kind::kObjectPunch;
  if (tag == kStampTag) {
    if (key.size() != at + 8) return foreign_key();
    record.kind = RecordKey::Kind::kStamp;
    record.version.epoch = Epoch{~load_be64(key.data() + at)};
    return record;
  }
  if (tag == kKeyTag) {
    if (!skip_user_key(key, at, dkey_order(record.object)) || at == key.size()) return foreign_key();
    record.dkey_end = at;
    tag = key[at++];
    record.kind = RecordKey::Kind::kDkeyPunch;
    if (tag == kKeyTag) {
      if (!skip_user_key(key, at, akey_order(record.object)) || at == key.size()) return foreign_key();
      record.akey_end = at;
      tag = key[at++];
      record.kind = RecordKey::Kind::kAkeyPunch;
      if (tag == kSingleTag) record.kind = RecordKey::Kind::kSingle;
      if (tag == kExtentTag) {
        record.kind = RecordKey::Kind::kExtent;
        if (!read_extent_start(key, at, record.level, record.start)) return foreign_key();
      }
    }
  }
  if (record.kind == RecordKey::Kind::kAkeyPunch && tag == kPunchTag && at == key.size()) {
    record.kind = RecordKey::Kind::kSeveralShapes;
    return record;
  }
  const bool is_value = record.kind == RecordKey::Kind::kSingle || record.kind == RecordKey::Kind::kExtent;
  if (!is_value && tag != kPunchTag) return foreign_key();
  if (!read_version(key, at, record.version)) return foreign_key();
  if (record.kind == RecordKey::Kind::kSingle && !read_part(key, at, record.part)) return foreign_key();
  if (at != key.size()) return foreign_key();
  return record;
}

Result<Bytes> decode_user_key(ByteView key, size_t parent_size, KeyOrder order) {
  const auto foreign = [] {
    return Status(Code::kCorrupt, "an index key doesn't hold a dkey or akey where one is expected");
  };
  if (key.size() <= parent_size || key[parent_size] != kKeyTag) return foreign();
  size_t at = parent_size + 1;
  if (order == KeyOrder::kUint64) {
    if (key.size() - at < 8) return foreign();
    Bytes user(8);
    store_le(user.data(), load_be64(key.data() + at));
    return user;
  }
  Bytes user;
  if (!read_escaped(key, at, &user)) return foreign();
  return user;
}

std::string printable_key(ByteView key) {
  constexpr size_t kShownMax = 48;
  const ByteView shown = key.first(key.size() < kShownMax ? key.size() : kShownMax);
  bool printable = true;
  for (const std::byte b : shown) {
    const auto c = std::to_integer<unsigned>(b);
    printable = printable && c >= 0x20 && c < 0x7f && c != '\'';
  }
  std::string text;
  if (printable) {
    text = "'" + std::string(as_text(shown)) + "'";
  } else {
    constexpr char kDigits[] = "0123456789abcdef";
    text = "0x";
    for (const std::byte b : shown) {
      text += kDigits[std::to_integer<unsigned>(b) >> 4];
      text += kDigits[std::to_integer<unsigned>(b) & 15];
    }
  }
  if (shown.size() < key.size()) text += "… (" + std::to_string(key.size()) + " bytes)";
  return text;
}

std::string describe_record_key(ByteView key) {
  const Result<RecordKey> decoded = decode_record_key(key);
  if (!decoded) return "index key " + printable_key(key);
  std::string text =
      "container number " + std::to_string(decoded->container) + " object " + decoded->object.to_string();
  if (decoded->dkey_end != 0) {
    const Result<Bytes> dkey = decode_user_key(key, kObjectPrefixSize, dkey_order(decoded->object));
    if (dkey) text += " dkey " + printable_key(*dkey);
  }
  if (decoded->akey_end != 0) {
    const Result<Bytes> akey = decode_user_key(key, decoded->dkey_end, akey_order(decoded->object));
    if (akey) text += " akey " + printable_key(*akey);
  }
  switch (decoded->kind) {
    case RecordKey::Kind::kSingle: text += " single value part " + std::to_string(decoded->part); break;
    case RecordKey::Kind::kExtent: text += " extent from record " + std::to_string(decoded->start); break;
    case RecordKey::Kind::kSeveralShapes: return text + " mark of several shapes";
    case RecordKey::Kind::kStamp: text += " stamp"; break;
    default: text += " punch"; break;
  }
  return text + " epoch " + std::to_string(decoded->version.epoch.value);
}

}  // namespace aeon::vos
