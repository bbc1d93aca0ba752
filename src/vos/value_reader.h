// Brings the bytes of a value record to the caller, and checks them on the way.
#pragma once

#include <optional>
#include <vector>

#include "media/key_block_store.h"
#include "value_record.h"

namespace aeon::vos {

// The caller's memory as one run of bytes.
class Destination {
 public:
  explicit Destination(const std::vector<MutableBytes>& pieces);
  uint64_t size() const { return size_; }
  // The range as one piece of memory, or empty if the caller's pieces cut it.
  MutableBytes contiguous(uint64_t offset, uint64_t size) const;
  void fill(uint64_t offset, ByteView from) const;

 private:
  size_t find(uint64_t offset) const;
  const std::vector<MutableBytes>& pieces_;
  std::vector<uint64_t> starts_;
  uint64_t size_ = 0;
};

// Bytes of a value, in an index page or in blocks, that stay there until something suspends, and where they go in an
// akey's memory.
struct ReadAtOnce {
  size_t akey = 0;
  ByteView bytes;
  uint64_t offset = 0;
};

// Bytes [from, to) of a value where its blocks lie in memory (KeyBlockStore::view_blocks), if that is so, and their
// checksums as read_value() gives them. Every stored chunk that is touched is verified. Nothing if the blocks must be
// read, or aren't what was written: read_value() tells which.
std::optional<ByteView> view_value(media::KeyBlockStore& media, const BlockValue& value, uint64_t from, uint64_t to,
                                   std::vector<uint32_t>& checksums);

// A read_value() to be made, of an akey's fetch and one of its segments, by index.
struct BlockRead {
  size_t akey = 0;
  size_t segment = 0;
  ValueRecord record;  // In blocks.
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t offset = 0;
};

// Puts bytes [from, to) of the record's value at `offset` of the destination and appends their checksums, one for each
// checksum_chunk() from `from` on. Every stored chunk that is touched is verified: kCorrupt if it isn't what was
// written; the message says which bytes, the caller adds whose. Suspends to read blocks, which a BlockPin must keep.
Task<Status> read_value(media::KeyBlockStore& media, const ValueRecord& record, uint64_t from, uint64_t to,
                        const Destination& destination, uint64_t offset, std::vector<uint32_t>& checksums);

}  // namespace aeon::vos
