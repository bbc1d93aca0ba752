// Every request and its answer. Numbers and the order of fields are fixed for ever; new fields go to the end, with
// archive.since(version, …). See docs/design/requests.md, and archive.h for the encoding.
//
// kMayRepeat: doing it twice is as good as once, so that a client that can't know whether a lost server did it may
// ask its successor. answer_again(): of what isn't so stores remember that it was done, and what the answer needs.
#pragma once

#include <algorithm>

#include "wire/collective_messages.h"
#include "wire/message_parts.h"
#include "wire/status_messages.h"
#include "wire/target_messages.h"

namespace aeon::wire {

// ---- Hello ----------------------------------------------------------------------------------------------------------

struct TargetAddresses {
  std::vector<std::string> addresses;
  static void io(auto& archive, auto& self) { archive(self.addresses); }
};
struct HelloReply {
  uint16_t version = 0;  // To speak from now on: the newest that both know.
  std::string system;
  std::string release;  // Of the server's program, for people.
  uint32_t target_count = 0;
  std::vector<TargetAddresses> targets;  // Where each is to be found; empty where they aren't on a network.
  uint32_t collectives_from = 0;  // From so many targets on a CollectiveRequest serves all better; 0: never.
  static void io(auto& archive, auto& self) {
    archive(self.version, self.system, self.release, self.target_count);
    archive.since(3, self.targets, self.collectives_from);
  }
};
struct HelloRequest {
  static constexpr Opcode kOpcode = Opcode::kHello;
  static constexpr bool kMayRepeat = true;
  using Reply = HelloReply;
  uint16_t version_oldest = kProtocolVersionOldest;
  uint16_t version_newest = kProtocolVersion;
  std::string release;
  static void io(auto& archive, auto& self) { archive(self.version_oldest, self.version_newest, self.release); }
};

// ---- Pools ----------------------------------------------------------------------------------------------------------

struct PoolListReply {
  std::vector<PoolInfo> pools;
  static void io(auto& archive, auto& self) { archive(self.pools); }
};
struct PoolListRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolList;
  static constexpr bool kMayRepeat = true;
  using Reply = PoolListReply;
  static void io(auto&, auto&) {}
};

struct PoolConnectReply {
  uint64_t handle = 0;
  PoolInfo pool;
  static void io(auto& archive, auto& self) { archive(self.handle, self.pool); }
};
struct PoolConnectRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolConnect;
  static constexpr bool kMayRepeat = true;
  using Reply = PoolConnectReply;
  std::string pool;  // Label or uuid.
  Access access = Access::kReadOnly;
  static void io(auto& archive, auto& self) { archive(self.pool, self.access); }
};

// Also closes the pool handle's container handles.
struct PoolDisconnectRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolDisconnect;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

struct PoolQueryReply {
  PoolInfo pool;
  PoolSpace space;
  static void io(auto& archive, auto& self) { archive(self.pool, self.space); }
};
struct PoolQueryRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolQuery;
  static constexpr bool kMayRepeat = true;
  using Reply = PoolQueryReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

struct AttributesReply {
  Attributes attributes;
  static void io(auto& archive, auto& self) { archive(self.attributes); }
};
struct PoolAttributesRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolAttributes;
  static constexpr bool kMayRepeat = true;
  using Reply = AttributesReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};
struct PoolChangeAttributesRequest {
  static constexpr Opcode kOpcode = Opcode::kPoolChangeAttributes;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  AttributeChanges changes;
  static void io(auto& archive, auto& self) { archive(self.handle, self.changes); }
};

// ---- Containers -----------------------------------------------------------------------------------------------------

struct ContainerCreateReply {
  Uuid id;
  static void io(auto& archive, auto& self) { archive(self.id); }
};
struct ContainerCreateRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerCreate;
  static constexpr bool kMayRepeat = false;
  using Reply = ContainerCreateReply;
  uint64_t pool = 0;
  std::string label;
  std::optional<Uuid> id;
  Properties properties;
  static ContainerCreateReply answer_again(const DoneRequest& done) { return {.id = done.made}; }
  static void io(auto& archive, auto& self) { archive(self.pool, self.label, self.id, self.properties); }
};

struct ContainerOpenReply {
  uint64_t handle = 0;
  Uuid id;
  Properties properties;
  static void io(auto& archive, auto& self) { archive(self.handle, self.id, self.properties); }
};
struct ContainerOpenRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerOpen;
  static constexpr bool kMayRepeat = true;
  using Reply = ContainerOpenReply;
  uint64_t pool = 0;
  std::string container;  // Label or uuid.
  Access access = Access::kReadOnly;
  static void io(auto& archive, auto& self) { archive(self.pool, self.container, self.access); }
};

