// Helpers around the types of gurt/types.h and conversion between DAOS errors and errno.
#ifndef AEON_GURT_COMMON_H
#define AEON_GURT_COMMON_H

#include <daos_errno.h>
#include <gurt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef container_of
// The structure of `type` whose `member` is at `ptr`.
#define container_of(ptr, type, member) ((type*)((char*)(ptr) - offsetof(type, member)))
#endif

// 0 or -DER_... for an errno value. Values without a counterpart become -DER_MISC, negative ones
// -DER_UNKNOWN.
int daos_errno2der(int errnum);

// The older name of daos_errno2der().
static inline int d_errno2der(int errnum) { return daos_errno2der(errnum); }

// 0 or a positive errno value for 0 or -DER_.... Codes without a counterpart become EIO; a positive
// argument is a caller's mistake and becomes EINVAL.
int daos_der2errno(int err);

// Frees a list that a call such as daos_pool_query() has returned. NULL is fine.
void d_rank_list_free(d_rank_list_t* list);

// Gives `sgl` room for `nr` buffers, all empty. With nr == 0 nothing is allocated.
// -DER_NOMEM when memory is short.
static inline int d_sgl_init(d_sg_list_t* sgl, unsigned int nr) {
  sgl->sg_nr = nr;
  sgl->sg_nr_out = 0;
  sgl->sg_iovs = nr == 0 ? NULL : (d_iov_t*)calloc(nr, sizeof(d_iov_t));
  return nr != 0 && sgl->sg_iovs == NULL ? -DER_NOMEM : 0;
}

// Undoes d_sgl_init(). With `free_iovs` the buffers are free()d as well.
static inline void d_sgl_fini(d_sg_list_t* sgl, bool free_iovs) {
  uint32_t i;

  if (sgl == NULL || sgl->sg_iovs == NULL) return;
  for (i = 0; free_iovs && i < sgl->sg_nr; i++) free(sgl->sg_iovs[i].iov_buf);
  free(sgl->sg_iovs);
  sgl->sg_iovs = NULL;
  sgl->sg_nr = 0;
  sgl->sg_nr_out = 0;
}

// The bytes that all buffers of `sgl` have room for.
static inline size_t d_sgl_buf_size(d_sg_list_t* sgl) {
  size_t size = 0;
  uint32_t i;

  if (sgl->sg_iovs == NULL) return 0;
  for (i = 0; i < sgl->sg_nr; i++) size += sgl->sg_iovs[i].iov_buf_len;
  return size;
}

#ifdef __cplusplus
}
#endif

#endif
