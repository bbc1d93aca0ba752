// Memory that two processes share: two rings, and their controls in the first page.
#pragma once

#include <memory>

#include "base/status.h"
#include "base/units.h"
#include "shared_memory_ring.h"

namespace aeon {

class SharedMemory {
 public:
  static constexpr ByteCount kControlSize = 4096;
  static constexpr ByteCount kRingSizeMin = 4 * kKiB;
  static constexpr ByteCount kRingSizeMax = kMiB;

  static bool is_ring_size(ByteCount size) {
    return std::has_single_bit(size) && size >= kRingSizeMin && size <= kRingSizeMax;
  }
  static ByteCount total_size(ByteCount ring_size) { return kControlSize + 2 * ring_size; }

  // Anonymous memory that can't shrink any more. kUnavailable where the system has none.
  static Result<std::unique_ptr<SharedMemory>> create(ByteCount ring_size);
  // What a peer gave, which is refused (kInvalidArgument) unless touching it is safe: memory of the right size that
  // can't shrink. Owns `descriptor` from here on.
  static Result<std::unique_ptr<SharedMemory>> adopt(int descriptor, ByteCount ring_size);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  ByteCount ring_size() const { return ring_size_; }
  // To be given to the peer; -1 once closed. The mapping stays without it.
  int descriptor() const { return descriptor_; }
  void close_descriptor();

  // Ring 0 goes from who connected to who accepted, ring 1 back.
  SharedRingControl& control(size_t ring) const;
  MutableBytes ring(size_t ring) const;

 private:
  SharedMemory(int descriptor, ByteCount ring_size) : descriptor_(descriptor), ring_size_(ring_size) {}
  Status map();

  int descriptor_;
  const ByteCount ring_size_;
  std::byte* memory_ = nullptr;
};

}  // namespace aeon
