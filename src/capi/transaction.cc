#include <daos_api.h>
#include <daos_errno.h>

#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

Task<int> open(std::shared_ptr<ContainerHandle> container, bool is_read_only, daos_handle_t* th) {
  auto begun = co_await container->container->begin_transaction();
  if (!begun) co_return to_der(begun);
  auto handle = std::make_shared<TransactionHandle>();
  handle->container = container;
  handle->transaction = std::move(*begun);
  handle->is_read_only = is_read_only;
  handle->view = std::make_shared<ContainerHandle>();
  handle->view->pool = container->pool;
  handle->view->container = handle->transaction->view();
  handle->view->redundancy_factor = container->redundancy_factor;
  handle->view->is_of_transaction = true;
  co_return give_handle(std::move(handle), th);
}

Task<int> commit(std::shared_ptr<TransactionHandle> handle) {
  const auto committed = co_await handle->transaction->commit();
  co_return to_der(committed);
}
Task<int> abort(std::shared_ptr<TransactionHandle> handle) {
  const Status status = co_await handle->transaction->abort();
  co_return to_der(status);
}
Task<int> restart(std::shared_ptr<TransactionHandle> handle) {
  const Status status = co_await handle->transaction->restart();
  co_return to_der(status);
}

// One that isn't of a snapshot.
int find_transaction(daos_handle_t th, std::shared_ptr<TransactionHandle>* transaction) {
  const int rc = find_open(th, transaction);
  if (rc != 0) return rc;
  return (*transaction)->transaction == nullptr ? -DER_EP_RO : 0;
}

int run_on_transaction(daos_handle_t th, daos_event_t* ev, Task<int> (*work)(std::shared_ptr<TransactionHandle>)) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<TransactionHandle> transaction;
  const int rc = find_transaction(th, &transaction);
  if (rc != 0) return rc;
  return run_operation(transaction->container->system(), ev, work(transaction));
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_tx_open(daos_handle_t coh, daos_handle_t* th, uint64_t flags, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (th == nullptr || (flags & ~uint64_t{DAOS_TF_RDONLY | DAOS_TF_ZERO_COPY}) != 0) return -DER_INVAL;
  const bool is_read_only = (flags & DAOS_TF_RDONLY) != 0;
  if (!is_read_only && !container->is_writable()) return -DER_NO_PERM;
  return run_operation(container->system(), ev, open(container, is_read_only, th));
}

int daos_tx_commit(daos_handle_t th, daos_event_t* ev) { return run_on_transaction(th, ev, commit); }

int daos_tx_abort(daos_handle_t th, daos_event_t* ev) { return run_on_transaction(th, ev, abort); }

int daos_tx_restart(daos_handle_t th, daos_event_t* ev) { return run_on_transaction(th, ev, restart); }

int daos_tx_close(daos_handle_t th, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  return run_now(ev, [&] {
    std::shared_ptr<TransactionHandle> transaction = handles().remove<TransactionHandle>(th);
    if (transaction == nullptr) return -DER_NO_HDL;
    drop_on_executor(std::move(transaction));
    return 0;
  });
}

int daos_tx_hdl2epoch(daos_handle_t th, daos_epoch_t* epoch) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<TransactionHandle> transaction;
  const int rc = find_open(th, &transaction);
  if (rc != 0) return rc;
  if (epoch == nullptr) return -DER_INVAL;
  *epoch = transaction->transaction != nullptr ? transaction->transaction->epoch().value : transaction->epoch.value;
  return 0;
}
