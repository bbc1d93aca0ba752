/* A tour of the C interface: an event queue, an array, a key-value object, a file.
 *
 *   cc -I PREFIX/include tour.c -L PREFIX/lib -ldaos -ldfs -o tour
 *   AEON_SYSTEM=local:/tmp/tour LD_LIBRARY_PATH=PREFIX/lib ./tour
 *
 * It keeps a system in /tmp/tour, which is made on the first run. Say `tour POOL` for another pool than "default".
 */
#include <daos.h>
#include <daos_fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS 100000
#define WRITES 8

/* Ends the program unless a daos_* call went well. */
static void check(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s: " DF_RC "\n", what, DP_RC(rc));
	exit(1);
}

/* The same for dfs_* calls, which return errno values. */
static void check_errno(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(rc));
	exit(1);
}

static void expect(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "unexpected: %s\n", what);
	exit(1);
}

/* Writes an array by several operations at once, and reads it back by one. */
static void use_array(daos_handle_t coh, daos_handle_t eqh)
{
	static uint64_t	  written[CELLS], read[CELLS];
	daos_event_t	  events[WRITES], *done[WRITES];
	daos_array_iod_t  iods[WRITES];
	daos_range_t	  ranges[WRITES];
	d_sg_list_t	  sgls[WRITES];
	d_iov_t		  iovs[WRITES];
	daos_obj_id_t	  oid = {0};
	daos_handle_t	  oh;
	daos_size_t	  size, share = CELLS / WRITES;
	int		  i, finished = 0;

	for (i = 0; i < CELLS; i++)
		written[i] = (uint64_t)i * i;
	check(daos_cont_alloc_oids(coh, 1, &oid.lo, NULL), "daos_cont_alloc_oids");
	check(daos_array_generate_oid(coh, &oid, true, OC_SX, 0, 0), "daos_array_generate_oid");
	check(daos_array_create(coh, oid, DAOS_TX_NONE, sizeof(uint64_t), 4096, &oh, NULL), "daos_array_create");

	for (i = 0; i < WRITES; i++) {
		ranges[i].rg_idx   = i * share;
		ranges[i].rg_len   = share;
		iods[i].arr_nr	   = 1;
		iods[i].arr_rgs	   = &ranges[i];
		d_iov_set(&iovs[i], &written[i * share], share * sizeof(uint64_t));
		sgls[i].sg_nr	   = 1;
		sgls[i].sg_nr_out  = 0;
		sgls[i].sg_iovs	   = &iovs[i];
		check(daos_event_init(&events[i], eqh, NULL), "daos_event_init");
		check(daos_array_write(oh, DAOS_TX_NONE, &iods[i], &sgls[i], &events[i]), "daos_array_write");
	}
	while (finished < WRITES) {
		int count = daos_eq_poll(eqh, 1, DAOS_EQ_WAIT, WRITES, done);

		expect(count > 0, "daos_eq_poll without an event");
		for (i = 0; i < count; i++) {
			check(done[i]->ev_error, "a write");
			check(daos_event_fini(done[i]), "daos_event_fini");
		}
		finished += count;
	}

	check(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL), "daos_array_get_size");
	expect(size == CELLS, "the size of the array");
	ranges[0].rg_idx = 0;
	ranges[0].rg_len = CELLS;
	d_iov_set(&iovs[0], read, sizeof(read));
	check(daos_array_read(oh, DAOS_TX_NONE, &iods[0], &sgls[0], NULL), "daos_array_read");
	expect(memcmp(written, read, sizeof(read)) == 0, "what is in the array");
	check(daos_array_close(oh, NULL), "daos_array_close");
	printf("array: %d cells written by %d operations and read back\n", CELLS, WRITES);
}

/* Puts a few values, and lists their keys. */
static void use_key_value(daos_handle_t coh)
{
	static const char *words[] = {"alpha", "beta", "gamma", "delta"};
	daos_key_desc_t	   kds[4];
	daos_anchor_t	   anchor = {0};
	daos_obj_id_t	   oid	  = {0};
	daos_handle_t	   oh;
	daos_size_t	   size;
	d_sg_list_t	   sgl;
	d_iov_t		   iov;
	char		   buffer[64], value[16];
	int		   i, listed = 0;

	check(daos_cont_alloc_oids(coh, 1, &oid.lo, NULL), "daos_cont_alloc_oids");
	check(daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_LEXICAL, OC_S1, 0, 0), "daos_obj_generate_oid");
	check(daos_kv_open(coh, oid, DAOS_OO_RW, &oh, NULL), "daos_kv_open");
	for (i = 0; i < 4; i++)
		check(daos_kv_put(oh, DAOS_TX_NONE, 0, words[i], sizeof(i), &i, NULL), "daos_kv_put");
	expect(daos_kv_put(oh, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, words[0], sizeof(i), &i, NULL) == -DER_EXIST,
	       "a second insert");

	size = sizeof(value);
	check(daos_kv_get(oh, DAOS_TX_NONE, 0, "gamma", &size, value, NULL), "daos_kv_get");
	expect(size == sizeof(i) && memcmp(value, &(int){2}, sizeof(i)) == 0, "the value of gamma");

	while (!daos_anchor_is_eof(&anchor)) {
		uint32_t count = 4, k;
		char	*key   = buffer;

		d_iov_set(&iov, buffer, sizeof(buffer));
		sgl.sg_nr     = 1;
		sgl.sg_nr_out = 0;
		sgl.sg_iovs   = &iov;
		check(daos_kv_list(oh, DAOS_TX_NONE, &count, kds, &sgl, &anchor, NULL), "daos_kv_list");
		for (k = 0; k < count; k++) {
			printf("key: %.*s\n", (int)kds[k].kd_key_len, key);
			key += kds[k].kd_key_len;
		}
		listed += count;
	}
	expect(listed == 4, "the number of keys");
	check(daos_kv_close(oh, NULL), "daos_kv_close");
}

