#include "properties.h"

#include <daos_errno.h>
#include <daos_security.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace aeon::capi {
namespace {

bool is_of(uint32_t type, PropertyOwner owner) {
  return owner == PropertyOwner::kPool ? type > DAOS_PROP_PO_MIN && type < DAOS_PROP_PO_MAX
                                       : type > DAOS_PROP_CO_MIN && type < DAOS_PROP_CO_MAX;
}

bool is_list(const daos_prop_t* prop) {
  return prop->dpp_nr <= DAOS_PROP_ENTRIES_MAX_NR && (prop->dpp_nr == 0 || prop->dpp_entries != nullptr);
}

int add_all_types(PropertyOwner owner, daos_prop_t* prop) {
  const uint32_t first = owner == PropertyOwner::kPool ? DAOS_PROP_PO_MIN + 1 : DAOS_PROP_CO_MIN + 1;
  const uint32_t count = owner == PropertyOwner::kPool ? DAOS_PROP_PO_NUM : DAOS_PROP_CO_NUM;
  auto* entries = static_cast<daos_prop_entry*>(std::calloc(count, sizeof(daos_prop_entry)));
  if (entries == nullptr) return -DER_NOMEM;
  for (uint32_t i = 0; i < count; ++i) entries[i].dpe_type = first + i;
  std::free(prop->dpp_entries);
  prop->dpp_entries = entries;
  prop->dpp_nr = count;
  return 0;
}

int set_value(const client::PropertyValue& value, daos_prop_entry* entry) {
  const auto* text = std::get_if<std::string>(&value);
  if (daos_prop_has_str(entry)) {
    return text == nullptr ? -DER_DF_INVAL : daos_prop_entry_set_str(entry, text->c_str(), text->size());
  }
  if (daos_prop_has_ptr(entry)) {
    return text == nullptr ? -DER_DF_INVAL : daos_prop_entry_set_ptr(entry, text->data(), text->size());
  }
  if (text != nullptr) return -DER_DF_INVAL;
  entry->dpe_val = std::get<uint64_t>(value);
  return 0;
}

// An entry of a query has no value yet, whatever its memory holds.
int answer(const client::Properties& properties, PropertyOwner owner, daos_prop_t* prop) {
  if (prop->dpp_nr == 0) {
    const int rc = add_all_types(owner, prop);
    if (rc != 0) return rc;
  }
  for (uint32_t i = 0; i < prop->dpp_nr; ++i) {
    daos_prop_entry& entry = prop->dpp_entries[i];
    entry.dpe_val = 0;
    entry.dpe_flags = 0;
  }
  for (uint32_t i = 0; i < prop->dpp_nr; ++i) {
    daos_prop_entry& entry = prop->dpp_entries[i];
    const auto known = properties.find(entry.dpe_type);
    if (known == properties.end()) {
      entry.dpe_flags = DAOS_PROP_ENTRY_NOT_SET;
      continue;
    }
    const int rc = set_value(known->second, &entry);
    if (rc != 0) return rc;
  }
  return 0;
}

int read_text(const daos_prop_entry& entry, client::PropertyValue* value) {
  if (entry.dpe_str == nullptr) return -DER_INVAL;
  if (entry.dpe_type == DAOS_PROP_CO_LABEL && !daos_label_is_valid(entry.dpe_str)) return -DER_INVAL;
  const size_t size = strnlen(entry.dpe_str, DAOS_ACL_MAX_PRINCIPAL_LEN + 1);
  if (size == 0 || size > DAOS_ACL_MAX_PRINCIPAL_LEN) return -DER_INVAL;
  *value = std::string(entry.dpe_str, size);
  return 0;
}

int read_block(const daos_prop_entry& entry, client::PropertyValue* value) {
  if (entry.dpe_val_ptr == nullptr) return -DER_INVAL;
  size_t size = sizeof(daos_prop_co_roots);
  if (entry.dpe_type == DAOS_PROP_CO_ACL) {
    const auto* acl = static_cast<const daos_acl*>(entry.dpe_val_ptr);
    if (acl->dal_len > DAOS_ACL_MAX_ACE_LEN) return -DER_INVAL;
    size = sizeof(*acl) + acl->dal_len;
  }
  *value = std::string(static_cast<const char*>(entry.dpe_val_ptr), size);
  return 0;
}

// Promises that an embedded system doesn't keep: one process has nobody to protect data from, or to replicate it to.
bool asks_for_what_there_is_not(const daos_prop_entry& entry) {
  switch (entry.dpe_type) {
    case DAOS_PROP_CO_COMPRESS: return entry.dpe_val != DAOS_PROP_CO_COMPRESS_OFF;
    case DAOS_PROP_CO_ENCRYPT: return entry.dpe_val != DAOS_PROP_CO_ENCRYPT_OFF;
    case DAOS_PROP_CO_DEDUP: return entry.dpe_val != DAOS_PROP_CO_DEDUP_OFF;
    case DAOS_PROP_CO_CSUM: return entry.dpe_val != DAOS_PROP_CO_CSUM_OFF && entry.dpe_val != DAOS_PROP_CO_CSUM_CRC32;
    case DAOS_PROP_CO_REDUN_FAC: return entry.dpe_val != DAOS_PROP_CO_REDUN_RF0;
    case DAOS_PROP_CO_ACL: return true;
    default: return false;
  }
}

}  // namespace

