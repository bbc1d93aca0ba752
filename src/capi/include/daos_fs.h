// libdfs: files and directories in a container of layout POSIX.
//
// Calls return 0 or a positive errno value; so does ev_error of an event. Where a directory is asked
// for, parent == NULL is the root. A `name` is one entry of a directory: 1 to DFS_MAX_NAME bytes
// without '/', and neither "." nor "..". Every call may return EINVAL (a bad argument) and ENOMEM;
// those that change something EPERM (mounted or opened for reading) and ENOSPC; all that reach storage
// EIO (it is damaged). Permissions are kept but not enforced here, except by dfs_access().
#ifndef AEON_DAOS_FS_H
#define AEON_DAOS_FS_H

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <daos_array.h>
#include <daos_cont.h>
#include <daos_obj.h>
#include <daos_obj_class.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DFS_MAX_NAME NAME_MAX
#define DFS_MAX_PATH PATH_MAX
#define DFS_MAX_FSIZE (~0ULL)
#define DFS_DEFAULT_CHUNK_SIZE 1048576
#define DFS_MAX_XATTR_NAME 255
#define DFS_MAX_XATTR_LEN 65536

// What statfs() says such a file system is.
#define DAOS_SUPER_MAGIC 0xDA05AD10

// A mounted file system, and an open file, directory or symbolic link in it.
typedef struct dfs dfs_t;
typedef struct dfs_obj dfs_obj_t;

// Consistency, in da_mode. Balanced: operations of several clients on a directory are atomic to each
// other. Relaxed: programs keep out of each other's way, and may gain speed by it.
#define DFS_BALANCED 4
#define DFS_RELAXED 0

#define DFS_RDONLY O_RDONLY
#define DFS_RDWR O_RDWR

// Attributes of a file system. At creation, 0 or an empty string leaves the choice to the library.
typedef struct {
  uint64_t da_id;                 // any number, for the user
  daos_size_t da_chunk_size;      // of files, in bytes
  daos_oclass_id_t da_oclass_id;  // of whatever the next two do not set
  daos_prop_t* da_props;          // further container properties, or NULL
  uint32_t da_mode;               // DFS_BALANCED or DFS_RELAXED
  daos_oclass_id_t da_dir_oclass_id;
  daos_oclass_id_t da_file_oclass_id;
  char da_hints[DAOS_CONT_HINT_MAX_LEN];  // "file:single,dir:max"; see dfs_suggest_oclass()
} dfs_attr_t;

// Ranges of bytes in a file.
typedef struct {
  daos_size_t iod_nr;
  daos_range_t* iod_rgs;
} dfs_iod_t;

// How an entry is stored. The last two class ids are of what is created in a directory, else 0.
typedef struct {
  daos_oclass_id_t doi_oclass_id;
  daos_size_t doi_chunk_size;
  daos_oclass_id_t doi_dir_oclass_id;
  daos_oclass_id_t doi_file_oclass_id;
  daos_obj_id_t doi_oid;
} dfs_obj_info_t;

// ---- Mounting ------------------------------------------------------------------------------------

// Start and end the library, for dfs_connect(). Calls nest. They include daos_init() and daos_fini().
int dfs_init(void);
int dfs_fini(void);

// Mounts the container of that label in that pool; `sys` is NULL for the default system. `flags` is
// O_RDONLY or O_RDWR, with O_CREAT to create the container if there is none, with the attributes
// `attr` or NULL for defaults. End it with dfs_disconnect(). ENOENT, EACCES (dfs_init() is missing),
// EINVAL (not a POSIX container).
int dfs_connect(const char* pool, const char* sys, const char* cont, int flags, dfs_attr_t* attr, dfs_t** dfs);

// Mounts a snapshot for reading: the one at `epoch`, or if that is 0 the one named `name`. `flags` is
// O_RDONLY. End it with dfs_disconnect().
int dfs_connect_snap(const char* pool, const char* sys, const char* cont, int flags, daos_epoch_t epoch,
                     const char* name, dfs_t** dfs);

// Ends a mount made by one of the above.
int dfs_disconnect(dfs_t* dfs);

// Destroys the container of that label and all files in it. EBUSY if it is open and `force` is 0.
int dfs_destroy(const char* pool, const char* sys, const char* cont, int force, daos_event_t* ev);

