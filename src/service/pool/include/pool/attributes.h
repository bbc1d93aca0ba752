// User attributes of a pool or container: names to values, all in memory, each a record of the metadata.
#pragma once

#include <string>
#include <vector>

#include "runtime/sync.h"
#include "vos/store.h"
#include "wire/messages.h"

namespace aeon::pool {

inline constexpr size_t kAttributeNameMax = 511;
inline constexpr size_t kAttributeValueMax = 4 * kKiB;
inline constexpr size_t kAttributeCountMax = 1024;

class AttributeSet {
 public:
  // `prefix` begins the names of its metadata records.
  AttributeSet(Executor& executor, vos::Store& store, std::string prefix)
      : store_(store), prefix_(std::move(prefix)), turn_(executor) {}

  // A record under the prefix, as found when the service starts.
  Status add_record(std::string_view name, ByteView record);

  wire::Attributes all() const;
  // All of `changes` or none, durable when it ends, together with `also`. kInvalidArgument or kTooBig names the
  // attribute that can't be. Removing one that isn't there is harmless.
  Task<Status> change(wire::AttributeChanges changes, std::vector<vos::Store::MetadataChange> also, RequestId id = {},
                      DoneRequest done = {});
  // Adds what erases every record.
  void erase_all(std::vector<vos::Store::MetadataChange>& changes) const;

 private:
  struct Entry {
    uint32_t slot = 0;  // Ends its record's name: names of attributes may be longer than those of records.
    Bytes value;
  };

  std::string record_name(uint32_t slot) const;

  vos::Store& store_;
  const std::string prefix_;
  Mutex turn_;
  uint32_t next_slot_ = 1;
  std::map<std::string, Entry> entries_;
};

}  // namespace aeon::pool
