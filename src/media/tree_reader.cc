#include "tree_reader.h"

#include "store_core.h"

namespace aeon::media {

TreeReader::TreeReader(Disk& disk, const Superblock& superblock, Bytes from)
    : disk_(disk),
      store_hash_(store_hash(superblock.store)),
      data_first_(superblock.data_first),
      data_end_(superblock.data_end),
      from_(std::move(from)) {
  if (!superblock.root.address.is_set()) return;
  Pending root;
  root.address = superblock.root.address;
  pending_.push_back(std::move(root));
}

// Those that end before `from_` stay away.
void TreeReader::add_children(const Pending& parent, const Page& page) {
  for (size_t i = page.count(); i-- > 0;) {
    Pending child;
    child.address = Page::child_address(page.value(i));
    child.level = parent.level - 1;
    child.has_low = i != 0 || parent.has_low;
    child.low = i != 0 ? page.key(i) : parent.low;
    child.has_high = i + 1 < page.count() || parent.has_high;
    child.high = i + 1 < page.count() ? page.key(i + 1) : parent.high;
    if (child.has_high && compare_bytes(child.high, from_) <= 0) break;
    pending_.push_back(std::move(child));
  }
}

Task<std::optional<TreeReader::Visit>> TreeReader::next() {
  if (pending_.empty()) co_return std::optional<Visit>();
  Pending expected = std::move(pending_.back());
  pending_.pop_back();
  ++page_count_;

  Visit visit;
  visit.identity.store_hash = store_hash_;
  visit.identity.address = expected.address;
  visit.is_level_known = expected.level >= 0;
  visit.identity.level = static_cast<uint8_t>(expected.level >= 0 ? expected.level : 0);
  visit.first_key = expected.low;
  visit.has_end = expected.has_high;
  visit.end_key = expected.high;
  const PageAddress address = expected.address;
  const bool is_inside = address.count != 0 && address.count <= kPageBytesMax / kBlockSize &&
                         address.first >= data_first_ && address.first < data_end_ &&
                         address.count <= data_end_ - address.first;
  if (!is_inside) {
    visit.status = Status(Code::kCorrupt, "index page: beyond the disk");
    co_return std::optional<Visit>(std::move(visit));
  }
  if (!pages_.add(address.blocks())) {
    visit.status = Status(Code::kCorrupt, "index page: in two places of the index");
    co_return std::optional<Visit>(std::move(visit));
  }
  PageIdentity identity{.store_hash = store_hash_, .address = address};
  Result<Page> page = co_await read_page_at(disk_, &identity);
  visit.status = page.status();
  if (visit.status.is_ok() &&
      (identity.level >= Tree::kHeightMax || (expected.level >= 0 && identity.level != expected.level))) {
    visit.status = Status(Code::kCorrupt, "index page: on another level than its parent says");
  }
  if (visit.status.is_ok()) {
    const bool is_low_good =
        !expected.has_low || identity.level != 0 || compare_bytes((*page).key(0), expected.low) >= 0;
    const bool is_high_good = !expected.has_high || compare_bytes((*page).key((*page).count() - 1), expected.high) < 0;
    if (!is_low_good || !is_high_good) {
      visit.status = Status(Code::kCorrupt, "index page: keys beyond what its parent says");
    }
  }
  if (visit.status.is_ok()) {
    visit.identity = identity;
    visit.is_level_known = true;
    expected.level = identity.level;
    if (identity.level != 0) add_children(expected, *page);
    visit.page.emplace(std::move(page).value());
  }
  co_return std::optional<Visit>(std::move(visit));
}

}  // namespace aeon::media
