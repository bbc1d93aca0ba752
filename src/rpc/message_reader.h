// Whole messages from a stream.
#pragma once

#include <memory>
#include <span>

#include "base/bytes.h"
#include "runtime/network.h"
#include "wire/header.h"

namespace aeon::rpc {

// Memory grows with what has arrived, not with what a header says; while nothing is under way it is a page.
class MessageReader {
 public:
  explicit MessageReader(Stream& stream) : stream_(stream) {}

  // Waits for the next message; header and payload are checked. What came with the one before is skipped.
  // kUnavailable: the peer has ended or the connection broke. kCorrupt: no message; nothing sensible can follow.
  Task<Result<wire::Message>> next();
  // The same in two steps, for who wants to know before the payload is read how much will come.
  Task<Result<wire::FrameSizes>> begin();
  Task<Result<wire::Message>> finish(wire::FrameSizes sizes);
  // Header and payload of the last one, until next().
  ByteView whole() const { return ByteView(memory_.get() + begin_, size_); }

  // The bulk data behind the last message, in as many steps as its taker likes.
  ByteCount bulk_left() const { return bulk_left_; }
  Task<Status> take_bulk(MutableBytes into);  // Exactly that much, of what is left.
  // After all of it: kCorrupt if it isn't what was sent.
  Status check_bulk() const;

  // Whether a message has begun to arrive and isn't complete.
  bool is_within_message() const { return is_within_; }

 private:
  Task<Status> fill(size_t size);
  Task<Status> skip_bulk();
  void make_room(size_t size);

  Stream& stream_;
  std::unique_ptr<std::byte[]> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0, end_ = 0;  // What has arrived and isn't consumed; the last message is its beginning.
  size_t size_ = 0;             // Of the last message.
  ByteCount bulk_left_ = 0;
  uint32_t bulk_crc_ = 0, bulk_crc_wanted_ = 0;
  bool is_within_ = false;
};

}  // namespace aeon::rpc
