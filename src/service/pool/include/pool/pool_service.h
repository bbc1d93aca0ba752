// The pool of a system: its record, handles and attributes. One pool for now, over all targets of the engine.
//
// Handles live as long as the engine's process: a client connects again after a restart. A read-only handle can't
// change anything, also not through containers opened by it; an exclusive one keeps all others out.
// Threading: one executor, which owns it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pool/attributes.h"
#include "rpc/dispatcher.h"
#include "runtime/world.h"
#include "target/targets.h"
#include "vos/store.h"
#include "wire/messages.h"

namespace aeon::pool {

struct PoolSpec {
  Uuid id;
  std::string label;
};

// What the pool must know of those above it.
class PoolUser {
 public:
  virtual ~PoolUser() = default;
  // The handle is gone, and what was opened by it must go too.
  virtual void on_pool_handle_closed(uint64_t handle) = 0;
  virtual uint32_t container_count() const = 0;
};

class PoolService {
 public:
  // `store` keeps its metadata. Both outlive the service.
  PoolService(World& world, vos::Store& store, target::Targets& targets);

  // Writes the record of the pool of a new store. kExists if it has one.
  static Task<Status> create(World& world, vos::Store& store, PoolSpec spec);
  // Reads what is stored; before anything else. kNotFound if create() never was.
  Task<Status> load();
  void add_to(rpc::Dispatcher& dispatcher);
  void set_user(PoolUser* user) { user_ = user; }
  // How many bytes the stores may still grow by, as whatever holds them says; none: as much as they like.
  void limit_space(std::function<ByteCount()> free_outside) { free_outside_ = std::move(free_outside); }

  // kStaleHandle says to connect again; kPermission if the handle may only read and `for_writing`.
  Result<wire::Access> check(uint64_t handle, bool for_writing) const;
  const std::string& label() const { return label_; }
  Uuid id() const { return id_; }
  // Of the targets that answer.
  Task<wire::PoolInfo> info();

  Task<Result<wire::PoolListReply>> list(wire::PoolListRequest, rpc::ServerCall&);
  Task<Result<wire::PoolConnectReply>> connect(wire::PoolConnectRequest, rpc::ServerCall&);
  Result<wire::EmptyReply> disconnect(wire::PoolDisconnectRequest, rpc::ServerCall&);
  Task<Result<wire::PoolQueryReply>> query(wire::PoolQueryRequest, rpc::ServerCall&);
  Result<wire::AttributesReply> attributes(wire::PoolAttributesRequest, rpc::ServerCall&);
  Task<Result<wire::EmptyReply>> change_attributes(wire::PoolChangeAttributesRequest, rpc::ServerCall&);

 private:
  Task<Result<wire::PoolQueryReply>> look(bool with_space);

  World& world_;
  vos::Store& store_;
  target::Targets& targets_;
  PoolUser* user_ = nullptr;
  std::function<ByteCount()> free_outside_;
  Uuid id_;
  std::string label_;
  AttributeSet attributes_;
  std::map<uint64_t, wire::Access> handles_;
};

}  // namespace aeon::pool
