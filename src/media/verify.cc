#include "verify.h"

#include <string>

namespace aeon::media {

namespace {

using Damage = KeyBlockStore::Damage;

struct PageToRead {
  PageAddress address;
  int level = -1;          // -1: the root's, whatever it is.
  Bytes low;               // Keys are at least this; the first child's of an inner page may be smaller.
  bool has_low = false;
  Bytes high;              // And below this.
  bool has_high = false;
};

// The entries below `parent`, with the bounds that its keys set.
void add_children(const PageToRead& parent, const Page& page, std::vector<PageToRead>& out) {
  for (size_t i = 0; i < page.count(); ++i) {
    PageToRead child;
    child.address = Page::child_address(page.value(i));
    child.level = parent.level - 1;
    child.has_low = i != 0 || parent.has_low;
    child.low = i != 0 ? page.key(i) : parent.low;
    child.has_high = i + 1 < page.count() || parent.has_high;
    child.high = i + 1 < page.count() ? page.key(i + 1) : parent.high;
    out.push_back(std::move(child));
  }
}

Status check_bounds(const PageToRead& expected, const Page& page) {
  const bool is_low_good = !expected.has_low || expected.level != 0 || compare_bytes(page.key(0), expected.low) >= 0;
  const bool is_high_good = !expected.has_high || compare_bytes(page.key(page.count() - 1), expected.high) < 0;
  if (is_low_good && is_high_good) return ok();
  return Status(Code::kCorrupt, "index page: keys beyond what its parent says");
}

}  // namespace

Task<Result<std::vector<Damage>>> verify_store(StoreCore::Ref core) {
  // No checkpoint meanwhile, so that the durable one's pages stay.
  const Permit turn = co_await core->checkpoint_turn.lock();
  std::vector<Damage> damages;
  for (int copy = 0; copy < 2; ++copy) {
    DiskBuffer buffer(kBlockSize);
    Status status = co_await core->disk.read(kSuperblockPlaces[copy] * kBlockSize, buffer.bytes());
    if (status.is_ok()) status = decode_superblock(buffer.bytes(), copy).status();
    if (!status.is_ok()) damages.push_back({"superblock at block " + std::to_string(kSuperblockPlaces[copy]), status});
  }
  const Superblock superblock = core->superblock;
  std::vector<BlockRange> allocator_blocks;
  const Result<AllocatorImage> image = co_await read_allocator(core->disk, superblock, &allocator_blocks);
  if (!image.is_ok()) damages.push_back({"allocator image", image.status()});

  ExtentSet pages;
  uint64_t page_count = 0;
  std::vector<PageToRead> to_read;
  if (superblock.root.address.is_set()) {
    PageToRead root;
    root.address = superblock.root.address;
    to_read.push_back(std::move(root));
  }
  while (!to_read.empty()) {
    PageToRead next = std::move(to_read.back());
    to_read.pop_back();
    const std::string place = "index page at block " + std::to_string(next.address.first);
    const bool is_inside = next.address.count != 0 && next.address.count <= kPageBytesMax / kBlockSize &&
                           next.address.first >= superblock.data_first && next.address.first < superblock.data_end &&
                           next.address.count <= superblock.data_end - next.address.first;
    if (!is_inside || !pages.add(next.address.blocks())) {
      damages.push_back({place, Status(Code::kCorrupt, "beyond the disk, or in two places of the index")});
      continue;
    }
    ++page_count;
    if (core->ledger.is_unused(next.address.blocks())) {
      damages.push_back({place, Status(Code::kCorrupt, "its blocks count as free")});
    }
    PageIdentity identity{.store_hash = core->hash, .address = next.address};
    const Result<Page> page = co_await read_page_at(core->disk, &identity);
    Status status = page.status();
    if (status.is_ok() && (identity.level >= Tree::kHeightMax || (next.level >= 0 && identity.level != next.level))) {
      status = Status(Code::kCorrupt, "index page: on another level than its parent says");
    }
    if (status.is_ok()) {
      next.level = identity.level;
      status = check_bounds(next, *page);
    }
    if (!status.is_ok()) {
      damages.push_back({place, status});
    } else if (identity.level != 0) {
      add_children(next, *page, to_read);
    }
  }
  if (damages.empty() && (page_count != superblock.root.page_count || pages.block_count() != core->page_block_count)) {
    damages.push_back(
        {"allocator image",
         Status(Code::kCorrupt, "the index has " + std::to_string(pages.block_count()) +
                                    " blocks, and the allocator knows of " + std::to_string(core->page_block_count))});
  }
  co_return damages;
}

}  // namespace aeon::media
