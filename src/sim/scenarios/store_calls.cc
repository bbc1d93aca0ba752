#include "store_calls.h"

#include "base/crc32c.h"

namespace aeon {

namespace {

std::vector<uint32_t> checksums_of(ByteView data) {
  std::vector<uint32_t> checksums;
  for (size_t at = 0; at < data.size(); at += kChecksumChunk) {
    checksums.push_back(crc32c(data.subspan(at, std::min<size_t>(kChecksumChunk, data.size() - at))));
  }
  return checksums;
}

ObjectWrite to_write(const Change& change) {
  ObjectWrite write;
  write.object = kDataObject;
  if (change.kind == Change::Kind::kPunchObject) {
    write.kind = ObjectWrite::Kind::kPunchObject;
    return write;
  }
  write.dkey = dkey_name(change.dkey);
  if (change.kind == Change::Kind::kPunchDkey) {
    write.kind = ObjectWrite::Kind::kPunchDkey;
    return write;
  }
  if (change.kind == Change::Kind::kPunchArray) {
    write.kind = ObjectWrite::Kind::kPunchAkeys;
    write.punched_akeys.push_back(kArrayAkey);
    return write;
  }
  AkeyUpdate& update = write.akeys.emplace_back();
  const bool is_array = change.kind == Change::Kind::kExtent || change.kind == Change::Kind::kPunchExtent;
  update.akey = is_array ? kArrayAkey : kSingleAkey;
  if (is_array) {
    update.kind = ValueKind::kArray;
    update.recxs.push_back(change.recx);
    update.record_size = change.data.empty() ? 0 : kRecordSize;
  } else {
    update.record_size = change.data.size();
  }
  if (!change.data.empty()) {
    update.data.push_back(change.data);
    update.checksums = checksums_of(change.data);
  }
  return write;
}

}  // namespace

Bytes dkey_name(uint64_t dkey) { return to_bytes("dkey " + std::to_string(dkey)); }

std::vector<ObjectWrite> to_writes(const std::vector<Change>& changes, ByteView number) {
  std::vector<ObjectWrite> writes;
  for (const Change& change : changes) writes.push_back(to_write(change));
  ObjectWrite& count = writes.emplace_back();
  count.object = kCountObject;
  count.dkey = kNumberKey;
  AkeyUpdate& update = count.akeys.emplace_back();
  update.akey = kNumberKey;
  update.record_size = number.size();
  update.data.push_back(number);
  return writes;
}

Task<Found> fetch_dkey(vos::Store* store, Uuid container, ObjectId object, Bytes dkey, Bytes single_akey, Epoch epoch) {
  Found found;
  Bytes single(kSingleSizeMax);
  std::vector<AkeyFetch> akeys(2);
  akeys[0].akey = std::move(single_akey);
  akeys[0].out.push_back(single);
  akeys[1].akey = kArrayAkey;
  akeys[1].kind = ValueKind::kArray;
  akeys[1].recxs.push_back({0, kRecordCount});
  akeys[1].out.push_back(found.state.array);
  const Result<std::vector<FetchedAkey>> fetched =
      co_await store->fetch(container, object, std::move(dkey), std::move(akeys), 0, epoch);
  if (!fetched.is_ok()) {
    found.status = fetched.status();
    co_return found;
  }
  const Status damaged(Code::kCorrupt, "the checksum isn't that of the data");
  const FetchedAkey& value = fetched->at(0);
  if (value.record_size != 0) {
    single.resize(value.record_size);
    found.state.single = std::move(single);
    const FetchedSegment& segment = value.segments.at(0);
    found.epoch = segment.epoch;
    if (segment.checksums != checksums_of(found.state.single)) found.status = damaged;
  }
  for (const FetchedSegment& segment : fetched->at(1).segments) {
    const auto bytes =
        ByteView(found.state.array).subspan(segment.recx.index * kRecordSize, segment.recx.count * kRecordSize);
    if (segment.checksums != checksums_of(bytes)) found.status = damaged;
    for (uint64_t i = segment.recx.index; i < segment.recx.end(); ++i) found.state.is_present[i] = true;
  }
  co_return found;
}

}  // namespace aeon
