#include "page.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/mutation.h"
#include "block_checksum.h"

namespace aeon::media {

namespace {

constexpr uint32_t kPageMagic = 0x47504541;  // "AEPG"
constexpr size_t kPageCrcOffset = 4;
constexpr size_t kPageStampOffset = 44;
constexpr size_t kGrownCountMin = 16;
constexpr size_t kLineSlots = 64 / kPageSlotSize;
constexpr size_t kCapacityStep = 512;  // Finer than disk blocks: what is unused is missing elsewhere in the cache.

Status bad_page(std::string_view what) { return Status(Code::kCorrupt, "index page: " + std::string(what)); }

void copy_bytes(std::byte* to, ByteView from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

Page::Page() : Page(build({}, Room::kToGrow)) {}

Page::Page(const Page& other)
    : buffer_(new std::byte[other.capacity_]),
      capacity_(other.capacity_),
      content_size_(other.content_size_),
      count_(other.count_),
      prefix_size_(other.prefix_size_),
      prefix_offset_(other.prefix_offset_),
      cells_begin_(other.cells_begin_) {
  // The gap between slots and cells holds nothing.
  std::memcpy(buffer_.get(), other.buffer_.get(), other.slots_end());
  std::memcpy(buffer_.get() + cells_begin_, other.buffer_.get() + cells_begin_, capacity_ - cells_begin_);
}

ByteView Page::suffix(size_t index) const {
  const Slot& slot = slots()[index];
  return {buffer_.get() + slot.offset, slot.key_size};
}

ByteView Page::value(size_t index) const {
  const Slot& slot = slots()[index];
  return {buffer_.get() + slot.offset + slot.key_size, slot.value_size};
}

Bytes Page::key(size_t index) const {
  Bytes key;
  copy_key(index, key);
  return key;
}

void Page::copy_key(size_t index, Bytes& out) const {
  const ByteView rest = suffix(index);
  out.resize(prefix_size_ + rest.size());
  copy_bytes(out.data(), prefix());
  copy_bytes(out.data() + prefix_size_, rest);
}

uint32_t Page::head_of(ByteView suffix) {
  if (suffix.size() >= 4) return load_be32(suffix.data());
  uint32_t head = 0;
  for (size_t i = 0; i < suffix.size(); ++i) head |= static_cast<uint32_t>(suffix[i]) << (24 - 8 * i);
  return head;
}

int Page::compare(ByteView suffix, ByteView other) {
  const size_t shared = std::min(suffix.size(), other.size());
  const int order = shared == 0 ? 0 : std::memcmp(suffix.data(), other.data(), shared);
  if (order != 0) return order;
  return suffix.size() < other.size() ? -1 : suffix.size() > other.size() ? 1 : 0;
}

void Page::prefetch_slots() const {
  constexpr size_t kCountMin = 48;
  constexpr size_t kParts = 8;
  if (count_ < kCountMin) return;
  __builtin_prefetch(buffer_.get() + prefix_offset_);
  for (size_t part = 1; part < kParts; ++part) __builtin_prefetch(slots() + part * count_ / kParts);
}

Page::Position Page::find(ByteView key) const {
  if (prefix_size_ != 0) {
    const int order = compare(prefix(), key.first(std::min<size_t>(key.size(), prefix_size_)));
    if (order > 0) return {0, false};
    if (order < 0) return {count_, false};
    key = key.subspan(prefix_size_);
  }
  // Mostly the heads alone tell, and they are compared without a branch that would be guessed wrong every other time.
  const uint32_t head = head_of(key);
  const Slot* const all = slots();
  size_t low = 0;
  for (size_t left = count_; left != 0;) {
    const size_t half = left / 2;
    const bool is_behind = all[low + half].head < head;
    low = is_behind ? low + half + 1 : low;
    left = is_behind ? left - half - 1 : half;
    if (left >= kLineSlots && left < 4 * kLineSlots) {  // The few lines that are left.
      __builtin_prefetch(all + low);
      __builtin_prefetch(all + low + left);
    }
  }
  size_t high = count_;
  for (size_t step = 1; low < high && all[low].head == head;) {
    // Among those with the same head: in growing steps, then halves.
    const size_t at = high == count_ ? std::min<size_t>(low + step - 1, count_ - 1) : (low + high) / 2;
    const int order = all[at].head == head ? compare({buffer_.get() + all[at].offset, all[at].key_size}, key) : 1;
    if (order == 0) return {at, true};
    if (order < 0) {
      low = at + 1;
      step *= 2;
    } else {
      high = at;
    }
  }
  return {low, false};
}

bool Page::may_span(ByteView key) const {
  if (count_ == 0) return false;
  if (prefix_size_ != 0) {
    if (compare(prefix(), key.first(std::min<size_t>(key.size(), prefix_size_))) != 0) return false;
    key = key.subspan(prefix_size_);
  }
  const uint32_t head = head_of(key);
  return slots()[0].head <= head && head <= slots()[count_ - 1].head;
}

size_t Page::child_index(ByteView key) const {
  const Position position = find(key);
  if (position.exact || position.index == 0) return position.index;
  return position.index - 1;
}

void Page::write_cell(Slot& slot, ByteView suffix_front, ByteView suffix_back, ByteView value) {
  const size_t key_size = suffix_front.size() + suffix_back.size();
  cells_begin_ = static_cast<uint16_t>(cells_begin_ - key_size - value.size());
  std::byte* cell = buffer_.get() + cells_begin_;
  copy_bytes(cell, suffix_front);
  copy_bytes(cell + suffix_front.size(), suffix_back);
  copy_bytes(cell + key_size, value);
  slot = Slot{head_of({cell, key_size}), cells_begin_, static_cast<uint16_t>(key_size),
              static_cast<uint16_t>(value.size()), 0};
}

void Page::collect(size_t begin, size_t end, std::vector<EntryView>& out) const {
  for (size_t i = begin; i < end; ++i) out.push_back(entry(i));
}

Page Page::build(std::span<const EntryView> entries, Room room) {
  size_t prefix_size = 0;
  if (entries.size() > 1) {
    const EntryView& first = entries.front();
    const EntryView& last = entries.back();
    const size_t most = std::min(first.key_size(), last.key_size());
    while (prefix_size < most && first.at(prefix_size) == last.at(prefix_size)) ++prefix_size;
  }
  size_t content = kPageHeaderSize + prefix_size;
  for (const EntryView& entry : entries) content += kPageSlotSize + entry.key_size() - prefix_size + entry.value.size();
  CHECK(content <= kPageBytesMax);

  const size_t tight = std::min<size_t>(round_up(content, kCapacityStep), kPageBytesMax);
  Page page{Unbuilt()};
  page.capacity_ = static_cast<uint32_t>(room == Room::kTight ? tight : capacity_for(content));
  page.buffer_.reset(new std::byte[page.capacity_]);
  page.cells_begin_ = static_cast<uint16_t>(page.capacity_ - prefix_size);
  page.prefix_size_ = static_cast<uint16_t>(prefix_size);
  page.prefix_offset_ = page.cells_begin_;
  page.content_size_ = static_cast<uint32_t>(content);
  page.count_ = static_cast<uint16_t>(entries.size());
  for (size_t i = 0; i < prefix_size; ++i) page.buffer_[page.prefix_offset_ + i] = entries.front().at(i);
  for (size_t i = 0; i < entries.size(); ++i) {
    const EntryView& entry = entries[i];
    const size_t from_prefix = std::min(prefix_size, entry.prefix.size());
    page.write_cell(page.slots()[i], entry.prefix.subspan(from_prefix), entry.suffix.subspan(prefix_size - from_prefix),
                    entry.value);
  }
  return page;
}

size_t Page::capacity_for(size_t content) {
  const size_t wanted = content + std::max(content / 4, kCapacityStep);
  return std::min<size_t>(round_up(wanted, kCapacityStep), kPageBytesMax);
}

void Page::grow(size_t size) {
  const size_t capacity = capacity_for(content_size_ + size);
  if (capacity <= capacity_) return;
  std::unique_ptr<std::byte[]> buffer(new std::byte[capacity]);
  const size_t cells = capacity_ - cells_begin_;
  std::memcpy(buffer.get(), buffer_.get(), slots_end());
  std::memcpy(buffer.get() + capacity - cells, buffer_.get() + cells_begin_, cells);
  const auto moved = static_cast<uint16_t>(capacity - capacity_);
  buffer_ = std::move(buffer);
  capacity_ = static_cast<uint32_t>(capacity);
  prefix_offset_ = static_cast<uint16_t>(prefix_offset_ + moved);
  cells_begin_ = static_cast<uint16_t>(cells_begin_ + moved);
  for (size_t i = 0; i < count_; ++i) slots()[i].offset = static_cast<uint16_t>(slots()[i].offset + moved);
}

void Page::insert(size_t index, ByteView key, ByteView value) {
  DCHECK(index <= count_);
  const bool shares_prefix =
      key.size() >= prefix_size_ && (prefix_size_ == 0 || std::memcmp(key.data(), prefix().data(), prefix_size_) == 0);
  const size_t cell_size = key.size() - (shares_prefix ? prefix_size_ : 0) + value.size();
  const auto is_full = [&] { return slots_end() + kPageSlotSize + cell_size > cells_begin_; };
  const bool is_compact = content_size_ - slots_end() == capacity_ - size_t{cells_begin_};
  // A page that began with few keys may be built with a longer prefix.
  if (shares_prefix && is_full() && is_compact && count_ >= kGrownCountMin) grow(kPageSlotSize + cell_size);
  if (!shares_prefix || is_full()) {
    std::vector<EntryView> entries;
    entries.reserve(count_ + 1u);
    collect(0, index, entries);
    entries.push_back({{}, key, value});
    collect(index, count_, entries);
    *this = build(entries, Room::kToGrow);
    return;
  }
  Slot* const place = slots() + index;
  std::memmove(place + 1, place, (count_ - index) * kPageSlotSize);
  ++count_;
  write_cell(*place, key.subspan(prefix_size_), {}, value);
  content_size_ += static_cast<uint32_t>(kPageSlotSize + cell_size);
}

void Page::replace(size_t index, ByteView value) {
  Slot& slot = slots()[index];
  if (value.size() <= slot.value_size) {
    copy_bytes(buffer_.get() + slot.offset + slot.key_size, value);
    content_size_ -= static_cast<uint32_t>(slot.value_size - value.size());
    slot.value_size = static_cast<uint16_t>(value.size());
    return;
  }
  const size_t cell_size = slot.key_size + value.size();
  if (slots_end() + cell_size > cells_begin_) {
    std::vector<EntryView> entries;
    entries.reserve(count_);
    collect(0, count_, entries);
    entries[index].value = value;
    *this = build(entries, Room::kToGrow);
    return;
  }
  content_size_ += static_cast<uint32_t>(value.size() - slot.value_size);
  write_cell(slot, suffix(index), {}, value);
}

void Page::erase(size_t index) {
  DCHECK(index < count_);
  Slot* const place = slots() + index;
  content_size_ -= static_cast<uint32_t>(kPageSlotSize + place->key_size + place->value_size);
  std::memmove(place, place + 1, (count_ - index - 1) * kPageSlotSize);
  --count_;
}

size_t Page::size_with(ByteView key, ByteView value) const {
  size_t shared = 0;
  const size_t most = std::min<size_t>(key.size(), prefix_size_);
  while (shared < most && key[shared] == prefix()[shared]) ++shared;
  const size_t lost = prefix_size_ - shared;
  return content_size_ + kPageSlotSize + key.size() + value.size() + lost * count_;
}

Page Page::split(size_t index) {
  std::vector<EntryView> entries;
  entries.reserve(count_);
  collect(0, count_, entries);
  const std::span<const EntryView> all(entries);
  Page right = build(all.subspan(index), Room::kToGrow);
  Page left = build(all.first(index), Room::kToGrow);
  *this = std::move(left);
  return right;
}

size_t Page::split_index(size_t least) const {
  DCHECK(count_ >= 2 * least);
  const size_t half = (content_size_ - kPageHeaderSize) / 2;
  size_t before = 0, index = 0;
  while (index < count_) {
    const size_t size = kPageSlotSize + slots()[index].key_size + slots()[index].value_size;
    if (before + size / 2 > half) break;
    before += size;
    ++index;
  }
  return std::clamp<size_t>(index, least, count_ - least);
}

void Page::append(const Page& right, const ByteView* first_key) {
  std::vector<EntryView> entries;
  entries.reserve(static_cast<size_t>(count_) + right.count_);
  collect(0, count_, entries);
  right.collect(0, right.count_, entries);
  if (first_key != nullptr && right.count_ != 0) {
    EntryView& first = entries[count_];
    first.prefix = {};
    first.suffix = *first_key;
  }
  *this = build(entries, Room::kToGrow);
}

PageAddress Page::child_address(ByteView value) {
  const uint32_t stamp = value.size() == kChildValueSize ? load_le<uint32_t>(value.data() + 12) : 0;
  return {load_le<uint64_t>(value.data()), load_le<uint32_t>(value.data() + 8), stamp};
}

void Page::encode(const PageIdentity& identity, std::span<const PageAddress> children, MutableBytes out) const {
  CHECK(out.size() == disk_block_count() * kBlockSize);
  std::memset(out.data(), 0, out.size());
  std::byte* const base = out.data();
  store_le(base, kPageMagic);
  store_le(base + 8, identity.store_hash);
  store_le(base + 16, identity.address.first);
  store_le(base + 24, identity.generation);
  store_le(base + 32, static_cast<uint8_t>(identity.level == 0 ? 1 : 2));
  store_le(base + 33, identity.level);
  store_le(base + 34, static_cast<uint16_t>(identity.address.count));
  store_le(base + 36, count_);
  store_le(base + 38, prefix_size_);
  size_t end = out.size() - prefix_size_;
  store_le(base + 40, static_cast<uint16_t>(end));
  store_le(base + kPageStampOffset, identity.address.stamp);
  copy_bytes(base + end, prefix());
  for (size_t i = 0; i < count_; ++i) {
    Slot slot = slots()[i];
    const size_t size = static_cast<size_t>(slot.key_size) + slot.value_size;
    end -= size;
    std::memcpy(base + end, buffer_.get() + slot.offset, size);
    if (!children.empty()) {
      store_le(base + end + slot.key_size, children[i].first);
      store_le(base + end + slot.key_size + 8, children[i].count);
      if (slot.value_size == kChildValueSize) store_le(base + end + slot.key_size + 12, children[i].stamp);
    }
    slot.offset = static_cast<uint16_t>(end);
    std::memcpy(base + kPageHeaderSize + i * kPageSlotSize, &slot, kPageSlotSize);
  }
  store_le(base + kPageCrcOffset, block_checksum(out, kPageCrcOffset));
}

std::optional<PageIdentity> Page::peek(ByteView block) {
  if (block.size() < kBlockSize || load_le<uint32_t>(block.data()) != kPageMagic) return std::nullopt;
  PageIdentity identity;
  identity.store_hash = load_le<uint64_t>(block.data() + 8);
  identity.address = {load_le<uint64_t>(block.data() + 16), load_le<uint16_t>(block.data() + 34),
                      load_le<uint32_t>(block.data() + kPageStampOffset)};
  identity.generation = load_le<uint64_t>(block.data() + 24);
  identity.level = load_le<uint8_t>(block.data() + 33);
  return identity;
}

Result<Page> Page::decode(ByteView image, PageIdentity& identity) {
  const std::byte* const base = image.data();
  if (image.size() < kBlockSize || image.size() % kBlockSize != 0 || image.size() > kPageBytesMax) {
    return bad_page("impossible size");
  }
  if (load_le<uint32_t>(base) != kPageMagic) return bad_page("no page is there");
  const bool is_damaged = block_checksum(image, kPageCrcOffset) != load_le<uint32_t>(base + kPageCrcOffset);
  if (MUTATION("page_checksum_is_ignored", is_damaged, false)) {
    return bad_page("checksum mismatch");
  }
  if (load_le<uint64_t>(base + 8) != identity.store_hash) return bad_page("belongs to another store");
  if (load_le<uint64_t>(base + 16) != identity.address.first ||
      load_le<uint16_t>(base + 34) != image.size() / kBlockSize) {
    return bad_page("belongs to another place");
  }
  identity.generation = load_le<uint64_t>(base + 24);
  const uint8_t kind = load_le<uint8_t>(base + 32);
  identity.level = load_le<uint8_t>(base + 33);
  if (kind != (identity.level == 0 ? 1 : 2)) return bad_page("unknown kind");
  const uint32_t stamp = load_le<uint32_t>(base + kPageStampOffset);
  const bool is_other = identity.address.stamp != 0 && identity.address.stamp != stamp;
  if (MUTATION("stale_page_is_believed", is_other, false)) {
    return bad_page("an older page of this place; the disk lost a write");
  }
  identity.address.stamp = stamp;
  for (size_t i = 42; i < kPageHeaderSize; ++i) {
    const bool is_stamp = i >= kPageStampOffset && i < kPageStampOffset + sizeof stamp;
    if (!is_stamp && base[i] != std::byte{0}) return bad_page("unknown header fields");
  }

  Page page{Unbuilt()};
  page.count_ = load_le<uint16_t>(base + 36);
  page.prefix_size_ = load_le<uint16_t>(base + 38);
  page.prefix_offset_ = load_le<uint16_t>(base + 40);
  const size_t slots_end = page.slots_end();
  if (page.count_ == 0) return bad_page("no entries");
  if (slots_end > image.size() || page.prefix_offset_ < slots_end ||
      page.prefix_offset_ + size_t{page.prefix_size_} > image.size()) {
    return bad_page("slots or prefix beyond the end");
  }
  // encode() leaves a gap between slots and cells, up to a block; in memory it is left out.
  size_t cells_begin = page.prefix_offset_;
  for (size_t i = 0; i < page.count_; ++i) {
    const std::byte* const slot = base + kPageHeaderSize + i * kPageSlotSize;
    cells_begin = std::min<size_t>(cells_begin, load_le<uint16_t>(slot + offsetof(Slot, offset)));
  }
  if (cells_begin < slots_end) return bad_page("a cell beyond the end");
  const size_t gap = cells_begin - slots_end;
  page.capacity_ = static_cast<uint32_t>(image.size() - gap);
  page.buffer_.reset(new std::byte[page.capacity_]);
  std::memcpy(page.buffer_.get(), base, slots_end);
  std::memcpy(page.buffer_.get() + slots_end, base + cells_begin, image.size() - cells_begin);
  page.prefix_offset_ = static_cast<uint16_t>(page.prefix_offset_ - gap);
  page.cells_begin_ = static_cast<uint16_t>(slots_end);

  size_t content = slots_end + page.prefix_size_;
  for (size_t i = 0; i < page.count_; ++i) {
    Slot& slot = page.slots()[i];
    const size_t size = static_cast<size_t>(slot.key_size) + slot.value_size;
    if (slot.offset + size > image.size()) return bad_page("a cell beyond the end");
    slot.offset = static_cast<uint16_t>(slot.offset - gap);
    if (slot.value_size > kValueSizeMax || size_t{slot.key_size} + page.prefix_size_ > kKeySizeMax) {
      return bad_page("an entry beyond the limits");
    }
    const bool is_address = slot.value_size == kChildValueSize || slot.value_size == kChildValueSizeUnstamped;
    if (identity.level != 0 && !is_address) return bad_page("a child address of another size");
    if (slot.zero != 0 || slot.head != head_of(page.suffix(i))) return bad_page("a slot that differs from its cell");
    if (i != 0 && compare(page.suffix(i - 1), page.suffix(i)) >= 0) return bad_page("keys out of order");
    content += size;
  }
  if (content > page.capacity_) return bad_page("overlapping cells");
  page.content_size_ = static_cast<uint32_t>(content);
  return page;
}

}  // namespace aeon::media