/* Makes a directory with a file in it, in a container of files. */
static void use_files(const char *pool, daos_handle_t eqh)
{
	const char   text[] = "stored as a file\n";
	char	     read[64];
	struct stat  stbuf;
	daos_event_t event;
	daos_size_t  size = 0;
	dfs_obj_t   *directory, *file;
	d_sg_list_t  sgl;
	d_iov_t	     iov;
	dfs_t	    *dfs;
	bool	     done = false;
	int	     rc;

	check_errno(dfs_init(), "dfs_init");
	check_errno(dfs_connect(pool, NULL, "tour_files", O_CREAT | O_RDWR, NULL, &dfs), "dfs_connect");
	rc = dfs_remove(dfs, NULL, "notes", true, NULL); /* Of an earlier run. */
	check_errno(rc == ENOENT ? 0 : rc, "dfs_remove");
	check_errno(dfs_mkdir(dfs, NULL, "notes", 0755, 0), "dfs_mkdir");
	check_errno(dfs_lookup(dfs, "/notes", O_RDWR, &directory, NULL, NULL), "dfs_lookup");
	check_errno(dfs_open(dfs, directory, "first", S_IFREG | 0644, O_CREAT | O_EXCL | O_RDWR, 0, 0, NULL, &file),
		    "dfs_open");

	d_iov_set(&iov, (void *)text, sizeof(text) - 1);
	sgl.sg_nr     = 1;
	sgl.sg_nr_out = 0;
	sgl.sg_iovs   = &iov;
	check_errno(dfs_write(dfs, file, &sgl, 0, NULL), "dfs_write");

	d_iov_set(&iov, read, sizeof(read));
	check(daos_event_init(&event, eqh, NULL), "daos_event_init");
	check_errno(dfs_read(dfs, file, &sgl, 0, &size, &event), "dfs_read");
	while (!done)
		check(daos_event_test(&event, DAOS_EQ_WAIT, &done), "daos_event_test");
	check_errno(event.ev_error, "the read");
	check(daos_event_fini(&event), "daos_event_fini");
	expect(size == sizeof(text) - 1 && memcmp(read, text, size) == 0, "what is in the file");

	check_errno(dfs_stat(dfs, directory, "first", &stbuf), "dfs_stat");
	expect(S_ISREG(stbuf.st_mode) && stbuf.st_size == (off_t)size, "what dfs_stat says");
	printf("file: /notes/first has %lld bytes\n", (long long)stbuf.st_size);
	check_errno(dfs_release(file), "dfs_release");
	check_errno(dfs_release(directory), "dfs_release");
	check_errno(dfs_disconnect(dfs), "dfs_disconnect");
	check_errno(dfs_fini(), "dfs_fini");
}

int main(int argc, char **argv)
{
	const char	*pool = argc > 1 ? argv[1] : "default";
	daos_handle_t	 poh, coh, eqh;
	daos_pool_info_t info = {0};
	int		 rc;

	check(daos_init(), "daos_init");
	check(daos_eq_create(&eqh), "daos_eq_create");
	info.pi_bits = DPI_SPACE;
	check(daos_pool_connect(pool, NULL, DAOS_PC_RW, &poh, &info, NULL), "daos_pool_connect");
	printf("pool %s: %llu MiB free\n", pool,
	       (unsigned long long)(info.pi_space.ps_space.s_free[DAOS_MEDIA_NVME] >> 20));

	rc = daos_cont_create_with_label(poh, "tour", NULL, NULL, NULL);
	check(rc == -DER_EXIST ? 0 : rc, "daos_cont_create_with_label");
	check(daos_cont_open(poh, "tour", DAOS_COO_RW, &coh, NULL, NULL), "daos_cont_open");
	use_array(coh, eqh);
	use_key_value(coh);
	use_files(pool, eqh);

	check(daos_cont_close(coh, NULL), "daos_cont_close");
	check(daos_pool_disconnect(poh, NULL), "daos_pool_disconnect");
	check(daos_eq_destroy(eqh, 0), "daos_eq_destroy");
	check(daos_fini(), "daos_fini");
	return 0;
}
