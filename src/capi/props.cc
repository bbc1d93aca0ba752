#include "props.h"

#include <daos_errno.h>
#include <daos_security.h>
#include <gurt/common.h>

#include <cstdlib>
#include <cstring>

namespace aeon::capi {
namespace {

// More engines than any system has; a longer list is damage.
constexpr uint32_t kRankCountMax = 1 << 20;

bool has_acl(const daos_prop_entry& entry) {
  return entry.dpe_type == DAOS_PROP_PO_ACL || entry.dpe_type == DAOS_PROP_CO_ACL;
}

bool has_str(const daos_prop_entry& entry) {
  switch (entry.dpe_type) {
    case DAOS_PROP_PO_LABEL:
    case DAOS_PROP_PO_OWNER:
    case DAOS_PROP_PO_OWNER_GROUP:
    case DAOS_PROP_CO_LABEL:
    case DAOS_PROP_CO_OWNER:
    case DAOS_PROP_CO_OWNER_GROUP: return true;
    default: return false;
  }
}

bool has_ptr(const daos_prop_entry& entry) {
  return has_acl(entry) || entry.dpe_type == DAOS_PROP_PO_SVC_LIST || entry.dpe_type == DAOS_PROP_CO_ROOTS;
}

void free_value(daos_prop_entry& entry) {
  if (entry.dpe_type == DAOS_PROP_PO_SVC_LIST) {
    d_rank_list_free(static_cast<d_rank_list_t*>(entry.dpe_val_ptr));
  } else if (has_str(entry)) {
    std::free(entry.dpe_str);
  } else if (has_ptr(entry)) {
    std::free(entry.dpe_val_ptr);
  }
  entry.dpe_val = 0;
}

int copy_block(const void* from, size_t size, void** to) {
  *to = std::malloc(size);
  if (*to == nullptr) return -DER_NOMEM;
  std::memcpy(*to, from, size);
  return 0;
}

int copy_string(const char* from, size_t length_max, char** to) {
  *to = strndup(from, length_max);
  return *to == nullptr ? -DER_NOMEM : 0;
}

int copy_acl(const void* from, void** to) {
  const auto* acl = static_cast<const daos_acl*>(from);
  if (acl->dal_len > DAOS_ACL_MAX_ACE_LEN) return -DER_INVAL;
  return copy_block(acl, sizeof(*acl) + acl->dal_len, to);
}

int copy_ranks(const void* from, void** to) {
  const auto* list = static_cast<const d_rank_list_t*>(from);
  if (list->rl_nr > kRankCountMax || (list->rl_nr > 0 && list->rl_ranks == nullptr)) return -DER_INVAL;
  auto* copy = static_cast<d_rank_list_t*>(std::calloc(1, sizeof(d_rank_list_t)));
  if (copy == nullptr) return -DER_NOMEM;
  if (list->rl_nr > 0) {
    void* ranks = nullptr;
    if (copy_block(list->rl_ranks, list->rl_nr * sizeof(d_rank_t), &ranks) != 0) {
      std::free(copy);
      return -DER_NOMEM;
    }
    copy->rl_ranks = static_cast<d_rank_t*>(ranks);
    copy->rl_nr = list->rl_nr;
  }
  *to = copy;
  return 0;
}

int copy_value(const daos_prop_entry& from, daos_prop_entry& to) {
  if (!has_str(from) && !has_ptr(from)) {
    to.dpe_val = from.dpe_val;
    return 0;
  }
  if (from.dpe_val_ptr == nullptr) return 0;
  if (has_str(from)) {
    const bool label = from.dpe_type == DAOS_PROP_PO_LABEL || from.dpe_type == DAOS_PROP_CO_LABEL;
    return copy_string(from.dpe_str, label ? DAOS_PROP_LABEL_MAX_LEN : DAOS_ACL_MAX_PRINCIPAL_LEN, &to.dpe_str);
  }
  if (has_acl(from)) return copy_acl(from.dpe_val_ptr, &to.dpe_val_ptr);
  if (from.dpe_type == DAOS_PROP_PO_SVC_LIST) return copy_ranks(from.dpe_val_ptr, &to.dpe_val_ptr);
  return copy_block(from.dpe_val_ptr, sizeof(daos_prop_co_roots), &to.dpe_val_ptr);
}

bool is_well_formed(const daos_prop_t* prop) {
  return prop != nullptr && prop->dpp_nr <= DAOS_PROP_ENTRIES_MAX_NR &&
         (prop->dpp_nr == 0 || prop->dpp_entries != nullptr);
}

}  // namespace

int copy_prop_entry(const daos_prop_entry& from, daos_prop_entry& to) {
  free_value(to);
  to.dpe_type = from.dpe_type;
  to.dpe_flags = from.dpe_flags;
  const int rc = copy_value(from, to);
  if (rc != 0) to.dpe_val = 0;
  return rc;
}

}  // namespace aeon::capi

