#include <unistd.h>

#include "cli/invocation.h"
#include "local/local_system.h"
#include "local/offline.h"
#include "local/store_disk.h"
#include "runtime/system.h"
#include "target_count.h"

namespace aeon::cli {
namespace {

Status create_system(Invocation& invocation) {
  const std::string directory = invocation.text("DIR");
  local::CreateOptions options;
  if (invocation.has("--capacity")) {
    TRY_ASSIGN(options.capacity, parse_size(invocation.text("--capacity"), "--capacity"));
  }
  if (invocation.has("--pool")) options.pool_label = invocation.text("--pool");
  if (invocation.has("--name")) options.system_name = invocation.text("--name");
  if (invocation.has("--log-size")) {
    TRY_ASSIGN(options.log_size, parse_size(invocation.text("--log-size"), "--log-size"));
    options.log_size = round_down(options.log_size, kDiskBlockSize);
  }
  if (invocation.has("--targets")) {
    TRY_ASSIGN(options.target_count, parse_target_count(invocation));
  }
  options.log_device = invocation.text("--log-device");
  options.data_devices = invocation.texts("--data-device");
  options.overwrite_devices = invocation.has("--overwrite");
  TRY(local::LocalSystem::create(directory, options));
  Json& response = invocation.output().response();
  response["directory"] = printable(directory);
  response["name"] = options.system_name;
  response["pool"] = options.pool_label;
  response["targets"] = options.target_count;
  invocation.output().remark("Made a system with {}pool '{}' in {}. Work on it with --local, or AEON_SYSTEM=local:DIR.",
                             options.target_count == 1 ? "" : fmt::format("{} targets and ", options.target_count),
                             options.pool_label, printable(directory));
  return ok();
}

// What is at each place where the system's devices should be.
Status list_devices(Invocation& invocation) {
  const std::string local = invocation.text("--local");
  TRY_ASSIGN(const std::string directory, local::directory_of_system(local.empty() ? local : "local:" + local));
  invocation.note_system_use();
  TRY_ASSIGN(const std::unique_ptr<local::OfflineSystem> system, local::OfflineSystem::open(directory));
  TRY(system->description());
  const std::vector<local::OfflineSystem::Target>& targets = system->targets();
  const local::OfflineSystem::Target& target = targets.front();
  Output& output = invocation.output();
  Json& devices = output.response()["devices"] = Json::array();
  if (targets.size() > 1) {
    // Only those that are in the directory are several.
    for (size_t i = 0; i < targets.size(); ++i) {
      const bool is_missing = ::access(targets[i].path.c_str(), F_OK) != 0;
      output.line("Target {} is in the system's directory: {}{}", i, printable(targets[i].path),
                  is_missing ? " (missing)" : "");
      devices.push_back(
          {{"target", i}, {"path", printable(targets[i].path)}, {"role", "log and data"}, {"missing", is_missing}});
    }
    return ok();
  }
  if (target.devices.empty()) {
    output.line("The system is in its directory: {}", printable(target.path));
    devices.push_back({{"path", printable(target.path)}, {"role", "log and data"}, {"missing", false}});
    return ok();
  }
  Reactor reactor;
  LocalWorld world(reactor);
  local::StoreDiskOptions options;
  options.read_only = true;
  options.allow_missing = true;
  options.store = target.store;
  TRY_ASSIGN(const std::unique_ptr<local::StoreDisk> store,
             local::StoreDisk::open_devices(*world, reactor, target.devices, options));
  for (const media::DeviceReport& device : store->devices()->devices()) {
    const size_t index = devices.size();
    const std::string path = printable(device.is_missing ? target.devices.at(index) : device.name);
    devices.push_back({{"path", path},
                       {"role", media::role_name(device.role)},
                       {"uuid", device.device.to_string()},
                       {"bytes", device.size},
                       {"missing", device.is_missing}});
    output.line("{} {:<12} {} {:>10} {}{}", index + 1, media::role_name(device.role), device.device.to_string(),
                size_text(device.size), path, device.is_missing ? " (missing)" : "");
  }
  return ok();
}

Status set_devices(Invocation& invocation) {
  const std::vector<std::string> paths = invocation.texts("--device");
  if (paths.empty()) {
    return Status(Code::kInvalidArgument, "no devices are named; give --device PATH for each of them");
  }
  const std::string local = invocation.text("--local");
  TRY_ASSIGN(const std::string directory, local::directory_of_system(local.empty() ? local : "local:" + local));
  invocation.note_system_use();
  TRY(local::set_devices(directory, paths));
  invocation.output().remark("The system's devices are there, all {} of them.", paths.size());
  return ok();
}

Status query_system(Invocation& invocation) {
  TRY_ASSIGN(client::System * system, invocation.system());
  TRY_ASSIGN(const std::vector<client::PoolInfo> pools, invocation.run(system->list_pools()));
  Output& output = invocation.output();
  output.response()["name"] = system->name();
  output.response()["pools"] = Json::array();
  output.line("System {}", system->name());
  for (const client::PoolInfo& pool : pools) {
    output.response()["pools"].push_back(pool.label);
    output.line("Pool {}", pool.label);
  }
  return ok();
}

}  // namespace

std::vector<Verb> system_verbs() {
  return {
      {.group = "system",
       .name = "create",
       .aliases = {},
       .summary = "make an empty local system with one pool",
       .description = "Only needed for other than the defaults: a local system is made on its first use by 'daos "
                      "container create' and 'daos filesystem copy'. DIR must be missing or empty.",
       .arguments = {{.name = "DIR", .help = "directory for the system", .completes = Completes::kFile}},
       .options = {{.name = "--capacity",
                    .value = "SIZE",
                    .help = "how far the pool may grow; by default as far as the file system goes"},
                   {.name = "--pool", .value = "LABEL", .help = "the pool's label; by default 'default'"},
                   {.name = "--name", .value = "NAME", .help = "the system's name; by default 'local'"},
                   {.name = "--log-size", .value = "SIZE", .help = "of each target's log; by default 64MiB"},
                   targets_option(),
                   {.name = "--data-device",
                    .value = "PATH",
                    .help = "block device or file to keep data on; may be given several times",
                    .completes = Completes::kFile,
                    .is_repeatable = true},
                   {.name = "--log-device",
                    .value = "PATH",
                    .help = "block device or file for the log alone; without it the first data device has the log",
                    .completes = Completes::kFile},
                   {.name = "--overwrite", .value = "", .help = "use the devices even if something is on them"}},
       .run = create_system},
      {.group = "system",
       .name = "list-devices",
       .aliases = {},
       .summary = "the devices a local system is on, and whether they are there",
       .description = "",
       .arguments = {},
       .options = {},
       .run = list_devices},
      {.group = "system",
       .name = "set-devices",
       .aliases = {},
       .summary = "say where a local system's devices are now",
       .description = "For devices that got other names or were moved. All of them are given, in any order; each says "
                      "itself which one it is.",
       .arguments = {},
       .options = {{.name = "--device",
                    .value = "PATH",
                    .help = "one of the devices; given for each of them",
                    .completes = Completes::kFile,
                    .is_repeatable = true}},
       .run = set_devices},
      {.group = "system",
       .name = "query",
       .aliases = {},
       .summary = "name and pools of the system",
       .description = "",
       .arguments = {},
       .options = {},
       .run = query_system},
  };
}

}  // namespace aeon::cli
