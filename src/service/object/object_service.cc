#include "object/object_service.h"

#include "base/mutation.h"
#include "target/sent_data.h"
#include "wire/fetch_layout.h"

namespace aeon::object {
namespace {

constexpr uint32_t kPageCountMax = 64 * 1024;
constexpr ByteCount kPageBytesMax = 4 * kMiB;

vos::ListLimits limits_of(const wire::ListLimits& asked) {
  return {.count_max = std::min(asked.count_max, kPageCountMax), .bytes_max = std::min(asked.bytes_max, kPageBytesMax)};
}

vos::ReadIntent intent_of(bool in_transaction) {
  return in_transaction ? vos::ReadIntent::kTransaction : vos::ReadIntent::kPlain;
}

Result<std::vector<AkeyFetch>> attach_room(const std::vector<wire::FetchAkey>& asked,
                                           std::span<const MutableBytes> room) {
  ByteCount left = rpc::total_size(room);
  rpc::PieceReader<MutableBytes> reader(room);
  std::vector<AkeyFetch> fetches;
  fetches.reserve(asked.size());
  for (const wire::FetchAkey& akey : asked) {
    if (akey.out_size > left) return Status(Code::kInvalidArgument, "a fetch has less room than it says");
    left -= akey.out_size;
    fetches.push_back({.akey = akey.akey, .kind = akey.kind, .recxs = akey.recxs, .out = reader.take(akey.out_size)});
  }
  if (left != 0) return Status(Code::kInvalidArgument, "a fetch has more room than it says");
  return fetches;
}

// Tells the transport which parts of the room were filled.
Status report_filled(const std::vector<wire::FetchAkey>& asked, const std::vector<FetchedAkey>& fetched,
                     rpc::ServerCall& call) {
  ByteCount begin = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].out_size != 0) {
      TRY(wire::for_each_segment(
          asked[i].kind, asked[i].recxs, fetched[i],
          [&](const FetchedSegment&, uint64_t offset, uint64_t size) { call.filled(begin + offset, size); }));
    }
    begin += asked[i].out_size;
  }
  return ok();
}

// Of an engine that was started anew: what its client wrote before this, and didn't flush, may be lost. The client
// looks, and writes nothing behind a gap; else it asks anew.
Status check_no_gap(const target::OpenContainer& open, const rpc::ServerCall& call) {
  const bool is_anew = (call.header().flags & wire::kFlagSentBefore) != 0;
  const bool may_be_gap =
      MUTATION("writes_go_on_behind_a_gap", is_anew, false) && open.durability == vos::Durability::kFlush;
  return may_be_gap ? Status(Code::kInProgress, "the engine was started anew; ask again") : ok();
}

}  // namespace

void ObjectService::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::ObjectWriteRequest>(*this, &ObjectService::write);
  dispatcher.serve<wire::ObjectFetchRequest>(*this, &ObjectService::fetch);
  dispatcher.serve<wire::ListObjectsRequest>(*this, &ObjectService::list_objects);
  dispatcher.serve<wire::ListDkeysRequest>(*this, &ObjectService::list_dkeys);
  dispatcher.serve<wire::ListAkeysRequest>(*this, &ObjectService::list_akeys);
  dispatcher.serve<wire::ListRecxsRequest>(*this, &ObjectService::list_recxs);
  dispatcher.serve<wire::QueryKeyRequest>(*this, &ObjectService::query_key);
  dispatcher.serve<wire::QueryMaxEpochRequest>(*this, &ObjectService::query_max_epoch);
  dispatcher.serve<wire::FlushRequest>(*this, &ObjectService::flush);
  dispatcher.serve<wire::TransactionBeginRequest>(*this, &ObjectService::begin_transaction);
  dispatcher.serve<wire::TransactionCommitRequest>(*this, &ObjectService::commit_transaction);
}

// A client of another number of targets would store what nobody finds again.
Status ObjectService::check_placed(const ObjectWrite& write) {
  TRY(placement::check_usable(write.object, targets_.count()));
  if (targets_.count() == 1 || write.kind == ObjectWrite::Kind::kPunchObject) return ok();
  if (!router_.has_value()) router_.emplace(targets_.count());
  TRY_ASSIGN(const uint32_t target, router_->target_of(write.object, write.dkey));
  if (target == targets_.index()) return ok();
  return Status(Code::kInvalidArgument, "object " + write.object.to_string() + " was sent to target " +
                                            std::to_string(targets_.index()) + ", and this part of it is target " +
                                            std::to_string(target) + "'s");
}

Task<Result<wire::EpochReply>> ObjectService::write(wire::ObjectWriteRequest request, rpc::ServerCall& call) {
  Result<target::OpenContainer> open = handles_.find(request.handle, true);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, true);
  CO_TRY(open);
  CO_TRY(check_no_gap(*open, call));
  if (request.epoch != kEpochZero && !open->has_explicit_epochs) {
    co_return Status(Code::kInvalidArgument, "the container gives epochs itself; write at epoch 0");
  }
  for (const ObjectWrite& write : request.writes) CO_TRY(check_placed(write));
  CO_TRY(target::attach_data(request.writes, call.sent()));
  wire::EpochReply reply;
  CO_TRY_ASSIGN(reply.epoch,
                co_await store_.write(open->id, std::move(request.writes), request.epoch, open->durability, call.id()));
  co_return reply;
}

