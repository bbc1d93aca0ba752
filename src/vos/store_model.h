// The plainest store there is: a list of all operations, searched for the newest one that a reader sees.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/data_model.h"
#include "base/status.h"
#include "vos/types.h"

namespace aeon::vos {

class StoreModel {
 public:
  struct Operation {
    Epoch epoch;
    ObjectId object;
    std::optional<Bytes> dkey;   // Absent: of the whole object.
    std::optional<Bytes> akey;   // Absent: of the whole dkey.
    bool is_punch = false;       // With an akey and without recx: of the whole akey.
    std::optional<Recx> recx;    // Of an array.
    uint64_t record_size = 0;    // 0: a punch of the single value or extent.
    Bytes data;
  };
  struct Record {
    Bytes data;
    Epoch epoch;
  };

  void apply(const ObjectWrite& write, Epoch epoch) {
    Operation operation;
    operation.epoch = epoch;
    operation.object = write.object;
    if (write.kind != ObjectWrite::Kind::kPunchObject) operation.dkey = write.dkey;
    operation.is_punch = write.kind != ObjectWrite::Kind::kUpdate;
    for (const Bytes& akey : write.punched_akeys) {
      operation.akey = akey;
      operations_.push_back(operation);
    }
    for (const AkeyUpdate& update : write.akeys) {
      operation.akey = update.akey;
      operation.record_size = update.record_size;
      Bytes data;
      for (const ByteView& piece : update.data) data.insert(data.end(), piece.begin(), piece.end());
      size_t at = 0;
      operation.recx.reset();
      operation.data = data;
      if (update.kind == ValueKind::kSingle) operations_.push_back(operation);
      for (const Recx& recx : update.recxs) {
        const size_t size = recx.count * update.record_size;
        operation.recx = recx;
        operation.data.assign(data.begin() + static_cast<ptrdiff_t>(at),
                              data.begin() + static_cast<ptrdiff_t>(at + size));
        operations_.push_back(operation);
        at += size;
      }
    }
    if (write.akeys.empty() && write.punched_akeys.empty()) operations_.push_back(operation);
  }
  void discard(Epoch begin, Epoch end) {
    std::erase_if(operations_, [=](const Operation& o) { return begin <= o.epoch && o.epoch <= end; });
  }

  // What a clone at `epoch` starts with.
  StoreModel up_to(Epoch epoch) const {
    StoreModel model = *this;
    std::erase_if(model.operations_, [=](const Operation& o) { return o.epoch > epoch; });
    return model;
  }

  std::optional<Record> single(ObjectId object, const Bytes& dkey, const Bytes& akey, Epoch epoch) const {
    const Operation* newest = find(object, dkey, akey, epoch, [](const Operation& o) { return !o.recx.has_value(); });
    if (newest == nullptr || newest->is_punch || newest->record_size == 0) return std::nullopt;
    return Record{newest->data, newest->epoch};
  }
  std::optional<Record> record(ObjectId object, const Bytes& dkey, const Bytes& akey, uint64_t index,
                               Epoch epoch) const {
    const Operation* newest = find(object, dkey, akey, epoch, [index](const Operation& o) {
      return o.recx.has_value() && o.recx->index <= index && index < o.recx->end();
    });
    if (newest == nullptr || newest->is_punch || newest->record_size == 0) return std::nullopt;
    const auto at = static_cast<ptrdiff_t>((index - newest->recx->index) * newest->record_size);
    return Record{
        Bytes(newest->data.begin() + at, newest->data.begin() + at + static_cast<ptrdiff_t>(newest->record_size)),
        newest->epoch};
  }
  // The records of an array that are there.
  std::map<uint64_t, Record> array(ObjectId object, const Bytes& dkey, const Bytes& akey, Epoch epoch) const {
    std::set<uint64_t> indexes;
    for (const Operation& o : operations_) {
      if (o.object != object || o.dkey != dkey || o.akey != akey || !o.recx || o.record_size == 0) continue;
      for (uint64_t index = o.recx->index; index < o.recx->end(); ++index) indexes.insert(index);
    }
    std::map<uint64_t, Record> records;
    for (const uint64_t index : indexes) {
      if (auto found = record(object, dkey, akey, index, epoch)) records.emplace(index, std::move(*found));
    }
    return records;
  }
  bool akey_exists(ObjectId object, const Bytes& dkey, const Bytes& akey, Epoch epoch) const {
    return single(object, dkey, akey, epoch).has_value() || !array(object, dkey, akey, epoch).empty();
  }

  // What exists, in the order of the bytes or of the integers.
  std::vector<Bytes> akeys(ObjectId object, const Bytes& dkey, Epoch epoch) const {
    std::set<Bytes> named;
    for (const Operation& o : operations_) {
      if (o.object == object && o.dkey == dkey && o.akey) named.insert(*o.akey);
    }
    std::erase_if(named, [&](const Bytes& akey) { return !akey_exists(object, dkey, akey, epoch); });
    return sorted({named.begin(), named.end()}, akey_order(object));
  }
  std::vector<Bytes> dkeys(ObjectId object, Epoch epoch) const {
    std::set<Bytes> named;
    for (const Operation& o : operations_) {
      if (o.object == object && o.dkey) named.insert(*o.dkey);
    }
    std::erase_if(named, [&](const Bytes& dkey) { return akeys(object, dkey, epoch).empty(); });
    return sorted({named.begin(), named.end()}, dkey_order(object));
  }
  std::vector<ObjectId> objects(Epoch epoch) const {
    std::set<ObjectId> named;
    for (const Operation& o : operations_) named.insert(o.object);
    std::erase_if(named, [&](ObjectId object) { return dkeys(object, epoch).empty(); });
    return {named.begin(), named.end()};
  }
  Epoch newest_epoch(ObjectId object, Epoch epoch) const {
    Epoch newest;
    for (const Operation& o : operations_) {
      if (o.object == object && o.epoch <= epoch) newest = std::max(newest, o.epoch);
    }
    return newest;
  }

 private:
  // The newest operation at or before `epoch` that is a punch above the value, or an update that `is_of` it. The list
  // is in the order of the calls, so of equal epochs the last wins.
  template <typename IsOf>
  const Operation* find(ObjectId object, const Bytes& dkey, const Bytes& akey, Epoch epoch, IsOf is_of) const {
    const Operation* newest = nullptr;
    for (const Operation& o : operations_) {
      if (o.epoch > epoch || o.object != object || (o.dkey && *o.dkey != dkey) || (o.akey && *o.akey != akey)) continue;
      if (!o.is_punch && !is_of(o)) continue;
      if (newest == nullptr || o.epoch >= newest->epoch) newest = &o;
    }
    return newest;
  }
  static std::vector<Bytes> sorted(std::vector<Bytes> keys, KeyOrder order) {
    std::sort(keys.begin(), keys.end(), [order](const Bytes& a, const Bytes& b) {
      if (order == KeyOrder::kUint64) return load_le<uint64_t>(a.data()) < load_le<uint64_t>(b.data());
      return compare_bytes(a, b) < 0;
    });
    return keys;
  }

  std::vector<Operation> operations_;
};

}  // namespace aeon::vos
