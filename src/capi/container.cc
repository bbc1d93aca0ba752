#include "container.h"

#include <daos_errno.h>
#include <daos_pool.h>

#include <bit>
#include <cstring>

#include "operation.h"
#include "properties.h"
#include "runtime/hybrid_clock.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

static_assert(sizeof(uuid_t) == sizeof(Uuid));

void fill_info(const client::ContainerInfo& about, daos_cont_info_t* info) {
  std::memset(info, 0, sizeof *info);
  copy_uuid(about.id, info->ci_uuid);
  info->ci_lsnapshot = about.last_snapshot.value;
  info->ci_nhandles = about.handle_count;
  info->ci_nsnapshots = about.snapshot_count;
  info->ci_md_otime = about.opened_unix_ns == 0 ? 0 : HybridClock::from_unix_ns(about.opened_unix_ns).value;
  info->ci_md_mtime = about.modified_unix_ns == 0 ? 0 : HybridClock::from_unix_ns(about.modified_unix_ns).value;
}

bool is_name(const char* name) {
  return name != nullptr && name[0] != '\0' && strnlen(name, DAOS_PROP_MAX_LABEL_BUF_LEN) <= DAOS_PROP_LABEL_MAX_LEN;
}

Task<int> create(std::shared_ptr<PoolHandle> pool, client::ContainerSpec spec, uuid_t* uuid) {
  const auto id = co_await pool->pool->create_container(std::move(spec));
  if (id && uuid != nullptr) copy_uuid(*id, *uuid);
  co_return to_der(id);
}

Task<int> destroy(std::shared_ptr<PoolHandle> pool, std::string name, bool force) {
  co_return to_der(co_await pool->pool->destroy_container(std::move(name), force));
}

Task<int> query(std::shared_ptr<ContainerHandle> handle, daos_cont_info_t* info, daos_prop_t* props) {
  if (info != nullptr) {
    const auto about = co_await handle->container->query();
    if (!about) co_return to_der(about);
    fill_info(*about, info);
  }
  if (props != nullptr) {
    const auto properties = co_await handle->container->properties();
    if (!properties) co_return to_der(properties);
    co_return fill_container_properties(*properties, props);
  }
  co_return 0;
}

Task<int> set_properties(std::shared_ptr<ContainerHandle> handle, client::Properties changed) {
  co_return to_der(co_await handle->container->set_properties(std::move(changed)));
}

Task<int> allocate(std::shared_ptr<ContainerHandle> handle, uint64_t count, uint64_t* first) {
  const auto number = co_await handle->container->allocate_object_numbers(count);
  if (number) *first = *number;
  co_return to_der(number);
}

// What may change after creation.
bool may_change(const client::Properties& properties) {
  for (const auto& [type, value] : properties) {
    switch (type) {
      case DAOS_PROP_CO_LABEL:
      case DAOS_PROP_CO_ACL:
      case DAOS_PROP_CO_OWNER:
      case DAOS_PROP_CO_OWNER_GROUP:
      case DAOS_PROP_CO_SNAPSHOT_MAX:
      case DAOS_PROP_CO_STATUS: break;
      default: return false;
    }
  }
  return !properties.empty();
}

int create_labelled(daos_handle_t poh, const char* label, uuid_t* uuid, const daos_prop_t* props, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  int rc = find_open(poh, &pool);
  client::ContainerSpec spec;
  if (rc == 0) rc = read_container_spec(label, props, &spec);
  if (rc != 0) return rc;
  return run_operation(*pool->system, ev, create(pool, std::move(spec), uuid));
}

}  // namespace

void copy_uuid(const Uuid& from, uuid_t to) { std::memcpy(to, from.bytes.data(), sizeof(uuid_t)); }

int read_container_flags(unsigned int flags, client::Access* access) {
  constexpr unsigned int kWays = DAOS_COO_RO | DAOS_COO_RW | DAOS_COO_EX;
  if ((flags & ~(kWays | DAOS_COO_FORCE | DAOS_COO_RO_MDSTATS)) != 0 || std::popcount(flags & kWays) != 1) {
    return -DER_INVAL;
  }
  if ((flags & DAOS_COO_RO_MDSTATS) != 0 && (flags & DAOS_COO_RO) == 0) return -DER_INVAL;
  *access = (flags & DAOS_COO_RO) != 0   ? client::Access::kReadOnly
            : (flags & DAOS_COO_RW) != 0 ? client::Access::kReadWrite
                                         : client::Access::kExclusive;
  return 0;
}

