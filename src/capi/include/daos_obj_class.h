// Object classes: how many groups an object is spread over, and how each protects its data.
//
// A class id is redundancy << 24 | groups. Its name says the same: S4 is four groups without
// redundancy, RP_3G1 one group of three replicas, EC_4P2GX groups of four data and two parity shards
// over all targets.
#ifndef AEON_DAOS_OBJ_CLASS_H
#define AEON_DAOS_OBJ_CLASS_H

#include <inttypes.h>
#include <sys/types.h>

#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// A buffer of this size holds any class name with its NUL.
#define MAX_OBJ_CLASS_NAME_LEN 24

// As a number of groups: as many as the pool has room for.
#define MAX_NUM_GROUPS ((1 << 16) - 1)

#define OC_REDUN_SHIFT 24
#define OBJ_CLASS_DEF(redun, grp_nr) ((redun) << OC_REDUN_SHIFT | (grp_nr))

// Defines the usual widths of one kind of redundancy.
#define DAOS_OC_WIDTHS(prefix, redun)                                                                              \
  prefix##1 = OBJ_CLASS_DEF(redun, 1), prefix##2 = OBJ_CLASS_DEF(redun, 2), prefix##4 = OBJ_CLASS_DEF(redun, 4),   \
  prefix##6 = OBJ_CLASS_DEF(redun, 6), prefix##8 = OBJ_CLASS_DEF(redun, 8), prefix##12 = OBJ_CLASS_DEF(redun, 12), \
  prefix##16 = OBJ_CLASS_DEF(redun, 16), prefix##32 = OBJ_CLASS_DEF(redun, 32),                                    \
  prefix##X = OBJ_CLASS_DEF(redun, MAX_NUM_GROUPS)

enum daos_obj_redun {
  // Ask the library to choose.
  OC_UNKNOWN = 0,

  // None; replicas; Reed-Solomon code of data and parity shards.
  OR_RP_1 = 1,
  OR_RP_2 = 8,
  OR_RP_3 = 9,
  OR_RP_4 = 10,
  OR_RP_5 = 11,
  OR_RP_6 = 12,
  OR_RP_8 = 13,
  OR_RP_12 = 14,
  OR_RP_16 = 15,
  OR_RP_24 = 16,
  OR_RP_32 = 17,
  OR_RP_48 = 18,
  OR_RP_64 = 19,
  OR_RP_128 = 20,
  OR_RS_2P1 = 32,
  OR_RS_2P2 = 33,
  OR_RS_4P1 = 34,
  OR_RS_4P2 = 35,
  OR_RS_8P1 = 36,
  OR_RS_8P2 = 37,
  OR_RS_16P1 = 38,
  OR_RS_16P2 = 39,
  OR_RS_4P3 = 40,
  OR_RS_8P3 = 41,
  OR_RS_16P3 = 42,

  // Names of DAOS 1.x, so that old sources compile. No call accepts them.
  OC_BACK_COMPAT = 50,
  OC_TINY = 51,
  OC_SMALL = 52,
  OC_LARGE = 53,
  OC_MAX = 54,
  OC_RP_TINY = 60,
  OC_RP_SMALL = 61,
  OC_RP_LARGE = 62,
  OC_RP_MAX = 63,
  OC_RP_SF_TINY = 70,
  OC_RP_SF_SMALL = 71,
  OC_RP_SF_LARGE = 72,
  OC_RP_SF_MAX = 73,
  OC_EC_TINY = 100,
  OC_EC_SMALL = 101,
  OC_EC_LARGE = 102,
  OC_EC_MAX = 103,

  // One group with a replica in every fault domain.
  OC_RP_XSF = 80,

  DAOS_OC_WIDTHS(OC_S, OR_RP_1),
  DAOS_OC_WIDTHS(OC_RP_2G, OR_RP_2),
  DAOS_OC_WIDTHS(OC_RP_3G, OR_RP_3),
  DAOS_OC_WIDTHS(OC_RP_4G, OR_RP_4),
  DAOS_OC_WIDTHS(OC_RP_5G, OR_RP_5),
  DAOS_OC_WIDTHS(OC_RP_6G, OR_RP_6),
  OC_RP_12G1 = OBJ_CLASS_DEF(OR_RP_12, 1),
  OC_RP_16G1 = OBJ_CLASS_DEF(OR_RP_16, 1),
  OC_RP_24G1 = OBJ_CLASS_DEF(OR_RP_24, 1),
  OC_RP_32G1 = OBJ_CLASS_DEF(OR_RP_32, 1),
  OC_RP_48G1 = OBJ_CLASS_DEF(OR_RP_48, 1),
  OC_RP_64G1 = OBJ_CLASS_DEF(OR_RP_64, 1),
  OC_RP_128G1 = OBJ_CLASS_DEF(OR_RP_128, 1),
  DAOS_OC_WIDTHS(OC_EC_2P1G, OR_RS_2P1),
  DAOS_OC_WIDTHS(OC_EC_2P2G, OR_RS_2P2),
  DAOS_OC_WIDTHS(OC_EC_4P1G, OR_RS_4P1),
  DAOS_OC_WIDTHS(OC_EC_4P2G, OR_RS_4P2),
  DAOS_OC_WIDTHS(OC_EC_4P3G, OR_RS_4P3),
  DAOS_OC_WIDTHS(OC_EC_8P1G, OR_RS_8P1),
  DAOS_OC_WIDTHS(OC_EC_8P2G, OR_RS_8P2),
  DAOS_OC_WIDTHS(OC_EC_8P3G, OR_RS_8P3),
  DAOS_OC_WIDTHS(OC_EC_16P1G, OR_RS_16P1),
  DAOS_OC_WIDTHS(OC_EC_16P2G, OR_RS_16P2),
  DAOS_OC_WIDTHS(OC_EC_16P3G, OR_RS_16P3),

  OC_RESERVED = 1 << 30,
};

#undef DAOS_OC_WIDTHS

// A class id: OC_S1 and so on, or any other of the same form.
typedef uint32_t daos_oclass_id_t;

// Wishes for the choice of a class: DAOS_OCH_ of daos_obj.h.
typedef uint16_t daos_oclass_hints_t;

// The id of the class of that name, or OC_UNKNOWN. Not only the widths named above are known: S3 is
// a class too.
int daos_oclass_name2id(const char* name);

// Writes the name of a class into `name`, which has MAX_OBJ_CLASS_NAME_LEN bytes. Returns 0, or -1 for
// an id that is not a class, whose name is "UNKNOWN".
int daos_oclass_id2name(daos_oclass_id_t oc_id, char* name);

// Writes the names of all classes of this header into the `size` bytes at `str`, each followed by a
// comma and a space, and a NUL. Returns the length without the NUL. -DER_INVAL, -DER_OVERFLOW (too
// small a buffer, whose contents are then undefined).
ssize_t daos_oclass_names_list(size_t size, char* str);

// How many names that are. `opts` is reserved.
int daos_oclass_nr(int opts);

#ifdef __cplusplus
}
#endif

#endif
