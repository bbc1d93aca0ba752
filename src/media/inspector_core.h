// What an Inspector keeps of a store that it can go by.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "media/inspector.h"
#include "pending_contents.h"
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

  // What the log does to a key: gives it a value, or erases it (nothing), or adds to the counters that the page has.
  struct Change {
    bool is_relative = false;
    std::optional<Bytes> value;
    std::vector<Bytes> additions;
  };

  Superblock superblock;
  uint64_t hash = 0;
  uint64_t data_end = 0;           // The superblock's, or behind it if the disk has grown and the log says so.
  std::vector<Record> records;     // To be replayed.
  std::map<Bytes, Change, KeyLess> changes;  // What they change in the index, together.
  PendingContents contents;        // What they carry for blocks.
};

PageReport report_of(const TreeReader::Visit& visit);

}  // namespace aeon::media
