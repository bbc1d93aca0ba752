// Pages from the disk into memory, and out of it again: the store's side of its memory budget.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "batch_codec.h"
#include "store_core.h"

namespace aeon::media {

namespace {
constexpr size_t kReadAheadMax = 16;
constexpr size_t kPreloadWorkersMax = 32;
}  // namespace

Task<Result<Page>> read_page_at(Disk& disk, PageIdentity* identity) {
  DiskBuffer buffer(identity->address.count * kBlockSize);
  CO_TRY(co_await disk.read(identity->address.first * kBlockSize, buffer.bytes()));
  co_return Page::decode(buffer.bytes(), *identity);
}

ByteCount StoreCore::memory_in_use() const {
  return cache.bytes() + tree.dropped_bytes() + ledger.memory_size() + contents.memory_size() +
         (log ? log->memory_size() : 0) + transient_bytes_;
}

ByteCount StoreCore::page_budget() const {
  const ByteCount others = memory_in_use() - cache.bytes();
  return std::max(budget_ / 4, budget_ - std::min(budget_, others + malloc_share()));
}

Task<Permit> StoreCore::hold_pages(Ref core) {
  co_await core->hold_turn_.acquire();
  co_return Permit(core->hold_turn_, 1);
}

void StoreCore::make_room(ByteCount coming) {
  if (hold_turn_.free_count() == 0) return;
  const ByteCount wanted = memory_in_use() + malloc_share() + coming;
  if (wanted <= budget_) return;
  // Somewhat more than needed: whoever is on a way through the tree must begin again when pages go.
  const size_t count = tree.evict(wanted - budget_ + std::min<ByteCount>(budget_ / 64, kMiB));
  if (count == 0) return;
  counts.pages_evicted += count;
  ++path_version;
}

Task<Status> StoreCore::read_page(Ref core, PageAddress address) {
  const std::string place = "index page at block " + std::to_string(address.first);
  const bool is_inside = address.first >= core->superblock.data_first && address.first < core->superblock.data_end &&
                         address.count != 0 && address.count <= kPageBytesMax / kBlockSize &&
                         address.count <= core->superblock.data_end - address.first;
  if (!is_inside) co_return Status(Code::kCorrupt, place + ": beyond the disk");
  PageIdentity identity{.store_hash = core->hash, .address = address};
  const uint64_t inner_evictions = core->tree.inner_eviction_count();
  const ByteCount bytes = ByteCount{2} * address.count * kBlockSize;  // The buffer and the page.
  core->make_room(bytes);
  if (core->world.faults.sometimes("evict_early")) core->make_room(core->budget_ / 2);
  core->transient_bytes_ += bytes;
  Result<Page> page = co_await read_page_at(core->disk, &identity);
  core->transient_bytes_ -= bytes;
  if (!page.is_ok()) co_return page.status().within(place);
  ++core->counts.pages_read;
  Status attached = core->tree.attach(address, std::move(page).value(), identity.level);
  core->note_memory();
  if (attached.is_ok()) co_return ok();
  // Its parent went meanwhile: whoever needs the page will miss that first.
  if (core->tree.inner_eviction_count() != inner_evictions) co_return ok();
  co_return attached.within(place);
}

// The parent stays meanwhile, so that the page has its place.
Task<Status> StoreCore::run_load(Ref core, PageAddress address, [[maybe_unused]] NodeRef parent) {
  const auto load = std::make_shared<PageLoad>(core->world.executor);
  core->loads_[address.first] = load;
  co_await core->load_slots_.acquire();
  {
    const Permit slot(core->load_slots_, 1);
    load->status = co_await read_page(core, address);
  }
  load->is_done = true;
  core->loads_.erase(address.first);
  load->ended.notify_all();
  if (core->loads_.empty()) core->loads_quiet_.notify_all();
  co_return load->status;
}

Task<void> StoreCore::load_ahead(Ref core, Tree::MissingPage missing, NodeRef parent) {
  // It may have come, or moved, since.
  const bool is_missing = missing.index < parent->children.size() && !parent->children[missing.index].node &&
                          parent->children[missing.index].address == missing.address;
  if (is_missing && !core->is_closed && !core->loads_.contains(missing.address.first)) {
    ++core->counts.pages_read_ahead;
    const Status status = co_await run_load(core, missing.address, std::move(parent));
    ignore(status, "whoever needs the page will try again and report it");
  }
  if (--core->ahead_count_ == 0) core->loads_quiet_.notify_all();
}

Task<Status> StoreCore::load_page(Ref core, Tree::MissingPage missing) {
  const auto running = core->loads_.find(missing.address.first);
  if (running != core->loads_.end()) {
    const std::shared_ptr<PageLoad> load = running->second;
    while (!load->is_done) co_await load->ended.wait();
    co_return load->status;
  }
  const NodeRef parent(missing.parent);
  uint64_t most = std::min<uint64_t>(core->load_slots_.free_count() / 2, kReadAheadMax - core->ahead_count_);
  if (core->log == nullptr) most = 0;  // Replay waits for all that it began.
  for (const Tree::MissingPage& page : Tree::read_ahead(missing, most)) {
    if (core->loads_.contains(page.address.first)) continue;
    ++core->ahead_count_;
    core->world.executor.spawn(load_ahead(core, page, parent));
  }
  co_return co_await run_load(core, missing.address, parent);
}

Task<void> StoreCore::wait_loads_quiet() {
  while (!loads_.empty() || ahead_count_ != 0) co_await loads_quiet_.wait();
}

Task<void> StoreCore::preload_worker(Ref core, KeyQueue* queue) {
  while (queue->next < queue->keys->size()) {
    const ByteView key = (*queue->keys)[queue->next++];
    while (const Tree::Missing missing = core->tree.missing_for(key)) {
      const Status status = co_await load_page(core, *missing);
      if (!status.is_ok()) break;
    }
  }
  --queue->worker_count;
  queue->worker_ended.notify_all();
}

Task<void> StoreCore::preload(Ref core, const std::vector<ByteView>* keys) {
  KeyQueue queue(core->world.executor);
  queue.keys = keys;
  const size_t workers = std::min(kPreloadWorkersMax, keys->size());
  for (size_t i = 0; i < workers; ++i) {
    ++queue.worker_count;
    core->world.executor.spawn(preload_worker(core, &queue));
  }
  while (queue.worker_count != 0) co_await queue.worker_ended.wait();
}

namespace {
// The next change of a key; nothing at the end.
std::optional<BatchEntry> next_change(BatchReader& reader) {
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    CHECK(entry.is_ok());
    if (!(*entry).has_value() || (*entry)->changes_key()) return *entry;
  }
}
}  // namespace

