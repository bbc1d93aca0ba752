/* Whether a program that knows only the public interface works: asynchronous array input and output, a key-value
 * object, snapshots, files. Runs again on the system that an earlier run left. */
#include <daos.h>
#include <daos_fs.h>
#include <gurt/common.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)
#define OK(call)                                                             \
  do {                                                                       \
    int ok_rc_ = (call);                                                     \
    if (ok_rc_ != 0) {                                                       \
      fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, ok_rc_); \
      exit(1);                                                               \
    }                                                                        \
  } while (0)

enum { QUEUE_DEPTH = 16, OPERATIONS = 200, CELLS = 1024 };

struct request {
  daos_event_t event;
  daos_array_iod_t iod;
  daos_range_t range;
  d_sg_list_t sgl;
  d_iov_t iov;
  uint64_t cells[CELLS];
  int number;
};

static struct request requests[QUEUE_DEPTH];

static void start(struct request* request, daos_handle_t oh, int number, bool writing) {
  int i;

  request->number = number;
  request->range.rg_idx = (uint64_t)number * CELLS;
  request->range.rg_len = CELLS;
  request->iod.arr_nr = 1;
  request->iod.arr_rgs = &request->range;
  request->sgl.sg_nr = 1;
  request->sgl.sg_nr_out = 0;
  request->sgl.sg_iovs = &request->iov;
  for (i = 0; i < CELLS; i++) request->cells[i] = writing ? request->range.rg_idx + i : 0;
  d_iov_set(&request->iov, request->cells, sizeof(request->cells));
  if (writing)
    OK(daos_array_write(oh, DAOS_TX_NONE, &request->iod, &request->sgl, &request->event));
  else
    OK(daos_array_read(oh, DAOS_TX_NONE, &request->iod, &request->sgl, &request->event));
}

/* Keeps QUEUE_DEPTH operations in flight, in the way programs map events to their requests. */
static void stream(daos_handle_t oh, daos_handle_t eqh, bool writing) {
  int started = 0, ended = 0, i;

  while (started < QUEUE_DEPTH) start(&requests[started], oh, started, writing), started++;
  while (ended < OPERATIONS) {
    daos_event_t* events[QUEUE_DEPTH];
    int count = daos_eq_poll(eqh, 0, DAOS_EQ_WAIT, QUEUE_DEPTH, events);

    CHECK(count > 0 && count <= QUEUE_DEPTH);
    for (i = 0; i < count; i++) {
      struct request* request = container_of(events[i], struct request, event);
      int k;

      OK(events[i]->ev_error);
      if (!writing) CHECK(request->iod.arr_nr_read == CELLS);
      for (k = 0; k < CELLS; k++) CHECK(request->cells[k] == request->range.rg_idx + k);
      ended++;
      if (started < OPERATIONS) start(request, oh, started++, writing);
    }
  }
}

static void use_array(daos_handle_t coh) {
  daos_obj_id_t oid = {.lo = 0, .hi = 0};
  daos_size_t size, cell_size, chunk_size;
  daos_handle_t oh, eqh;
  int i;

  OK(daos_eq_create(&eqh));
  for (i = 0; i < QUEUE_DEPTH; i++) OK(daos_event_init(&requests[i].event, eqh, NULL));
  OK(daos_cont_alloc_oids(coh, 1, &oid.lo, NULL));
  OK(daos_array_generate_oid(coh, &oid, true, 0, 0, 0));
  OK(daos_array_create(coh, oid, DAOS_TX_NONE, sizeof(uint64_t), 3000, &oh, NULL));
  stream(oh, eqh, true);
  OK(daos_array_close(oh, NULL));
  OK(daos_array_open(coh, oid, DAOS_TX_NONE, DAOS_OO_RO, &cell_size, &chunk_size, &oh, NULL));
  CHECK(cell_size == sizeof(uint64_t) && chunk_size == 3000);
  OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
  CHECK(size == (daos_size_t)OPERATIONS * CELLS);
  stream(oh, eqh, false);
  OK(daos_array_close(oh, NULL));
  for (i = 0; i < QUEUE_DEPTH; i++) OK(daos_event_fini(&requests[i].event));
  OK(daos_eq_destroy(eqh, 0));
}

