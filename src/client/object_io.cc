// Writes and fetches: what moves data.
#include <algorithm>

#include "checksums.h"
#include "handles.h"
#include "rpc/write_data.h"

namespace aeon::client {
namespace {

// Each attempt of a commit leaves its abort behind.
constexpr Duration kAttemptPauseMax = std::chrono::milliseconds(200);

Task<Result<Epoch>> write_to(std::shared_ptr<ContainerHandle> self, uint32_t target, std::vector<ObjectWrite> writes,
                             Epoch epoch) {
  const std::vector<ByteView> pieces = rpc::data_of(writes);
  wire::ObjectWriteRequest request;
  request.epoch = epoch;
  request.writes = std::move(writes);
  const rpc::Bulk bulk{.send = pieces, .receive = {}};
  CO_TRY_ASSIGN(const wire::EpochReply reply, co_await ask_at(self, target, std::move(request), bulk));
  self->note_written(target);
  co_return reply.epoch;
}

// The writes by their targets, in the order in which those come up; a punch of an object is each of its targets'.
struct Part {
  uint32_t target = 0;
  std::vector<ObjectWrite> writes;
};
Result<std::vector<Part>> split(const ContainerHandle& container, const std::vector<ObjectWrite>& writes) {
  std::vector<Part> parts;
  for (const ObjectWrite& write : writes) {
    std::vector<uint32_t> targets;
    if (write.kind == ObjectWrite::Kind::kPunchObject) {
      TRY_ASSIGN(targets, container.router().targets_of(write.object));
    } else {
      TRY_ASSIGN(const uint32_t target, container.router().target_of(write.object, write.dkey));
      targets.push_back(target);
    }
    for (const uint32_t target : targets) {
      auto part = std::ranges::find(parts, target, &Part::target);
      if (part == parts.end()) part = parts.insert(parts.end(), Part{.target = target, .writes = {}});
      part->writes.push_back(write);
    }
  }
  return parts;
}

// With explicit epochs: nothing is there before it is committed, so each part may go by itself.
Task<Result<Epoch>> write_apart(std::shared_ptr<ContainerHandle> self, std::vector<Part> parts, Epoch epoch) {
  for (Part& part : parts) CO_TRY(co_await write_to(self, part.target, std::move(part.writes), epoch));
  co_return epoch;
}

// The first of the targets coordinates.
Task<Result<Epoch>> write_together(std::shared_ptr<ContainerHandle> self, std::vector<ObjectWrite> writes,
                                   std::vector<uint32_t> targets) {
  const std::vector<ByteView> pieces = rpc::data_of(writes);
  wire::TransactionCommitRequest request;
  request.writes = std::move(writes);
  Patience patience(self->executor(), kAttemptPauseMax);
  while (true) {
    const rpc::Bulk bulk{.send = pieces, .receive = {}};
    const Result<wire::EpochReply> reply = co_await ask_at(self, targets.front(), request, bulk);
    if (reply.is_ok()) {
      for (const uint32_t target : targets) self->note_written(target);
      co_return reply->epoch;
    }
    // It has read nothing, so somebody else's is only in the way of this attempt.
    if (reply.code() != Code::kConflict) co_return reply.status();
    const bool goes_on = co_await patience.wait();
    if (!goes_on) co_return reply.status();
  }
}

// Whether an object that is spread exists is seen by a transaction; a target by itself doesn't know.
Task<Result<Epoch>> punch_existing(std::shared_ptr<ContainerHandle> self, std::vector<ObjectWrite> writes) {
  Patience patience(self->executor(), kAttemptPauseMax);
  while (true) {
    CO_TRY_ASSIGN(const std::shared_ptr<Transaction> transaction, co_await self->begin_transaction());
    const std::shared_ptr<Container> view = transaction->view();
    std::vector<ObjectWrite> unconditional = writes;
    for (ObjectWrite& write : unconditional) {
      if (write.kind != ObjectWrite::Kind::kPunchObject || (write.conditions & kPunchIfExists) == 0) continue;
      ListLimits one;
      one.count_max = 1;
      CO_TRY_ASSIGN(const KeyPage page, co_await view->list_dkeys(write.object, Anchor(), one));
      if (page.keys.empty()) {
        co_return Status(Code::kNotFound, "object " + write.object.to_string() + " to punch isn't there");
      }
      write.conditions &= ~uint32_t{kPunchIfExists};
    }
    CO_TRY(co_await view->write(std::move(unconditional)));
    Result<Epoch> committed = co_await transaction->commit();
    if (committed.code() != Code::kConflict) co_return committed;
    const bool goes_on = co_await patience.wait();
    if (!goes_on) co_return committed;
  }
}

bool asks_for_existence(const ObjectWrite& write) {
  return write.kind == ObjectWrite::Kind::kPunchObject && (write.conditions & kPunchIfExists) != 0;
}

Task<Result<Epoch>> send_writes(std::shared_ptr<ContainerHandle> self, std::vector<ObjectWrite> writes, Epoch epoch,
                                Status checked) {
  CO_TRY(checked);
  if (self->target_count() == 1 || writes.empty()) {
    co_return co_await write_to(std::move(self), 0, std::move(writes), epoch);
  }
  CO_TRY_ASSIGN(std::vector<Part> parts, split(*self, writes));
  if (parts.size() == 1) co_return co_await write_to(self, parts[0].target, std::move(parts[0].writes), epoch);
  if (epoch != kEpochZero) co_return co_await write_apart(std::move(self), std::move(parts), epoch);
  if (std::ranges::any_of(writes, asks_for_existence)) {
    co_return co_await punch_existing(std::move(self), std::move(writes));
  }
  std::vector<uint32_t> targets;
  for (const Part& part : parts) targets.push_back(part.target);
  co_return co_await write_together(std::move(self), std::move(writes), std::move(targets));
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
  CO_TRY_ASSIGN(const uint32_t target, self->router().target_of(request.object, request.dkey));
  CO_TRY_ASSIGN(wire::ObjectFetchReply reply, co_await ask_at(self, target, std::move(request), bulk));
  if (reply.akeys.size() != akeys.size()) {
    co_return Status(Code::kCorrupt, "the engine answered for another number of akeys than were asked for");
  }
  for (size_t i = 0; self->verifies() && i < akeys.size(); ++i) {
    if (!akeys[i].out.empty()) CO_TRY(verify_checksums(akeys[i], reply.akeys[i]));
  }
  co_return std::move(reply.akeys);
}

}  // namespace

uint32_t ContainerHandle::place_of(ObjectId object, ByteView dkey) const {
  const Result<uint32_t> target = router().target_of(object, dkey);
  return target.is_ok() ? *target : 0;
}

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