// Creates a container for files. Unless they are NULL, `uuid` receives its UUID, `coh` a handle of it
// opened for reading and writing, and `dfs` its mount, which needs `coh` not to be NULL.
// EEXIST (the label among attr->da_props is taken).
int dfs_cont_create(daos_handle_t poh, uuid_t* uuid, dfs_attr_t* attr, daos_handle_t* coh, dfs_t** dfs);

// The same with a label.
int dfs_cont_create_with_label(daos_handle_t poh, const char* label, dfs_attr_t* attr, uuid_t* uuid, daos_handle_t* coh,
                               dfs_t** dfs);

// Mounts an open container, with O_RDONLY or O_RDWR. Both handles must stay open until dfs_umount().
// EINVAL (not a POSIX container), EACCES (O_RDWR on a container opened for reading).
int dfs_mount(daos_handle_t poh, daos_handle_t coh, int flags, dfs_t** dfs);

// Mounts a snapshot of an open container, chosen as by dfs_connect_snap().
int dfs_mount_snap(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch, const char* name, dfs_t** dfs);

// Ends a mount made by dfs_mount() or dfs_mount_snap(). What is still open in it must not be used,
// not even released, any more.
int dfs_umount(dfs_t* dfs);

// The pool and container handle of a mount, each to be given back by the call after it.
int dfs_pool_get(dfs_t* dfs, daos_handle_t* poh);
int dfs_pool_put(dfs_t* dfs, daos_handle_t poh);
int dfs_cont_get(dfs_t* dfs, daos_handle_t* coh);
int dfs_cont_put(dfs_t* dfs, daos_handle_t coh);

// The attributes a file system was created with. da_props and da_hints are left empty.
int dfs_query(dfs_t* dfs, dfs_attr_t* attr);

// Removes `prefix`, an absolute path, from the start of every path that dfs_lookup() gets, as if the
// file system was mounted there. NULL ends that.
int dfs_set_prefix(dfs_t* dfs, const char* prefix);

// Makes all changes so far durable.
int dfs_sync(dfs_t* dfs);

// ---- Opening -------------------------------------------------------------------------------------

// Opens what `path`, absolute, leads to, following symbolic links; O_NOFOLLOW in `flags`, besides
// O_RDONLY or O_RDWR, excepts the last one. `mode` and `stbuf` may be NULL. Release *obj with
// dfs_release(). ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
int dfs_lookup(dfs_t* dfs, const char* path, int flags, dfs_obj_t** obj, mode_t* mode, struct stat* stbuf);

// The same for one entry of a directory. A symbolic link is not followed, but opened itself.
int dfs_lookup_rel(dfs_t* dfs, dfs_obj_t* parent, const char* name, int flags, dfs_obj_t** obj, mode_t* mode,
                   struct stat* stbuf);

// Opens or creates an entry. `mode` has its kind (S_IFREG, S_IFDIR or S_IFLNK) and, for O_CREAT, its
// permissions. `flags`: O_RDONLY or O_RDWR, and O_CREAT, O_EXCL, O_TRUNC. For a new entry: `cid` its
// class, `chunk_size` that of a file in bytes (both 0: as the directory says), `value` what a symbolic
// link leads to. ENOENT, EEXIST, ENOTDIR, EISDIR, ENAMETOOLONG.
int dfs_open(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode, int flags, daos_oclass_id_t cid,
             daos_size_t chunk_size, const char* value, dfs_obj_t** obj);

// Opens again what `obj` has open, with O_RDONLY or O_RDWR, without asking the store.
int dfs_dup(dfs_t* dfs, dfs_obj_t* obj, int flags, dfs_obj_t** new_obj);

// Closes an open entry.
int dfs_release(dfs_obj_t* obj);

// ---- Reading and writing files -------------------------------------------------------------------

// Reads from byte `off` on into the buffers of `sgl`, iov_len bytes each or where that is 0 iov_buf_len,
// and sets *read_size to the bytes read, which is less than asked for only at the end of the file.
// Holes read as zeroes. The lengths in `sgl` stay as they are.
int dfs_read(dfs_t* dfs, dfs_obj_t* obj, d_sg_list_t* sgl, daos_off_t off, daos_size_t* read_size, daos_event_t* ev);

