// A server for tests: answers a few kinds of request with what shows that it was that request, and how often.
#pragma once

#include <map>

#include "rpc/dispatcher.h"

namespace aeon::rpc {

class EchoService {
 public:
  explicit EchoService(Executor& executor) : executor_(executor) {}

  void add_to(Dispatcher& dispatcher) {
    dispatcher.serve<wire::HelloRequest>(*this, &EchoService::hello);
    dispatcher.serve<wire::PoolQueryRequest>(*this, &EchoService::query);
    dispatcher.serve<wire::SnapshotCreateRequest>(*this, &EchoService::count_once);
    dispatcher.serve<wire::ObjectWriteRequest>(*this, &EchoService::write);
    dispatcher.serve<wire::ObjectFetchRequest>(*this, &EchoService::fetch);
  }

  Result<wire::HelloReply> hello(wire::HelloRequest, ServerCall&) { return wire::HelloReply{}; }

  Result<wire::PoolQueryReply> query(wire::PoolQueryRequest request, ServerCall&) {
    if (request.handle == 0) return Status(Code::kStaleHandle, "no such handle");
    wire::PoolQueryReply reply;
    reply.pool.free = request.handle;
    return reply;
  }

  // Suspends, and remembers how often each name was asked.
  Task<Result<wire::EpochReply>> count_once(wire::SnapshotCreateRequest request, ServerCall&) {
    ++running_;
    running_max_ = std::max(running_max_, running_);
    co_await sleep_for(executor_, pause);
    --running_;
    wire::EpochReply reply;
    reply.epoch.value = ++asked_[request.name];
    co_return reply;
  }

  Result<wire::EpochReply> write(wire::ObjectWriteRequest, ServerCall& call) {
    ++write_count_;
    if ((call.header().flags & wire::kFlagSentBefore) != 0) sent_before_.push_back(call.header().request_id);
    last_write_ = call.header().request_id;
    written_.clear();
    for (const ByteView& piece : call.sent()) {
      if (!piece.empty()) first_written_ = piece.data();
      written_.insert(written_.end(), piece.begin(), piece.end());
    }
    return wire::EpochReply{};
  }

  // Fills the room with 'x', but for its first and last byte.
  Result<wire::ObjectFetchReply> fetch(wire::ObjectFetchRequest, ServerCall& call) {
    const ByteCount size = call.room_size();
    if (size < 2) return wire::ObjectFetchReply{};
    const Bytes filling(size - 2, std::byte{'x'});
    copy_into(call.room(), 1, filling);
    call.filled(1, size - 2);
    return wire::ObjectFetchReply{};
  }

  Duration pause = std::chrono::milliseconds(1);  // What count_once takes.
  const std::map<std::string, uint64_t>& asked() const { return asked_; }
  uint64_t running_max() const { return running_max_; }
  const Bytes& written() const { return written_; }
  const std::byte* first_written() const { return first_written_; }
  uint64_t write_count() const { return write_count_; }
  uint64_t last_write() const { return last_write_; }  // Its request id.
  // Request ids of writes that say that an earlier life may have done them.
  const std::vector<uint64_t>& sent_before() const { return sent_before_; }

 private:
  Executor& executor_;
  std::map<std::string, uint64_t> asked_;
  uint64_t running_ = 0;
  uint64_t running_max_ = 0;
  Bytes written_;
  const std::byte* first_written_ = nullptr;
  uint64_t write_count_ = 0;
  uint64_t last_write_ = 0;
  std::vector<uint64_t> sent_before_;
};

}  // namespace aeon::rpc