Task<Result<wire::ObjectFetchReply>> ObjectService::fetch(wire::ObjectFetchRequest request, rpc::ServerCall& call) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  CO_TRY_ASSIGN(std::vector<AkeyFetch> fetches, attach_room(request.akeys, call.room()));
  wire::ObjectFetchReply reply;
  CO_TRY_ASSIGN(reply.akeys,
                co_await store_.fetch(open->id, request.object, std::move(request.dkey), std::move(fetches),
                                      request.conditions, request.epoch, intent_of(request.in_transaction)));
  CHECK(reply.akeys.size() == request.akeys.size());
  CO_TRY(report_filled(request.akeys, reply.akeys, call));
  co_return reply;
}

Task<Result<wire::ListObjectsReply>> ObjectService::list_objects(wire::ListObjectsRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  const vos::ListLimits limits = limits_of(request.limits);
  if (request.behind.has_value()) request.from = vos::anchor_behind(*request.behind);
  CO_TRY_ASSIGN(vos::ObjectPage page, co_await store_.list_objects(open->id, request.epoch, std::move(request.from),
                                                                   limits, intent_of(request.in_transaction)));
  wire::ListObjectsReply reply;
  reply.objects = std::move(page.objects);
  reply.changed = std::move(page.changed);
  reply.next = std::move(page.next);
  co_return reply;
}

Task<Result<wire::ListKeysReply>> ObjectService::list_dkeys(wire::ListDkeysRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  const vos::ListLimits limits = limits_of(request.limits);
  CO_TRY_ASSIGN(vos::KeyPage page,
                co_await store_.list_dkeys(open->id, request.object, request.epoch, std::move(request.from), limits,
                                           intent_of(request.in_transaction)));
  wire::ListKeysReply reply;
  reply.keys = std::move(page.keys);
  reply.next = std::move(page.next);
  co_return reply;
}

Task<Result<wire::ListKeysReply>> ObjectService::list_akeys(wire::ListAkeysRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  const vos::ListLimits limits = limits_of(request.limits);
  CO_TRY_ASSIGN(vos::KeyPage page,
                co_await store_.list_akeys(open->id, request.object, std::move(request.dkey), request.epoch,
                                           std::move(request.from), limits, intent_of(request.in_transaction)));
  wire::ListKeysReply reply;
  reply.keys = std::move(page.keys);
  reply.next = std::move(page.next);
  co_return reply;
}

Task<Result<wire::ListRecxsReply>> ObjectService::list_recxs(wire::ListRecxsRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  const vos::ListLimits limits = limits_of(request.limits);
  CO_TRY_ASSIGN(
      vos::RecxPage page,
      co_await store_.list_recxs(open->id, request.object, std::move(request.dkey), std::move(request.akey),
                                 request.epoch, std::move(request.from), limits, intent_of(request.in_transaction)));
  wire::ListRecxsReply reply;
  reply.recxs = std::move(page.recxs);
  reply.next = std::move(page.next);
  co_return reply;
}

Task<Result<wire::QueryKeyReply>> ObjectService::query_key(wire::QueryKeyRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  wire::QueryKeyReply reply;
  CO_TRY_ASSIGN(reply.key,
                co_await store_.query_key(open->id, request.object, request.flags, std::move(request.dkey),
                                          std::move(request.akey), request.epoch, intent_of(request.in_transaction)));
  co_return reply;
}

Task<Result<wire::EpochReply>> ObjectService::query_max_epoch(wire::QueryMaxEpochRequest request, rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  wire::EpochReply reply;
  CO_TRY_ASSIGN(reply.epoch, co_await store_.query_max_epoch(open->id, request.object, request.epoch,
                                                             intent_of(request.in_transaction)));
  co_return reply;
}

Task<Result<wire::FlushReply>> ObjectService::flush(wire::FlushRequest request, rpc::ServerCall& call) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  CO_TRY(co_await store_.flush());
  wire::FlushReply reply;
  reply.server_life = call.header().server_life;
  co_return reply;
}

Task<Result<wire::EpochReply>> ObjectService::begin_transaction(wire::TransactionBeginRequest request,
                                                                rpc::ServerCall&) {
  Result<target::OpenContainer> open = handles_.find(request.handle, false);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, false);
  CO_TRY(open);
  wire::EpochReply reply;
  CO_TRY_ASSIGN(reply.epoch, co_await store_.begin_transaction(open->id));
  co_return reply;
}

Task<Result<wire::EpochReply>> ObjectService::commit_transaction(wire::TransactionCommitRequest request,
                                                                 rpc::ServerCall& call) {
  Result<target::OpenContainer> open = handles_.find(request.handle, true);
  if (open.code() == Code::kStaleHandle) open = co_await handles_.look_up(request.handle, true);
  CO_TRY(open);
  CO_TRY(check_no_gap(*open, call));
  for (const ObjectWrite& write : request.writes) {
    CO_TRY(placement::check_usable(write.object, targets_.count()));
  }
  CO_TRY(target::attach_data(request.writes, call.sent()));
  vos::Transaction transaction;
  transaction.id.uuid = request.transaction;
  transaction.read_epoch = request.read_epoch;
  transaction.reads = std::move(request.reads);
  transaction.writes = std::move(request.writes);
  wire::EpochReply reply;
  CO_TRY_ASSIGN(reply.epoch, co_await commits_.commit(open->id, std::move(transaction), open->durability, call.id()));
  co_return reply;
}

}  // namespace aeon::object
