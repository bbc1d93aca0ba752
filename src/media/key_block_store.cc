#include "media/key_block_store.h"

#include "open_store.h"
#include "recovery.h"
#include "verify.h"

namespace aeon::media {

Task<Status> KeyBlockStore::format(World& world, Disk& disk, FormatOptions options) {
  return format_store(world, disk, options);
}

Task<Result<std::unique_ptr<KeyBlockStore>>> KeyBlockStore::open(World& world, Disk& disk, OpenOptions options) {
  CO_TRY_ASSIGN(StoreCore::Ref core, co_await open_store(world, disk, options));
  std::unique_ptr<KeyBlockStore> store = std::make_unique<OpenStore>(std::move(core));
  co_return store;
}

Task<Result<LogPosition>> OpenStore::apply(Batch batch) { return StoreCore::apply(core_, std::move(batch)); }

Task<Status> OpenStore::wait_durable(LogPosition position) { return core_->log->wait_durable(core_, position); }

Task<Status> OpenStore::flush() { return core_->log->wait_durable(core_, core_->log->appended()); }

void OpenStore::cancel(BlockRange blocks) { CHECK(core_->ledger.cancel(blocks)); }

Task<Status> OpenStore::write_blocks(BlockRange blocks, ByteView data) {
  return StoreCore::write_blocks(core_, blocks, data);
}

Task<Status> OpenStore::read_blocks(BlockRange blocks, MutableBytes out) {
  return StoreCore::read_blocks(core_, blocks, out);
}

Task<Status> OpenStore::checkpoint() { return StoreCore::checkpoint(core_, false); }

Task<Result<std::vector<KeyBlockStore::Damage>>> OpenStore::verify() { return verify_store(core_); }

Task<Result<KeyBlockStore::PageCheck>> OpenStore::check_pages(Bytes from, ByteCount bytes_max) {
  return media::check_pages(core_, std::move(from), bytes_max);
}

Task<Status> OpenStore::close() { return StoreCore::close(core_); }

BlockPin::BlockPin(KeyBlockStore& store)
    : core_(static_cast<OpenStore&>(store).core()), generation_(core_->ledger.pin()) {}

BlockPin::BlockPin(BlockPin&& other) noexcept : core_(std::move(other.core_)), generation_(other.generation_) {}

BlockPin& BlockPin::operator=(BlockPin&& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(generation_, other.generation_);
  return *this;
}

BlockPin::~BlockPin() {
  if (core_ == nullptr) return;
  core_->ledger.unpin(generation_);
  core_->release_blocks();
}

}  // namespace aeon::media
