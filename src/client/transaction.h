// A transaction at the client: it remembers what was read, and keeps what is written until it commits.
#pragma once

#include <atomic>
#include <deque>
#include <set>

#include "handles.h"

namespace aeon::client {

class TransactionView;

// What a transaction has done so far. On the executor only, but for epoch().
class TransactionState final : public Transaction, public std::enable_shared_from_this<TransactionState> {
 public:
  TransactionState(std::shared_ptr<ContainerHandle> container, Epoch epoch)
      : container_(std::move(container)), epoch_(epoch.value) {}

  Epoch epoch() const override { return Epoch{epoch_.load(std::memory_order_relaxed)}; }
  std::shared_ptr<Container> view() override;
  Task<Result<Epoch>> commit() override;
  Task<Status> restart() override;
  Task<Status> abort() override;

  ContainerHandle& container() { return *container_; }
  // kInvalidArgument once it has ended.
  Status check_open() const;
  // The epoch for a read that asks for `asked`, which is noted: kInvalidArgument, kTooBig.
  Result<Epoch> begin_read(Epoch asked, std::vector<TransactionRead> reads);
  // Takes writes whose data is in `memory`.
  Status keep(std::vector<ObjectWrite> writes, Bytes memory);

 private:
  enum class Phase : uint8_t { kOpen, kCommitting, kEnded };
  static Task<Result<Epoch>> send_commit(std::shared_ptr<TransactionState> self);
  static Task<Status> begin_again(std::shared_ptr<TransactionState> self);
  void forget();
  Result<uint32_t> coordinator() const;
  void note_written();

  const std::shared_ptr<ContainerHandle> container_;
  std::atomic<uint64_t> epoch_;
  Phase phase_ = Phase::kOpen;
  std::set<TransactionRead> reads_;
  std::vector<ObjectWrite> writes_;
  std::deque<Bytes> memory_;  // What the writes' data points to.
  ByteCount memory_size_ = 0;
};

}  // namespace aeon::client
