// What an Inspector keeps of a store that it can go by.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "media/inspector.h"
#include "superblock.h"
#include "tree_reader.h"

namespace aeon::media {

struct Inspector::Core {
  struct KeyLess {
    bool operator()(const Bytes& a, const Bytes& b) const { return compare_bytes(a, b) < 0; }
  };
  struct Record {
    uint64_t frame = 0;
    Bytes bytes;
  };

  Superblock superblock;
  uint64_t hash = 0;
  uint64_t data_end = 0;           // The superblock's, or behind it if the disk has grown and the log says so.
  std::vector<Record> records;     // To be replayed.
  // What they change in the index: nothing for a key that is erased.
  std::map<Bytes, std::optional<Bytes>, KeyLess> changes;
};

PageReport report_of(const TreeReader::Visit& visit);

}  // namespace aeon::media
