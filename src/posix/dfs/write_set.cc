#include "write_set.h"

#include <algorithm>

#include "records.h"

namespace aeon::dfs {

namespace {

Bytes integer_key(uint64_t number) {
  Bytes key(sizeof number);
  store_le(key.data(), number);
  return key;
}

}  // namespace

Bytes chunk_dkey(uint64_t chunk) { return integer_key(chunk + 1); }
Bytes marker_dkey() { return integer_key(0); }

void WriteSet::update(ObjectId object, ByteView dkey, std::string_view akey, Bytes value, uint32_t dkey_conditions,
                      uint32_t akey_conditions) {
  const bool goes_on = !writes_.empty() && writes_.back().kind == ObjectWrite::Kind::kUpdate &&
                       writes_.back().object == object && equal_bytes(writes_.back().dkey, dkey) &&
                       writes_.back().conditions == dkey_conditions;
  if (!goes_on) {
    ObjectWrite& write = writes_.emplace_back();
    write.object = object;
    write.dkey = to_bytes(dkey);
    write.conditions = dkey_conditions;
  }
  const Bytes& kept = values_.emplace_back(std::move(value));
  AkeyUpdate& update = writes_.back().akeys.emplace_back();
  update.akey = to_bytes(akey);
  update.record_size = kept.size();
  update.data.emplace_back(kept);
  update.conditions = akey_conditions;
}

void WriteSet::punch_object(ObjectId object) {
  ObjectWrite& write = writes_.emplace_back();
  write.kind = ObjectWrite::Kind::kPunchObject;
  write.object = object;
}

void WriteSet::punch_dkey(ObjectId object, ByteView dkey, uint32_t conditions) {
  ObjectWrite& write = writes_.emplace_back();
  write.kind = ObjectWrite::Kind::kPunchDkey;
  write.object = object;
  write.dkey = to_bytes(dkey);
  write.conditions = conditions;
}

void WriteSet::punch_akey(ObjectId object, ByteView dkey, std::string_view akey, uint32_t conditions) {
  ObjectWrite& write = writes_.emplace_back();
  write.kind = ObjectWrite::Kind::kPunchAkeys;
  write.object = object;
  write.dkey = to_bytes(dkey);
  write.punched_akeys.push_back(to_bytes(akey));
  write.conditions = conditions;
}

// The update of a chunk's data: the last write, if it is that.
AkeyUpdate& WriteSet::data_update(ObjectId object, uint64_t chunk, uint64_t record_size) {
  const Bytes dkey = chunk_dkey(chunk);
  if (!writes_.empty()) {
    ObjectWrite& last = writes_.back();
    const bool goes_on = last.kind == ObjectWrite::Kind::kUpdate && last.object == object &&
                         equal_bytes(last.dkey, dkey) && last.akeys.back().kind == ValueKind::kArray &&
                         last.akeys.back().record_size == record_size;
    if (goes_on) return last.akeys.back();
  }
  ObjectWrite& write = writes_.emplace_back();
  write.object = object;
  write.dkey = dkey;
  AkeyUpdate& update = write.akeys.emplace_back();
  update.akey = to_bytes(kDataAkey);
  update.kind = ValueKind::kArray;
  update.record_size = record_size;
  return update;
}

void WriteSet::write_data(ObjectId object, uint64_t chunk_size, uint64_t offset, ByteView data) {
  while (!data.empty()) {
    const uint64_t within = offset % chunk_size;
    const size_t size = std::min<uint64_t>(data.size(), chunk_size - within);
    AkeyUpdate& update = data_update(object, offset / chunk_size, 1);
    const bool adjoins = !update.recxs.empty() && update.recxs.back().end() == within;
    if (adjoins) {
      update.recxs.back().count += size;
    } else {
      update.recxs.push_back({.index = within, .count = size});
    }
    update.data.push_back(data.first(size));
    data = data.subspan(size);
    offset += size;
  }
}

void WriteSet::punch_data(ObjectId object, uint64_t chunk_size, uint64_t offset, uint64_t size) {
  while (size != 0) {
    const uint64_t within = offset % chunk_size;
    const uint64_t count = std::min(size, chunk_size - within);
    if (count == chunk_size) {
      punch_dkey(object, chunk_dkey(offset / chunk_size));
    } else {
      data_update(object, offset / chunk_size, 0).recxs.push_back({.index = within, .count = count});
    }
    offset += count;
    size -= count;
  }
}

}  // namespace aeon::dfs
