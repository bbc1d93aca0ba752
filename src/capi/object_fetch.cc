// Reading akeys. Sizes come first where the caller doesn't know them: the client wants to be told where every byte
// goes, whereas DAOS finds out by the way.
#include <daos_errno.h>
#include <daos_obj.h>

#include <algorithm>

#include "buffers.h"
#include "object_io.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

// One akey of a fetch, as the caller gave it.
struct Wanted {
  bool has_buffers() const { return room_size > 0; }
  bool is_array() const { return iod->iod_type == DAOS_IOD_ARRAY; }

  daos_iod_t* iod = nullptr;
  d_sg_list_t* sgl = nullptr;
  daos_iom_t* iom = nullptr;
  Bytes akey;
  std::vector<Recx> recxs;
  uint64_t record_count = 1;
  std::vector<MutableBytes> room;
  uint64_t room_size = 0;
};

struct Fetch {
  std::shared_ptr<ObjectHandle> object;
  Bytes dkey;
  Epoch epoch;
  uint32_t conditions = 0;
  std::vector<Wanted> akeys;
};

int read_akey(const ObjectHandle& object, uint64_t flags, Wanted* akey) {
  const daos_iod_t& iod = *akey->iod;
  int rc = read_key(&iod.iod_name, akey_order(object.id), &akey->akey);
  if (rc != 0) return rc;
  if ((flags & DAOS_COND_PER_AKEY) != 0 && (iod.iod_flags & ~uint64_t{DAOS_COND_AKEY_FETCH}) != 0) return -DER_INVAL;
  if (iod.iod_type == DAOS_IOD_ARRAY) {
    rc = read_extents(iod, &akey->recxs, &akey->record_count);
  } else if (iod.iod_type != DAOS_IOD_SINGLE || iod.iod_nr != 1) {
    rc = -DER_INVAL;
  }
  if (rc != 0) return rc;
  if (akey->iom != nullptr && (akey->iom->iom_flags & DAOS_IOMF_DETAIL) != 0 && akey->iom->iom_nr > 0 &&
      akey->iom->iom_recxs == nullptr) {
    return -DER_INVAL;
  }
  return akey->sgl == nullptr ? 0 : read_room(akey->sgl, &akey->room, &akey->room_size);
}

int read_fetch(uint64_t flags, const daos_key_t* dkey, unsigned int nr, daos_iod_t* iods, d_sg_list_t* sgls,
               daos_iom_t* ioms, Fetch* fetch) {
  constexpr uint64_t kConditions = DAOS_COND_DKEY_FETCH | DAOS_COND_AKEY_FETCH;
  if ((flags & ~(kConditions | DAOS_COND_PER_AKEY)) != 0) return -DER_INVAL;
  if ((flags & DAOS_COND_PER_AKEY) != 0 && (flags & DAOS_COND_AKEY_FETCH) != 0) return -DER_INVAL;
  if (nr == 0 || nr > kAkeysInACall || iods == nullptr) return -DER_INVAL;
  fetch->conditions = static_cast<uint32_t>(flags & kConditions);
  int rc = read_key(dkey, dkey_order(fetch->object->id), &fetch->dkey);
  fetch->akeys.resize(nr);
  for (unsigned int i = 0; rc == 0 && i < nr; ++i) {
    Wanted& akey = fetch->akeys[i];
    akey.iod = &iods[i];
    akey.sgl = sgls == nullptr ? nullptr : &sgls[i];
    akey.iom = ioms == nullptr ? nullptr : &ioms[i];
    rc = read_akey(*fetch->object, flags, &akey);
  }
  return rc;
}

AkeyFetch without_buffers(const Wanted& wanted) {
  AkeyFetch akey;
  akey.akey = wanted.akey;
  akey.kind = wanted.is_array() ? ValueKind::kArray : ValueKind::kSingle;
  akey.recxs = wanted.recxs;
  return akey;
}

std::vector<AkeyFetch> sizes_request(const Fetch& fetch) {
  std::vector<AkeyFetch> akeys;
  for (const Wanted& wanted : fetch.akeys) akeys.push_back(without_buffers(wanted));
  return akeys;
}

// Bytes that the extents of an array fill in the buffers; none if that isn't a number.
uint64_t array_bytes(const Wanted& wanted, uint64_t record_size) {
  uint64_t size = 0;
  return __builtin_mul_overflow(wanted.record_count, record_size, &size) ? ~uint64_t{0} : size;
}

