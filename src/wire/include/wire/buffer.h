// The bytes of one message while it is put together. Small ones need no allocation.
#pragma once

#include <cstring>
#include <memory>
#include <utility>

#include "base/bytes.h"

namespace aeon::wire {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this == &other) return *this;
    heap_ = std::move(other.heap_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, kInlineSize);
    if (heap_ == nullptr) std::memcpy(inline_, other.inline_, size_);
    return *this;
  }

  // Room for `size` more bytes, to be filled by the caller.
  std::byte* extend(size_t size) {
    if (size > capacity_ - size_) grow(size);
    std::byte* at = data() + size_;
    size_ += size;
    return at;
  }
  void append(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void clear() { size_ = 0; }
  void shrink_to(size_t size) { size_ = size < size_ ? size : size_; }

  std::byte* data() { return heap_ != nullptr ? heap_.get() : inline_; }
  const std::byte* data() const { return heap_ != nullptr ? heap_.get() : inline_; }
  size_t size() const { return size_; }
  ByteView view() const { return {data(), size_}; }
  Bytes to_bytes() const { return aeon::to_bytes(view()); }

 private:
  static constexpr size_t kInlineSize = 384;

  void grow(size_t size) {
    size_t capacity = capacity_ * 2;
    if (capacity < size_ + size) capacity = size_ + size;
    std::unique_ptr<std::byte[]> larger(new std::byte[capacity]);
    std::memcpy(larger.get(), data(), size_);
    heap_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> heap_;
  size_t size_ = 0;
  size_t capacity_ = kInlineSize;
  std::byte inline_[kInlineSize];
};

}  // namespace aeon::wire
