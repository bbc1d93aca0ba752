#include <daos_api.h>
#include <daos_cont.h>
#include <daos_errno.h>

#include <algorithm>
#include <cstring>

#include "anchor.h"
#include "container.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

// What DAOS_PROP_CO_SNAPSHOT_MAX allows, or 0 for no limit.
Task<Result<uint64_t>> snapshot_limit(std::shared_ptr<client::Container> container) {
  const auto properties = co_await container->properties();
  if (!properties) co_return properties.status();
  const auto limit = properties->find(DAOS_PROP_CO_SNAPSHOT_MAX);
  const bool is_limited = limit != properties->end() && std::holds_alternative<uint64_t>(limit->second);
  co_return is_limited ? std::get<uint64_t>(limit->second) : uint64_t{0};
}

Task<int> create(std::shared_ptr<ContainerHandle> handle, std::string name, daos_epoch_t* epoch) {
  const auto snapshots = co_await handle->container->snapshots();
  if (!snapshots) co_return to_der(snapshots);
  const auto limit = co_await snapshot_limit(handle->container);
  if (!limit) co_return to_der(limit);
  if (*limit != 0 && snapshots->size() >= *limit) co_return -DER_OVERFLOW;
  for (const client::SnapshotInfo& snapshot : *snapshots) {
    if (!name.empty() && snapshot.name == name) co_return -DER_EXIST;
  }
  const auto created = co_await handle->container->create_snapshot(std::move(name));
  if (created) *epoch = created->value;
  co_return to_der(created);
}

Task<int> list(std::shared_ptr<ContainerHandle> handle, int* nr, daos_epoch_t* epochs, char** names, Anchor from,
               daos_anchor_t* anchor) {
  auto snapshots = co_await handle->container->snapshots();
  if (!snapshots) co_return to_der(snapshots);
  std::sort(snapshots->begin(), snapshots->end(),
            [](const client::SnapshotInfo& a, const client::SnapshotInfo& b) { return a.epoch < b.epoch; });
  if (epochs == nullptr && names == nullptr) {
    *nr = static_cast<int>(std::min<size_t>(snapshots->size(), INT_MAX));
    co_return 0;
  }
  const uint64_t after = from.position.empty() ? 0 : load_le<uint64_t>(from.position.data());
  const int room = *nr;
  Anchor next;
  next.is_end = true;
  int count = 0;
  for (const client::SnapshotInfo& snapshot : *snapshots) {
    if (snapshot.epoch.value <= after || from.is_end) continue;
    if (count == room) {
      next.is_end = false;
      break;
    }
    if (epochs != nullptr) epochs[count] = snapshot.epoch.value;
    if (names != nullptr && names[count] != nullptr) {
      const size_t length = snapshot.name.copy(names[count], DAOS_SNAPSHOT_MAX_LEN - 1);
      names[count][length] = '\0';
    }
    ++count;
    next.position.resize(sizeof(uint64_t));
    store_le(next.position.data(), snapshot.epoch.value);
  }
  *nr = count;
  store_anchor(anchor, next);
  co_return 0;
}

Task<int> destroy(std::shared_ptr<ContainerHandle> handle, daos_epoch_range_t range) {
  const auto snapshots = co_await handle->container->snapshots();
  if (!snapshots) co_return to_der(snapshots);
  bool any = false;
  for (const client::SnapshotInfo& snapshot : *snapshots) {
    if (snapshot.epoch.value < range.epr_lo || snapshot.epoch.value > range.epr_hi) continue;
    const Status destroyed = co_await handle->container->destroy_snapshot(snapshot.epoch);
    if (!destroyed.is_ok()) co_return to_der(destroyed);
    any = true;
  }
  co_return any || range.epr_lo != range.epr_hi ? 0 : -DER_NONEXIST;
}

Task<int> open_at(std::shared_ptr<ContainerHandle> handle, Epoch epoch, daos_handle_t* th) {
  const auto found = co_await find_snapshot(handle->container, epoch, std::string());
  if (!found) co_return to_der(found);
  auto transaction = std::make_shared<TransactionHandle>();
  transaction->container = handle;
  transaction->epoch = epoch;
  co_return give_handle(std::move(transaction), th);
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_cont_create_snap(daos_handle_t coh, daos_epoch_t* epoch, char* name, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (epoch == nullptr) return -DER_INVAL;
  if (name != nullptr && strnlen(name, DAOS_SNAPSHOT_MAX_LEN) == DAOS_SNAPSHOT_MAX_LEN) return -DER_INVAL;
  if (!container->is_writable()) return -DER_NO_PERM;
  return run_operation(container->system(), ev, create(container, name == nullptr ? "" : name, epoch));
}

int daos_cont_list_snap(daos_handle_t coh, int* nr, daos_epoch_t* epochs, char** names, daos_anchor_t* anchor,
                        daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  const bool only_counts = epochs == nullptr && names == nullptr;
  if (nr == nullptr || (!only_counts && (*nr <= 0 || anchor == nullptr))) return -DER_INVAL;
  aeon::Anchor from;
  if (!only_counts) {
    auto loaded = load_anchor(*anchor, &rc);
    if (!loaded) return rc;
    if (!loaded->position.empty() && loaded->position.size() != sizeof(uint64_t)) return -DER_INVAL;
    from = std::move(*loaded);
  }
  return run_operation(container->system(), ev, list(container, nr, epochs, names, std::move(from), anchor));
}

int daos_cont_destroy_snap(daos_handle_t coh, daos_epoch_range_t epr, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  const bool is_one = epr.epr_lo == epr.epr_hi && epr.epr_lo != 0;
  const bool is_up_to = epr.epr_lo == 0 && epr.epr_hi != 0;
  const bool is_from = epr.epr_lo != 0 && epr.epr_hi == DAOS_EPOCH_MAX;
  if (!is_one && !is_up_to && !is_from) return -DER_INVAL;
  if (!container->is_writable()) return -DER_NO_PERM;
  return run_operation(container->system(), ev, destroy(container, epr));
}

int daos_tx_open_snap(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t* th, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (th == nullptr || epoch == 0) return -DER_INVAL;
  return run_operation(container->system(), ev, open_at(container, aeon::Epoch{epoch}, th));
}
