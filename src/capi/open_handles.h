// What handles stand for: open pools, containers, objects, and transactions.
#pragma once

#include <daos_obj.h>
#include <daos_pool.h>

#include <atomic>
#include <memory>

#include "client/array.h"
#include "client/client.h"
#include "handle_table.h"
#include "library.h"

namespace aeon::capi {

struct PoolHandle {
  static constexpr HandleKind kKind = HandleKind::kPool;

  std::shared_ptr<client::System> system;
  std::shared_ptr<client::Pool> pool;
  uint32_t target_count = 1;

  // Containers open through it, or kClosing: a pool is disconnected only when there are none.
  static constexpr int64_t kClosing = -1;
  std::atomic<int64_t> open_container_count{0};
  bool add_container();
  void drop_container() { open_container_count.fetch_sub(1); }
  bool start_closing();
};

// Counts as open in its pool as long as it isn't closed, whatever operations still run through it.
struct ContainerHandle {
  static constexpr HandleKind kKind = HandleKind::kContainer;

  client::System& system() const { return *pool->system; }
  bool is_writable() const { return container->access() != client::Access::kReadOnly; }

  std::shared_ptr<PoolHandle> pool;
  std::shared_ptr<client::Container> container;
  std::atomic<bool> is_closed{false};
  uint32_t redundancy_factor = 0;
  bool is_of_transaction = false;  // What a transaction sees of it; nobody has a handle of that.
};

// Open objects of every kind. They end with their container's handle.
struct OpenObject {
  std::shared_ptr<ContainerHandle> container;
  ObjectId id;
  bool is_writable = false;
};
struct ObjectHandle : OpenObject {
  static constexpr HandleKind kKind = HandleKind::kObject;
};
struct KeyValueHandle : OpenObject {
  static constexpr HandleKind kKind = HandleKind::kKeyValue;
};
struct ArrayHandle : OpenObject {
  static constexpr HandleKind kKind = HandleKind::kArray;
  uint64_t cell_size = 0;
  uint64_t chunk_cells = 0;
};

struct TransactionHandle {
  static constexpr HandleKind kKind = HandleKind::kTransaction;
  std::shared_ptr<ContainerHandle> container;
  Epoch epoch;  // Of the snapshot.

  // Unless it is of a snapshot.
  std::shared_ptr<client::Transaction> transaction;
  std::shared_ptr<ContainerHandle> view;
  bool is_read_only = false;
};

// -DER_NO_HDL unless `handle` is open and, for what is in a container, the container still is.
template <typename T>
int find_open(daos_handle_t handle, std::shared_ptr<T>* out) {
  *out = handles().find<T>(handle);
  if (*out == nullptr) return -DER_NO_HDL;
  if constexpr (requires { (*out)->is_closed; }) {
    if ((*out)->is_closed) return -DER_NO_HDL;
  } else if constexpr (requires { (*out)->container->is_closed; }) {
    if ((*out)->container->is_closed) return -DER_NO_HDL;
  }
  return 0;
}

// What a call with transaction `th` reads: *container becomes what the transaction sees of it.
// -DER_NO_HDL, -DER_INVAL (of another container).
int find_read_epoch(daos_handle_t th, std::shared_ptr<ContainerHandle>* container, Epoch* epoch);
// The same for a call that writes: -DER_EP_RO (a snapshot), -DER_NO_PERM (opened for reading) too.
int find_write_transaction(daos_handle_t th, std::shared_ptr<ContainerHandle>* container);

// Both at once for the calls on objects. In a transaction *object is one of what that sees.
template <typename T>
void put_into(std::shared_ptr<ContainerHandle> container, std::shared_ptr<T>* object) {
  if (container == (*object)->container) return;
  *object = std::make_shared<T>(**object);
  (*object)->container = std::move(container);
}
template <typename T>
int find_for_reading(daos_handle_t oh, daos_handle_t th, std::shared_ptr<T>* object, Epoch* epoch) {
  int rc = find_open(oh, object);
  if (rc != 0) return rc;
  std::shared_ptr<ContainerHandle> container = (*object)->container;
  rc = find_read_epoch(th, &container, epoch);
  if (rc == 0) put_into(std::move(container), object);
  return rc;
}
template <typename T>
int find_for_writing(daos_handle_t oh, daos_handle_t th, std::shared_ptr<T>* object) {
  int rc = find_open(oh, object);
  if (rc != 0) return rc;
  std::shared_ptr<ContainerHandle> container = (*object)->container;
  rc = find_write_transaction(th, &container);
  if (rc == 0 && !(*object)->is_writable) rc = -DER_NO_PERM;
  if (rc == 0) put_into(std::move(container), object);
  return rc;
}

// The handle of an object opened with `mode` of DAOS_OO_ bits: -DER_INVAL, -DER_NO_PERM.
int check_open_mode(const ContainerHandle& container, unsigned int mode, bool* is_writable);

inline ObjectId to_object_id(daos_obj_id_t oid) { return ObjectId{oid.hi, oid.lo}; }
inline daos_obj_id_t to_oid(ObjectId id) { return {.lo = id.lo, .hi = id.hi}; }

// Gives up what a handle stood for. On the executor, where its end touches what the executor owns.
void drop_on_executor(std::shared_ptr<PoolHandle> pool);
void drop_on_executor(std::shared_ptr<ContainerHandle> container);
void drop_on_executor(std::shared_ptr<TransactionHandle> transaction);

// Gives *handle a new handle of `object`, or returns -DER_NOMEM.
template <typename T>
int give_handle(std::shared_ptr<T> object, daos_handle_t* handle) {
  *handle = handles().insert(std::move(object));
  return daos_handle_is_valid(*handle) ? 0 : -DER_NOMEM;
}

}  // namespace aeon::capi
