// Inspector::verify(): everything that is stored, against its checksums and against each other.
#include <map>

#include "key_codec.h"
#include "space_accounting.h"
#include "stored_record.h"
#include "vos/inspector.h"

namespace aeon::vos {

namespace {

// Runs of blocks that belong to something, so that what belongs to two is noticed.
class BlockOwners {
 public:
  // The first block that belongs to something already; then nothing is added.
  std::optional<uint64_t> add(media::BlockRange range) {
    if (range.count == 0) return std::nullopt;
    const uint64_t end = range.first + range.count;
    auto behind = runs_.lower_bound(range.first);
    if (behind != runs_.end() && behind->first < end) return behind->first;
    if (behind != runs_.begin()) {
      const auto before = std::prev(behind);
      if (before->second > range.first) return range.first;
      if (before->second == range.first) {  // Neighbours become one.
        before->second = end;
        total_ += range.count;
        return std::nullopt;
      }
    }
    runs_.emplace_hint(behind, range.first, end);
    total_ += range.count;
    return std::nullopt;
  }
  uint64_t total() const { return total_; }

 private:
  std::map<uint64_t, uint64_t> runs_;  // First block → the one behind.
  uint64_t total_ = 0;
};

bool is_io(const Status& status) { return status.code() == Code::kIo; }

}  // namespace

struct Inspector::Verification {
  VerifyListener listener;
  VerifyCounts counts;
  BlockOwners owners;
  std::map<uint32_t, Uuid> containers;
  std::map<uint32_t, SpaceUse> space;  // Of the records of each container.
  bool is_complete = true;  // All pages could be read and all records understood.
  bool is_allocator_known = false;

