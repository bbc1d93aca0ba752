// Opening and punching objects, and finding their greatest and smallest keys.
#include <daos_errno.h>
#include <daos_obj.h>

#include <bit>
#include <cstring>

#include "buffers.h"
#include "object_io.h"
#include "oid.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

ObjectWrite punch_of(const ObjectHandle& object, ObjectWrite::Kind kind, uint64_t flags) {
  ObjectWrite punch;
  punch.kind = kind;
  punch.object = object.id;
  punch.conditions = static_cast<uint32_t>(flags);
  return punch;
}

// The number of keys in one call is the caller's; more than this is a mistake.
constexpr unsigned int kKeysInACall = 1u << 20;

int find_for_punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, std::shared_ptr<ObjectHandle>* object) {
  const int rc = find_for_writing(oh, th, object);
  if (rc != 0) return rc;
  return (flags & ~uint64_t{DAOS_COND_PUNCH}) != 0 ? -DER_INVAL : 0;
}

// A key that a query has found goes into the caller's 8 bytes.
bool has_room_for_integer(const daos_key_t* key) {
  return key != nullptr && key->iov_buf != nullptr && key->iov_buf_len >= sizeof(uint64_t);
}
void give_integer(const Bytes& found, daos_key_t* key) {
  std::memcpy(key->iov_buf, found.data(), sizeof(uint64_t));
  key->iov_len = sizeof(uint64_t);
}

Task<int> query_key(std::shared_ptr<ObjectHandle> object, uint32_t flags, Bytes dkey, Bytes akey, Epoch epoch,
                    daos_key_t* dkey_out, daos_key_t* akey_out, daos_recx_t* recx) {
  const auto found =
      co_await object->container->container->query_key(object->id, flags, std::move(dkey), std::move(akey), epoch);
  if (!found) co_return to_der(found);
  const bool is_integer = ((flags & DAOS_GET_DKEY) == 0 || found->dkey.size() == sizeof(uint64_t)) &&
                          ((flags & DAOS_GET_AKEY) == 0 || found->akey.size() == sizeof(uint64_t));
  if (!is_integer) co_return -DER_DF_INVAL;
  if ((flags & DAOS_GET_DKEY) != 0) give_integer(found->dkey, dkey_out);
  if ((flags & DAOS_GET_AKEY) != 0) give_integer(found->akey, akey_out);
  if ((flags & DAOS_GET_RECX) != 0) *recx = {.rx_idx = found->recx.index, .rx_nr = found->recx.count};
  co_return 0;
}

int read_query(const ObjectHandle& object, uint64_t flags, daos_key_t* dkey, daos_key_t* akey, daos_recx_t* recx,
               Bytes* given_dkey, Bytes* given_akey) {
  constexpr uint64_t kWays = DAOS_GET_MAX | DAOS_GET_MIN;
  constexpr uint64_t kParts = DAOS_GET_DKEY | DAOS_GET_AKEY | DAOS_GET_RECX;
  if ((flags & ~(kWays | kParts)) != 0 || std::popcount(flags & kWays) != 1 || (flags & kParts) == 0) {
    return -DER_INVAL;
  }
  if ((flags & DAOS_GET_DKEY) != 0) {
    if (dkey_order(object.id) != KeyOrder::kUint64 || !has_room_for_integer(dkey)) return -DER_INVAL;
  } else {
    const int rc = read_key(dkey, dkey_order(object.id), given_dkey);
    if (rc != 0) return rc;
  }
  if ((flags & DAOS_GET_AKEY) != 0) {
    if (akey_order(object.id) != KeyOrder::kUint64 || !has_room_for_integer(akey)) return -DER_INVAL;
  } else if ((flags & DAOS_GET_RECX) != 0) {
    const int rc = read_key(akey, akey_order(object.id), given_akey);
    if (rc != 0) return rc;
  }
  return (flags & DAOS_GET_RECX) != 0 && recx == nullptr ? -DER_INVAL : 0;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;
using aeon::ObjectWrite;

int daos_obj_generate_oid2(daos_handle_t coh, daos_obj_id_t* oid, enum daos_otype_t type, daos_oclass_id_t cid,
                           daos_oclass_hints_t hints, uint32_t) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ContainerHandle> container;
  const int rc = find_open(coh, &container);
  if (rc != 0) return rc;
  // Embedded, all targets are in one fault domain.
  return encode_oid(oid, type, cid, hints,
                    {.domain_count = 1,
                     .target_count = container->pool->target_count,
                     .redundancy_factor = container->redundancy_factor});
}

