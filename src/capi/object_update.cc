#include <daos_errno.h>
#include <daos_obj.h>

#include "buffers.h"
#include "object_io.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {

int read_extents(const daos_iod_t& iod, std::vector<Recx>* recxs, uint64_t* record_count) {
  if (iod.iod_nr == 0 || iod.iod_recxs == nullptr) return -DER_INVAL;
  *record_count = 0;
  recxs->reserve(iod.iod_nr);
  for (uint32_t i = 0; i < iod.iod_nr; ++i) {
    const daos_recx_t& recx = iod.iod_recxs[i];
    if (recx.rx_nr == 0 || recx.rx_idx + recx.rx_nr < recx.rx_idx) return -DER_INVAL;
    if (*record_count + recx.rx_nr < *record_count) return -DER_INVAL;
    *record_count += recx.rx_nr;
    recxs->push_back({recx.rx_idx, recx.rx_nr});
  }
  return 0;
}

Task<int> write_object(std::shared_ptr<ObjectHandle> object, std::vector<ObjectWrite> writes) {
  co_return to_der(co_await object->container->container->write(std::move(writes)));
}

namespace {

constexpr uint64_t kDkeyConditions = DAOS_COND_DKEY_INSERT | DAOS_COND_DKEY_UPDATE;
constexpr uint64_t kAkeyConditions = DAOS_COND_AKEY_INSERT | DAOS_COND_AKEY_UPDATE;

// An update under construction: what it writes, and single values it removes.
struct Update {
  ObjectWrite write;
  ObjectWrite removal;
};

int check_size(uint64_t record_size, uint64_t record_count, uint64_t data_size) {
  uint64_t wanted = 0;
  if (__builtin_mul_overflow(record_size, record_count, &wanted)) return -DER_INVAL;
  if (data_size == wanted) return 0;
  return data_size < record_size ? -DER_REC2BIG : -DER_IO_INVAL;
}

int read_value(const daos_iod_t& iod, const d_sg_list_t* sgl, AkeyUpdate* akey) {
  uint64_t record_count = 1;
  if (iod.iod_type == DAOS_IOD_ARRAY) {
    akey->kind = ValueKind::kArray;
    const int rc = read_extents(iod, &akey->recxs, &record_count);
    if (rc != 0) return rc;
  }
  akey->record_size = iod.iod_size;
  if (iod.iod_size == 0) return 0;  // A hole.
  uint64_t data_size = 0;
  const int rc = read_data(sgl, &akey->data, &data_size);
  return rc != 0 ? rc : check_size(iod.iod_size, record_count, data_size);
}

int add_akey(const ObjectHandle& object, uint64_t flags, const daos_iod_t& iod, const d_sg_list_t* sgl,
             Update* update) {
  if (iod.iod_type != DAOS_IOD_ARRAY && (iod.iod_type != DAOS_IOD_SINGLE || iod.iod_nr != 1)) return -DER_INVAL;
  AkeyUpdate akey;
  int rc = read_key(&iod.iod_name, akey_order(object.id), &akey.akey);
  if (rc == 0) rc = read_value(iod, sgl, &akey);
  if (rc != 0) return rc;
  if ((flags & DAOS_COND_PER_AKEY) != 0) {
    if ((iod.iod_flags & ~kAkeyConditions) != 0) return -DER_INVAL;
    akey.conditions = static_cast<uint32_t>(iod.iod_flags);
  }
  if (iod.iod_type == DAOS_IOD_SINGLE && iod.iod_size == 0) {
    if (akey.conditions != 0) return -DER_INVAL;  // Removing is daos_obj_punch_akeys(), which has conditions.
    update->removal.punched_akeys.push_back(std::move(akey.akey));
  } else {
    update->write.akeys.push_back(std::move(akey));
  }
  return 0;
}

int read_update(const ObjectHandle& object, uint64_t flags, const daos_key_t* dkey, unsigned int nr,
                const daos_iod_t* iods, const d_sg_list_t* sgls, std::vector<ObjectWrite>* writes) {
  if ((flags & ~(kDkeyConditions | kAkeyConditions | DAOS_COND_PER_AKEY)) != 0) return -DER_INVAL;
  if ((flags & DAOS_COND_PER_AKEY) != 0 && (flags & kAkeyConditions) != 0) return -DER_INVAL;
  if (nr == 0 || nr > kAkeysInACall || iods == nullptr) return -DER_INVAL;
  Update update;
  update.write.object = object.id;
  update.write.conditions = static_cast<uint32_t>(flags & (kDkeyConditions | kAkeyConditions));
  int rc = read_key(dkey, dkey_order(object.id), &update.write.dkey);
  for (unsigned int i = 0; rc == 0 && i < nr; ++i) {
    rc = add_akey(object, flags, iods[i], sgls == nullptr ? nullptr : &sgls[i], &update);
  }
  if (rc != 0) return rc;
  if (!update.removal.punched_akeys.empty()) {
    update.removal.kind = ObjectWrite::Kind::kPunchAkeys;
    update.removal.object = object.id;
    update.removal.dkey = update.write.dkey;
    // Conditions hold for the call as a whole, so a call that only removes can't have those of writing.
    if (update.write.akeys.empty() && update.write.conditions != 0) return -DER_INVAL;
    writes->push_back(std::move(update.removal));
  }
  if (!update.write.akeys.empty()) writes->push_back(std::move(update.write));
  return 0;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_obj_update(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                    daos_iod_t* iods, d_sg_list_t* sgls, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  int rc = find_for_writing(oh, th, &object);
  std::vector<aeon::ObjectWrite> writes;
  if (rc == 0) rc = read_update(*object, flags, dkey, nr, iods, sgls, &writes);
  if (rc != 0) return rc;
  return run_operation(object->container->system(), ev, write_object(object, std::move(writes)));
}
