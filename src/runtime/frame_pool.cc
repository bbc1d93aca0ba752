#include "runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace aeon {
namespace {

constexpr size_t kClassSize = 64;
constexpr size_t kClassCount = 64;        // Frames up to 4 KiB are kept, larger ones go to malloc.
constexpr uint32_t kKeptPerClass = 256;

#ifdef AEON_SANITIZED
constexpr bool kPooling = false;  // So that a use after the frame's end is seen.
#else
constexpr bool kPooling = true;
#endif

struct FreeFrame {
  FreeFrame* next;
};

struct ThreadFrames {
  std::array<FreeFrame*, kClassCount> free{};
  std::array<uint32_t, kClassCount> count{};

  ~ThreadFrames() {
    for (FreeFrame*& first : free) {
      while (first != nullptr) {
        FreeFrame* frame = first;
        first = frame->next;
        std::free(frame);
      }
    }
    count.fill(kKeptPerClass);  // What is released while the thread ends goes straight to free().
  }
};

thread_local ThreadFrames thread_frames;

}  // namespace

void* FramePool::allocate(size_t size_bytes) {
  const size_t size_class = (size_bytes + kClassSize - 1) / kClassSize;
  if (kPooling && size_class < kClassCount) {
    ThreadFrames& frames = thread_frames;
    if (FreeFrame* frame = frames.free[size_class]; frame != nullptr) {
      frames.free[size_class] = frame->next;
      --frames.count[size_class];
      return frame;
    }
    size_bytes = size_class * kClassSize;
  }
  void* memory = std::malloc(size_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void FramePool::release(void* frame, size_t size_bytes) {
  const size_t size_class = (size_bytes + kClassSize - 1) / kClassSize;
  if (kPooling && size_class < kClassCount) {
    ThreadFrames& frames = thread_frames;
    if (frames.count[size_class] < kKeptPerClass) {
      auto* kept = static_cast<FreeFrame*>(frame);
      kept->next = frames.free[size_class];
      frames.free[size_class] = kept;
      ++frames.count[size_class];
      return;
    }
  }
  std::free(frame);
}

}  // namespace aeon