int daos_obj_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t* oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  auto object = std::make_shared<ObjectHandle>();
  int rc = find_open(coh, &object->container);
  if (rc == 0) rc = check_open_mode(*object->container, mode, &object->is_writable);
  if (rc != 0) return rc;
  if (oh == nullptr || daos_obj_id2class(oid) == OC_UNKNOWN) return -DER_INVAL;
  object->id = to_object_id(oid);
  return run_now(ev, [&] { return give_handle(std::move(object), oh); });
}

int daos_obj_close(daos_handle_t oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  return run_now(ev, [&] { return handles().remove<ObjectHandle>(oh) == nullptr ? -DER_NO_HDL : 0; });
}

int daos_obj_punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  const int rc = find_for_punch(oh, th, flags, &object);
  if (rc != 0) return rc;
  std::vector<ObjectWrite> writes;
  writes.push_back(punch_of(*object, ObjectWrite::Kind::kPunchObject, flags));
  return run_operation(object->container->system(), ev, write_object(object, std::move(writes)));
}

int daos_obj_punch_dkeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, unsigned int nr, daos_key_t* dkeys,
                         daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  int rc = find_for_punch(oh, th, flags, &object);
  if (rc != 0) return rc;
  if (nr == 0 || nr > kKeysInACall || dkeys == nullptr) return -DER_INVAL;
  std::vector<ObjectWrite> writes;
  for (unsigned int i = 0; i < nr; ++i) {
    writes.push_back(punch_of(*object, ObjectWrite::Kind::kPunchDkey, flags));
    rc = read_key(&dkeys[i], dkey_order(object->id), &writes.back().dkey);
    if (rc != 0) return rc;
  }
  return run_operation(object->container->system(), ev, write_object(object, std::move(writes)));
}

int daos_obj_punch_akeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                         daos_key_t* akeys, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  int rc = find_for_punch(oh, th, flags, &object);
  if (rc != 0) return rc;
  if (nr == 0 || nr > kKeysInACall || akeys == nullptr) return -DER_INVAL;
  ObjectWrite punch = punch_of(*object, ObjectWrite::Kind::kPunchAkeys, flags);
  rc = read_key(dkey, dkey_order(object->id), &punch.dkey);
  for (unsigned int i = 0; rc == 0 && i < nr; ++i) {
    punch.punched_akeys.emplace_back();
    rc = read_key(&akeys[i], akey_order(object->id), &punch.punched_akeys.back());
  }
  if (rc != 0) return rc;
  std::vector<ObjectWrite> writes;
  writes.push_back(std::move(punch));
  return run_operation(object->container->system(), ev, write_object(object, std::move(writes)));
}

int daos_obj_query_key(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, daos_key_t* akey,
                       daos_recx_t* recx, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  aeon::Epoch epoch;
  int rc = find_for_reading(oh, th, &object, &epoch);
  aeon::Bytes given_dkey;
  aeon::Bytes given_akey;
  if (rc == 0) rc = read_query(*object, flags, dkey, akey, recx, &given_dkey, &given_akey);
  if (rc != 0) return rc;
  return run_operation(object->container->system(), ev,
                       query_key(object, static_cast<uint32_t>(flags), std::move(given_dkey), std::move(given_akey),
                                 epoch, dkey, akey, recx));
}

// The plain name, for programs that look it up by itself.
#undef daos_obj_generate_oid
extern "C"
    __attribute__((weak, alias("daos_obj_generate_oid2"))) decltype(daos_obj_generate_oid2) daos_obj_generate_oid;
