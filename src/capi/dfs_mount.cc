#include "dfs_mount.h"

#include <daos.h>
#include <gurt/common.h>

#include <cerrno>
#include <cstring>

#include "container.h"
#include "properties.h"

namespace aeon::capi {
namespace {

// How often dfs_init() was called without its dfs_fini().
std::atomic<int> files_started{0};

bool is_mount_flags(int flags, bool may_create) {
  return (flags & ~(O_ACCMODE | (may_create ? O_CREAT : 0))) == 0 && (flags & O_ACCMODE) != O_ACCMODE;
}

// What a program asks for when it creates a file system.
int read_format(const dfs_attr_t* attr, dfs::FormatOptions* format) {
  format->root_user = geteuid();
  format->root_group = getegid();
  if (attr == nullptr) return 0;
  if (attr->da_mode != DFS_RELAXED && attr->da_mode != DFS_BALANCED) return EINVAL;
  if (attr->da_chunk_size > dfs::kChunkSizeMax) return EINVAL;
  if (strnlen(attr->da_hints, sizeof attr->da_hints) == sizeof attr->da_hints) return EINVAL;
  if (attr->da_chunk_size != 0) format->chunk_size = attr->da_chunk_size;
  format->object_class = attr->da_oclass_id;
  format->directory_class = attr->da_dir_oclass_id;
  format->file_class = attr->da_file_oclass_id;
  format->consistency = attr->da_mode;
  format->user_id = attr->da_id;
  format->hints = attr->da_hints;
  return 0;
}

bool is_of_layout(const client::Properties& properties, uint64_t layout) {
  const auto found = properties.find(DAOS_PROP_CO_LAYOUT_TYPE);
  const auto* number = found == properties.end() ? nullptr : std::get_if<uint64_t>(&found->second);
  return number != nullptr && *number == layout;
}

struct Mounting {
  int flags = O_RDONLY;
  bool is_snapshot = false;
  Epoch snapshot;
  std::string snapshot_name;
};

// Fills in mount->files.
Task<int> mount_files(dfs_t* mount, Mounting how) {
  const std::shared_ptr<client::Container> container = mount->container->container;
  const auto properties = co_await container->properties();
  if (!properties) co_return to_errno(properties);
  if (!is_of_layout(*properties, DAOS_PROP_CO_LAYOUT_POSIX)) co_return EINVAL;
  dfs::MountOptions options;
  options.read_only = (how.flags & O_ACCMODE) == O_RDONLY;
  options.user = geteuid();
  options.group = getegid();
  if (how.is_snapshot) {
    const auto epoch = co_await find_snapshot(container, how.snapshot, how.snapshot_name);
    if (!epoch) co_return to_errno(epoch);
    options.epoch = *epoch;
  }
  auto files = co_await dfs::FileSystem::mount(container, std::move(options));
  if (files) mount->files = *files;
  co_return files.code() == Code::kNotFound ? EINVAL : to_errno(files);
}

int mount_container(daos_handle_t poh, daos_handle_t coh, Mounting how, dfs_t** out) {
  const Inside inside;
  if (!inside) return EACCES;
  auto mount = std::make_unique<dfs_t>();
  mount->poh = poh;
  mount->coh = coh;
  std::shared_ptr<PoolHandle> pool;
  if (find_open(poh, &pool) != 0 || find_open(coh, &mount->container) != 0) return EINVAL;
  if (mount->container->pool != pool) return EINVAL;
  if ((how.flags & O_ACCMODE) != O_RDONLY && !mount->container->is_writable()) return EACCES;
  const int rc = run_files(mount.get(), mount_files(mount.get(), std::move(how)));
  if (rc == 0) *out = mount.release();
  return rc;
}

Task<int> drop_files(std::shared_ptr<dfs::FileSystem> files) {
  files.reset();
  co_return 0;
}

int unmount(dfs_t* dfs) {
  const Inside inside;
  if (!inside) return EACCES;
  const std::unique_ptr<dfs_t> mount(dfs);
  return run_files(mount.get(), drop_files(std::move(mount->files)));
}

Task<int> create_files(std::shared_ptr<PoolHandle> pool, client::ContainerSpec spec, dfs::FormatOptions format,
                       Uuid* id) {
  const auto created = co_await dfs::FileSystem::create_container(pool->pool, std::move(spec), std::move(format));
  if (created) *id = *created;
  co_return to_errno(created);
}

int create_container(daos_handle_t poh, const char* label, const dfs_attr_t* attr, Uuid* id) {
  std::shared_ptr<PoolHandle> pool;
  if (find_open(poh, &pool) != 0) return EINVAL;
  dfs::FormatOptions format;
  client::ContainerSpec spec;
  int rc = read_format(attr, &format);
  if (rc == 0) rc = daos_der2errno(read_container_spec(label, attr == nullptr ? nullptr : attr->da_props, &spec));
  if (rc != 0) return rc;
  if (spec.properties.contains(DAOS_PROP_CO_LAYOUT_TYPE) && !is_of_layout(spec.properties, DAOS_PROP_CO_LAYOUT_POSIX)) {
    return EINVAL;
  }
  spec.properties[DAOS_PROP_CO_LAYOUT_TYPE] = uint64_t{DAOS_PROP_CO_LAYOUT_POSIX};
  return run_operation(*pool->system, nullptr, create_files(pool, std::move(spec), std::move(format), id),
                       daos_der2errno);
}

int create_and_open(daos_handle_t poh, const char* label, dfs_attr_t* attr, uuid_t* uuid, daos_handle_t* coh,
                    dfs_t** dfs) {
  const Inside inside;
  if (!inside) return EACCES;
  if (dfs != nullptr && coh == nullptr) return EINVAL;
  Uuid id;
  int rc = create_container(poh, label, attr, &id);
  if (rc != 0) return rc;
  if (uuid != nullptr) copy_uuid(id, *uuid);
  if (coh == nullptr) return 0;
  rc = daos_der2errno(daos_cont_open(poh, id.to_string().c_str(), DAOS_COO_RW, coh, nullptr, nullptr));
  if (rc != 0 || dfs == nullptr) return rc;
  Mounting how;
  how.flags = O_RDWR;
  rc = mount_container(poh, *coh, std::move(how), dfs);
  if (rc != 0) daos_cont_close(*coh, nullptr);
  return rc;
}

// Pool and container of dfs_connect(), given back if they come to nothing.
struct Connection {
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (daos_handle_is_valid(coh)) daos_cont_close(coh, nullptr);
    if (daos_handle_is_valid(poh)) daos_pool_disconnect(poh, nullptr);
  }
  daos_handle_t poh{};
  daos_handle_t coh{};
};

int connect_files(const char* pool, const char* sys, const char* cont, Mounting how, dfs_attr_t* attr, dfs_t** dfs) {
  const bool writes = (how.flags & O_ACCMODE) != O_RDONLY;
  const bool creates = (how.flags & O_CREAT) != 0;
  Connection connection;
  int rc = daos_pool_connect(pool, sys, writes || creates ? DAOS_PC_RW : DAOS_PC_RO, &connection.poh, nullptr, nullptr);
  if (rc != 0) return daos_der2errno(rc);
  const unsigned int access = writes ? DAOS_COO_RW : DAOS_COO_RO;
  rc = daos_cont_open(connection.poh, cont, access, &connection.coh, nullptr, nullptr);
  if (rc == -DER_NONEXIST && creates) {
    rc = create_and_open(connection.poh, cont, attr, nullptr, nullptr, nullptr);
    if (rc != 0 && rc != EEXIST) return rc;  // Somebody else may have been faster.
    rc = daos_cont_open(connection.poh, cont, access, &connection.coh, nullptr, nullptr);
  }
  if (rc != 0) return daos_der2errno(rc);
  rc = mount_container(connection.poh, connection.coh, std::move(how), dfs);
  if (rc != 0) return rc;
  (*dfs)->is_connected = true;
  connection.coh = {};
  connection.poh = {};
  return 0;
}

int read_snapshot(int flags, daos_epoch_t epoch, const char* name, Mounting* how) {
  if (flags != O_RDONLY || (epoch == 0 && (name == nullptr || name[0] == '\0'))) return EINVAL;
  how->is_snapshot = true;
  how->snapshot = Epoch{epoch};
  if (epoch == 0) how->snapshot_name = name;
  return 0;
}

// Handles of a mount that a program borrows are the mount's own: giving them back needs only to be checked.
int give_back(daos_handle_t given, daos_handle_t own) { return given.cookie == own.cookie ? 0 : EINVAL; }

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int dfs_init(void) {
  const int rc = daos_init();
  if (rc == 0) files_started.fetch_add(1);
  return daos_der2errno(rc);
}

int dfs_fini(void) {
  int started = files_started.load();
  do {
    if (started == 0) return EINVAL;
  } while (!files_started.compare_exchange_weak(started, started - 1));
  const int rc = daos_fini();
  if (rc != 0) files_started.fetch_add(1);
  return daos_der2errno(rc);
}

int dfs_connect(const char* pool, const char* sys, const char* cont, int flags, dfs_attr_t* attr, dfs_t** dfs) {
  if (files_started.load() == 0) return EACCES;
  if (pool == nullptr || cont == nullptr || dfs == nullptr || !is_mount_flags(flags, true)) return EINVAL;
  Mounting how;
  how.flags = flags;
  return connect_files(pool, sys, cont, std::move(how), attr, dfs);
}

int dfs_connect_snap(const char* pool, const char* sys, const char* cont, int flags, daos_epoch_t epoch,
                     const char* name, dfs_t** dfs) {
  if (files_started.load() == 0) return EACCES;
  Mounting how;
  if (pool == nullptr || cont == nullptr || dfs == nullptr) return EINVAL;
  const int rc = read_snapshot(flags, epoch, name, &how);
  return rc != 0 ? rc : connect_files(pool, sys, cont, std::move(how), nullptr, dfs);
}

int dfs_disconnect(dfs_t* dfs) {
  if (!is_mount(dfs) || !dfs->is_connected) return EINVAL;
  Connection connection;
  connection.poh = dfs->poh;
  connection.coh = dfs->coh;
  return unmount(dfs);
}

int dfs_destroy(const char* pool, const char* sys, const char* cont, int force, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return EACCES;
  if (pool == nullptr || cont == nullptr) return EINVAL;
  const auto destroy = [&] {
    Connection connection;
    int rc = daos_pool_connect(pool, sys, DAOS_PC_RW, &connection.poh, nullptr, nullptr);
    if (rc == 0) rc = daos_cont_destroy(connection.poh, cont, force, nullptr);
    return daos_der2errno(rc);
  };
  if (ev == nullptr) return destroy();
  EventState* state = nullptr;
  const int rc = begin_event(ev, &state);
  if (rc != 0) return daos_der2errno(rc);
  complete_event(state, destroy());
  return 0;
}

int dfs_cont_create(daos_handle_t poh, uuid_t* uuid, dfs_attr_t* attr, daos_handle_t* coh, dfs_t** dfs) {
  return create_and_open(poh, nullptr, attr, uuid, coh, dfs);
}

int dfs_cont_create_with_label(daos_handle_t poh, const char* label, dfs_attr_t* attr, uuid_t* uuid, daos_handle_t* coh,
                               dfs_t** dfs) {
  return daos_label_is_valid(label) ? create_and_open(poh, label, attr, uuid, coh, dfs) : EINVAL;
}

int dfs_mount(daos_handle_t poh, daos_handle_t coh, int flags, dfs_t** dfs) {
  if (dfs == nullptr || !is_mount_flags(flags, false)) return EINVAL;
  Mounting how;
  how.flags = flags;
  return mount_container(poh, coh, std::move(how), dfs);
}

int dfs_mount_snap(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch, const char* name, dfs_t** dfs) {
  if (dfs == nullptr) return EINVAL;
  Mounting how;
  const int rc = read_snapshot(flags, epoch, name, &how);
  return rc != 0 ? rc : mount_container(poh, coh, std::move(how), dfs);
}

int dfs_umount(dfs_t* dfs) { return is_mount(dfs) && !dfs->is_connected ? unmount(dfs) : EINVAL; }

int dfs_pool_get(dfs_t* dfs, daos_handle_t* poh) {
  if (!is_mount(dfs) || poh == nullptr) return EINVAL;
  *poh = dfs->poh;
  return 0;
}

int dfs_pool_put(dfs_t* dfs, daos_handle_t poh) { return is_mount(dfs) ? give_back(poh, dfs->poh) : EINVAL; }

int dfs_cont_get(dfs_t* dfs, daos_handle_t* coh) {
  if (!is_mount(dfs) || coh == nullptr) return EINVAL;
  *coh = dfs->coh;
  return 0;
}

int dfs_cont_put(dfs_t* dfs, daos_handle_t coh) { return is_mount(dfs) ? give_back(coh, dfs->coh) : EINVAL; }

int dfs_query(dfs_t* dfs, dfs_attr_t* attr) {
  if (!is_mount(dfs) || attr == nullptr) return EINVAL;
  const aeon::dfs::FileSystemInfo& info = dfs->files->info();
  std::memset(attr, 0, sizeof *attr);
  attr->da_id = info.user_id;
  attr->da_chunk_size = info.chunk_size;
  attr->da_oclass_id = info.file_class;
  attr->da_mode = info.consistency;
  attr->da_dir_oclass_id = info.directory_class;
  attr->da_file_oclass_id = info.file_class;
  return 0;
}

int dfs_set_prefix(dfs_t* dfs, const char* prefix) {
  if (!is_mount(dfs)) return EINVAL;
  std::string wanted = prefix == nullptr ? "" : prefix;
  if (!wanted.empty() && (wanted[0] != '/' || wanted.size() >= DFS_MAX_PATH)) return EINVAL;
  while (!wanted.empty() && wanted.back() == '/') wanted.pop_back();
  dfs->prefix = std::move(wanted);
  return 0;
}

namespace aeon::capi {
namespace {
Task<int> sync_files(std::shared_ptr<dfs::FileSystem> files) { co_return to_errno(co_await files->sync()); }
}  // namespace
}  // namespace aeon::capi

int dfs_sync(dfs_t* dfs) { return is_mount(dfs) ? run_files(dfs, sync_files(dfs->files)) : EINVAL; }
