// Whether the bytes of a value are what was written.
#pragma once

#include <vector>

#include "base/data_model.h"
#include "media/key_block_store.h"
#include "runtime/task.h"

namespace aeon::vos {

// Where blocks are read: an open store, or one that is only looked at.
class BlockSource {
 public:
  virtual Task<Status> read_blocks(media::BlockRange blocks, MutableBytes out) = 0;

 protected:
  ~BlockSource() = default;
};

// Those of an open store, or of an inspected one.
template <typename Media>
class BlocksOf final : public BlockSource {
 public:
  explicit BlocksOf(Media& media) : media_(media) {}
  Task<Status> read_blocks(media::BlockRange blocks, MutableBytes out) override {
    return media_.read_blocks(blocks, out);
  }

 private:
  Media& media_;
};

// What to check: a ValueRecord's place and checksums.
struct ValuePlace {
  ByteCount size = 0;
  ByteView inline_bytes;                 // Used if there are no blocks.
  std::vector<media::BlockRange> blocks;
  ByteCount chunk = kChecksumChunk;
  std::vector<uint32_t> checksums;       // One for each chunk.
};

// Reads in pieces of at most 1 MiB. kCorrupt names the first bytes that differ, kIo what can't be read; neither keeps
// the rest from being looked at. With `content`, that gets the bytes, whatever their state. What `place` refers to must
// stay until it is done.
Task<Status> check_value(BlockSource* source, const ValuePlace* place, Bytes* content);

}  // namespace aeon::vos
