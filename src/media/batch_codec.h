// Reads what a Batch recorded, from memory or from the log.
#pragma once

#include <optional>

#include "media/key_block_store.h"

namespace aeon::media {

enum class BatchOp : uint8_t { kPut = 1, kErase = 2, kAdopt = 3, kFree = 4, kAdd = 5, kContent = 6 };

struct BatchEntry {
  BatchOp op = BatchOp::kPut;
  ByteView key;       // kPut, kErase, kAdd.
  ByteView value;     // kPut; kAdd: the changes, encoded; kContent: what the blocks are to hold.
  BlockRange blocks;  // kAdopt, kFree, kContent.
  bool changes_key() const { return op == BatchOp::kPut || op == BatchOp::kErase || op == BatchOp::kAdd; }
};

// The counters after a kAdd.
Bytes add_to_counters(ByteView counters, ByteView changes);
// The same in place, with room for changed_counters_size().
void change_counters(MutableBytes counters, ByteView changes);
size_t changed_counters_size(ByteView changes);

class BatchReader {
 public:
  explicit BatchReader(ByteView record) : rest_(record) {}
  // Nothing at the end. kCorrupt if the bytes aren't a batch.
  Result<std::optional<BatchEntry>> next();

 private:
  ByteView rest_;
};

}  // namespace aeon::media
