// Coroutine frames come and go at the rate of requests, so each thread keeps its freed ones by size.
// A frame may be released on another thread than the one it came from. Bounded per thread and size.
#pragma once

#include <cstddef>

namespace aeon {

class FramePool {
 public:
  static void* allocate(size_t size_bytes);
  static void release(void* frame, size_t size_bytes);
};

}  // namespace aeon
