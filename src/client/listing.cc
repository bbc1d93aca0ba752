// Listings and queries: what may have to look at several targets.
//
// dkeys of a spread object are listed target by target; objects are listed from all targets at once and merged by
// their ids, since each may be on several. So an anchor of ours says where in that it is, and has the target's within.
#include <algorithm>
#include <optional>

#include "ask_many.h"

namespace aeon::client {
namespace {

constexpr std::byte kShardAnchor{0x80};  // Then the number of the target among the object's (4 bytes), and its anchor.
constexpr size_t kShardAnchorSize = 1 + sizeof(uint32_t);
constexpr uint32_t kObjectsAtLeast = 64;  // Of each target, for a page.

Status bad_anchor() {
  return Status(Code::kInvalidArgument, "an anchor isn't one that this listing gave; start the listing anew");
}

wire::ListLimits to_wire(const ListLimits& limits) {
  return {.count_max = limits.count_max, .bytes_max = limits.bytes_max};
}

KeyPage take_keys(wire::ListKeysReply reply) { return {.keys = std::move(reply.keys), .next = std::move(reply.next)}; }
RecxPage take_recxs(wire::ListRecxsReply reply) {
  return {.recxs = std::move(reply.recxs), .next = std::move(reply.next)};
}

// ---- dkeys ----------------------------------------------------------------------------------------------------------

Task<Result<KeyPage>> list_spread_dkeys(std::shared_ptr<ContainerHandle> self, wire::ListDkeysRequest request,
                                        std::vector<uint32_t> targets) {
  uint32_t shard = 0;
  const Bytes from = std::move(request.from.position);
  request.from = Anchor();
  if (!from.empty()) {
    if (from.size() < kShardAnchorSize || from[0] != kShardAnchor) co_return bad_anchor();
    shard = load_le<uint32_t>(from.data() + 1);
    if (shard >= targets.size()) co_return bad_anchor();
    request.from.position.assign(from.begin() + kShardAnchorSize, from.end());
  }
  KeyPage page;
  while (true) {
    CO_TRY_ASSIGN(wire::ListKeysReply reply, co_await ask_at(self, targets[shard], request));
    page.keys = std::move(reply.keys);
    Bytes within = std::move(reply.next.position);
    if (reply.next.is_end) {
      within.clear();
      if (++shard == targets.size()) {
        page.next.is_end = true;
        co_return page;
      }
    }
    if (page.keys.empty()) {
      request.from.position = std::move(within);
      continue;
    }
    page.next.position.resize(kShardAnchorSize, kShardAnchor);
    store_le(page.next.position.data() + 1, shard);
    page.next.position.insert(page.next.position.end(), within.begin(), within.end());
    co_return page;
  }
}

Task<Result<KeyPage>> list_dkeys_of(std::shared_ptr<ContainerHandle> self, wire::ListDkeysRequest request) {
  CO_TRY_ASSIGN(std::vector<uint32_t> targets, self->router().targets_of(request.object));
  if (targets.size() > 1) co_return co_await list_spread_dkeys(self, std::move(request), std::move(targets));
  CO_TRY_ASSIGN(wire::ListKeysReply reply, co_await ask_at(self, targets.front(), std::move(request)));
  co_return take_keys(std::move(reply));
}

// ---- Objects --------------------------------------------------------------------------------------------------------

// Merges pages that all begin behind the same object. What follows the first of their ends isn't known of all, so the
// page ends there.
ObjectPage merge(std::vector<Result<wire::ListObjectsReply>>& replies, uint32_t count_max) {
  struct At {
    const wire::ListObjectsReply* reply;
    size_t next = 0;
    bool is_done() const { return next == reply->objects.size(); }
  };
  std::vector<At> at;
  for (const Result<wire::ListObjectsReply>& reply : replies) at.push_back({.reply = &*reply});
  const auto is_cut = [](const At& one) { return one.is_done() && !one.reply->next.is_end; };
  ObjectPage page;
  while (page.objects.size() < count_max && std::ranges::none_of(at, is_cut)) {
    const ObjectId* first = nullptr;
    for (const At& one : at) {
      if (!one.is_done() && (first == nullptr || one.reply->objects[one.next] < *first)) {
        first = &one.reply->objects[one.next];
      }
    }
    if (first == nullptr) {
      page.next.is_end = true;
      return page;
    }
    const ObjectId object = *first;
    page.objects.push_back(object);
    Epoch changed;
    bool has_changed = false;
    for (At& one : at) {
      if (one.is_done() || one.reply->objects[one.next] != object) continue;
      if (one.next < one.reply->changed.size()) {
        changed = std::max(changed, one.reply->changed[one.next]);
        has_changed = true;
      }
      ++one.next;
    }
    if (has_changed) page.changed.push_back(changed);
  }
  return page;
}

Task<Result<ObjectPage>> list_objects_of(std::shared_ptr<ContainerHandle> self, wire::ListObjectsRequest request) {
  const uint32_t target_count = self->target_count();
  if (target_count == 1) {
    CO_TRY_ASSIGN(wire::ListObjectsReply reply, co_await ask(self, std::move(request)));
    co_return ObjectPage{
        .objects = std::move(reply.objects), .changed = std::move(reply.changed), .next = std::move(reply.next)};
  }
  const uint32_t count_max = request.limits.count_max;
  if (count_max == 0) co_return Status(Code::kInvalidArgument, "a page of no objects was asked for");
  const Bytes from = std::move(request.from.position);
  request.from = Anchor();
  if (!from.empty()) {
    if (from.size() != 2 * sizeof(uint64_t)) co_return bad_anchor();
    request.behind = ObjectId{.hi = load_be64(from.data()), .lo = load_be64(from.data() + sizeof(uint64_t))};
  }
  request.limits.count_max = std::min(count_max, std::max(kObjectsAtLeast, 2 * (count_max / target_count)));
  std::vector<uint32_t> targets(target_count);
  for (uint32_t target = 0; target < target_count; ++target) targets[target] = target;
  // Pages are too big to go through others.
  std::vector<Result<wire::ListObjectsReply>> replies = co_await ask_each(self, std::move(targets), std::move(request));
  for (const Result<wire::ListObjectsReply>& reply : replies) CO_TRY(reply);
  ObjectPage page = merge(replies, count_max);
  if (page.next.is_end) co_return page;
  page.next.position.resize(2 * sizeof(uint64_t));
  store_be64(page.next.position.data(), page.objects.back().hi);
  store_be64(page.next.position.data() + sizeof(uint64_t), page.objects.back().lo);
  co_return page;
}

// ---- Queries --------------------------------------------------------------------------------------------------------

// The combined answer of all that have one. kNotFound if none has.
template <typename Request>
Task<Result<typename Request::Reply>> ask_combined(std::shared_ptr<ContainerHandle> self, std::vector<uint32_t> targets,
                                                   Request request) {
  using Reply = typename Request::Reply;
  std::vector<rpc::AnswerOf<Reply>> answers = co_await ask_many(self, std::move(targets), request);
  std::optional<Reply> all;
  Status not_found;
  for (rpc::AnswerOf<Reply>& answer : answers) {
    if (answer.reply.code() == Code::kNotFound) {
      not_found = answer.reply.status();
    } else if (!answer.reply.is_ok()) {
      co_return answer.reply.status();
    } else if (!all.has_value()) {
      all = std::move(*answer.reply);
    } else {
      Request::combine(request, *all, *answer.reply);
    }
  }
  if (!all.has_value()) co_return not_found;
  co_return std::move(*all);
}

Task<Result<QueriedKey>> query_key_of(std::shared_ptr<ContainerHandle> self, wire::QueryKeyRequest request) {
  std::vector<uint32_t> targets;
  if ((request.flags & kGetDkey) != 0) {
    CO_TRY_ASSIGN(targets, self->router().targets_of(request.object));
  } else {
    CO_TRY_ASSIGN(const uint32_t target, self->router().target_of(request.object, request.dkey));
    targets.push_back(target);
  }
  CO_TRY_ASSIGN(wire::QueryKeyReply reply, co_await ask_combined(self, std::move(targets), std::move(request)));
  co_return std::move(reply.key);
}

Task<Result<Epoch>> query_max_epoch_of(std::shared_ptr<ContainerHandle> self, wire::QueryMaxEpochRequest request) {
  CO_TRY_ASSIGN(std::vector<uint32_t> targets, self->router().targets_of(request.object));
  CO_TRY_ASSIGN(const wire::EpochReply reply, co_await ask_combined(self, std::move(targets), request));
  co_return reply.epoch;
}

// To the target that has the dkey.
template <typename T, typename Request, typename Take>
Task<Result<T>> ask_for_dkey(std::shared_ptr<ContainerHandle> self, Request request, Take take) {
  CO_TRY_ASSIGN(const uint32_t target, self->router().target_of(request.object, request.dkey));
  Result<typename Request::Reply> reply = co_await ask_at(std::move(self), target, std::move(request));
  if (!reply.is_ok()) co_return reply.status();
  co_return take(std::move(*reply));
}

}  // namespace

Task<Result<ObjectPage>> ContainerHandle::list_objects(Anchor from, ListLimits limits, Epoch epoch) {
  return list_objects_at(std::move(from), limits, epoch, false);
}
Task<Result<ObjectPage>> ContainerHandle::list_objects_at(Anchor from, ListLimits limits, Epoch epoch,
                                                          bool in_transaction) {
  wire::ListObjectsRequest request;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return list_objects_of(shared_from_this(), std::move(request));
}

Task<Result<KeyPage>> ContainerHandle::list_dkeys(ObjectId object, Anchor from, ListLimits limits, Epoch epoch) {
  return list_dkeys_at(object, std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_dkeys_at(ObjectId object, Anchor from, ListLimits limits, Epoch epoch,
                                                     bool in_transaction) {
  wire::ListDkeysRequest request;
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return list_dkeys_of(shared_from_this(), std::move(request));
}

Task<Result<KeyPage>> ContainerHandle::list_akeys(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                  Epoch epoch) {
  return list_akeys_at(object, std::move(dkey), std::move(from), limits, epoch, false);
}
Task<Result<KeyPage>> ContainerHandle::list_akeys_at(ObjectId object, Bytes dkey, Anchor from, ListLimits limits,
                                                     Epoch epoch, bool in_transaction) {
  wire::ListAkeysRequest request;
  request.object = object;
  request.dkey = std::move(dkey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for_dkey<KeyPage>(shared_from_this(), std::move(request), take_keys);
}

Task<Result<RecxPage>> ContainerHandle::list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                   ListLimits limits, Epoch epoch) {
  return list_recxs_at(object, std::move(dkey), std::move(akey), std::move(from), limits, epoch, false);
}
Task<Result<RecxPage>> ContainerHandle::list_recxs_at(ObjectId object, Bytes dkey, Bytes akey, Anchor from,
                                                      ListLimits limits, Epoch epoch, bool in_transaction) {
  wire::ListRecxsRequest request;
  request.object = object;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  request.from = std::move(from);
  request.limits = to_wire(limits);
  return ask_for_dkey<RecxPage>(shared_from_this(), std::move(request), take_recxs);
}

Task<Result<QueriedKey>> ContainerHandle::query_key(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                    Epoch epoch) {
  return query_key_at(object, flags, std::move(dkey), std::move(akey), epoch, false);
}
Task<Result<QueriedKey>> ContainerHandle::query_key_at(ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                       Epoch epoch, bool in_transaction) {
  wire::QueryKeyRequest request;
  request.object = object;
  request.flags = flags;
  request.dkey = std::move(dkey);
  request.akey = std::move(akey);
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return query_key_of(shared_from_this(), std::move(request));
}

Task<Result<Epoch>> ContainerHandle::query_max_epoch(ObjectId object, Epoch epoch) {
  return query_max_epoch_at(object, epoch, false);
}
Task<Result<Epoch>> ContainerHandle::query_max_epoch_at(ObjectId object, Epoch epoch, bool in_transaction) {
  wire::QueryMaxEpochRequest request;
  request.object = object;
  request.epoch = epoch;
  request.in_transaction = in_transaction;
  return query_max_epoch_of(shared_from_this(), request);
}

}  // namespace aeon::client