static void use_key_value(daos_handle_t coh) {
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  daos_obj_id_t oid = {.lo = 0, .hi = 0};
  daos_handle_t oh, th;
  daos_size_t size;
  daos_epoch_t epoch;
  char value[32];
  int i, seen = 0;

  OK(daos_cont_alloc_oids(coh, 1, &oid.lo, NULL));
  OK(daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_HASHED, 0, 0, 0));
  OK(daos_kv_open(coh, oid, DAOS_OO_RW, &oh, NULL));
  for (i = 0; i < 100; i++) {
    char key[16];

    snprintf(key, sizeof(key), "key%d", i);
    OK(daos_kv_put(oh, DAOS_TX_NONE, 0, key, strlen(key), key, NULL));
  }
  OK(daos_cont_create_snap(coh, &epoch, NULL, NULL));
  OK(daos_kv_remove(oh, DAOS_TX_NONE, 0, "key7", NULL));
  size = sizeof(value);
  OK(daos_kv_get(oh, DAOS_TX_NONE, 0, "key7", &size, value, NULL));
  CHECK(size == 0);
  OK(daos_tx_open_snap(coh, epoch, &th, NULL));
  size = sizeof(value);
  OK(daos_kv_get(oh, th, 0, "key7", &size, value, NULL));
  CHECK(size == 4 && memcmp(value, "key7", 4) == 0);
  OK(daos_tx_close(th, NULL));

  while (!daos_anchor_is_eof(&anchor)) {
    daos_key_desc_t kds[9];
    char buffer[64];
    uint32_t nr = 9, k;
    size_t at = 0;
    d_sg_list_t sgl;
    d_iov_t iov;

    d_iov_set(&iov, buffer, sizeof(buffer));
    sgl.sg_nr = 1;
    sgl.sg_nr_out = 0;
    sgl.sg_iovs = &iov;
    OK(daos_kv_list(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
    for (k = 0; k < nr; k++) {
      CHECK(memcmp(buffer + at, "key", 3) == 0);
      at += kds[k].kd_key_len;
    }
    CHECK(at <= sizeof(buffer));
    seen += nr;
  }
  CHECK(seen == 99);
  OK(daos_kv_close(oh, NULL));
}

static void use_files(daos_handle_t poh) {
  static char written[3 << 20], read[sizeof(written) + 100];
  dfs_obj_t *directory, *file;
  daos_handle_t coh;
  daos_size_t size;
  struct dirent entries[4];
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  d_sg_list_t sgl;
  d_iov_t iov;
  struct stat stbuf;
  uint32_t nr = 4;
  size_t i;
  dfs_t* dfs;
  int rc;

  rc = dfs_cont_create_with_label(poh, "files", NULL, NULL, &coh, &dfs);
  if (rc == EEXIST) {
    OK(daos_cont_open(poh, "files", DAOS_COO_RW, &coh, NULL, NULL));
    OK(dfs_mount(poh, coh, O_RDWR, &dfs));
    OK(dfs_remove(dfs, NULL, "directory", true, NULL));
  } else {
    OK(rc);
  }
  OK(dfs_mkdir(dfs, NULL, "directory", 0750, 0));
  OK(dfs_lookup(dfs, "/directory", O_RDWR, &directory, NULL, &stbuf));
  CHECK(S_ISDIR(stbuf.st_mode) && (stbuf.st_mode & 0777) == 0750);
  OK(dfs_open(dfs, directory, "file", S_IFREG | 0600, O_CREAT | O_RDWR, 0, 0, NULL, &file));
  for (i = 0; i < sizeof(written); i++) written[i] = (char)(i * 7 / 3);
  d_iov_set(&iov, written, sizeof(written));
  sgl.sg_nr = 1;
  sgl.sg_nr_out = 0;
  sgl.sg_iovs = &iov;
  OK(dfs_write(dfs, file, &sgl, 5, NULL));
  d_iov_set(&iov, read, sizeof(read));
  OK(dfs_read(dfs, file, &sgl, 0, &size, NULL));
  CHECK(size == sizeof(written) + 5);
  CHECK(memcmp(read, "\0\0\0\0\0", 5) == 0 && memcmp(read + 5, written, sizeof(written)) == 0);
  OK(dfs_release(file));
  OK(dfs_readdir(dfs, directory, &anchor, &nr, entries));
  CHECK(nr == 1 && strcmp(entries[0].d_name, "file") == 0);
  CHECK(dfs_remove(dfs, NULL, "directory", false, NULL) == ENOTEMPTY);
  OK(dfs_release(directory));
  OK(dfs_umount(dfs));
  OK(daos_cont_close(coh, NULL));
}

/* Pointers to the functions under the names before their last change, as older programs have them. */
#undef daos_pool_connect
extern int daos_pool_connect(const char* pool, const char* sys, unsigned int flags, daos_handle_t* poh,
                             daos_pool_info_t* info, daos_event_t* ev);

int main(void) {
  daos_handle_t poh, coh;
  int rc;

  OK(daos_init());
  OK(daos_pool_connect("default", NULL, DAOS_PC_RW, &poh, NULL, NULL));
  rc = daos_cont_create_with_label(poh, "objects", NULL, NULL, NULL);
  CHECK(rc == 0 || rc == -DER_EXIST);
  OK(daos_cont_open(poh, "objects", DAOS_COO_RW, &coh, NULL, NULL));
  CHECK(daos_kv_close(coh, NULL) == -DER_NO_HDL);
  use_array(coh);
  use_key_value(coh);
  OK(daos_cont_close(coh, NULL));
  use_files(poh);
  OK(daos_pool_disconnect(poh, NULL));
  OK(daos_fini());
  puts("the C interface works");
  return 0;
}
