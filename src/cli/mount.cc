#include "mount.h"

#include <unistd.h>

namespace aeon::cli {
namespace {

Result<std::shared_ptr<client::Container>> open_or_create(Invocation& invocation, const DaosAddress& address) {
  TRY_ASSIGN(client::System * system, invocation.system(IfMissing::kCreate));
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool,
             invocation.run(system->connect_pool(address.pool, client::Access::kReadWrite)));
  auto opened = invocation.run(pool->open_container(address.container, client::Access::kReadWrite));
  // A uuid is the system's to choose, so one that isn't there is a mistake.
  if (opened.code() != Code::kNotFound || Uuid::parse(address.container)) return opened;
  client::ContainerSpec spec;
  spec.label = address.container;
  use_file_durability(spec);
  dfs::FormatOptions format;
  format.root_user = ::getuid();
  format.root_group = ::getgid();
  TRY(invocation.run(dfs::FileSystem::create_container(pool, spec, format)).status());
  invocation.output().remark("Made container {} in pool {}.", printable(address.container), printable(address.pool));
  return invocation.run(pool->open_container(address.container, client::Access::kReadWrite));
}

}  // namespace

Result<std::shared_ptr<dfs::FileSystem>> mount(Invocation& invocation, const DaosAddress& address, MountFor purpose) {
  dfs::MountOptions options;
  options.user = ::getuid();
  options.group = ::getgid();
  std::shared_ptr<client::Container> container;
  if (purpose == MountFor::kWritingNew) {
    TRY_ASSIGN(container, open_or_create(invocation, address));
    invocation.flush_at_end(container);
  } else {
    options.read_only = purpose == MountFor::kReading;
    const auto access = options.read_only ? client::Access::kReadOnly : client::Access::kReadWrite;
    TRY_ASSIGN(container, invocation.container(address.pool, address.container, access));
    if (options.read_only) {
      TRY_ASSIGN(options.epoch, invocation.read_epoch(*container));
    }
  }
  auto mounted = invocation.run(dfs::FileSystem::mount(container, options));
  if (mounted.code() == Code::kNotFound && !options.read_only) {
    // Whoever made it for files was killed before there was a root.
    TRY_ASSIGN(const client::ContainerInfo info, invocation.run(container->query()));
    options.format_if_missing = info.layout_type == client::kLayoutPosix;
    options.format.root_user = options.user;
    options.format.root_group = options.group;
    mounted = invocation.run(dfs::FileSystem::mount(container, options));
  }
  if (mounted.code() == Code::kNotFound) {
    return Status(Code::kNotFound,
                  fmt::format("container '{}' holds no files; one for files is made by 'daos container "
                              "create --type POSIX'",
                              printable(address.container)));
  }
  return mounted;
}

void use_file_durability(client::ContainerSpec& spec) {
  constexpr uint64_t kFlush = 1;
  spec.properties.try_emplace(client::kPropDurability, kFlush);
}

Status about_path(const Status& status, const DaosAddress& address) {
  if (status.code() == Code::kNotFound) {
    return Status(Code::kNotFound, fmt::format("no '{}' in container '{}'; 'daos filesystem ls' lists what there is",
                                               printable(address.path), printable(address.container)));
  }
  return status;
}

}  // namespace aeon::cli