struct ContainerCloseRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerClose;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

struct ContainerDestroyRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerDestroy;
  static constexpr bool kMayRepeat = false;
  using Reply = EmptyReply;
  uint64_t pool = 0;
  std::string container;
  bool force = false;
  static EmptyReply answer_again(const DoneRequest&) { return {}; }
  static void io(auto& archive, auto& self) { archive(self.pool, self.container, self.force); }
};

// In order of uuid, those behind `after`.
struct ContainerListReply {
  std::vector<ContainerInfo> containers;
  bool is_end = true;
  static void io(auto& archive, auto& self) { archive(self.containers, self.is_end); }
};
struct ContainerListRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerList;
  static constexpr bool kMayRepeat = true;
  using Reply = ContainerListReply;
  uint64_t pool = 0;
  std::optional<Uuid> after;
  uint32_t count_max = 1024;
  static void io(auto& archive, auto& self) { archive(self.pool, self.after, self.count_max); }
};

struct ContainerQueryReply {
  ContainerInfo container;
  std::optional<SpaceSurvey> survey;
  static void io(auto& archive, auto& self) { archive(self.container, self.survey); }
};
struct ContainerQueryRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerQuery;
  static constexpr bool kMayRepeat = true;
  using Reply = ContainerQueryReply;
  uint64_t handle = 0;
  bool with_survey = false;
  static void io(auto& archive, auto& self) { archive(self.handle, self.with_survey); }
};

struct ContainerPropertiesReply {
  Properties properties;
  static void io(auto& archive, auto& self) { archive(self.properties); }
};
struct ContainerPropertiesRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerProperties;
  static constexpr bool kMayRepeat = true;
  using Reply = ContainerPropertiesReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};
struct ContainerSetPropertiesRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerSetProperties;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  Properties changed;
  static void io(auto& archive, auto& self) { archive(self.handle, self.changed); }
};

struct ContainerAttributesRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerAttributes;
  static constexpr bool kMayRepeat = true;
  using Reply = AttributesReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};
struct ContainerChangeAttributesRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerChangeAttributes;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  AttributeChanges changes;
  static void io(auto& archive, auto& self) { archive(self.handle, self.changes); }
};

struct SnapshotCreateRequest {
  static constexpr Opcode kOpcode = Opcode::kSnapshotCreate;
  static constexpr bool kMayRepeat = false;
  using Reply = EpochReply;
  uint64_t handle = 0;
  std::string name;
  static EpochReply answer_again(const DoneRequest& done) { return {.epoch = done.epoch}; }
  static void io(auto& archive, auto& self) { archive(self.handle, self.name); }
};
struct SnapshotListReply {
  std::vector<SnapshotInfo> snapshots;
  static void io(auto& archive, auto& self) { archive(self.snapshots); }
};
struct SnapshotListRequest {
  static constexpr Opcode kOpcode = Opcode::kSnapshotList;
  static constexpr bool kMayRepeat = true;
  using Reply = SnapshotListReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};
struct SnapshotDestroyRequest {
  static constexpr Opcode kOpcode = Opcode::kSnapshotDestroy;
  static constexpr bool kMayRepeat = false;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  Epoch epoch;
  static EmptyReply answer_again(const DoneRequest&) { return {}; }
  static void io(auto& archive, auto& self) { archive(self.handle, self.epoch); }
};

struct AllocateNumbersReply {
  uint64_t first = 0;
  static void io(auto& archive, auto& self) { archive(self.first); }
};
struct AllocateNumbersRequest {
  static constexpr Opcode kOpcode = Opcode::kAllocateNumbers;
  static constexpr bool kMayRepeat = true;
  using Reply = AllocateNumbersReply;
  uint64_t handle = 0;
  uint64_t count = 0;
  static void io(auto& archive, auto& self) { archive(self.handle, self.count); }
};

struct ContainerAggregateRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerAggregate;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  Epoch through;  // kEpochMax: all there is now.
  static void io(auto& archive, auto& self) { archive(self.handle, self.through); }
};

// A container that starts from what another one shows at an epoch, with its properties (but the label) and attributes.
struct ContainerCloneRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerClone;
  static constexpr bool kMayRepeat = false;
  using Reply = ContainerCreateReply;
  uint64_t pool = 0;
  std::string base;  // Label or uuid.
  Epoch epoch;  // kEpochMax: the newest that readers may use.
  std::string label;
  std::optional<Uuid> id;
  Properties properties;  // Instead of the base's.
  static ContainerCreateReply answer_again(const DoneRequest& done) { return {.id = done.made}; }
  static void io(auto& archive, auto& self) {
    archive(self.pool, self.base, self.epoch, self.label, self.id, self.properties);
  }
};

