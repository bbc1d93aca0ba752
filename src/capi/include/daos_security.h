// The layout of access control lists, as pool and container properties carry them.
#ifndef AEON_DAOS_SECURITY_H
#define AEON_DAOS_SECURITY_H

#include <stdint.h>

#include <daos_prop.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DAOS_ACL_VERSION (1)

// Longest name of a user or group with its '@', without and with the NUL.
#define DAOS_ACL_MAX_PRINCIPAL_LEN (255)
#define DAOS_ACL_MAX_PRINCIPAL_BUF_LEN (DAOS_ACL_MAX_PRINCIPAL_LEN + 1)

// Most bytes of entries in one list.
#define DAOS_ACL_MAX_ACE_LEN (65536)

// Lists and entries end in an array of open length, which C++ has only as an extension.
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif

// dal_len bytes of struct daos_ace, one after the other.
struct daos_acl {
  uint16_t dal_ver;
  uint16_t dal_reserv;
  uint32_t dal_len;
  __extension__ uint8_t dal_ace[];
};

enum daos_acl_principal_type {
  DAOS_ACL_OWNER,
  DAOS_ACL_USER,
  DAOS_ACL_OWNER_GROUP,
  DAOS_ACL_GROUP,
  DAOS_ACL_EVERYONE,
  NUM_DAOS_ACL_TYPES
};

// One principal and what it may do. The name is there for users and groups, ends with a NUL, and is
// padded with NULs to the multiple of 8 bytes that dae_principal_len says.
struct daos_ace {
  uint8_t dae_access_types;
  uint8_t dae_principal_type;
  uint16_t dae_principal_len;
  uint16_t dae_access_flags;
  uint16_t dae_reserv;
  uint64_t dae_allow_perms;
  uint64_t dae_audit_perms;
  uint64_t dae_alarm_perms;
  __extension__ char dae_principal[];
};

#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic pop
#endif

#ifdef __cplusplus
}
#endif

#endif
