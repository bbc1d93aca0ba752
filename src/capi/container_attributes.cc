#include <daos_cont.h>
#include <daos_errno.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

constexpr int kAttributesInACall = 4096;

using Changes = std::map<std::string, std::optional<Bytes>>;

bool read_names(int count, char const* const names[], std::vector<std::string>* out) {
  if (count <= 0 || count > kAttributesInACall || names == nullptr) return false;
  for (int i = 0; i < count; ++i) {
    if (names[i] == nullptr) return false;
    const size_t size = strnlen(names[i], DAOS_ATTR_NAME_MAX + 1);
    if (size == 0 || size > DAOS_ATTR_NAME_MAX) return false;
    out->emplace_back(names[i], size);
  }
  return true;
}

Task<int> list(std::shared_ptr<ContainerHandle> handle, char* buffer, size_t* size) {
  const auto attributes = co_await handle->container->attributes();
  if (!attributes) co_return to_der(attributes);
  const size_t room = buffer == nullptr ? 0 : *size;
  size_t used = 0;
  size_t needed = 0;
  for (const auto& [name, value] : *attributes) {
    needed += name.size() + 1;
    if (needed > room) continue;  // What doesn't fit is left out, and so is all after it.
    std::memcpy(buffer + used, name.c_str(), name.size() + 1);
    used = needed;
  }
  *size = needed;
  co_return 0;
}

Task<int> get(std::shared_ptr<ContainerHandle> handle, std::vector<std::string> names, void* const* buffers,
              size_t* sizes) {
  const auto attributes = co_await handle->container->attributes();
  if (!attributes) co_return to_der(attributes);
  for (const std::string& name : names) {
    if (!attributes->contains(name)) co_return -DER_NONEXIST;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const Bytes& value = attributes->find(names[i])->second;
    const size_t copied = std::min(sizes[i], value.size());
    if (buffers != nullptr && buffers[i] != nullptr && copied > 0) std::memcpy(buffers[i], value.data(), copied);
    sizes[i] = value.size();
  }
  co_return 0;
}

Task<int> change(std::shared_ptr<ContainerHandle> handle, Changes changes) {
  co_return to_der(co_await handle->container->change_attributes(std::move(changes)));
}

// Without those that don't exist, which are no fault here.
Task<int> remove(std::shared_ptr<ContainerHandle> handle, std::vector<std::string> names) {
  const auto attributes = co_await handle->container->attributes();
  if (!attributes) co_return to_der(attributes);
  Changes changes;
  for (const std::string& name : names) {
    if (attributes->contains(name)) changes[name] = std::nullopt;
  }
  if (changes.empty()) co_return 0;
  const Status status = co_await handle->container->change_attributes(std::move(changes));
  co_return status.code() == Code::kNotFound ? 0 : to_der(status);  // Somebody else was faster.
}

int find_for_change(daos_handle_t coh, std::shared_ptr<ContainerHandle>* container) {
  const int rc = find_open(coh, container);
  if (rc != 0) return rc;
  return (*container)->is_writable() ? 0 : -DER_NO_PERM;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_cont_list_attr(daos_handle_t coh, char* buffer, size_t* size, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  if (size == nullptr) return -DER_INVAL;
  return run_operation(container->system(), ev, list(container, buffer, size));
}

int daos_cont_get_attr(daos_handle_t coh, int n, char const* const names[], void* const buffers[], size_t sizes[],
                       daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  std::vector<std::string> wanted;
  if (!read_names(n, names, &wanted) || sizes == nullptr) return -DER_INVAL;
  return run_operation(container->system(), ev, get(container, std::move(wanted), buffers, sizes));
}

int daos_cont_set_attr(daos_handle_t coh, int n, char const* const names[], void const* const values[],
                       size_t const sizes[], daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_for_change(coh, &container);
  if (rc != 0) return rc;
  std::vector<std::string> wanted;
  if (!read_names(n, names, &wanted) || values == nullptr || sizes == nullptr) return -DER_INVAL;
  Changes changes;
  for (int i = 0; i < n; ++i) {
    if (values[i] == nullptr || sizes[i] == 0) return -DER_INVAL;
    const auto* value = static_cast<const std::byte*>(values[i]);
    changes[wanted[static_cast<size_t>(i)]] = aeon::Bytes(value, value + sizes[i]);
  }
  return run_operation(container->system(), ev, change(container, std::move(changes)));
}

int daos_cont_del_attr(daos_handle_t coh, int n, char const* const names[], daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_for_change(coh, &container);
  if (rc != 0) return rc;
  std::vector<std::string> unwanted;
  if (!read_names(n, names, &unwanted)) return -DER_INVAL;
  return run_operation(container->system(), ev, remove(container, std::move(unwanted)));
}
