// Reads the pages of a checkpoint's tree from the disk, parents before children and in key order, and goes on behind
// those that are damaged. Knows nothing of what is in memory.
//
// Checked: checksum and structure of each page, that it is of this store and lies where it says, is on the level and
// within the keys that its parent says, and isn't in two places of the tree.
#pragma once

#include <optional>
#include <vector>

#include "allocator.h"
#include "page.h"
#include "runtime/disk.h"
#include "superblock.h"

namespace aeon::media {

class TreeReader {
 public:
  // Begins with the pages that lead to the leaf with `from`. `disk` must outlive the reader.
  TreeReader(Disk& disk, const Superblock& superblock, Bytes from);

  struct Visit {
    PageIdentity identity;      // The address alone if the page is damaged, and the level where its parent said it.
    bool is_level_known = false;
    // Keys below: from first_key on (of the very first page: from the smallest), before end_key if it has one.
    Bytes first_key;
    bool has_end = false;
    Bytes end_key;
    Status status;              // kCorrupt or kIo: there is no page.
    std::optional<Page> page;
    std::string place() const { return "index page at block " + std::to_string(identity.address.first); }
  };
  // The next page; nothing behind the last.
  Task<std::optional<Visit>> next();

  uint64_t page_count() const { return page_count_; }   // Visited, damaged ones too.
  const ExtentSet& pages() const { return pages_; }     // Blocks of those.

 private:
  struct Pending {
    PageAddress address;
    int level = -1;          // -1: the root's, whatever it is.
    Bytes low;               // Keys are at least this; the first child's of an inner page may be smaller.
    bool has_low = false;
    Bytes high;              // And below this.
    bool has_high = false;
  };

  void add_children(const Pending& parent, const Page& page);

  Disk& disk_;
  uint64_t store_hash_;
  uint64_t data_first_;
  uint64_t data_end_;
  Bytes from_;
  std::vector<Pending> pending_;  // The next one last.
  ExtentSet pages_;
  uint64_t page_count_ = 0;
};

}  // namespace aeon::media
