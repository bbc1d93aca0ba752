// One page of the index: sorted entries (key, value) in a slotted image, which in memory and on disk looks the same
// (docs/design/store-format.md).
//
//   header | slots, sorted by key, growing up | free | cells, growing down | (end of the image)
//
// The prefix that all keys share is kept once; a slot holds the first four bytes of the rest of its key, so that a
// search mostly stays within the slots. In an inner page a value is the address of a child page.
//
// Invariants: keys ascend strictly; every slot's cell lies between the slots and the end.
// Bytes from a disk become a Page only through decode(), which checks all of that.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "media/key_block_store.h"

namespace aeon::media {

inline constexpr size_t kPageHeaderSize = 64;
inline constexpr size_t kPageSlotSize = 12;
inline constexpr size_t kPageBytesMax = 60 * kKiB;  // Offsets are 16 bits wide.
inline constexpr size_t kChildValueSize = 16;
inline constexpr size_t kChildValueSizeUnstamped = 12;  // Of pages from before stamps.

// Where a page lies on the disk. Unset for pages that were never written.
struct PageAddress {
  uint64_t first = 0;
  uint32_t count = 0;
  // Drawn at random by the checkpoint that wrote it, and in the page too: so an older page that lay at this place isn't
  // taken for it, should the disk have lost the write. 0: not known.
  uint32_t stamp = 0;

  bool is_set() const { return count != 0; }
  BlockRange blocks() const { return {first, count}; }
  friend bool operator==(const PageAddress&, const PageAddress&) = default;
};

// What names a page's place and time beyond its content.
struct PageIdentity {
  uint64_t store_hash = 0;
  PageAddress address;
  uint64_t generation = 0;  // Of the checkpoint that wrote it.
  uint8_t level = 0;  // 0: leaf.
};

class Page {
 public:
  Page();
  Page(const Page& other);
  Page& operator=(const Page& other) = delete;
  Page(Page&& other) noexcept = default;
  Page& operator=(Page&& other) noexcept = default;

  size_t count() const { return count_; }
  ByteView prefix() const { return {buffer_.get() + prefix_offset_, prefix_size_}; }
  ByteView suffix(size_t index) const;
  ByteView value(size_t index) const;
  // To be changed in place.
  MutableBytes changeable_value(size_t index) {
    const Slot& slot = slots()[index];
    return {buffer_.get() + slot.offset + slot.key_size, slot.value_size};
  }
  Bytes key(size_t index) const;
  // Replaces the content of `out`.
  void copy_key(size_t index, Bytes& out) const;

  struct Position {
    size_t index = 0;  // Of the first key >= the one looked for.
    bool exact = false;
  };
  Position find(ByteView key) const;
  // False if the key is certainly before all entries, or behind them: a look at the first and the last.
  bool may_span(ByteView key) const;
  // A page that wasn't used lately isn't in the processor's cache. Before a find(), this asks for what that may look at
  // together, rather than line by line as it gets there.
  void prefetch_slots() const;
  // In an inner page: the child that covers `key`, the last whose key is <= it, or else the first.
  size_t child_index(ByteView key) const;

  void insert(size_t index, ByteView key, ByteView value);
  void replace(size_t index, ByteView value);
  void erase(size_t index);

  // What the page takes when written, without unused space between.
  size_t content_size() const { return content_size_; }
  size_t disk_block_count() const { return (content_size_ + kBlockSize - 1) / kBlockSize; }

  // What content_size() would be with one more entry; far more when its key doesn't share the prefix.
  size_t size_with(ByteView key, ByteView value) const;

  // Keeps the entries before `index` and returns a page of the others.
  Page split(size_t index);
  // The index that makes both sides of a split about equal in bytes; leaves at least `least` entries on each.
  size_t split_index(size_t least) const;
  // Adds the entries of `right`, whose keys are all greater. `first_key` takes the place of its first key, if given.
  void append(const Page& right, const ByteView* first_key);

  // Writes the image into `out`, which has disk_block_count() blocks. `children` has the address for each entry of an
  // inner page, and is empty for a leaf.
  void encode(const PageIdentity& identity, std::span<const PageAddress> children, MutableBytes out) const;
  // kCorrupt, saying what is wrong, unless `image` is a page with this store hash and address. `identity` also gets
  // what the page says of itself, and its stamp if that isn't known.
  static Result<Page> decode(ByteView image, PageIdentity& identity);
  // What the first block of a page says of it, unverified; nothing if it doesn't begin as a page does.
  static std::optional<PageIdentity> peek(ByteView block);
  static PageAddress child_address(ByteView value);

  // Bytes held in memory.
  size_t memory_size() const { return capacity_; }

 private:
  struct Unbuilt {};
  explicit Page(Unbuilt) {}
  struct Slot {
    uint32_t head;  // The first four bytes of the suffix as a big-endian number, zeros behind a shorter one.
    uint16_t offset;
    uint16_t key_size;
    uint16_t value_size;
    uint16_t zero;
  };
  static_assert(sizeof(Slot) == kPageSlotSize);
  struct EntryView {
    ByteView prefix;
    ByteView suffix;
    ByteView value;
    size_t key_size() const { return prefix.size() + suffix.size(); }
    std::byte at(size_t index) const { return index < prefix.size() ? prefix[index] : suffix[index - prefix.size()]; }
  };
  enum class Room { kTight, kToGrow };

  Slot* slots() { return reinterpret_cast<Slot*>(buffer_.get() + kPageHeaderSize); }
  const Slot* slots() const { return reinterpret_cast<const Slot*>(buffer_.get() + kPageHeaderSize); }
  static uint32_t head_of(ByteView suffix);
  static int compare(ByteView suffix, ByteView other);
  size_t slots_end() const { return kPageHeaderSize + count_ * kPageSlotSize; }
  EntryView entry(size_t index) const { return {prefix(), suffix(index), value(index)}; }
  void collect(size_t begin, size_t end, std::vector<EntryView>& out) const;
  static size_t capacity_for(size_t content);
  // Room for `size` more bytes, of a page whose cells have no gaps: all stays as it is, at a new end.
  void grow(size_t size);
  static Page build(std::span<const EntryView> entries, Room room);
  void write_cell(Slot& slot, ByteView suffix_front, ByteView suffix_back, ByteView value);

  std::unique_ptr<std::byte[]> buffer_;
  uint32_t capacity_ = 0;
  uint32_t content_size_ = kPageHeaderSize;
  uint16_t count_ = 0;
  uint16_t prefix_size_ = 0;
  uint16_t prefix_offset_ = 0;
  uint16_t cells_begin_ = 0;
};

}  // namespace aeon::media
