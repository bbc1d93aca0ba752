#include "client/key_value.h"

#include <daos_errno.h>
#include <daos_kv.h>

#include <cstring>

#include "object_list.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

client::KeyValue open_key_value(const KeyValueHandle& handle, Epoch epoch = kEpochMax) {
  return client::KeyValue(handle.container->container, handle.id, epoch);
}

// -DER_INVAL, -DER_KEY2BIG.
int read_key_text(const char* key, std::string* out) {
  if (key == nullptr || key[0] == '\0') return -DER_INVAL;
  const size_t size = strnlen(key, kUserKeySizeMax + 1);
  if (size > kUserKeySizeMax) return -DER_KEY2BIG;
  out->assign(key, size);
  return 0;
}

Task<int> put(std::shared_ptr<KeyValueHandle> handle, std::string key, ByteView value, uint32_t conditions) {
  client::KeyValue key_value = open_key_value(*handle);
  const Status status = co_await key_value.put(std::move(key), value, conditions);
  co_return to_der(status);
}

// DAOS counts a key that isn't there as one without a value, unless it is asked not to.
int answer_get(const Result<ByteCount>& found, bool must_exist, daos_size_t* size) {
  if (found) *size = *found;
  if (found.code() != Code::kNotFound || must_exist) return to_der(found);
  *size = 0;
  return 0;
}

Task<int> get(std::shared_ptr<KeyValueHandle> handle, std::string key, MutableBytes out, bool must_exist, Epoch epoch,
              daos_size_t* size) {
  client::KeyValue key_value = open_key_value(*handle, epoch);
  const Result<ByteCount> found = co_await key_value.get(key, out);
  const bool too_big = found ? *found > out.size() && out.data() != nullptr : found.code() == Code::kTooBig;
  if (!too_big) co_return answer_get(found, must_exist, size);
  const MutableBytes nothing;
  const Result<ByteCount> needed = co_await key_value.get(key, nothing);
  const int rc = answer_get(needed, must_exist, size);
  co_return rc != 0 ? rc : -DER_REC2BIG;
}

Task<int> remove(std::shared_ptr<KeyValueHandle> handle, std::string key, uint32_t conditions) {
  client::KeyValue key_value = open_key_value(*handle);
  const Status status = co_await key_value.remove(std::move(key), conditions);
  co_return status.code() == Code::kNotFound&& conditions == 0 ? 0 : to_der(status);
}

Task<int> destroy(std::shared_ptr<KeyValueHandle> handle) {
  client::KeyValue key_value = open_key_value(*handle);
  const Status status = co_await key_value.destroy();
  co_return to_der(status);
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_kv_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t* oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  auto object = std::make_shared<KeyValueHandle>();
  int rc = find_open(coh, &object->container);
  if (rc == 0) rc = check_open_mode(*object->container, mode, &object->is_writable);
  if (rc != 0) return rc;
  if (oh == nullptr || daos_obj_id2class(oid) == OC_UNKNOWN || !daos_is_kv(oid)) return -DER_INVAL;
  object->id = to_object_id(oid);
  return run_now(ev, [&] { return give_handle(std::move(object), oh); });
}

int daos_kv_close(daos_handle_t oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  return run_now(ev, [&] { return handles().remove<KeyValueHandle>(oh) == nullptr ? -DER_NO_HDL : 0; });
}

int daos_kv_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<KeyValueHandle> object;
  const int rc = find_for_writing(oh, th, &object);
  if (rc != 0) return rc;
  return run_operation(object->container->system(), ev, destroy(object));
}

int daos_kv_put(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_size_t size, const void* buf,
                daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<KeyValueHandle> object;
  std::string name;
  int rc = find_for_writing(oh, th, &object);
  if (rc == 0) rc = read_key_text(key, &name);
  if (rc != 0) return rc;
  if (buf == nullptr || size == 0 || (flags & ~uint64_t{DAOS_COND_KEY_INSERT | DAOS_COND_KEY_UPDATE}) != 0) {
    return -DER_INVAL;
  }
  if (size > aeon::kValueBytesMax) return -DER_REC2BIG;
  const aeon::ByteView value(static_cast<const std::byte*>(buf), size);
  return run_operation(object->container->system(), ev,
                       put(object, std::move(name), value, static_cast<uint32_t>(flags)));
}

int daos_kv_get(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_size_t* size, void* buf,
                daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<KeyValueHandle> object;
  aeon::Epoch epoch;
  std::string name;
  int rc = find_for_reading(oh, th, &object, &epoch);
  if (rc == 0) rc = read_key_text(key, &name);
  if (rc != 0) return rc;
  if (size == nullptr || (flags & ~uint64_t{DAOS_COND_KEY_GET}) != 0) return -DER_INVAL;
  // Without room it is a question for the length, with or without a buffer.
  const aeon::MutableBytes out(static_cast<std::byte*>(buf), buf == nullptr ? 0 : *size);
  const bool must_exist = (flags & DAOS_COND_KEY_GET) != 0;
  return run_operation(object->container->system(), ev,
                       get(object, std::move(name), out.empty() ? aeon::MutableBytes() : out, must_exist, epoch, size));
}

int daos_kv_remove(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<KeyValueHandle> object;
  std::string name;
  int rc = find_for_writing(oh, th, &object);
  if (rc == 0) rc = read_key_text(key, &name);
  if (rc != 0) return rc;
  if ((flags & ~uint64_t{DAOS_COND_KEY_REMOVE}) != 0) return -DER_INVAL;
  return run_operation(object->container->system(), ev, remove(object, std::move(name), static_cast<uint32_t>(flags)));
}

int daos_kv_list(daos_handle_t oh, daos_handle_t th, uint32_t* nr, daos_key_desc_t* kds, d_sg_list_t* sgl,
                 daos_anchor_t* anchor, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  const KeyListTarget target{.nr = nr, .kds = kds, .sgl = sgl, .anchor = anchor};
  std::shared_ptr<KeyValueHandle> object;
  aeon::Epoch epoch;
  aeon::Anchor from;
  int rc = find_for_reading(oh, th, &object, &epoch);
  if (rc == 0) rc = check_key_list(target, &from);
  if (rc != 0) return rc;
  return run_operation(object->container->system(), ev, list_keys(object, nullptr, epoch, std::move(from), target));
}
