// The store as its users have it: KeyBlockStore over a StoreCore.
#pragma once

#include "store_core.h"

namespace aeon::media {

class OpenStore final : public KeyBlockStore {
 public:
  explicit OpenStore(StoreCore::Ref core) : core_(std::move(core)) {}

  const StoreCore::Ref& core() const { return core_; }

  Uuid uuid() const override { return core_->superblock.store; }
  bool is_read_only() const override { return core_->options.read_only; }
  Task<Result<LogPosition>> apply(Batch batch) override;
  Task<Status> wait_durable(LogPosition position) override;
  Task<Status> flush() override;
  LogPosition applied() const override { return core_->log->appended(); }
  ByteCount carried_size_max() const override { return core_->carried_size_max(); }
  uint64_t change_count() const override { return core_->change_count; }
  uint64_t move_count() const override { return core_->move_count; }
  uint64_t erase_count() const override { return core_->erase_count; }
  Result<std::vector<BlockRange>> reserve(uint64_t block_count) override { return core_->reserve(block_count); }
  void cancel(BlockRange blocks) override;
  Task<Status> write_blocks(BlockRange blocks, ByteView data) override;
  Task<Status> read_blocks(BlockRange blocks, MutableBytes out) override;
  ByteView view_blocks(BlockRange blocks) override { return core_->view_blocks(blocks); }
  Status health() const override { return core_->log->failure(); }
  Space space() const override { return core_->space(); }
  Counters counters() const override { return core_->counters(); }
  Task<Status> checkpoint() override;
  Task<Result<std::vector<Damage>>> verify() override;
  Task<Result<PageCheck>> check_pages(Bytes from, ByteCount bytes_max) override;
  Task<Status> close() override;

 private:
  StoreCore::Ref core_;
};

}  // namespace aeon::media
