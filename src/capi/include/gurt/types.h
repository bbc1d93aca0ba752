// Buffers, scatter-gather lists, ranks: the small types the DAOS headers share.
#ifndef AEON_GURT_TYPES_H
#define AEON_GURT_TYPES_H

#include <byteswap.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#ifdef __cplusplus
extern "C" {
#endif

// A piece of the caller's memory: `iov_len` bytes in use of `iov_buf_len`.
// Input buffers are read up to iov_len; calls that fill a buffer set iov_len to what they wrote, unless
// they say otherwise.
typedef struct {
  void* iov_buf;
  size_t iov_buf_len;
  size_t iov_len;
} d_iov_t;

// `sg_nr` buffers used one after the other. `sg_nr_out` is how many of them a call has filled.
typedef struct {
  uint32_t sg_nr;
  uint32_t sg_nr_out;
  d_iov_t* sg_iovs;
} d_sg_list_t;

// The number of an engine in its system.
typedef uint32_t d_rank_t;

typedef struct {
  d_rank_t* rl_ranks;
  uint32_t rl_nr;
} d_rank_list_t;

typedef d_rank_list_t* d_rank_list_ptr_t;

typedef char* d_string_t;
typedef const char* d_const_string_t;

// Makes `iov` describe all `size` bytes at `buf` as being in use. Copies nothing and owns nothing.
static inline void d_iov_set(d_iov_t* iov, void* buf, size_t size) {
  iov->iov_buf = buf;
  iov->iov_buf_len = size;
  iov->iov_len = size;
}

#ifdef __cplusplus
}
#endif

#endif
