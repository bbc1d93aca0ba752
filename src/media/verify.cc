#include "verify.h"

#include <string>

#include "tree_reader.h"

namespace aeon::media {

namespace {

using Damage = KeyBlockStore::Damage;

Damage damage_of(const TreeReader::Visit& visit) {
  return {.place = visit.place(),
          .status = visit.status,
          .hides_keys = true,
          .first_key = visit.first_key,
          .end_key = visit.end_key};
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
    if (status.is_ok()) continue;
    Damage damage;
    damage.place = "superblock at block " + std::to_string(kSuperblockPlaces[copy]);
    damage.status = status;
    damages.push_back(std::move(damage));
  }
  const Superblock superblock = core->superblock;
  std::vector<BlockRange> allocator_blocks;
  const Result<AllocatorImage> image = co_await read_allocator(core->disk, superblock, &allocator_blocks);
  if (!image.is_ok()) {
    Damage damage;
    damage.place = "allocator image";
    damage.status = image.status();
    damages.push_back(std::move(damage));
  }

  TreeReader reader(core->disk, superblock, {});
  while (true) {
    const std::optional<TreeReader::Visit> visit = co_await reader.next();
    if (!visit.has_value()) break;
    if (!visit->status.is_ok()) damages.push_back(damage_of(*visit));
    const bool is_inside = reader.pages().contains(visit->identity.address.blocks());
    if (is_inside && core->is_allocator_known && core->ledger.is_unused(visit->identity.address.blocks())) {
      Damage damage;
      damage.place = visit->place();
      damage.status = Status(Code::kCorrupt, "its blocks count as free");
      damages.push_back(std::move(damage));
    }
  }
  if (damages.empty() &&
      (reader.page_count() != superblock.root.page_count || reader.pages().block_count() != core->page_block_count)) {
    Damage damage;
    damage.place = "allocator image";
    damage.status =
        Status(Code::kCorrupt, "the index has " + std::to_string(reader.pages().block_count()) +
                                   " blocks, and the allocator knows of " + std::to_string(core->page_block_count));
    damages.push_back(std::move(damage));
  }
  co_return damages;
}

Task<Result<KeyBlockStore::PageCheck>> check_pages(StoreCore::Ref core, Bytes from, ByteCount bytes_max) {
  const Permit turn = co_await core->checkpoint_turn.lock();
  if (core->is_closed) co_return Status(Code::kReadOnly, "the store is closed");
  KeyBlockStore::PageCheck check;
  TreeReader reader(core->disk, core->superblock, std::move(from));
  while (true) {
    const std::optional<TreeReader::Visit> visit = co_await reader.next();
    if (!visit.has_value()) break;
    check.bytes_read += visit->identity.address.count * kBlockSize;
    if (!visit->status.is_ok()) check.damage.push_back(damage_of(*visit));
    const bool is_last_below = !visit->status.is_ok() || visit->identity.level == 0;
    if (!is_last_below || check.bytes_read < bytes_max) continue;
    if (!visit->has_end) break;
    check.next = visit->end_key;
    co_return check;
  }
  check.is_end = true;
  co_return check;
}

}  // namespace aeon::media
