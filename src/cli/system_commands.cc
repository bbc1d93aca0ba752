#include "cli/invocation.h"
#include "local/local_system.h"

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
  TRY(local::LocalSystem::create(directory, options));
  Json& response = invocation.output().response();
  response["directory"] = printable(directory);
  response["name"] = options.system_name;
  response["pool"] = options.pool_label;
  invocation.output().remark("Made a system with pool '{}' in {}. Work on it with --local, or AEON_SYSTEM=local:DIR.",
                             options.pool_label, printable(directory));
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
                   {.name = "--name", .value = "NAME", .help = "the system's name; by default 'local'"}},
       .run = create_system},
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