using namespace aeon::capi;

void d_rank_list_free(d_rank_list_t* list) {
  if (list == nullptr) return;
  std::free(list->rl_ranks);
  std::free(list);
}

daos_prop_t* daos_prop_alloc(uint32_t entries_nr) {
  if (entries_nr > DAOS_PROP_ENTRIES_MAX_NR) return nullptr;
  auto* prop = static_cast<daos_prop_t*>(std::calloc(1, sizeof(daos_prop_t)));
  if (prop == nullptr || entries_nr == 0) return prop;
  prop->dpp_entries = static_cast<daos_prop_entry*>(std::calloc(entries_nr, sizeof(daos_prop_entry)));
  if (prop->dpp_entries == nullptr) {
    std::free(prop);
    return nullptr;
  }
  prop->dpp_nr = entries_nr;
  return prop;
}

void daos_prop_fini(daos_prop_t* prop) {
  if (prop == nullptr) return;
  for (uint32_t i = 0; prop->dpp_entries != nullptr && i < prop->dpp_nr; ++i) free_value(prop->dpp_entries[i]);
  std::free(prop->dpp_entries);
  prop->dpp_entries = nullptr;
  prop->dpp_nr = 0;
}

void daos_prop_free(daos_prop_t* prop) {
  daos_prop_fini(prop);
  std::free(prop);
}

daos_prop_entry* daos_prop_entry_get(daos_prop_t* prop, uint32_t type) {
  if (!is_well_formed(prop)) return nullptr;
  for (uint32_t i = 0; i < prop->dpp_nr; ++i) {
    if (prop->dpp_entries[i].dpe_type == type) return &prop->dpp_entries[i];
  }
  return nullptr;
}

int daos_prop_merge2(daos_prop_t* old_prop, daos_prop_t* new_prop, daos_prop_t** out_prop) {
  if (!is_well_formed(old_prop) || !is_well_formed(new_prop) || out_prop == nullptr) return -DER_INVAL;
  const uint32_t old_count = old_prop->dpp_nr;
  const uint32_t new_count = new_prop->dpp_nr;
  uint32_t entry_count = old_count;
  for (uint32_t i = 0; i < new_count; ++i) {
    if (daos_prop_entry_get(old_prop, new_prop->dpp_entries[i].dpe_type) == nullptr) ++entry_count;
  }
  if (entry_count > DAOS_PROP_ENTRIES_MAX_NR) return -DER_INVAL;
  daos_prop_t* merged = daos_prop_alloc(entry_count);
  if (merged == nullptr) return -DER_NOMEM;
  if (entry_count == 0) {
    *out_prop = merged;
    return 0;
  }

  int rc = 0;
  uint32_t used = 0;
  for (uint32_t i = 0; rc == 0 && i < old_count; ++i) {
    rc = copy_prop_entry(old_prop->dpp_entries[i], merged->dpp_entries[used++]);
  }
  for (uint32_t i = 0; rc == 0 && i < new_count; ++i) {
    daos_prop_entry* place = daos_prop_entry_get(merged, new_prop->dpp_entries[i].dpe_type);
    rc = copy_prop_entry(new_prop->dpp_entries[i], place != nullptr ? *place : merged->dpp_entries[used++]);
  }
  if (rc != 0) {
    daos_prop_free(merged);
    return rc;
  }
  merged->dpp_nr = used;  // Fewer than counted if new_prop names one property twice.
  *out_prop = merged;
  return 0;
}

