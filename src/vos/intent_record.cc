#include "intent_record.h"

#include "media/key_block_store.h"
#include "vos/transaction.h"

namespace aeon::vos {

namespace {

constexpr std::byte kIntentVersion{1};
constexpr size_t kIntentHeaderSize = 1 + 8 + 4;  // Version, epoch, size of the participants that follow.
constexpr size_t kRecordHeaderSize = 2 + 2;      // Sizes of key and value.
constexpr size_t kDecisionSize = 16 + 8 + 1;
static_assert(media::kKeySizeMax <= 0xffff && media::kValueSizeMax <= 0xffff);

Status damaged() { return Status(Code::kCorrupt, "a prepared transaction's record is damaged"); }

}  // namespace

Bytes encode_intent(Epoch epoch, ByteView participants, const std::vector<IndexRecord>& records) {
  size_t size = kIntentHeaderSize + participants.size() + 4;
  for (const IndexRecord& record : records) size += kRecordHeaderSize + record.key.size() + record.value.size();
  Bytes out(size);
  std::byte* at = out.data();
  const auto add = [&at](ByteView bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  const auto add_number = [&at](auto number) {
    store_le(at, number);
    at += sizeof number;
  };
  add_number(kIntentVersion);
  add_number(epoch.value);
  add_number(static_cast<uint32_t>(participants.size()));
  add(participants);
  add_number(static_cast<uint32_t>(records.size()));
  for (const IndexRecord& record : records) {
    add_number(static_cast<uint16_t>(record.key.size()));
    add_number(static_cast<uint16_t>(record.value.size()));
    add(record.key);
    add(record.value);
  }
  return out;
}

Result<IntentImage> decode_intent(Bytes encoded) {
  IntentImage image;
  image.encoded = std::move(encoded);
  ByteView left = image.encoded;
  const auto take = [&left](size_t size) {
    const ByteView taken = left.first(size);
    left = left.subspan(size);
    return taken;
  };
  if (left.size() < kIntentHeaderSize || left[0] != kIntentVersion) return damaged();
  ByteView header = take(kIntentHeaderSize);
  image.epoch = Epoch{load_le<uint64_t>(header.data() + 1)};
  const auto participants_size = load_le<uint32_t>(header.data() + 9);
  if (participants_size > kParticipantsSizeMax || left.size() < participants_size + sizeof(uint32_t)) return damaged();
  image.participants = take(participants_size);
  const auto count = load_le<uint32_t>(take(sizeof(uint32_t)).data());
  if (count > left.size() / kRecordHeaderSize) return damaged();
  image.records.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (left.size() < kRecordHeaderSize) return damaged();
    header = take(kRecordHeaderSize);
    const size_t key_size = load_le<uint16_t>(header.data());
    const size_t value_size = load_le<uint16_t>(header.data() + 2);
    const bool fits =
        key_size <= media::kKeySizeMax && value_size <= media::kValueSizeMax && left.size() >= key_size + value_size;
    if (!fits) return damaged();
    const ByteView key = take(key_size);
    image.records.push_back({.key = key, .value = take(value_size)});
  }
  if (!left.empty()) return damaged();
  return image;
}

Bytes encode_decision(const Decision& decision) {
  Bytes out(kDecisionSize);
  std::memcpy(out.data(), decision.transaction.bytes.data(), 16);
  store_le(out.data() + 16, decision.epoch.value);
  out[24] = static_cast<std::byte>(decision.outcome);
  return out;
}

Result<Decision> decode_decision(ByteView encoded) {
  if (encoded.size() != kDecisionSize || encoded[24] < std::byte{1} || encoded[24] > std::byte{4})
    return Status(Code::kCorrupt, "a decided transaction's record is damaged");
  Decision decision;
  std::memcpy(decision.transaction.bytes.data(), encoded.data(), 16);
  decision.epoch = Epoch{load_le<uint64_t>(encoded.data() + 16)};
  decision.outcome = static_cast<Decision::Outcome>(encoded[24]);
  return decision;
}

}  // namespace aeon::vos