// Of containers with explicit epochs.
struct ContainerCommitRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerCommit;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.handle, self.epoch); }
};
// Drops what was written at these epochs, both included, and not committed.
struct ContainerDiscardRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerDiscard;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  uint64_t handle = 0;
  Epoch begin;
  Epoch end;
  static void io(auto& archive, auto& self) { archive(self.handle, self.begin, self.end); }
};
struct ContainerEpochsReply {
  bool are_explicit = false;
  Epoch highest_committed;  // By all targets.
  Epoch highest_committed_any;  // By one of them: above the former if a commit reached only some.
  Epoch highest_written;
  Epoch aggregated_through;
  std::optional<Uuid> base;  // Of a clone.
  Epoch base_epoch;
  std::vector<Epoch> clones;  // Where clones of the container start from.
  static void io(auto& archive, auto& self) {
    archive(self.are_explicit, self.highest_committed, self.highest_committed_any, self.highest_written,
            self.aggregated_through, self.base, self.base_epoch, self.clones);
  }
};
struct ContainerEpochsRequest {
  static constexpr Opcode kOpcode = Opcode::kContainerEpochs;
  static constexpr bool kMayRepeat = true;
  using Reply = ContainerEpochsReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

// ---- Objects --------------------------------------------------------------------------------------------------------

// Bulk: the data of all updates, one after the other in the order of their recxs.
struct ObjectWriteRequest {
  static constexpr Opcode kOpcode = Opcode::kObjectWrite;
  static constexpr bool kMayRepeat = false;
  using Reply = EpochReply;
  uint64_t handle = 0;
  Epoch epoch;
  std::vector<ObjectWrite> writes;
  static EpochReply answer_again(const DoneRequest& done) { return {.epoch = done.epoch}; }
  static void io(auto& archive, auto& self) { archive(self.handle, self.epoch, self.writes); }
};

// The bulk data of the answer: what was found, each akey's at its place in its share of the room.
struct ObjectFetchReply {
  std::vector<FetchedAkey> akeys;
  static void io(auto& archive, auto& self) { archive(self.akeys); }
};
struct ObjectFetchRequest {
  static constexpr Opcode kOpcode = Opcode::kObjectFetch;
  static constexpr bool kMayRepeat = true;
  using Reply = ObjectFetchReply;
  uint64_t handle = 0;
  ObjectId object;
  Bytes dkey;
  std::vector<FetchAkey> akeys;
  uint32_t conditions = 0;
  Epoch epoch;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.dkey, self.akeys, self.conditions, self.epoch);
    archive.since(2, self.in_transaction);
  }
};

struct ListObjectsReply {
  std::vector<ObjectId> objects;
  Anchor next;
  std::vector<Epoch> changed;  // Of each, with explicit epochs; else empty.
  static void io(auto& archive, auto& self) {
    archive(self.objects, self.next);
    archive.since(2, self.changed);
  }
};
struct ListObjectsRequest {
  static constexpr Opcode kOpcode = Opcode::kListObjects;
  static constexpr bool kMayRepeat = true;
  using Reply = ListObjectsReply;
  uint64_t handle = 0;
  Epoch epoch;
  Anchor from;
  ListLimits limits;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  std::optional<ObjectId> behind;  // Instead of `from`: goes on with those that follow it.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.epoch, self.from, self.limits);
    archive.since(2, self.in_transaction);
    archive.since(3, self.behind);
  }
};

struct ListKeysReply {
  std::vector<Bytes> keys;
  Anchor next;
  static void io(auto& archive, auto& self) { archive(self.keys, self.next); }
};
struct ListDkeysRequest {
  static constexpr Opcode kOpcode = Opcode::kListDkeys;
  static constexpr bool kMayRepeat = true;
  using Reply = ListKeysReply;
  uint64_t handle = 0;
  ObjectId object;
  Epoch epoch;
  Anchor from;
  ListLimits limits;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.epoch, self.from, self.limits);
    archive.since(2, self.in_transaction);
  }
};
struct ListAkeysRequest {
  static constexpr Opcode kOpcode = Opcode::kListAkeys;
  static constexpr bool kMayRepeat = true;
  using Reply = ListKeysReply;
  uint64_t handle = 0;
  ObjectId object;
  Bytes dkey;
  Epoch epoch;
  Anchor from;
  ListLimits limits;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.dkey, self.epoch, self.from, self.limits);
    archive.since(2, self.in_transaction);
  }
};

