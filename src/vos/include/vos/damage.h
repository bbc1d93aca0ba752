// Names for what is damaged: which container, object, dkey, akey, records and epoch.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/data_model.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::vos {

struct DamagedPlace {
  enum class What : uint8_t {
    kStore,   // Something of the store as a whole: a superblock, the log, the allocator.
    kPage,    // A page of the index: whatever keys it holds can't be read.
    kRecord,  // One record of the index that isn't in a form we write.
    kValue,   // The bytes of one version of a value or extent.
  };
  What what = What::kStore;
  std::string place;  // "index page at block 71", "blocks from 4711", "inline, in the index page at block 71".
  Status status;      // kCorrupt or kIo, and what was found there.

  // kRecord, kValue; of a record as far as its key could be read.
  uint32_t container_number = 0;
  Uuid container;     // Nil: not known, or no container of that number is left.
  bool has_object = false;
  ObjectId object;
  Bytes dkey;
  Bytes akey;
  ValueKind kind = ValueKind::kSingle;
  Recx recx;          // kArray: the records of the damaged extent.
  Epoch epoch;        // Of the write.

  // kPage: between which keys those lie that can't be read, in words.
  std::string first_hidden;
  std::string end_hidden;

  // "container … object 1.2 dkey 'a' akey 'b' records [4, 8) epoch 12: blocks from 4711: bytes … aren't what was
  // written"
  std::string to_string() const;
};

// One word for each: "store", "page", "record", "value".
std::string_view name_of(DamagedPlace::What what);

}  // namespace aeon::vos
