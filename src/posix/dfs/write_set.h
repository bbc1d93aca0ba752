// Collects what one operation changes, for one Container::write().
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "base/data_model.h"

namespace aeon::dfs {

class WriteSet {
 public:
  WriteSet() = default;
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  // A single value. Updates of one dkey in a row with the same conditions go together.
  void update(ObjectId object, ByteView dkey, std::string_view akey, Bytes value, uint32_t dkey_conditions = 0,
              uint32_t akey_conditions = 0);
  void update(ObjectId object, std::string_view dkey, std::string_view akey, Bytes value, uint32_t dkey_conditions = 0,
              uint32_t akey_conditions = 0) {
    update(object, as_bytes(dkey), akey, std::move(value), dkey_conditions, akey_conditions);
  }
  void punch_object(ObjectId object);
  void punch_dkey(ObjectId object, ByteView dkey, uint32_t conditions = 0);
  void punch_akey(ObjectId object, ByteView dkey, std::string_view akey, uint32_t conditions = 0);

  // Bytes of a byte array (docs/design/dfs.md, "Data"), cut at chunks. `data` must stay until the write has ended.
  void write_data(ObjectId object, uint64_t chunk_size, uint64_t offset, ByteView data);
  void punch_data(ObjectId object, uint64_t chunk_size, uint64_t offset, uint64_t size);

  bool is_empty() const { return writes_.empty(); }
  size_t size() const { return writes_.size(); }
  // The values stay here: keep the set until the write has ended.
  std::vector<ObjectWrite> take() { return std::move(writes_); }

 private:
  AkeyUpdate& data_update(ObjectId object, uint64_t chunk, uint64_t record_size);

  std::vector<ObjectWrite> writes_;
  std::deque<Bytes> values_;
};

// The dkey of a chunk of a byte array, counted from 0; and the dkey 0 below which is no data.
Bytes chunk_dkey(uint64_t chunk);
Bytes marker_dkey();

}  // namespace aeon::dfs