Task<int> open_container(std::shared_ptr<PoolHandle> pool, std::string name, client::Access access, daos_handle_t* coh,
                         daos_cont_info_t* info) {
  auto container = co_await pool->pool->open_container(std::move(name), access);
  if (!container) co_return to_der(container);
  const auto properties = co_await (*container)->properties();
  if (!properties) co_return to_der(properties);
  if (info != nullptr) {
    const auto about = co_await (*container)->query();
    if (!about) co_return to_der(about);
    fill_info(*about, info);
  }
  if (!pool->add_container()) co_return -DER_NO_HDL;  // Disconnected meanwhile.
  auto handle = std::make_shared<ContainerHandle>();
  handle->pool = pool;
  handle->container = *container;
  const auto redundancy = properties->find(DAOS_PROP_CO_REDUN_FAC);
  if (redundancy != properties->end() && std::holds_alternative<uint64_t>(redundancy->second)) {
    handle->redundancy_factor = static_cast<uint32_t>(std::get<uint64_t>(redundancy->second));
  }
  co_return give_handle(std::move(handle), coh);
}

int close_container(daos_handle_t coh) {
  auto container = handles().remove<ContainerHandle>(coh);
  if (container == nullptr) return -DER_NO_HDL;
  container->is_closed = true;
  container->pool->drop_container();
  drop_on_executor(std::move(container));
  return 0;
}

int read_container_spec(const char* label, const daos_prop_t* prop, client::ContainerSpec* spec) {
  const int rc = read_container_properties(prop, &spec->properties);
  if (rc != 0) return rc;
  const auto labelled = spec->properties.find(DAOS_PROP_CO_LABEL);
  if (labelled != spec->properties.end()) {
    spec->label = std::get<std::string>(labelled->second);
    spec->properties.erase(labelled);
  }
  if (label != nullptr) spec->label = label;
  return 0;
}

Task<Result<Epoch>> find_snapshot(std::shared_ptr<client::Container> container, Epoch epoch, std::string name) {
  const auto snapshots = co_await container->snapshots();
  if (!snapshots) co_return snapshots.status();
  for (const client::SnapshotInfo& snapshot : *snapshots) {
    if (epoch == kEpochZero ? snapshot.name == name && !name.empty() : snapshot.epoch == epoch) {
      co_return snapshot.epoch;
    }
  }
  co_return Status(Code::kNotFound, "no such snapshot");
}

}  // namespace aeon::capi

using namespace aeon::capi;

int daos_cont_create2(daos_handle_t poh, uuid_t* uuid, daos_prop_t* cont_prop, daos_event_t* ev) {
  return create_labelled(poh, nullptr, uuid, cont_prop, ev);
}

int daos_cont_create_with_label(daos_handle_t poh, const char* label, daos_prop_t* cont_prop, uuid_t* uuid,
                                daos_event_t* ev) {
  if (!daos_label_is_valid(label)) return Inside() ? -DER_INVAL : -DER_UNINIT;
  return create_labelled(poh, label, uuid, cont_prop, ev);
}

int daos_cont_open2(daos_handle_t poh, const char* cont, unsigned int flags, daos_handle_t* coh, daos_cont_info_t* info,
                    daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  aeon::client::Access access{};
  int rc = find_open(poh, &pool);
  if (rc == 0) rc = read_container_flags(flags, &access);
  if (rc != 0) return rc;
  if (coh == nullptr || !is_name(cont)) return -DER_INVAL;
  return run_operation(*pool->system, ev, open_container(pool, cont, access, coh, info));
}

int daos_cont_close(daos_handle_t coh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  return run_now(ev, [&] { return close_container(coh); });
}

int daos_cont_destroy2(daos_handle_t poh, const char* cont, int force, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  const int rc = find_open(poh, &pool);
  if (rc != 0) return rc;
  if (!is_name(cont)) return -DER_INVAL;
  return run_operation(*pool->system, ev, destroy(pool, cont, force != 0));
}

int daos_cont_query(daos_handle_t coh, daos_cont_info_t* info, daos_prop_t* cont_prop, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (cont_prop != nullptr && !is_query_of(cont_prop, PropertyOwner::kContainer)) return -DER_INVAL;
  return run_operation(container->system(), ev, query(container, info, cont_prop));
}

int daos_cont_set_prop(daos_handle_t coh, daos_prop_t* prop, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  aeon::client::Properties changed;
  int rc = find_open(coh, &container);
  if (rc == 0) rc = read_container_properties(prop, &changed);
  if (rc != 0) return rc;
  if (!may_change(changed)) return -DER_INVAL;
  if (!container->is_writable()) return -DER_NO_PERM;
  return run_operation(container->system(), ev, set_properties(container, std::move(changed)));
}

int daos_cont_alloc_oids(daos_handle_t coh, daos_size_t num_oids, uint64_t* oid, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (oid == nullptr || num_oids == 0) return -DER_INVAL;
  if (!container->is_writable()) return -DER_NO_PERM;
  return run_operation(container->system(), ev, allocate(container, num_oids, oid));
}

// The plain names, for programs that look them up by themselves.
#undef daos_cont_create
#undef daos_cont_open
#undef daos_cont_destroy
extern "C" {
__attribute__((weak, alias("daos_cont_create2"))) decltype(daos_cont_create2) daos_cont_create;
__attribute__((weak, alias("daos_cont_open2"))) decltype(daos_cont_open2) daos_cont_open;
__attribute__((weak, alias("daos_cont_destroy2"))) decltype(daos_cont_destroy2) daos_cont_destroy;
}
