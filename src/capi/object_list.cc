#include "object_list.h"

#include <daos_errno.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "anchor.h"
#include "buffers.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

// What of a page fits: so many keys.
uint32_t fitting_count(const std::vector<Bytes>& keys, uint64_t room, uint32_t count_max) {
  uint32_t count = 0;
  uint64_t used = 0;
  while (count < keys.size() && count < count_max) {
    used += keys[count].size();
    if (used > room) break;
    ++count;
  }
  return count;
}

// Copies keys one after the other over the pieces.
void pack(const std::vector<Bytes>& keys, std::span<const MutableBytes> pieces, daos_key_desc_t* kds) {
  size_t piece = 0;
  size_t offset = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    kds[i] = {};
    kds[i].kd_key_len = keys[i].size();
    ByteView rest = keys[i];
    while (!rest.empty()) {
      const size_t size = std::min(rest.size(), pieces[piece].size() - offset);
      std::memcpy(pieces[piece].data() + offset, rest.data(), size);
      rest = rest.subspan(size);
      offset += size;
      if (offset == pieces[piece].size()) {
        ++piece;
        offset = 0;
      }
    }
  }
}

Task<Result<client::KeyPage>> list_page(std::shared_ptr<OpenObject> object, const Bytes* dkey, Epoch epoch, Anchor from,
                                        client::ListLimits limits) {
  client::Container& container = *object->container->container;
  if (dkey == nullptr) {
    auto page = co_await container.list_dkeys(object->id, std::move(from), limits, epoch);
    co_return page;
  }
  auto page = co_await container.list_akeys(object->id, *dkey, std::move(from), limits, epoch);
  co_return page;
}

// Beyond this, a page would only hold memory. Any key fits.
constexpr uint32_t kPageKeysMax = 64 * 1024;
constexpr uint64_t kPageBytesMax = 4 * kMiB;

int give_page(const client::KeyPage& page, const std::vector<MutableBytes>& room, const KeyListTarget& target) {
  pack(page.keys, room, target.kds);
  uint64_t used = 0;
  for (const Bytes& key : page.keys) used += key.size();
  mark_filled(target.sgl, used);
  *target.nr = static_cast<uint32_t>(page.keys.size());
  store_anchor(target.anchor, page.next);
  return 0;
}

}  // namespace

int check_key_list(const KeyListTarget& target, Anchor* from) {
  if (target.nr == nullptr || *target.nr == 0 || target.kds == nullptr || target.anchor == nullptr) return -DER_INVAL;
  if (target.sgl == nullptr || target.sgl->sg_nr == 0) return -DER_INVAL;
  std::vector<MutableBytes> room;
  uint64_t size = 0;
  int rc = read_room(target.sgl, &room, &size);
  if (rc != 0) return rc;
  auto loaded = load_anchor(*target.anchor, &rc);
  if (!loaded) return rc;
  *from = std::move(*loaded);
  return 0;
}

Task<int> list_keys(std::shared_ptr<OpenObject> object, std::unique_ptr<Bytes> dkey, Epoch epoch, Anchor from,
                    KeyListTarget target) {
  std::vector<MutableBytes> room;
  uint64_t room_size = 0;
  const int rc = read_room(target.sgl, &room, &room_size);
  if (rc != 0) co_return rc;
  const uint32_t wanted = std::min(*target.nr, kPageKeysMax);
  client::KeyPage nothing;
  nothing.next.is_end = true;
  if (from.is_end) co_return give_page(nothing, room, target);

  client::ListLimits limits;
  limits.count_max = wanted;
  limits.bytes_max = std::min(room_size, kPageBytesMax);
  while (true) {
    const auto page = co_await list_page(object, dkey.get(), epoch, from, limits);
    if (page.code() == Code::kTooBig && limits.bytes_max < kPageBytesMax) {
      limits.count_max = 1;  // The first key doesn't fit: find out how long it is.
      limits.bytes_max = kPageBytesMax;
      continue;
    }
    if (!page) co_return to_der(page);
    const uint32_t fitting = fitting_count(page->keys, room_size, wanted);
    if (fitting == page->keys.size() && (fitting > 0 || page->next.is_end)) co_return give_page(*page, room, target);
    if (page->keys.empty()) {
      from = page->next;  // Nothing on the way there.
    } else if (fitting == 0) {
      target.kds[0] = {};
      target.kds[0].kd_key_len = page->keys.front().size();
      co_return -DER_KEY2BIG;
    } else {
      limits.count_max = fitting;  // A page of exactly these, so that the anchor is behind the last of them.
    }
  }
}