Tree::Missing StoreCore::first_missing(const Batch& batch) const {
  if (tree.is_whole_in_memory()) return std::nullopt;
  BatchReader reader(batch.record());
  while (const std::optional<BatchEntry> change = next_change(reader)) {
    if (const Tree::Missing missing = tree.missing_for(change->key)) return missing;
  }
  return std::nullopt;
}

Task<Status> StoreCore::load_for(Ref core, const Batch* batch) {
  BatchReader reader(batch->record());
  while (const std::optional<BatchEntry> change = next_change(reader)) {
    while (const Tree::Missing missing = core->tree.missing_for(change->key)) {
      CO_TRY(co_await load_page(core, *missing));
    }
  }
  co_return ok();
}

Task<Status> StoreCore::load_and_pin(Ref core, const Batch* batch, std::vector<NodeRef>* pins) {
  const Permit turn = co_await core->pin_turn_.lock();
  pins->clear();
  BatchReader reader(batch->record());
  while (const std::optional<BatchEntry> change = next_change(reader)) {
    while (const Tree::Missing missing = core->tree.missing_for(change->key)) {
      CO_TRY(co_await load_page(core, *missing));
    }
    NodeRef leaf = core->tree.leaf_of(change->key);
    if (leaf && (pins->empty() || pins->back().get() != leaf.get())) pins->push_back(std::move(leaf));
  }
  co_return ok();
}

}  // namespace aeon::media