  void damage(const DamagedPlace& place) {
    ++counts.damage;
    if (!listener.on_damage) return;
    DamagedPlace named = place;
    const auto found = containers.find(place.container_number);
    if (found != containers.end()) named.container = found->second;
    listener.on_damage(named);
  }
  void store_damage(std::string what, const Status& status) {
    DamagedPlace place;
    place.place = std::move(what);
    place.status = status;
    damage(place);
  }
  void own(const std::string& what, const std::vector<media::BlockRange>& ranges) {
    for (const media::BlockRange& range : ranges) {
      const std::optional<uint64_t> taken = owners.add(range);
      if (taken.has_value()) store_damage(what, shared(*taken));
    }
  }
  static Status shared(uint64_t block) {
    return Status(Code::kCorrupt, "block " + std::to_string(block) + " belongs to something else too");
  }
  // Counters of a store that lost records can't be right.
  void compare_space(const std::vector<StoredContainer>& stored) {
    if (!is_complete) return;
    for (const StoredContainer& container : stored) {
      if (!container.counters.has_value() || *container.counters == space[container.number]) continue;
      store_damage("space of container number " + std::to_string(container.number),
                   Status(Code::kCorrupt, "the counters say " + text_of(*container.counters) + ", and there are " +
                                              text_of(space[container.number])));
    }
  }
  static std::string text_of(const SpaceUse& use) {
    return std::to_string(use.records) + " records with " + std::to_string(use.index_bytes) +
           " bytes in the index and " + std::to_string(use.block_bytes) + " in blocks, for values of " +
           std::to_string(use.value_bytes);
  }
  bool goes_on() const { return !listener.on_progress || listener.on_progress(counts); }
};

Task<Result<VerifyCounts>> Inspector::verify(VerifyListener listener) {
  Verification verification;
  verification.listener = std::move(listener);
  for (const media::SuperblockReport& superblock : media_->superblocks()) {
    if (superblock.status.is_ok()) continue;
    verification.store_damage("superblock at block " + std::to_string(superblock.block), superblock.status);
  }
  CO_TRY(media_->usable());
  if (!media_->log().fault.is_ok()) verification.store_damage("log", media_->log().fault);
  const Result<StoreOverview> overview = co_await this->overview(false);
  CO_TRY(overview.status());
  for (const StoredContainer& container : (*overview).containers) {
    verification.containers[container.number] = container.id;
  }
  for (const DamagedPlace& place : (*overview).damage) {
    if (place.what == DamagedPlace::What::kStore) verification.damage(place);  // Pages come by themselves.
  }
  co_await verify_structure(&verification);
  co_await verify_intents(&verification, &(*overview).containers);
  const bool is_finished = co_await verify_records(&verification);
  if (is_finished) verification.compare_space((*overview).containers);
  if (!is_finished) co_return Status(Code::kCanceled, "not all of the store was looked at");
  if (verification.is_allocator_known && verification.is_complete && verification.counts.damage == 0) {
    const uint64_t all = media_->data_end() - media_->data_first();
    verification.counts.unowned_blocks = all - verification.owners.total();
  }
  co_return verification.counts;
}

Task<void> Inspector::verify_structure(Verification* verification) {
  const Result<media::AllocatorReport> allocator = co_await media_->allocator();
  if (allocator.is_ok()) {
    verification->is_allocator_known = true;
    verification->own("free blocks", (*allocator).free);
    verification->own("blocks held for the checkpoint before", (*allocator).held);
    verification->own("the allocator's image", (*allocator).segments);
    const uint64_t blocks = (*allocator).adopted_count + (*allocator).page_block_count;
    verification->counts.bytes_total = blocks * media::kBlockSize;
  } else {
    verification->store_damage("allocator", allocator.status());
  }
  media::Inspector::PageWalk pages(*media_);
  while (true) {
    const std::optional<media::PageReport> page = co_await pages.next();
    if (!page.has_value()) break;
    ++verification->counts.pages;
    verification->counts.bytes += page->block_count * media::kBlockSize;
    const std::string name = "index page at block " + std::to_string(page->block);
    if (!page->status.is_ok()) {
      verification->is_complete = false;
      const Bytes end = page->has_end ? page->end_key : Bytes();
      verification->damage(place_of_page(name, page->status, page->first_key, end));
      if (!is_io(page->status)) continue;  // What it says of itself isn't known either.
    }
    const std::vector<media::BlockRange> blocks{{page->block, page->block_count}};
    verification->own(name, blocks);
    if (!verification->goes_on()) co_return;
  }
}

// What prepared transactions will put has its blocks already.
Task<void> Inspector::verify_intents(Verification* verification, const std::vector<StoredContainer>* containers) {
  for (size_t i = 0; i < containers->size(); ++i) {
    const StoredContainer* const container = &(*containers)[i];
    for (size_t j = 0; j < container->undecided.size(); ++j) {
      const StoredIntent* const intent = &container->undecided[j];
      const std::string name = "prepared transaction " + intent->transaction.to_string();
      if (!intent->status.is_ok()) {
        verification->is_complete = false;
        verification->store_damage(name + " of container number " + std::to_string(container->number), intent->status);
      }
      for (size_t k = 0; k < intent->records.size(); ++k) {
        const StoredRecord* const record = &intent->records[k];
        DamagedPlace place = place_of(*record);
        place.place = name + (place.place.empty() ? "" : ", ") + place.place;
        if (!record->status.is_ok()) {
          verification->is_complete = false;
          verification->damage(place);
        }
        co_await verify_value(verification, record, place);
      }
    }
  }
}

// Its blocks are of nothing else, and its bytes are what was written.
Task<void> Inspector::verify_value(Verification* verification, const StoredRecord* record, DamagedPlace place) {
  for (const media::BlockRange& range : record->blocks) {
    const std::optional<uint64_t> taken = verification->owners.add(range);
    if (!taken.has_value()) continue;
    place.status = Verification::shared(*taken);
    verification->damage(place);
  }
  if (!record->has_value() || !record->status.is_ok()) co_return;
  ++verification->counts.values;
  place.status = co_await check(*record, nullptr);
  if (!place.status.is_ok()) verification->damage(place);
  for (const media::BlockRange& range : record->blocks) verification->counts.bytes += range.count * media::kBlockSize;
}

// False if the listener has seen enough.
Task<bool> Inspector::verify_records(Verification* verification) {
  media::Inspector::EntryWalk walk(*media_, container_prefix(kStoreNumber + 1));
  while (true) {
    const media::Inspector::EntryWalk::Step step = co_await walk.next();
    if (step == media::Inspector::EntryWalk::Step::kEnd) co_return true;
    if (step == media::Inspector::EntryWalk::Step::kDamage) continue;  // Said already, with the pages.
    const StoredRecord record = take_apart(walk.key(), walk.value());
    ++verification->counts.records;
    DamagedPlace place = place_of(record);
    if (record.blocks.empty() && record.has_value()) {
      place.place = walk.page_block() == 0 ? "inline, in the log"
                                           : "inline, in the index page at block " + std::to_string(walk.page_block());
    }
    if (!record.status.is_ok()) {
      verification->is_complete = false;
      verification->damage(place);
    }
    if (const auto key = decode_record_key(walk.key()); key.is_ok()) {
      verification->space[key->container] += space_of_record(*key, walk.key(), walk.value());
    }
    co_await verify_value(verification, &record, place);
    if (!verification->goes_on()) co_return false;
  }
}

}  // namespace aeon::vos