daos_prop_t* daos_prop_merge(daos_prop_t* old_prop, daos_prop_t* new_prop) {
  daos_prop_t* merged = nullptr;
  return daos_prop_merge2(old_prop, new_prop, &merged) == 0 ? merged : nullptr;
}

bool daos_prop_has_str(daos_prop_entry* entry) { return entry != nullptr && has_str(*entry); }

bool daos_prop_has_ptr(daos_prop_entry* entry) { return entry != nullptr && has_ptr(*entry); }

int daos_prop_entry_set_str(daos_prop_entry* entry, const char* str, daos_size_t len) {
  if (!daos_prop_has_str(entry)) return -DER_INVAL;
  char* copy = nullptr;
  if (str != nullptr && len > 0) {  // Copied before the old value goes: they may be the same.
    const int rc = copy_string(str, len, &copy);
    if (rc != 0) return rc;
  }
  std::free(entry->dpe_str);
  entry->dpe_str = copy;
  return 0;
}

int daos_prop_set_str(daos_prop_t* prop, uint32_t type, const char* str, daos_size_t len) {
  daos_prop_entry* entry = daos_prop_entry_get(prop, type);
  return entry == nullptr ? -DER_NONEXIST : daos_prop_entry_set_str(entry, str, len);
}

int daos_prop_entry_set_ptr(daos_prop_entry* entry, const void* ptr, daos_size_t size) {
  if (!daos_prop_has_ptr(entry) || entry->dpe_type == DAOS_PROP_PO_SVC_LIST) return -DER_INVAL;
  void* copy = nullptr;
  if (ptr != nullptr && size > 0) {
    const int rc = copy_block(ptr, size, &copy);
    if (rc != 0) return rc;
  }
  std::free(entry->dpe_val_ptr);
  entry->dpe_val_ptr = copy;
  return 0;
}

int daos_prop_set_ptr(daos_prop_t* prop, uint32_t type, const void* ptr, daos_size_t size) {
  daos_prop_entry* entry = daos_prop_entry_get(prop, type);
  return entry == nullptr ? -DER_NONEXIST : daos_prop_entry_set_ptr(entry, ptr, size);
}

int daos_prop_entry_dup_ptr(daos_prop_entry* entry_dst, daos_prop_entry* entry_src, size_t len) {
  if (entry_dst == nullptr || entry_src == nullptr || entry_src->dpe_val_ptr == nullptr || len == 0) return -DER_INVAL;
  void* copy = nullptr;
  const int rc = copy_block(entry_src->dpe_val_ptr, len, &copy);
  if (rc == 0) entry_dst->dpe_val_ptr = copy;
  return rc;
}

int daos_prop_entry_dup_co_roots(daos_prop_entry* dst, daos_prop_entry* src) {
  if (dst == nullptr || src == nullptr || src->dpe_val_ptr == nullptr) return -DER_INVAL;
  if (dst->dpe_val_ptr == nullptr) return copy_block(src->dpe_val_ptr, sizeof(daos_prop_co_roots), &dst->dpe_val_ptr);
  std::memmove(dst->dpe_val_ptr, src->dpe_val_ptr, sizeof(daos_prop_co_roots));
  return 0;
}

int daos_prop_entry_cmp_acl(daos_prop_entry* entry1, daos_prop_entry* entry2) {
  if (entry1 == nullptr || entry2 == nullptr || !has_acl(*entry1) || !has_acl(*entry2)) return -DER_INVAL;
  const auto* acl1 = static_cast<const daos_acl*>(entry1->dpe_val_ptr);
  const auto* acl2 = static_cast<const daos_acl*>(entry2->dpe_val_ptr);
  if (acl1 == nullptr || acl2 == nullptr) return acl1 == acl2 ? 0 : -DER_MISMATCH;
  if (acl1->dal_len > DAOS_ACL_MAX_ACE_LEN || acl2->dal_len > DAOS_ACL_MAX_ACE_LEN) return -DER_INVAL;
  const bool equal = acl1->dal_len == acl2->dal_len && std::memcmp(acl1, acl2, sizeof(*acl1) + acl1->dal_len) == 0;
  return equal ? 0 : -DER_MISMATCH;
}