// Whether what is stored can go into the buffers of an akey: -DER_REC2BIG, -DER_REC_SIZE.
int check_room(const Wanted& wanted, uint64_t record_size) {
  if (record_size == 0 || !wanted.has_buffers()) return 0;
  const uint64_t expected = wanted.iod->iod_size;
  if (!wanted.is_array()) {
    const uint64_t limit = expected == DAOS_REC_ANY ? wanted.room_size : std::min(expected, wanted.room_size);
    return record_size > limit ? -DER_REC2BIG : 0;
  }
  if (expected != DAOS_REC_ANY && expected != record_size) return -DER_REC_SIZE;
  return array_bytes(wanted, record_size) > wanted.room_size ? -DER_REC2BIG : 0;
}

// The first fault among the akeys, after which iod_size tells the caller what to bring.
int check_all_room(const Fetch& fetch, const std::vector<FetchedAkey>& found) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < fetch.akeys.size(); ++i) rc = check_room(fetch.akeys[i], found[i].record_size);
  if (rc == 0) return 0;
  for (size_t i = 0; i < fetch.akeys.size(); ++i) fetch.akeys[i].iod->iod_size = found[i].record_size;
  return rc;
}

// In the order of the extents asked for, where the last record found ends.
uint64_t filled_bytes(const Wanted& wanted, const FetchedAkey& found) {
  if (!wanted.is_array()) return found.record_size;
  uint64_t filled = 0;
  uint64_t records_before = 0;
  for (const Recx& asked : wanted.recxs) {
    for (const FetchedSegment& segment : found.segments) {
      const uint64_t end = std::min(segment.recx.end(), asked.end());
      if (end <= asked.index || segment.recx.index >= asked.end()) continue;
      filled = std::max(filled, (records_before + end - asked.index) * found.record_size);
    }
    records_before += asked.count;
  }
  return filled;
}

// Neighbours joined.
std::vector<Recx> extents_found(const FetchedAkey& found) {
  std::vector<Recx> extents;
  for (const FetchedSegment& segment : found.segments) extents.push_back(segment.recx);
  std::sort(extents.begin(), extents.end());
  std::vector<Recx> joined;
  for (const Recx& extent : extents) {
    if (!joined.empty() && extent.index <= joined.back().end()) {
      joined.back().count = std::max(joined.back().end(), extent.end()) - joined.back().index;
    } else {
      joined.push_back(extent);
    }
  }
  return joined;
}

daos_recx_t to_daos(const Recx& recx) { return {.rx_idx = recx.index, .rx_nr = recx.count}; }

void fill_map(const Wanted& wanted, const FetchedAkey& found) {
  daos_iom_t& map = *wanted.iom;
  map.iom_type = wanted.iod->iod_type;
  map.iom_size = found.record_size;
  map.iom_nr_out = 0;
  map.iom_recx_lo = {};
  map.iom_recx_hi = {};
  if (!wanted.is_array()) return;
  const std::vector<Recx> extents = extents_found(found);
  if (!extents.empty()) {
    map.iom_recx_lo = to_daos(extents.front());
    map.iom_recx_hi = to_daos(extents.back());
  }
  if ((map.iom_flags & DAOS_IOMF_DETAIL) == 0) return;
  for (const Recx& extent : extents) {
    if (map.iom_nr_out == map.iom_nr) break;
    map.iom_recxs[map.iom_nr_out++] = to_daos(extent);
  }
  map.iom_nr = std::max(map.iom_nr, static_cast<uint32_t>(extents.size()));
}

void answer(const Fetch& fetch, const std::vector<FetchedAkey>& found) {
  for (size_t i = 0; i < fetch.akeys.size(); ++i) {
    const Wanted& wanted = fetch.akeys[i];
    wanted.iod->iod_size = found[i].record_size;
    if (wanted.has_buffers())
      mark_filled(wanted.sgl, filled_bytes(wanted, found[i]));
    else if (wanted.sgl != nullptr)
      wanted.sgl->sg_nr_out = 0;
    if (wanted.iom != nullptr) fill_map(wanted, found[i]);
  }
}

