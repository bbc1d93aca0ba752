#include <algorithm>

#include "cli/invocation.h"

namespace aeon::cli {
namespace {

Json pool_json(const client::PoolInfo& pool) {
  Json object;
  object["uuid"] = pool.id.to_string();
  object["label"] = pool.label;
  object["targets"] = pool.target_count;
  object["containers"] = pool.container_count;
  object["total_bytes"] = pool.capacity;
  object["free_bytes"] = pool.free;
  if (pool.space.has_value()) {
    const PoolSpace& space = *pool.space;
    object["containers_bytes"] = space.containers.stored_bytes();
    object["containers_value_bytes"] = space.containers.value_bytes;
    object["containers_records"] = space.containers.records;
    object["destroyed_bytes"] = space.destroyed.stored_bytes();
    object["blocks_bytes"] = space.blocks;
    object["index_bytes"] = space.index;
    object["log_bytes"] = space.log;
    object["reserved_bytes"] = space.reserved;
    object["waiting_bytes"] = space.waiting;
    object["free_pieces"] = space.free_pieces;
    object["largest_free_bytes"] = space.largest_free;
  }
  return object;
}

std::string signed_size_text(int64_t bytes) { return size_text(static_cast<ByteCount>(std::max<int64_t>(bytes, 0))); }

std::string name_of(const client::PoolInfo& pool) { return pool.label.empty() ? pool.id.to_string() : pool.label; }

Status list_pools(Invocation& invocation) {
  TRY_ASSIGN(client::System * system, invocation.system());
  TRY_ASSIGN(const std::vector<client::PoolInfo> pools, invocation.run(system->list_pools()));
  Output& output = invocation.output();
  Json& list = output.response()["pools"] = Json::array();
  output.remark("{:<20} {:>12} {:>12} {:>10}  {}", "Pool", "Size", "Free", "Containers", "UUID");
  for (const client::PoolInfo& pool : pools) {
    list.push_back(pool_json(pool));
    if (output.is_quiet()) {
      output.line("{}", name_of(pool));
    } else {
      output.line("{:<20} {:>12} {:>12} {:>10}  {}", name_of(pool), size_text(pool.capacity), size_text(pool.free),
                  pool.container_count, pool.id.to_string());
    }
  }
  return ok();
}

Status query_pool(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, invocation.pool(client::Access::kReadOnly));
  TRY_ASSIGN(const client::PoolInfo info, invocation.run(pool->query()));
  Output& output = invocation.output();
  output.response() = pool_json(info);
  output.line("Pool        {}", name_of(info));
  output.line("UUID        {}", info.id.to_string());
  output.line("Targets     {}", info.target_count);
  output.line("Containers  {}", info.container_count);
  output.line("Size        {}", size_text(info.capacity));
  output.line("Free        {}", size_text(info.free));
  if (!info.space.has_value()) return ok();
  const PoolSpace& space = *info.space;
  output.line("Stored      {} in containers: blocks {}, index {}", signed_size_text(space.containers.stored_bytes()),
              signed_size_text(space.containers.block_bytes), signed_size_text(space.containers.index_bytes));
  if (space.destroyed.records > 0) {
    output.line("            {} of destroyed containers: being erased, or bases of clones",
                signed_size_text(space.destroyed.stored_bytes()));
  }
  output.line("On device   blocks {}, index {}, log {}", size_text(space.blocks), size_text(space.index),
              size_text(space.log));
  output.line("Kept back   {} for checkpoints and deleting", size_text(space.reserved));
  if (space.waiting > 0) output.line("Free soon   {}", size_text(space.waiting));
  return ok();
}

}  // namespace

std::vector<Verb> pool_verbs() {
  return {
      {.group = "pool",
       .name = "list",
       .aliases = {"ls"},
       .summary = "the system's pools, with their size and what is free",
       .description = "",
       .arguments = {},
       .options = {},
       .run = list_pools},
      {.group = "pool",
       .name = "query",
       .aliases = {},
       .summary = "one pool's size, free space, targets and containers",
       .description = "",
       .arguments = {pool_argument()},
       .options = {},
       .run = query_pool},
  };
}

}  // namespace aeon::cli
