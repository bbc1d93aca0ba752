#include <daos_errno.h>
#include <daos_mgmt.h>
#include <daos_pool.h>
#include <gurt/common.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "container.h"
#include "open_handles.h"
#include "operation.h"
#include "properties.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

d_rank_list_t* make_ranks(bool with_the_engine) {
  auto* list = static_cast<d_rank_list_t*>(std::calloc(1, sizeof(d_rank_list_t)));
  if (list == nullptr || !with_the_engine) return list;
  list->rl_ranks = static_cast<d_rank_t*>(std::calloc(1, sizeof(d_rank_t)));  // Embedded there is only rank 0.
  if (list->rl_ranks == nullptr) {
    std::free(list);
    return nullptr;
  }
  list->rl_nr = 1;
  return list;
}

// There is one kind of storage, which counts as NVME.
daos_pool_space space_of(const client::PoolInfo& pool) {
  daos_pool_space space{};
  space.ps_space.s_total[DAOS_MEDIA_NVME] = pool.capacity;
  space.ps_space.s_free[DAOS_MEDIA_NVME] = pool.free;
  const uint64_t free_of_one = pool.free / std::max(pool.target_count, 1u);
  space.ps_free_min[DAOS_MEDIA_NVME] = free_of_one;
  space.ps_free_max[DAOS_MEDIA_NVME] = free_of_one;
  space.ps_free_mean[DAOS_MEDIA_NVME] = free_of_one;
  space.ps_ntargets = pool.target_count;
  return space;
}

void fill_info(const client::PoolInfo& pool, daos_pool_info_t* info) {
  constexpr uint64_t kAnswered =
      DPI_SPACE | DPI_REBUILD_STATUS | DPI_ENGINES_ENABLED | DPI_ENGINES_DISABLED | DPI_ENGINES_DEAD;
  const uint64_t wanted = info->pi_bits;
  std::memset(info, 0, sizeof *info);
  copy_uuid(pool.id, info->pi_uuid);
  info->pi_ntargets = pool.target_count;
  info->pi_nnodes = 1;
  info->pi_map_ver = 1;
  info->pi_bits = wanted & kAnswered;
  if ((wanted & DPI_SPACE) != 0) info->pi_space = space_of(pool);
  if ((wanted & DPI_REBUILD_STATUS) != 0) info->pi_rebuild_st.rs_state = DRS_NOT_STARTED;
}

Task<int> connect(std::shared_ptr<client::System> system, std::string name, client::Access access, daos_handle_t* poh,
                  daos_pool_info_t* info) {
  auto pool = co_await system->connect_pool(std::move(name), access);
  if (!pool) co_return to_der(pool);
  const auto about = co_await (*pool)->query();
  if (!about) co_return to_der(about);
  auto handle = std::make_shared<PoolHandle>();
  handle->system = system;
  handle->pool = *pool;
  handle->target_count = std::max(about->target_count, 1u);
  if (info != nullptr) fill_info(*about, info);
  co_return give_handle(std::move(handle), poh);
}

Task<int> query(std::shared_ptr<PoolHandle> handle, d_rank_list_t** ranks, daos_pool_info_t* info, daos_prop_t* props) {
  const auto about = co_await handle->pool->query();
  if (!about) co_return to_der(about);
  if (props != nullptr) {
    const int rc = fill_pool_properties(*about, props);
    if (rc != 0) co_return rc;
  }
  if (ranks != nullptr) {
    *ranks = make_ranks(info != nullptr && (info->pi_bits & DPI_ENGINES_ENABLED) != 0);
    if (*ranks == nullptr) co_return -DER_NOMEM;
  }
  if (info != nullptr) fill_info(*about, info);
  co_return 0;
}

Task<int> list_containers(std::shared_ptr<PoolHandle> handle, daos_size_t* count, daos_pool_cont_info* out) {
  const auto containers = co_await handle->pool->list_containers();
  if (!containers) co_return to_der(containers);
  const daos_size_t room = *count;
  *count = containers->size();
  if (out == nullptr) co_return 0;
  if (room < containers->size()) co_return -DER_TRUNC;
  for (size_t i = 0; i < containers->size(); ++i) {
    const client::ContainerInfo& container = (*containers)[i];
    std::memset(&out[i], 0, sizeof out[i]);
    copy_uuid(container.id, out[i].pci_uuid);
    container.label.copy(out[i].pci_label, DAOS_PROP_LABEL_MAX_LEN);
  }
  co_return 0;
}