// Reads several ranges, in their order, into the buffers of `sgl`, which together have their size.
int dfs_readx(dfs_t* dfs, dfs_obj_t* obj, dfs_iod_t* iod, d_sg_list_t* sgl, daos_size_t* read_size, daos_event_t* ev);

// Writes the buffers of `sgl` from byte `off` on.
int dfs_write(dfs_t* dfs, dfs_obj_t* obj, d_sg_list_t* sgl, daos_off_t off, daos_event_t* ev);

// Writes the buffers of `sgl` into several ranges, which together have their size.
int dfs_writex(dfs_t* dfs, dfs_obj_t* obj, dfs_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev);

// The size of an open file in bytes.
int dfs_get_size(dfs_t* dfs, dfs_obj_t* obj, daos_size_t* size);

// Makes a hole of `len` bytes at `offset`; the size stays, unless the hole reaches the end, which then
// is `offset`. With len == DFS_MAX_FSIZE it sets the size to `offset`, be that less or more.
int dfs_punch(dfs_t* dfs, dfs_obj_t* obj, daos_off_t offset, daos_size_t len);

// ---- Directories ---------------------------------------------------------------------------------

// Reads up to *nr entries of an open directory into dirs[], of which d_name is set, and sets *nr to
// their number. Repeat with the same anchor, zeroed at first, until daos_anchor_is_eof(). An entry that
// is there all the time is read exactly once.
int dfs_readdir(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, struct dirent* dirs);

// The same with the dfs_stat() of each entry in stbufs[].
int dfs_readdirplus(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, struct dirent* dirs,
                    struct stat* stbufs);

// Called with the name of an entry of the directory `obj`. A result other than 0 ends the iteration,
// which returns it.
typedef int (*dfs_filler_cb_t)(dfs_t* dfs, dfs_obj_t* obj, const char name[], void* arg);

// Calls `op`, unless it is NULL, for up to *nr entries, and sets *nr to how many it was. Their names
// with NULs take at most `size` bytes; E2BIG if not even one fits. Go on with the same anchor.
int dfs_iterate(dfs_t* dfs, dfs_obj_t* obj, daos_anchor_t* anchor, uint32_t* nr, size_t size, dfs_filler_cb_t op,
                void* arg);

// Creates a directory with the permissions in `mode`. `cid` is its class, or 0. EEXIST.
int dfs_mkdir(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode, daos_oclass_id_t cid);

// Removes an entry, and unless `oid` is NULL returns the object it was. With `force`, a directory is
// removed with all that is in it; otherwise ENOTEMPTY. ENOENT.
int dfs_remove(dfs_t* dfs, dfs_obj_t* parent, const char* name, bool force, daos_obj_id_t* oid);

// Renames an entry, replacing what has the new name, whose object is returned unless `oid` is NULL. A
// directory replaces only an empty directory, anything else only what is not one. ENOENT, ENOTEMPTY,
// EISDIR, ENOTDIR, EINVAL (a directory into itself).
int dfs_move(dfs_t* dfs, dfs_obj_t* parent, const char* name, dfs_obj_t* new_parent, const char* new_name,
             daos_obj_id_t* oid);

// Makes two entries trade places. ENOENT, EINVAL (one is inside the other).
int dfs_exchange(dfs_t* dfs, dfs_obj_t* parent1, const char* name1, dfs_obj_t* parent2, const char* name2);

// ---- Attributes ----------------------------------------------------------------------------------

// The attributes of an entry; a symbolic link's own. name == NULL is the root. Set are st_mode, st_uid,
// st_gid, st_nlink, st_size, st_blksize, st_blocks and the three times; the rest is 0. ENOENT.
int dfs_stat(dfs_t* dfs, dfs_obj_t* parent, const char* name, struct stat* stbuf);

// The same of an open one.
int dfs_ostat(dfs_t* dfs, dfs_obj_t* obj, struct stat* stbuf);

// Which attributes to set. Reading does not change the access time.
#define DFS_SET_ATTR_MODE (1 << 0)
#define DFS_SET_ATTR_ATIME (1 << 1)
#define DFS_SET_ATTR_MTIME (1 << 2)
#define DFS_SET_ATTR_SIZE (1 << 3)
#define DFS_SET_ATTR_UID (1 << 4)
#define DFS_SET_ATTR_GID (1 << 5)

