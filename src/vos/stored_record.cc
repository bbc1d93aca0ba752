#include "stored_record.h"

#include "done_requests.h"
#include "intent_record.h"
#include "key_codec.h"
#include "space_accounting.h"
#include "value_record.h"

namespace aeon::vos {

namespace {

StoredRecord::Kind kind_of(RecordKey::Kind kind, bool is_punch) {
  switch (kind) {
    case RecordKey::Kind::kObjectPunch: return StoredRecord::Kind::kObjectPunch;
    case RecordKey::Kind::kDkeyPunch: return StoredRecord::Kind::kDkeyPunch;
    case RecordKey::Kind::kAkeyPunch: return StoredRecord::Kind::kAkeyPunch;
    case RecordKey::Kind::kSeveralShapes: return StoredRecord::Kind::kSeveralShapes;
    case RecordKey::Kind::kStamp: return StoredRecord::Kind::kStamp;
    case RecordKey::Kind::kSingle: return is_punch ? StoredRecord::Kind::kSinglePunch : StoredRecord::Kind::kSingle;
    case RecordKey::Kind::kExtent: return is_punch ? StoredRecord::Kind::kExtentPunch : StoredRecord::Kind::kExtent;
  }
  return StoredRecord::Kind::kForeign;
}

void take_value_apart(ByteView value, bool is_extent, uint64_t start, StoredRecord& record) {
  const Result<ValueRecord> decoded = decode_value(value);
  if (!decoded.is_ok()) {
    record.status = decoded.status();
    return;
  }
  const bool says_extent =
      decoded->kind == ValueRecord::Kind::kExtent || decoded->kind == ValueRecord::Kind::kExtentPunch;
  if (says_extent != is_extent) {
    record.status = Status(Code::kCorrupt, "a value record of another kind than its key says");
    return;
  }
  if (decoded->is_punch()) record.kind = kind_of(is_extent ? RecordKey::Kind::kExtent : RecordKey::Kind::kSingle, true);
  record.record_size = decoded->record_size;
  if (is_extent) record.recx = {start, decoded->count};
  record.bytes = decoded->bytes();
  record.chunk = decoded->chunk;
  record.checksums = decoded->checksums;
  record.inline_bytes = to_bytes(decoded->inline_bytes);
  record.blocks = decoded->blocks;
}

constexpr size_t kIntentKeyRest = 4 + 16 + 4;  // Container, transaction, piece.
constexpr size_t kDecisionKeyRest = 4 + 8;  // Container, sequence.
constexpr size_t kDoneRequestKeyRest = 8 + 1;  // Client, place.

std::string store_record_text(ByteView key) {
  if (key.size() <= kContainerPrefixSize) return "index key " + printable_key(key);
  const auto kind = static_cast<StoreRecord>(key[kContainerPrefixSize]);
  const ByteView rest = key.subspan(kContainerPrefixSize + 1);
  switch (kind) {
    case StoreRecord::kInfo:
      if (rest.empty()) return "info of the store";
      break;
    case StoreRecord::kContainer:
      if (rest.size() == sizeof(Uuid::bytes)) {
        return "container " + uuid_of(rest).to_string();
      }
      break;
    case StoreRecord::kContainerInfo:
      if (rest.size() == 4) return "info of container number " + std::to_string(load_be32(rest.data()));
      break;
    case StoreRecord::kSnapshot:
      if (rest.size() == 12) {
        return "snapshot of container number " + std::to_string(load_be32(rest.data())) + " at epoch " +
               std::to_string(load_be64(rest.data() + 4));
      }
      break;
    case StoreRecord::kDying:
      if (rest.size() == 4) return "mark of destroyed container number " + std::to_string(load_be32(rest.data()));
      break;
    case StoreRecord::kMetadata: return "metadata " + printable_key(rest);
    case StoreRecord::kIntent:
      if (rest.size() == kIntentKeyRest) {
        return "prepared transaction " + uuid_of(rest.subspan(4)).to_string() + " of container number " +
               std::to_string(load_be32(rest.data())) + ", piece " + std::to_string(load_be32(rest.data() + 20));
      }
      break;
    case StoreRecord::kDecision:
      if (rest.size() == kDecisionKeyRest) {
        const uint64_t sequence = load_be64(rest.data() + 4);
        return (sequence == 0 ? "epoch of forgotten decisions" : "decision " + std::to_string(sequence)) +
               " of container number " + std::to_string(load_be32(rest.data()));
      }
      break;
    case StoreRecord::kDoneRequest:
      if (rest.size() == kDoneRequestKeyRest) {
        return "remembered request " + std::to_string(std::to_integer<unsigned>(rest[8])) + " of client " +
               std::to_string(load_be64(rest.data()));
      }
      break;
    case StoreRecord::kSpace:
      if (rest.size() == 4) return "space of container number " + std::to_string(load_be32(rest.data()));
      break;
    default: break;  // Shown as bytes.
  }
  return "index key " + printable_key(key);
}

}  // namespace

std::string describe_index_key(ByteView key) {
  if (key.empty()) return "the first";
  if (key.size() < kContainerPrefixSize) return "index key " + printable_key(key);
  const uint32_t number = load_be32(key.data());
  if (number == kStoreNumber) return store_record_text(key);
  if (decode_record_key(key).is_ok()) return describe_record_key(key);
  // Pages are told apart by keys that are cut short.
  std::string text = "container number " + std::to_string(number);
  if (key.size() < kObjectPrefixSize) return text;
  const ObjectId object = object_of(key);
  text += " object " + object.to_string();
  const Result<Bytes> dkey = decode_user_key(key, kObjectPrefixSize, dkey_order(object));
  if (dkey.is_ok()) return text + " dkey " + printable_key(*dkey);
  if (key.size() > kObjectPrefixSize + 1) {
    const ByteView rest = key.subspan(kObjectPrefixSize + 1);
    text += " dkeys from about " + printable_key(rest);
  }
  return text;
}

std::string describe_index_value(ByteView key, ByteView value) {
  if (key.size() <= kContainerPrefixSize || load_be32(key.data()) != kStoreNumber) return "";
  switch (static_cast<StoreRecord>(key[kContainerPrefixSize])) {
    case StoreRecord::kIntent: {
      const bool is_first = key.size() >= 4 && load_be32(key.data() + key.size() - 4) == 0;
      const Result<IntentImage> image = decode_intent(to_bytes(value));
      if (!is_first || !image.is_ok()) return std::to_string(value.size()) + " bytes of it";
      return "epoch " + std::to_string(image->epoch.value) + ", " + std::to_string(image->records.size()) +
             " records, " + std::to_string(image->participants.size()) + " bytes about its participants";
    }
    case StoreRecord::kDecision: {
      if (value.size() == 8) return "epoch " + std::to_string(load_le<uint64_t>(value.data()));
      const Result<Decision> decision = decode_decision(value);
      if (!decision.is_ok()) return "";
      return "transaction " + decision->transaction.to_string() + (decision->is_commit() ? " committed" : " aborted") +
             " at epoch " + std::to_string(decision->epoch.value) +
             (decision->is_kept() ? ", kept until released" : "");
    }
    case StoreRecord::kDoneRequest: {
      const Result<DoneRecord> record = decode_done_record(value);
      if (!record.is_ok()) return "";
      const DoneRequest& done = record->done;
      return "number " + std::to_string(record->number) +
             (done.epoch == kEpochZero ? "" : " at epoch " + std::to_string(done.epoch.value)) +
             (done.made.is_nil() ? "" : " made " + done.made.to_string());
    }
    case StoreRecord::kSpace: {
      const Result<SpaceUse> use = decode_space(value);
      if (!use.is_ok()) return "";
      return std::to_string(use->records) + " records, " + std::to_string(use->index_bytes) + " bytes in the index, " +
             std::to_string(use->value_bytes) + " bytes of values, " + std::to_string(use->block_bytes) +
             " bytes in blocks";
    }
    default: return "";
  }
}

StoredRecord take_apart(ByteView key, ByteView value) {
  StoredRecord record;
  record.key = to_bytes(key);
  record.index_bytes = key.size() + value.size();
  if (key.size() >= kContainerPrefixSize) record.container = load_be32(key.data());
  const Result<RecordKey> decoded = decode_record_key(key);
  if (!decoded.is_ok()) {
    record.status = decoded.status();
    return record;
  }
  record.has_object = true;
  record.object = decoded->object;
  record.kind = kind_of(decoded->kind, false);
  record.epoch = decoded->version.epoch;
  record.minor = decoded->version.minor;
  record.part = decoded->part;
  if (decoded->dkey_end != 0) {
    const Result<Bytes> dkey = decode_user_key(key, kObjectPrefixSize, dkey_order(record.object));
    if (dkey.is_ok()) record.dkey = *dkey;
  }
  if (decoded->akey_end != 0) {
    const Result<Bytes> akey = decode_user_key(key, decoded->dkey_end, akey_order(record.object));
    if (akey.is_ok()) record.akey = *akey;
  }
  const bool is_extent = decoded->kind == RecordKey::Kind::kExtent;
  if (is_extent) record.recx.index = decoded->start;
  if (is_extent || decoded->kind == RecordKey::Kind::kSingle)
    take_value_apart(value, is_extent, decoded->start, record);
  return record;
}

DamagedPlace place_of(const StoredRecord& record) {
  DamagedPlace place;
  place.what = record.status.is_ok() ? DamagedPlace::What::kValue : DamagedPlace::What::kRecord;
  place.status = record.status;
  place.container_number = record.container;
  place.has_object = record.has_object;
  place.object = record.object;
  place.dkey = record.dkey;
  place.akey = record.akey;
  place.kind = record.kind == StoredRecord::Kind::kExtent ? ValueKind::kArray : ValueKind::kSingle;
  place.recx = record.recx;
  place.epoch = record.epoch;
  place.place = record.blocks.empty() ? "in the index" : "blocks from " + std::to_string(record.blocks.front().first);
  return place;
}

DamagedPlace place_of_page(std::string place, const Status& status, ByteView first_key, ByteView end_key) {
  DamagedPlace damage;
  damage.what = DamagedPlace::What::kPage;
  damage.place = std::move(place);
  damage.status = status;
  damage.first_hidden = describe_index_key(first_key);
  damage.end_hidden = end_key.empty() ? "the last" : describe_index_key(end_key);
  return damage;
}

}  // namespace aeon::vos