struct ListRecxsReply {
  std::vector<ListedRecx> recxs;
  Anchor next;
  static void io(auto& archive, auto& self) { archive(self.recxs, self.next); }
};
struct ListRecxsRequest {
  static constexpr Opcode kOpcode = Opcode::kListRecxs;
  static constexpr bool kMayRepeat = true;
  using Reply = ListRecxsReply;
  uint64_t handle = 0;
  ObjectId object;
  Bytes dkey;
  Bytes akey;
  Epoch epoch;
  Anchor from;
  ListLimits limits;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.dkey, self.akey, self.epoch, self.from, self.limits);
    archive.since(2, self.in_transaction);
  }
};

struct QueryKeyReply {
  QueriedKey key;
  static void io(auto& archive, auto& self) { archive(self.key); }
};
struct QueryKeyRequest {
  static constexpr Opcode kOpcode = Opcode::kQueryKey;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = QueryKeyReply;
  uint64_t handle = 0;
  ObjectId object;
  uint32_t flags = 0;
  Bytes dkey;
  Bytes akey;
  Epoch epoch;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.flags, self.dkey, self.akey, self.epoch);
    archive.since(2, self.in_transaction);
  }
  // The one with the largest or smallest dkey.
  static void combine(const QueryKeyRequest& asked, QueryKeyReply& all, const QueryKeyReply& one) {
    const bool is_max = (asked.flags & kGetMax) != 0;
    const QueryKeyReply& smaller = is_max ? all : one;
    const QueryKeyReply& larger = is_max ? one : all;
    if (is_before(asked.object, smaller.key.dkey, larger.key.dkey)) all = one;
  }
  static bool is_before(ObjectId object, const Bytes& a, const Bytes& b) {
    if (dkey_order(object) == KeyOrder::kUint64 && a.size() == sizeof(uint64_t) && b.size() == sizeof(uint64_t)) {
      return load_le<uint64_t>(a.data()) < load_le<uint64_t>(b.data());
    }
    return a < b;
  }
};

struct QueryMaxEpochRequest {
  static constexpr Opcode kOpcode = Opcode::kQueryMaxEpoch;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EpochReply;
  uint64_t handle = 0;
  ObjectId object;
  Epoch epoch;
  bool in_transaction = false;  // Stays as it was read, for the transaction that reads at `epoch`.
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.object, self.epoch);
    archive.since(2, self.in_transaction);
  }
  static void combine(const QueryMaxEpochRequest&, EpochReply& all, const EpochReply& one) {
    all.epoch = std::max(all.epoch, one.epoch);
  }
};