Task<Result<std::vector<FetchedAkey>>> send(std::shared_ptr<Fetch> fetch, std::vector<AkeyFetch> akeys,
                                            uint32_t conditions) {
  const size_t akey_count = akeys.size();
  auto found = co_await fetch->object->container->container->fetch(fetch->object->id, fetch->dkey, std::move(akeys),
                                                                   conditions, fetch->epoch);
  if (found && found->size() != akey_count) {
    co_return Status(Code::kCorrupt, "the answer is not to this question");
  }
  co_return found;
}

// With conditions on some of the akeys: these are looked at first, and everything at one epoch.
Task<int> check_conditions_of_akeys(std::shared_ptr<Fetch> fetch) {
  std::vector<AkeyFetch> conditional;
  for (const Wanted& akey : fetch->akeys) {
    if ((akey.iod->iod_flags & DAOS_COND_AKEY_FETCH) != 0) conditional.push_back(without_buffers(akey));
  }
  if (conditional.empty()) co_return 0;
  if (fetch->epoch == kEpochMax && !fetch->object->container->is_of_transaction) {
    const auto newest = co_await fetch->object->container->container->query_max_epoch(fetch->object->id);
    if (!newest) co_return to_der(newest);
    fetch->epoch = *newest;
  }
  const auto found = co_await send(fetch, std::move(conditional), fetch->conditions | kAkeyFetch);
  co_return to_der(found);
}

// Where the client refuses because of sizes, they are what the caller wants to know.
Task<int> explain(std::shared_ptr<Fetch> fetch, Code code) {
  if (code != Code::kTooBig && code != Code::kInvalidArgument) co_return to_der(code);
  const auto sizes = co_await send(fetch, sizes_request(*fetch), 0);
  if (!sizes) co_return to_der(code);
  const int rc = check_all_room(*fetch, *sizes);
  co_return rc != 0 ? rc : to_der(code);
}

Task<int> run_fetch(std::shared_ptr<Fetch> fetch, bool per_akey) {
  if (per_akey) {
    const int rc = co_await check_conditions_of_akeys(fetch);
    if (rc != 0) co_return rc;
  }
  bool needs_sizes = false;
  for (const Wanted& akey : fetch->akeys) {
    needs_sizes |= akey.is_array() && akey.has_buffers() && akey.iod->iod_size == DAOS_REC_ANY;
  }
  std::vector<uint64_t> record_sizes;
  for (const Wanted& akey : fetch->akeys) record_sizes.push_back(akey.iod->iod_size);
  if (needs_sizes) {
    const auto sizes = co_await send(fetch, sizes_request(*fetch), fetch->conditions);
    if (!sizes) co_return to_der(sizes);
    const int rc = check_all_room(*fetch, *sizes);
    if (rc != 0) co_return rc;
    for (size_t i = 0; i < record_sizes.size(); ++i) record_sizes[i] = (*sizes)[i].record_size;
  }

  std::vector<AkeyFetch> akeys = sizes_request(*fetch);
  for (size_t i = 0; i < akeys.size(); ++i) {
    const Wanted& wanted = fetch->akeys[i];
    if (!wanted.has_buffers()) continue;
    const uint64_t used = wanted.is_array() ? array_bytes(wanted, record_sizes[i]) : wanted.room_size;
    if (used > wanted.room_size) {
      const int rc = co_await explain(fetch, Code::kTooBig);
      co_return rc;
    }
    akeys[i].out = wanted.room;
    cut_room(&akeys[i].out, used);
  }
  const auto found = co_await send(fetch, std::move(akeys), fetch->conditions);
  if (!found) {
    const int rc = co_await explain(fetch, found.code());
    co_return rc;
  }
  const int rc = check_all_room(*fetch, *found);
  if (rc == 0) answer(*fetch, *found);
  co_return rc;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_obj_fetch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                   daos_iod_t* iods, d_sg_list_t* sgls, daos_iom_t* ioms, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  auto fetch = std::make_shared<Fetch>();
  int rc = find_for_reading(oh, th, &fetch->object, &fetch->epoch);
  if (rc == 0) rc = read_fetch(flags, dkey, nr, iods, sgls, ioms, fetch.get());
  if (rc != 0) return rc;
  aeon::client::System& system = fetch->object->container->system();
  return run_operation(system, ev, run_fetch(std::move(fetch), (flags & DAOS_COND_PER_AKEY) != 0));
}
