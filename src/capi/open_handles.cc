#include "open_handles.h"

#include "event.h"

namespace aeon::capi {
namespace {

Task<void> drop(std::shared_ptr<void> object) {
  object.reset();
  co_return;
}

void drop_in(client::System& system, std::shared_ptr<void> object) {
  if (is_in_completion_callback()) {
    object.reset();  // That is on the executor already.
  } else {
    system.run(drop(std::move(object)));
  }
}

}  // namespace

bool PoolHandle::add_container() {
  int64_t count = open_container_count.load();
  while (count != kClosing) {
    if (open_container_count.compare_exchange_weak(count, count + 1)) return true;
  }
  return false;
}

bool PoolHandle::start_closing() {
  int64_t none = 0;
  return open_container_count.compare_exchange_strong(none, kClosing);
}

int find_read_epoch(daos_handle_t th, std::shared_ptr<ContainerHandle>* container, Epoch* epoch) {
  *epoch = kEpochMax;
  if (daos_handle_is_inval(th)) return 0;
  std::shared_ptr<TransactionHandle> transaction;
  const int rc = find_open(th, &transaction);
  if (rc != 0) return rc;
  if (transaction->container->container->id() != (*container)->container->id()) return -DER_INVAL;
  if (transaction->transaction == nullptr) {
    *epoch = transaction->epoch;
  } else {
    *container = transaction->view;
  }
  return 0;
}

int find_write_transaction(daos_handle_t th, std::shared_ptr<ContainerHandle>* container) {
  if (daos_handle_is_inval(th)) return 0;
  std::shared_ptr<TransactionHandle> transaction;
  const int rc = find_open(th, &transaction);
  if (rc != 0) return rc;
  if (transaction->transaction == nullptr) return -DER_EP_RO;
  if (transaction->container->container->id() != (*container)->container->id()) return -DER_INVAL;
  if (transaction->is_read_only) return -DER_NO_PERM;
  *container = transaction->view;
  return 0;
}

void drop_on_executor(std::shared_ptr<PoolHandle> pool) {
  const std::shared_ptr<client::System> system = pool->system;
  drop_in(*system, std::move(pool));
}

void drop_on_executor(std::shared_ptr<ContainerHandle> container) {
  const std::shared_ptr<client::System> system = container->pool->system;
  drop_in(*system, std::move(container));
}

void drop_on_executor(std::shared_ptr<TransactionHandle> transaction) {
  const std::shared_ptr<client::System> system = transaction->container->pool->system;
  drop_in(*system, std::move(transaction));
}

int check_open_mode(const ContainerHandle& container, unsigned int mode, bool* is_writable) {
  constexpr unsigned int kAccess = DAOS_OO_RO | DAOS_OO_RW | DAOS_OO_EXCL;
  constexpr unsigned int kKnown = kAccess | DAOS_OO_IO_RAND | DAOS_OO_IO_SEQ;
  if ((mode & ~kKnown) != 0 || (mode & kAccess) == 0) return -DER_INVAL;
  if ((mode & DAOS_OO_RO) != 0 && (mode & kAccess) != DAOS_OO_RO) return -DER_INVAL;
  *is_writable = (mode & DAOS_OO_RO) == 0;
  return *is_writable && !container.is_writable() ? -DER_NO_PERM : 0;
}

}  // namespace aeon::capi
