#include "sim/disk_image.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

namespace aeon {

namespace {

const std::shared_ptr<const DiskImage::Block>& zero_block() {
  static const auto zeros = std::make_shared<const DiskImage::Block>();
  return zeros;
}

bool is_zero(const std::byte* block) { return equal_bytes({block, kDiskBlockSize}, *zero_block()); }

}  // namespace

void DiskImage::read(uint64_t offset, MutableBytes out) const {
  size_t done = 0;
  while (done < out.size()) {
    const uint64_t position = offset + done;
    const uint64_t within = position % kDiskBlockSize;
    const size_t size = std::min<size_t>(kDiskBlockSize - within, out.size() - done);
    const auto found = blocks_.find(position / kDiskBlockSize);
    if (found == blocks_.end())
      std::memset(out.data() + done, 0, size);
    else
      std::memcpy(out.data() + done, found->second->data() + within, size);
    done += size;
  }
}

void DiskImage::write(uint64_t offset, ByteView data) {
  size_t done = 0;
  while (done < data.size()) {
    const uint64_t position = offset + done;
    const uint64_t within = position % kDiskBlockSize;
    const size_t size = std::min<size_t>(kDiskBlockSize - within, data.size() - done);
    const uint64_t block = position / kDiskBlockSize;
    if (size == kDiskBlockSize && is_zero(data.data() + done))
      blocks_[block] = zero_block();
    else
      std::memcpy(writable(block).data() + within, data.data() + done, size);
    done += size;
  }
}

void DiskImage::erase(uint64_t first_block, uint64_t block_count) {
  blocks_.erase(blocks_.lower_bound(first_block), blocks_.lower_bound(first_block + block_count));
}

void DiskImage::write_sectors(uint64_t block, const std::byte* data, uint8_t sectors) {
  if (sectors == 0xff && is_zero(data)) {
    blocks_[block] = zero_block();
    return;
  }
  if (sectors == 0) return;
  std::byte* const to = writable(block).data();
  for (size_t sector = 0; sector < kDiskBlockSize / kDiskSectorSize; ++sector) {
    if ((sectors >> sector & 1) == 0) continue;
    std::memcpy(to + sector * kDiskSectorSize, data + sector * kDiskSectorSize, kDiskSectorSize);
  }
}

void DiskImage::flip_bit(uint64_t offset, int bit) {
  std::byte& byte = writable(offset / kDiskBlockSize)[offset % kDiskBlockSize];
  byte ^= static_cast<std::byte>(1u << bit);
}

uint64_t DiskImage::flip_random_bit(Random& random) {
  const uint64_t offset = random_block(random) * kDiskBlockSize + random.below(kDiskBlockSize);
  flip_bit(offset, static_cast<int>(random.below(8)));
  return offset;
}

uint64_t DiskImage::random_block(Random& random) const {
  CHECK(!blocks_.empty());
  return std::next(blocks_.begin(), static_cast<std::ptrdiff_t>(random.below(blocks_.size())))->first;
}

Bytes DiskImage::to_bytes() const {
  Bytes bytes(end());
  read(0, bytes);
  return bytes;
}

DiskImage DiskImage::from_bytes(ByteView bytes) {
  DiskImage image;
  for (uint64_t offset = 0; offset < bytes.size(); offset += kDiskBlockSize) {
    const ByteView part = bytes.subspan(offset, std::min<size_t>(kDiskBlockSize, bytes.size() - offset));
    // Zeros are holes: a flat image doesn't say which zeros were written.
    if (std::any_of(part.begin(), part.end(), [](std::byte byte) { return byte != std::byte{0}; })) {
      image.write(offset, part);
    }
  }
  return image;
}

Status DiskImage::save(const std::string& path) const {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const auto& [block, content] : blocks_) {
    file.seekp(static_cast<std::streamoff>(block * kDiskBlockSize));
    file.write(reinterpret_cast<const char*>(content->data()), kDiskBlockSize);
  }
  file.close();
  if (!file) return Status(Code::kIo, "can't write disk image " + path + ": " + std::generic_category().message(errno));
  return ok();
}

Result<DiskImage> DiskImage::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Code::kNotFound, "can't open disk image " + path);
  DiskImage image;
  Block block;
  for (uint64_t offset = 0; file; offset += kDiskBlockSize) {
    file.read(reinterpret_cast<char*>(block.data()), kDiskBlockSize);
    const auto size = static_cast<size_t>(file.gcount());
    std::fill(block.begin() + static_cast<std::ptrdiff_t>(size), block.end(), std::byte{0});
    if (size != 0 && !is_zero(block.data())) image.write(offset, block);
  }
  if (file.bad()) return Status(Code::kIo, "can't read disk image " + path);
  return image;
}

Status DiskImage::save_sample(const std::string& path) const {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const auto& [number, block] : blocks_) {
    size_t size = block->size();
    while (size != 0 && (*block)[size - 1] == std::byte{0}) --size;
    if (size == 0) continue;
    file << "block " << number << " " << size << "\n";
    file.write(reinterpret_cast<const char*>(block->data()), static_cast<std::streamsize>(size));
    file << "\n";
  }
  file.close();
  if (!file) return Status(Code::kIo, "can't write sample " + path + ": " + std::generic_category().message(errno));
  return ok();
}

Result<DiskImage> DiskImage::load_sample(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Code::kNotFound, "can't open sample " + path);
  DiskImage image;
  std::string word;
  uint64_t number = 0;
  size_t size = 0;
  while (file >> word >> number >> size) {
    Block block{};
    file.get();
    if (word != "block" || size > block.size()) return Status(Code::kCorrupt, "not a sample: " + path);
    file.read(reinterpret_cast<char*>(block.data()), static_cast<std::streamsize>(size));
    image.write(number * kDiskBlockSize, block);
  }
  return image;
}

bool operator==(const DiskImage& a, const DiskImage& b) {
  const auto covered = [](const DiskImage& inner, const DiskImage& outer) {
    return std::all_of(inner.blocks_.begin(), inner.blocks_.end(), [&](const auto& entry) {
      const auto found = outer.blocks_.find(entry.first);
      if (found == outer.blocks_.end()) return is_zero(entry.second->data());
      return entry.second == found->second || *entry.second == *found->second;
    });
  };
  return covered(a, b) && covered(b, a);
}

DiskImage::Block& DiskImage::writable(uint64_t block) {
  std::shared_ptr<const Block>& slot = blocks_[block];
  if (slot == nullptr)
    slot = std::make_shared<Block>();
  else if (slot.use_count() != 1)
    slot = std::make_shared<Block>(*slot);
  return const_cast<Block&>(*slot);  // Made as a non-const Block, and nobody shares it.
}

}  // namespace aeon