bool is_query_of(const daos_prop_t* prop, PropertyOwner owner) {
  if (!is_list(prop)) return false;
  for (uint32_t i = 0; i < prop->dpp_nr; ++i) {
    if (!is_of(prop->dpp_entries[i].dpe_type, owner)) return false;
  }
  return true;
}

int fill_pool_properties(const client::PoolInfo& pool, daos_prop_t* prop) {
  client::Properties known;
  known[DAOS_PROP_PO_LABEL] = pool.label.empty() ? std::string(DAOS_PROP_PO_LABEL_DEFAULT) : pool.label;
  known[DAOS_PROP_PO_REDUN_FAC] = uint64_t{0};
  known[DAOS_PROP_PO_SVC_REDUN_FAC] = uint64_t{0};
  known[DAOS_PROP_PO_DATA_THRESH] = uint64_t{DAOS_PROP_PO_DATA_THRESH_DEFAULT};
  return answer(known, PropertyOwner::kPool, prop);
}

int fill_container_properties(const client::Properties& properties, daos_prop_t* prop) {
  client::Properties known = properties;
  const auto label = known.find(DAOS_PROP_CO_LABEL);
  if (label == known.end() || std::get_if<std::string>(&label->second) == nullptr ||
      std::get<std::string>(label->second).empty()) {
    known[DAOS_PROP_CO_LABEL] = std::string(DAOS_PROP_CO_LABEL_DEFAULT);
  }
  return answer(known, PropertyOwner::kContainer, prop);
}

int read_container_properties(const daos_prop_t* prop, client::Properties* properties) {
  if (prop == nullptr) return 0;
  if (!is_list(prop)) return -DER_INVAL;
  for (uint32_t i = 0; i < prop->dpp_nr; ++i) {
    daos_prop_entry& entry = prop->dpp_entries[i];
    if (!is_of(entry.dpe_type, PropertyOwner::kContainer)) return -DER_INVAL;
    if (asks_for_what_there_is_not(entry)) return -DER_NOTSUPPORTED;
    client::PropertyValue value = entry.dpe_val;
    int rc = 0;
    if (daos_prop_has_str(&entry)) rc = read_text(entry, &value);
    if (daos_prop_has_ptr(&entry)) rc = read_block(entry, &value);
    if (rc != 0) return rc;
    (*properties)[entry.dpe_type] = std::move(value);
  }
  return 0;
}

}  // namespace aeon::capi