// Sets those attributes of an open entry from *stbuf, and then all of *stbuf as dfs_ostat() does.
// EINVAL (another kind of file in st_mode, a size for something that has none).
int dfs_osetattr(dfs_t* dfs, dfs_obj_t* obj, struct stat* stbuf, int flags);

// 0 if the calling user has the permissions `mask` (F_OK, or R_OK, W_OK, X_OK together) on an entry,
// following symbolic links. EACCES, ENOENT, EROFS.
int dfs_access(dfs_t* dfs, dfs_obj_t* parent, const char* name, int mask);

// Sets the permissions of an entry, following symbolic links. EINVAL (another kind of file in `mode`).
int dfs_chmod(dfs_t* dfs, dfs_obj_t* parent, const char* name, mode_t mode);

// Sets owner and group of an entry; -1 leaves one as it is. Follows symbolic links unless `flags` is
// O_NOFOLLOW. Whoever may write may do this.
int dfs_chown(dfs_t* dfs, dfs_obj_t* parent, const char* name, uid_t uid, gid_t gid, int flags);

// Sets an extended attribute of an open entry. `flags`: 0, XATTR_CREATE (else EEXIST) or XATTR_REPLACE
// (else ENODATA). EINVAL and E2BIG for names and values longer than the limits above.
int dfs_setxattr(dfs_t* dfs, dfs_obj_t* obj, const char* name, const void* value, daos_size_t size, int flags);

// Copies an extended attribute into the *size bytes at `value`, and sets *size to its length. With
// value == NULL, or *size 0, that is all it does. ENODATA, ERANGE (too little room).
int dfs_getxattr(dfs_t* dfs, dfs_obj_t* obj, const char* name, void* value, daos_size_t* size);

// Removes an extended attribute. ENODATA.
int dfs_removexattr(dfs_t* dfs, dfs_obj_t* obj, const char* name);

// Lists the names of extended attributes, each with its NUL, into the *size bytes at `list`, and sets
// *size to what all need. With list == NULL, or *size 0, that is all it does. ERANGE.
int dfs_listxattr(dfs_t* dfs, dfs_obj_t* obj, char* list, daos_size_t* size);

// ---- What an open entry is -----------------------------------------------------------------------
// These do not ask the store, except the two that set something.

// Its object.
int dfs_obj2id(dfs_obj_t* obj, daos_obj_id_t* oid);

// Its kind and permissions, as of when it was opened.
int dfs_get_mode(dfs_obj_t* obj, mode_t* mode);

// Classes and chunk size; for a directory those of what is created in it.
int dfs_obj_get_info(dfs_t* dfs, dfs_obj_t* obj, dfs_obj_info_t* info);

// Sets the class, or the chunk size in bytes, of what will be created in an open directory. `flags` is
// reserved. ENOTSUP (not a directory).
int dfs_obj_set_oclass(dfs_t* dfs, dfs_obj_t* obj, int flags, daos_oclass_id_t cid);
int dfs_obj_set_chunk_size(dfs_t* dfs, dfs_obj_t* obj, int flags, daos_size_t csize);

// The class for a hint "file:VALUE" or "dir:VALUE", where VALUE is "single" for small ones and "max"
// for large ones.
int dfs_suggest_oclass(dfs_t* dfs, const char* hint, daos_oclass_id_t* cid);

// The array that holds an open file, for use with daos_array.h. It ends with the file; do not close it.
int dfs_get_file_oh(dfs_obj_t* obj, daos_handle_t* oh);

// The chunk size of a file in bytes.
int dfs_get_chunk_size(dfs_obj_t* obj, daos_size_t* chunk_size);

// Copies what a symbolic link leads to into the *size bytes at `buf`, cut off there, and sets *size to
// its whole length with the NUL. With buf == NULL that is all it does.
int dfs_get_symlink_value(dfs_obj_t* obj, char* buf, daos_size_t* size);

// Notes in `obj` that it has been moved: into the directory that src_obj is in, under `name` or if that
// is NULL its own. Changes nothing stored.
int dfs_update_parent(dfs_obj_t* obj, dfs_obj_t* src_obj, const char* name);

#ifdef __cplusplus
}
#endif

#endif
