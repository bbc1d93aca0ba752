// Writes and fetches: what moves data.
#include "checksums.h"
#include "handles.h"

namespace aeon::client {
namespace {

Task<Result<Epoch>> send_writes(std::shared_ptr<ContainerHandle> self, std::vector<ObjectWrite> writes, Epoch epoch,
                                Status checked) {
  CO_TRY(checked);
  std::vector<ByteView> pieces;
  for (const ObjectWrite& write : writes) {
    for (const AkeyUpdate& update : write.akeys) pieces.insert(pieces.end(), update.data.begin(), update.data.end());
  }
  wire::ObjectWriteRequest request;
  request.epoch = epoch;
  request.writes = std::move(writes);
  const rpc::Bulk bulk{.send = pieces, .receive = {}};
  CO_TRY_ASSIGN(const wire::EpochReply reply, co_await ask(self, std::move(request), bulk));
  self->note_written();
  co_return reply.epoch;
}

Task<Result<std::vector<FetchedAkey>>> send_fetch(std::shared_ptr<ContainerHandle> self, ObjectId object, Bytes dkey,
                                                  std::vector<AkeyFetch> akeys, uint32_t conditions, Epoch epoch,
                                                  bool in_transaction) {
  wire::ObjectFetchRequest request;
  request.in_transaction = in_transaction;
  request.object = object;
  request.dkey = std::move(dkey);
  request.conditions = conditions;
  request.epoch = epoch;
  std::vector<MutableBytes> room;
  request.akeys.reserve(akeys.size());
  for (const AkeyFetch& akey : akeys) {
    wire::FetchAkey& asked = request.akeys.emplace_back();
    asked.akey = akey.akey;
    asked.kind = akey.kind;
    asked.recxs = akey.recxs;
    asked.out_size = rpc::total_size(std::span<const MutableBytes>(akey.out));
    room.insert(room.end(), akey.out.begin(), akey.out.end());
  }
  const rpc::Bulk bulk{.send = {}, .receive = room};
  CO_TRY_ASSIGN(wire::ObjectFetchReply reply, co_await ask(self, std::move(request), bulk));
  if (reply.akeys.size() != akeys.size()) {
    co_return Status(Code::kCorrupt, "the engine answered for another number of akeys than were asked for");
  }
  for (size_t i = 0; self->verifies() && i < akeys.size(); ++i) {
    if (!akeys[i].out.empty()) CO_TRY(verify_checksums(akeys[i], reply.akeys[i]));
  }
  co_return std::move(reply.akeys);
}

}  // namespace

Task<Result<Epoch>> ContainerHandle::write(std::vector<ObjectWrite> writes, Epoch epoch) {
  Status checked = add_checksums(writes);  // Before the task: on the caller's thread, outside of the executor.
  return send_writes(shared_from_this(), std::move(writes), epoch, std::move(checked));
}

Task<Result<std::vector<FetchedAkey>>> ContainerHandle::fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                                              uint32_t conditions, Epoch epoch) {
  return fetch_at(object, std::move(dkey), std::move(akeys), conditions, epoch, false);
}

Task<Result<std::vector<FetchedAkey>>> ContainerHandle::fetch_at(ObjectId object, Bytes dkey,
                                                                 std::vector<AkeyFetch> akeys, uint32_t conditions,
                                                                 Epoch epoch, bool in_transaction) {
  return send_fetch(shared_from_this(), object, std::move(dkey), std::move(akeys), conditions, epoch, in_transaction);
}

}  // namespace aeon::client