namespace {

constexpr uint32_t kRecxsInAPage = 16 * 1024;

// The position of a listing by falling index: what lies from here on has been listed.
constexpr uint64_t kFallingMark[2] = {0x6661'6c6c'696e'6721, 0x7265'6378'5f6c'6973};
constexpr size_t kFallingSize = sizeof kFallingMark + sizeof(uint64_t);

Anchor falling_anchor(uint64_t bound) {
  Anchor anchor;
  anchor.position.resize(kFallingSize);
  std::memcpy(anchor.position.data(), kFallingMark, sizeof kFallingMark);
  store_le(anchor.position.data() + sizeof kFallingMark, bound);
  anchor.is_end = bound == 0;
  return anchor;
}

bool is_falling(const Anchor& anchor) {
  return anchor.position.size() == kFallingSize &&
         std::memcmp(anchor.position.data(), kFallingMark, sizeof kFallingMark) == 0;
}

struct RecxListTarget {
  daos_size_t* size = nullptr;
  uint32_t* nr = nullptr;
  daos_recx_t* recxs = nullptr;
  daos_epoch_range_t* eprs = nullptr;
  daos_anchor_t* anchor = nullptr;
};

int give_recxs(std::span<const ListedRecx> found, const Anchor& next, const RecxListTarget& target) {
  for (size_t i = 0; i < found.size(); ++i) {
    target.recxs[i] = {.rx_idx = found[i].recx.index, .rx_nr = found[i].recx.count};
    if (target.eprs != nullptr) target.eprs[i] = {.epr_lo = found[i].epoch.value, .epr_hi = found[i].epoch.value};
    *target.size = found[i].record_size;
  }
  *target.nr = static_cast<uint32_t>(found.size());
  store_anchor(target.anchor, next);
  return 0;
}

struct ArrayAddress {
  std::shared_ptr<ObjectHandle> object;
  Bytes dkey;
  Bytes akey;
  Epoch epoch;
};

Task<Result<client::RecxPage>> list_recx_page(std::shared_ptr<ArrayAddress> array, Anchor from, uint32_t count_max) {
  client::ListLimits limits;
  limits.count_max = count_max;
  limits.bytes_max = kPageBytesMax;
  auto page = co_await array->object->container->container->list_recxs(array->object->id, array->dkey, array->akey,
                                                                       std::move(from), limits, array->epoch);
  co_return page;
}

Task<int> list_rising(std::shared_ptr<ArrayAddress> array, Anchor from, RecxListTarget target) {
  if (from.is_end) co_return give_recxs({}, from, target);
  const uint32_t wanted = std::min(*target.nr, kRecxsInAPage);
  while (true) {
    const auto page = co_await list_recx_page(array, from, wanted);
    if (!page) co_return to_der(page);
    if (!page->recxs.empty() || page->next.is_end) co_return give_recxs(page->recxs, page->next, target);
    from = page->next;
  }
}

// The store lists by rising index only, so each page goes through all that is below the bound and keeps the last.
Task<int> list_falling(std::shared_ptr<ArrayAddress> array, uint64_t bound, RecxListTarget target) {
  const size_t wanted = std::min(*target.nr, kRecxsInAPage);
  std::vector<ListedRecx> last;
  bool any_left_out = false;
  Anchor from;
  while (!from.is_end && bound != 0) {
    const auto page = co_await list_recx_page(array, from, kRecxsInAPage);
    if (!page) co_return to_der(page);
    from = page->next;
    for (const ListedRecx& recx : page->recxs) {
      if (recx.recx.index >= bound) {
        from.is_end = true;
        break;
      }
      last.push_back(recx);
    }
    if (last.size() > wanted) {
      last.erase(last.begin(), last.end() - static_cast<ptrdiff_t>(wanted));
      any_left_out = true;
    }
  }
  std::reverse(last.begin(), last.end());
  const Anchor next = falling_anchor(any_left_out ? last.back().recx.index : 0);
  co_return give_recxs(last, next, target);
}

int start_key_list(daos_handle_t oh, daos_handle_t th, const daos_key_t* dkey, bool of_akeys,
                   const KeyListTarget& target, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ObjectHandle> object;
  Epoch epoch;
  Anchor from;
  int rc = find_for_reading(oh, th, &object, &epoch);
  if (rc == 0) rc = check_key_list(target, &from);
  auto given = of_akeys ? std::make_unique<Bytes>() : nullptr;
  if (rc == 0 && of_akeys) rc = read_key(dkey, dkey_order(object->id), given.get());
  if (rc != 0) return rc;
  return run_operation(object->container->system(), ev,
                       list_keys(object, std::move(given), epoch, std::move(from), target));
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_obj_list_dkey(daos_handle_t oh, daos_handle_t th, uint32_t* nr, daos_key_desc_t* kds, d_sg_list_t* sgl,
                       daos_anchor_t* anchor, daos_event_t* ev) {
  return start_key_list(oh, th, nullptr, false, {.nr = nr, .kds = kds, .sgl = sgl, .anchor = anchor}, ev);
}

int daos_obj_list_akey(daos_handle_t oh, daos_handle_t th, daos_key_t* dkey, uint32_t* nr, daos_key_desc_t* kds,
                       d_sg_list_t* sgl, daos_anchor_t* anchor, daos_event_t* ev) {
  return start_key_list(oh, th, dkey, true, {.nr = nr, .kds = kds, .sgl = sgl, .anchor = anchor}, ev);
}

int daos_obj_list_recx(daos_handle_t oh, daos_handle_t th, daos_key_t* dkey, daos_key_t* akey, daos_size_t* size,
                       uint32_t* nr, daos_recx_t* recxs, daos_epoch_range_t* eprs, daos_anchor_t* anchor,
                       bool incr_order, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  auto array = std::make_shared<ArrayAddress>();
  int rc = find_for_reading(oh, th, &array->object, &array->epoch);
  if (rc == 0) rc = read_key(dkey, dkey_order(array->object->id), &array->dkey);
  if (rc == 0) rc = read_key(akey, akey_order(array->object->id), &array->akey);
  if (rc != 0) return rc;
  if (size == nullptr || nr == nullptr || *nr == 0 || recxs == nullptr || anchor == nullptr) return -DER_INVAL;
  auto from = load_anchor(*anchor, &rc);
  if (!from) return rc;
  const bool has_fallen = is_falling(*from);
  const bool has_begun = !from->position.empty() || from->is_end;
  if (has_begun && !from->is_end && has_fallen == incr_order) return -DER_INVAL;

  const RecxListTarget target{.size = size, .nr = nr, .recxs = recxs, .eprs = eprs, .anchor = anchor};
  aeon::client::System& system = array->object->container->system();
  if (incr_order) return run_operation(system, ev, list_rising(std::move(array), std::move(*from), target));
  const uint64_t bound = from->is_end ? 0
                         : has_fallen ? aeon::load_le<uint64_t>(from->position.data() + sizeof kFallingMark)
                                      : ~uint64_t{0};
  return run_operation(system, ev, list_falling(std::move(array), bound, target));
}