struct FlushReply {
  uint64_t server_life = 0;  // Of the server that flushed.
  static void io(auto& archive, auto& self) { archive.since(3, self.server_life); }
};
struct FlushRequest {
  static constexpr Opcode kOpcode = Opcode::kFlush;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = FlushReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

// The epoch at which the transaction reads.
struct TransactionBeginRequest {
  static constexpr Opcode kOpcode = Opcode::kTransactionBegin;
  static constexpr uint16_t kSince = 2;
  static constexpr bool kMayRepeat = true;
  using Reply = EpochReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};

// kConflict if it must begin again. Repeating it, with the same uuid, gets the same answer; without one it isn't
// repeated. Sent to the target of one of its writes, whichever targets the others are of. Bulk: as for writes.
struct TransactionCommitRequest {
  static constexpr Opcode kOpcode = Opcode::kTransactionCommit;
  static constexpr uint16_t kSince = 2;
  static constexpr bool kMayRepeat = false;
  using Reply = EpochReply;
  uint64_t handle = 0;
  Uuid transaction;
  Epoch read_epoch;
  std::vector<TransactionRead> reads;
  std::vector<ObjectWrite> writes;
  static EpochReply answer_again(const DoneRequest& done) { return {.epoch = done.epoch}; }
  static void io(auto& archive, auto& self) {
    archive(self.handle, self.transaction, self.read_epoch, self.reads, self.writes);
  }
};

// ---- All of them ----------------------------------------------------------------------------------------------------

// visit.template operator()<Request>() for each kind of request, in the order of their opcodes.
template <typename Visit>
void for_each_request(Visit&& visit) {
  visit.template operator()<HelloRequest>();
  visit.template operator()<StatusRequest>();
  visit.template operator()<PoolListRequest>();
  visit.template operator()<PoolConnectRequest>();
  visit.template operator()<PoolDisconnectRequest>();
  visit.template operator()<PoolQueryRequest>();
  visit.template operator()<PoolAttributesRequest>();
  visit.template operator()<PoolChangeAttributesRequest>();
  visit.template operator()<ContainerCreateRequest>();
  visit.template operator()<ContainerOpenRequest>();
  visit.template operator()<ContainerCloseRequest>();
  visit.template operator()<ContainerDestroyRequest>();
  visit.template operator()<ContainerListRequest>();
  visit.template operator()<ContainerQueryRequest>();
  visit.template operator()<ContainerPropertiesRequest>();
  visit.template operator()<ContainerSetPropertiesRequest>();
  visit.template operator()<ContainerAttributesRequest>();
  visit.template operator()<ContainerChangeAttributesRequest>();
  visit.template operator()<SnapshotCreateRequest>();
  visit.template operator()<SnapshotListRequest>();
  visit.template operator()<SnapshotDestroyRequest>();
  visit.template operator()<AllocateNumbersRequest>();
  visit.template operator()<ContainerAggregateRequest>();
  visit.template operator()<ContainerCloneRequest>();
  visit.template operator()<ContainerCommitRequest>();
  visit.template operator()<ContainerDiscardRequest>();
  visit.template operator()<ContainerEpochsRequest>();
  visit.template operator()<ObjectWriteRequest>();
  visit.template operator()<ObjectFetchRequest>();
  visit.template operator()<ListObjectsRequest>();
  visit.template operator()<ListDkeysRequest>();
  visit.template operator()<ListAkeysRequest>();
  visit.template operator()<ListRecxsRequest>();
  visit.template operator()<QueryKeyRequest>();
  visit.template operator()<QueryMaxEpochRequest>();
  visit.template operator()<FlushRequest>();
  visit.template operator()<TransactionBeginRequest>();
  visit.template operator()<TransactionCommitRequest>();
  visit.template operator()<CollectiveRequest>();
  visit.template operator()<TargetHandleRequest>();
  visit.template operator()<TargetForgetHandlesRequest>();
  visit.template operator()<TargetClockRequest>();
  visit.template operator()<TargetSpaceRequest>();
  visit.template operator()<TargetContainersRequest>();
  visit.template operator()<TargetCreateContainerRequest>();
  visit.template operator()<TargetDestroyContainerRequest>();
  visit.template operator()<TargetQueryContainerRequest>();
  visit.template operator()<TargetCommitRequest>();
  visit.template operator()<TargetDiscardRequest>();
  visit.template operator()<TargetAggregateRequest>();
  visit.template operator()<TargetCreateSnapshotRequest>();
  visit.template operator()<TargetDestroySnapshotRequest>();
  visit.template operator()<TargetPrepareRequest>();
  visit.template operator()<TargetDecideRequest>();
  visit.template operator()<TargetOutcomeRequest>();
  visit.template operator()<TargetCollectiveRequest>();
  visit.template operator()<TargetStatusRequest>();
}

// The protocol version that brought a kind of request.
template <typename Request>
constexpr uint16_t since() {
  if constexpr (requires { Request::kSince; }) {
    return Request::kSince;
  } else {
    return 1;
  }
}

// A payload alone, as rpc puts it behind the header.
template <typename Message>
void encode(const Message& message, uint16_t version, Buffer& out) {
  Encoder encoder(out, version);
  encoder(message);
}
// kInvalidArgument if `payload` isn't exactly one `Message`.
template <typename Message>
Status decode(ByteView payload, uint16_t version, Message& message) {
  Decoder decoder(payload, version);
  decoder(message);
  return decoder.finish(Code::kInvalidArgument);
}

// An answer's payload: code and message, then the fields if the code is ok.
template <typename Reply>
void encode_reply(const Result<Reply>& reply, uint16_t version, Buffer& out) {
  Encoder encoder(out, version);
  if (reply.is_ok()) {
    encoder(Code::kOk, uint32_t{0}, *reply);
  } else {
    encoder(reply.code(), std::string(reply.status().message()));
  }
}
template <typename Reply>
Result<Reply> decode_reply(ByteView payload, uint16_t version) {
  Decoder decoder(payload, version);
  Code code = Code::kOk;
  std::string message;
  decoder(code, message);
  Reply reply;
  if (code == Code::kOk) decoder(reply);
  if (Status status = decoder.finish(Code::kCorrupt); !status.is_ok()) return status.within("answer");
  if (code != Code::kOk) return Status(code, std::move(message));
  return reply;
}

}  // namespace aeon::wire