void forget_pools(daos_mgmt_pool_info_t* pools, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    std::free(pools[i].mgpi_label);
    d_rank_list_free(pools[i].mgpi_svc);
    pools[i] = {};
  }
}

int fill_pool(const client::PoolInfo& pool, daos_mgmt_pool_info_t* out) {
  *out = {};
  copy_uuid(pool.id, out->mgpi_uuid);
  out->mgpi_svc = make_ranks(true);
  if (out->mgpi_svc == nullptr) return -DER_NOMEM;
  if (pool.label.empty()) return 0;
  out->mgpi_label = strdup(pool.label.c_str());
  return out->mgpi_label == nullptr ? -DER_NOMEM : 0;
}

Task<int> list_pools(std::shared_ptr<client::System> system, daos_size_t* count, daos_mgmt_pool_info_t* out) {
  const auto pools = co_await system->list_pools();
  if (!pools) co_return to_der(pools);
  const daos_size_t room = *count;
  *count = pools->size();
  if (out == nullptr) co_return 0;
  if (room < pools->size()) co_return -DER_TRUNC;
  for (size_t i = 0; i < pools->size(); ++i) {
    const int rc = fill_pool((*pools)[i], &out[i]);
    if (rc != 0) {
      forget_pools(out, i + 1);
      co_return rc;
    }
  }
  co_return 0;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_pool_connect2(const char* pool, const char* sys, unsigned int flags, daos_handle_t* poh,
                       daos_pool_info_t* info, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (pool == nullptr || strnlen(pool, DAOS_PROP_MAX_LABEL_BUF_LEN) - 1 >= DAOS_PROP_LABEL_MAX_LEN) return -DER_INVAL;
  if (poh == nullptr || (flags & ~DAOS_PC_MASK) != 0 || std::popcount(flags) != 1) return -DER_INVAL;
  if (is_in_completion_callback()) return -DER_NO_PERM;  // Opening a system blocks.
  const auto access = flags == DAOS_PC_RO   ? aeon::client::Access::kReadOnly
                      : flags == DAOS_PC_RW ? aeon::client::Access::kReadWrite
                                            : aeon::client::Access::kExclusive;
  int rc = 0;
  auto system = Library::instance().open_system(sys, access != aeon::client::Access::kReadOnly, &rc);
  if (system == nullptr) return rc;
  aeon::client::System& runner = *system;
  return run_operation(runner, ev, connect(std::move(system), pool, access, poh, info));
}

int daos_pool_disconnect(daos_handle_t poh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  const int rc = find_open(poh, &pool);
  if (rc != 0) return rc;
  EventState* state = nullptr;
  if (ev != nullptr) {
    const int begun = begin_event(ev, &state);  // Before the handle ends, which can't be taken back.
    if (begun != 0) return begun;
  }
  int result = pool->start_closing() ? 0 : -DER_BUSY;
  if (result == 0 && handles().remove<PoolHandle>(poh) == nullptr) result = -DER_NO_HDL;
  if (result == 0) drop_on_executor(std::move(pool));
  if (state == nullptr) return result;
  complete_event(state, result);
  return 0;
}

int daos_pool_query(daos_handle_t poh, d_rank_list_t** ranks, daos_pool_info_t* info, daos_prop_t* pool_prop,
                    daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  const int rc = find_open(poh, &pool);
  if (rc != 0) return rc;
  if (pool_prop != nullptr && !is_query_of(pool_prop, PropertyOwner::kPool)) return -DER_INVAL;
  return run_operation(*pool->system, ev, query(pool, ranks, info, pool_prop));
}

int daos_pool_list_cont(daos_handle_t poh, daos_size_t* ncont, struct daos_pool_cont_info* cbuf, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<PoolHandle> pool;
  const int rc = find_open(poh, &pool);
  if (rc != 0) return rc;
  if (ncont == nullptr) return -DER_INVAL;
  return run_operation(*pool->system, ev, list_containers(pool, ncont, cbuf));
}

int daos_mgmt_list_pools(const char* group, daos_size_t* npools, daos_mgmt_pool_info_t* pools, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (npools == nullptr) return -DER_INVAL;
  if (is_in_completion_callback()) return -DER_NO_PERM;
  int rc = 0;
  auto system = Library::instance().open_system(group, false, &rc);
  if (system == nullptr) return rc;
  aeon::client::System& runner = *system;
  return run_operation(runner, ev, list_pools(std::move(system), npools, pools));
}

// The plain name, for programs that look it up by itself.
#undef daos_pool_connect
extern "C" __attribute__((weak, alias("daos_pool_connect2"))) decltype(daos_pool_connect2) daos_pool_connect;
