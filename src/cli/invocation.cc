#include "cli/invocation.h"

#include <algorithm>

#include "local/local_system.h"

namespace aeon::cli {

bool Invocation::has(std::string_view name) const {
  return given_.arguments.contains(name) || given_.options.contains(name);
}

std::string Invocation::text(std::string_view name) const {
  if (const auto found = given_.arguments.find(name); found != given_.arguments.end()) return found->second;
  if (const auto found = given_.options.find(name); found != given_.options.end()) return found->second;
  return {};
}

std::vector<std::string> Invocation::texts(std::string_view name) const {
  std::vector<std::string> all;
  const std::string joined = text(name);
  for (size_t at = 0; has(name) && at <= joined.size();) {
    const size_t end = std::min(joined.find('\n', at), joined.size());
    all.push_back(joined.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

Result<uint64_t> Invocation::number(std::string_view name) const { return parse_number(text(name), name); }

Result<client::System*> Invocation::system(IfMissing if_missing) {
  has_used_system_ = true;
  if (!system_) {
    const std::string local = text("--local");
    const std::string name = local.empty() ? std::string() : "local:" + local;
    TRY_ASSIGN(system_, local::open_system(name, if_missing == IfMissing::kCreate));
  }
  return system_.get();
}

Result<std::shared_ptr<client::Pool>> Invocation::pool(client::Access access, IfMissing if_missing) {
  TRY(system(if_missing));
  return run(system_->connect_pool(text("POOL"), access));
}

Result<std::shared_ptr<client::Container>> Invocation::container(client::Access access) {
  return container(text("POOL"), text("CONTAINER"), access);
}

Result<std::shared_ptr<client::Container>> Invocation::container(const std::string& pool_name,
                                                                 const std::string& container_name,
                                                                 client::Access access, IfMissing if_missing) {
  TRY(system(if_missing));
  const auto pool_access = access == client::Access::kReadOnly ? access : client::Access::kReadWrite;
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, run(system_->connect_pool(pool_name, pool_access)));
  TRY_ASSIGN(std::shared_ptr<client::Container> container, run(pool->open_container(container_name, access)));
  if (access != client::Access::kReadOnly) flush_at_end(container);
  return container;
}

Result<Epoch> Invocation::read_epoch(client::Container& container) {
  if (!has("--snap") && !has("--epoch")) return kEpochMax;
  if (has("--snap") && has("--epoch")) {
    return Status(Code::kInvalidArgument, "--snap and --epoch say the same thing; give one of them");
  }
  std::optional<std::string> name;
  std::optional<Epoch> epoch;
  if (has("--snap")) {
    name = text("--snap");
  } else {
    TRY_ASSIGN(const uint64_t value, number("--epoch"));
    epoch = Epoch{value};
  }
  TRY_ASSIGN(const client::SnapshotInfo snapshot, find_snapshot(*this, container, name, epoch));
  return snapshot.epoch;
}

Status Invocation::close() {
  if (!system_) return ok();
  Status first = ok();
  for (const auto& container : std::exchange(written_, {})) {
    Status flushed = run(container->flush());
    if (first.is_ok()) first = std::move(flushed);
  }
  const auto system = std::move(system_);
  if (auto* local = dynamic_cast<local::LocalSystem*>(system.get())) {
    Status closed = local->close();
    if (first.is_ok()) first = std::move(closed);
  }
  return first;
}

Result<client::SnapshotInfo> find_snapshot(Invocation& invocation, client::Container& container,
                                           const std::optional<std::string>& name, std::optional<Epoch> epoch) {
  TRY_ASSIGN(const std::vector<client::SnapshotInfo> snapshots, invocation.run(container.snapshots()));
  const client::SnapshotInfo* found = nullptr;
  for (const client::SnapshotInfo& snapshot : snapshots) {
    if (name ? snapshot.name != *name : snapshot.epoch != *epoch) continue;
    if (found != nullptr) {
      return Status(Code::kInvalidArgument,
                    fmt::format("several snapshots are named '{}'; name one by --epoch", printable(*name)));
    }
    found = &snapshot;
  }
  if (found != nullptr) return *found;
  return Status(
      Code::kNotFound,
      name ? fmt::format("no snapshot '{}'; list them with 'daos container list-snaps'", printable(*name))
           : fmt::format("no snapshot at epoch {}; list them with 'daos container list-snaps'", epoch_text(*epoch)));
}

}  // namespace aeon::cli
