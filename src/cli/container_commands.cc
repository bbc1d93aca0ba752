#include "cli/invocation.h"
#include "container_check.h"
#include "dfs/file_system.h"
#include "listing.h"
#include "mount.h"
#include "property_text.h"
#include "runtime/hybrid_clock.h"

#include <unistd.h>

namespace aeon::cli {
namespace {

constexpr size_t kLabelSizeMax = 127;

std::string name_of(const client::ContainerInfo& info) { return info.label.empty() ? info.id.to_string() : info.label; }

std::string layout_text(uint64_t layout_type) {
  return property_value_text(client::kPropLayoutType, client::PropertyValue(layout_type));
}

Json space_json(const SpaceUse& use) {
  Json object;
  object["records"] = use.records;
  object["value_bytes"] = use.value_bytes;
  object["index_bytes"] = use.index_bytes;
  object["block_bytes"] = use.block_bytes;
  object["stored_bytes"] = use.stored_bytes();
  return object;
}

Json container_json(const client::ContainerInfo& info) {
  Json object;
  object["uuid"] = info.id.to_string();
  object["label"] = info.label;
  object["type"] = layout_text(info.layout_type);
  object["highest_committed_epoch"] = epoch_text(info.highest_committed);
  object["snapshots"] = info.snapshot_count;
  object["latest_snapshot_epoch"] = epoch_text(info.last_snapshot);
  object["open_handles"] = info.handle_count;
  object["opened_unix_ns"] = info.opened_unix_ns;
  object["modified_unix_ns"] = info.modified_unix_ns;
  object["space"] = space_json(info.space);
  const AggregateProgress& aggregation = info.aggregation;
  Json& progress = object["aggregation"];
  progress["running"] = aggregation.is_running;
  progress["fraction"] = aggregation.fraction();
  progress["entries_seen"] = aggregation.entries_seen;
  progress["entries_dropped"] = aggregation.entries_dropped;
  progress["bytes_freed"] = aggregation.bytes_freed + aggregation.block_bytes_freed;
  progress["extents_merged"] = aggregation.extents_merged;
  progress["bytes_rewritten"] = aggregation.bytes_rewritten;
  progress["damaged"] = aggregation.damaged;
  return object;
}

std::string size_of(int64_t bytes) { return size_text(static_cast<ByteCount>(std::max<int64_t>(bytes, 0))); }
std::string records_of(const SpaceUse& use) {
  return count_text(static_cast<uint64_t>(std::max<int64_t>(use.records, 0)), "record", "records");
}

void print_space(Output& output, const client::ContainerInfo& info) {
  output.line("Values           {} in {}", size_of(info.space.value_bytes), records_of(info.space));
  output.line("Stored           {}: blocks {}, index {}", size_of(info.space.stored_bytes()),
              size_of(info.space.block_bytes), size_of(info.space.index_bytes));
  const AggregateProgress& aggregation = info.aggregation;
  if (aggregation.through == kEpochZero) return;
  output.line("Aggregation      {}, {} dropped, {} extents rewritten as {}",
              aggregation.is_running ? fmt::format("running, {:.0f} %", 100 * aggregation.fraction()) : "done",
              count_text(aggregation.entries_dropped, "record", "records"), aggregation.extents_merged,
              aggregation.extents_written);
  if (aggregation.damaged != 0) {
    output.line("                 {} left as they are: damaged", count_text(aggregation.damaged, "extent", "extents"));
  }
}

Status print_survey(Invocation& invocation, client::Container& container) {
  TRY_ASSIGN(const SpaceSurvey survey, invocation.run(container.survey_space()));
  Output& output = invocation.output();
  Json& object = output.response()["survey"];
  object["epoch"] = epoch_text(survey.epoch);
  object["stored"] = space_json(survey.stored);
  object["history"] = space_json(survey.history);
  object["reclaimable"] = space_json(survey.reclaimable);
  output.line("History          {} in {}", size_of(survey.history.stored_bytes()), records_of(survey.history));
  output.line("Reclaimable      {} in {}: aggregating would free it", size_of(survey.reclaimable.stored_bytes()),
              records_of(survey.reclaimable));
  return ok();
}

Json property_json(const client::Properties& properties) {
  Json object = Json::object();
  for (const auto& [id, value] : properties) {
    // Numbers without names stay numbers.
    const std::string text = property_value_text(id, value);
    const auto* number = std::get_if<uint64_t>(&value);
    if (number != nullptr && text == std::to_string(*number)) {
      object[property_name(id)] = *number;
    } else {
      object[property_name(id)] = printable(text);
    }
  }
  return object;
}

// --- create, list, query, destroy

Result<dfs::FormatOptions> format_options(Invocation& invocation) {
  dfs::FormatOptions options;
  options.root_user = ::getuid();
  options.root_group = ::getgid();
  if (invocation.has("--chunk-size")) {
    TRY_ASSIGN(options.chunk_size, parse_size(invocation.text("--chunk-size"), "--chunk-size"));
    if (options.chunk_size == 0 || options.chunk_size > dfs::kChunkSizeMax) {
      return Status(Code::kInvalidArgument,
                    fmt::format("--chunk-size is from 1 byte to {}", size_text(dfs::kChunkSizeMax)));
    }
  }
  return options;
}

// CONTAINER, or CONTAINER@SNAPSHOT, or CONTAINER@EPOCH. Labels may have an @ themselves.
struct CloneBase {
  std::string container;
  Epoch epoch = kEpochMax;
};
Result<CloneBase> find_clone_base(Invocation& invocation, client::Pool& pool) {
  CloneBase base{.container = invocation.text("--clone-of")};
  const size_t at = base.container.rfind('@');
  auto whole = invocation.run(pool.open_container(base.container, client::Access::kReadOnly));
  if (whole || at == std::string::npos) {
    TRY(whole.status());
    return base;
  }
  const std::string version = base.container.substr(at + 1);
  base.container.resize(at);
  TRY_ASSIGN(const std::shared_ptr<client::Container> container,
             invocation.run(pool.open_container(base.container, client::Access::kReadOnly)));
  TRY_ASSIGN(const std::vector<client::SnapshotInfo> snapshots, invocation.run(container->snapshots()));
  for (const client::SnapshotInfo& snapshot : snapshots) {
    if (snapshot.name != version) continue;
    base.epoch = snapshot.epoch;
    return base;
  }
  const Result<uint64_t> number = parse_number(version, "epoch");
  if (!number) {
    return Status(Code::kNotFound, fmt::format("container {} has no snapshot '{}'; 'daos container list-snaps' shows "
                                               "those there are",
                                               printable(base.container), printable(version)));
  }
  base.epoch = Epoch{*number};
  return base;
}

Result<Uuid> clone_container(Invocation& invocation, const client::ContainerSpec& spec) {
  if (invocation.has("--type") || invocation.has("--chunk-size")) {
    return Status(Code::kInvalidArgument, "a clone is of its base's type; leave out --type and --chunk-size");
  }
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, invocation.pool(client::Access::kReadWrite));
  TRY_ASSIGN(const CloneBase base, find_clone_base(invocation, *pool));
  return invocation.run(pool->clone_container(base.container, base.epoch, spec));
}

Status create_container(Invocation& invocation) {
  client::ContainerSpec spec;
  if (invocation.has("--properties")) {
    TRY_ASSIGN(spec.properties, parse_properties(invocation.text("--properties")));
  }
  spec.label = invocation.text("LABEL");
  if (const auto named = spec.properties.find(client::kPropLabel); named != spec.properties.end()) {
    const std::string label = std::get<std::string>(named->second);
    if (!spec.label.empty() && spec.label != label) {
      return Status(Code::kInvalidArgument, "LABEL and the property label differ; give one of them");
    }
    spec.label = label;
    spec.properties.erase(named);
  }
  if (spec.label.size() > kLabelSizeMax) {
    return Status(Code::kInvalidArgument, fmt::format("a label has at most {} characters, and this one has {}",
                                                      kLabelSizeMax, spec.label.size()));
  }
  Output& output = invocation.output();
  if (invocation.has("--clone-of")) {
    TRY_ASSIGN(const Uuid id, clone_container(invocation, spec));
    output.response()["uuid"] = id.to_string();
    output.response()["label"] = spec.label;
    output.response()["clone_of"] = printable(invocation.text("--clone-of"));
    output.line("{}", id.to_string());
    output.remark("Made container {}, a clone of {}.", spec.label.empty() ? id.to_string() : spec.label,
                  printable(invocation.text("--clone-of")));
    return ok();
  }
  uint64_t layout = client::kLayoutUnknown;
  if (invocation.has("--type")) {
    TRY_ASSIGN(layout, parse_layout_type(invocation.text("--type")));
    spec.properties[client::kPropLayoutType] = layout;
  } else if (const auto named = spec.properties.find(client::kPropLayoutType); named != spec.properties.end()) {
    layout = std::get<uint64_t>(named->second);
  }
  if (layout == client::kLayoutPosix) use_file_durability(spec);
  TRY_ASSIGN(const dfs::FormatOptions format, format_options(invocation));
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, invocation.pool(client::Access::kReadWrite, IfMissing::kCreate));
  const auto created = layout == client::kLayoutPosix
                           ? invocation.run(dfs::FileSystem::create_container(pool, spec, format))
                           : invocation.run(pool->create_container(spec));
  if (created.code() == Code::kExists) {
    return Status(Code::kExists, fmt::format("{}; choose another label", created.status().message()));
  }
  TRY(created.status());
  const Uuid id = *created;
  output.response()["uuid"] = id.to_string();
  output.response()["label"] = spec.label;
  output.response()["type"] = layout_text(layout);
  output.line("{}", id.to_string());
  output.remark("Made container {} of type {} in pool {}.", spec.label.empty() ? id.to_string() : spec.label,
                layout_text(layout), invocation.text("POOL"));
  return ok();
}

Status list_containers(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, invocation.pool(client::Access::kReadOnly));
  TRY_ASSIGN(const std::vector<client::ContainerInfo> containers, invocation.run(pool->list_containers()));
  Output& output = invocation.output();
  Json& list = output.response()["containers"] = Json::array();
  output.remark("{:<36}  {:<10} {:<9}  {}", "UUID", "Type", "Snapshots", "Label");
  for (const client::ContainerInfo& info : containers) {
    list.push_back(container_json(info));
    if (output.is_quiet()) {
      output.line("{}", name_of(info));
    } else {
      output.line("{}  {:<10} {:<9}  {}", info.id.to_string(), layout_text(info.layout_type), info.snapshot_count,
                  info.label);
    }
  }
  return ok();
}

// What only clones, their bases and containers with explicit epochs have to say.
Status show_epochs(Invocation& invocation, client::Container& container) {
  TRY_ASSIGN(const client::ContainerEpochs epochs, invocation.run(container.epochs()));
  Output& output = invocation.output();
  output.response()["epochs"] = epochs.are_explicit ? "explicit" : "clock";
  output.response()["highest_written_epoch"] = epoch_text(epochs.highest_written);
  output.response()["clones"] = epochs.clones.size();
  if (epochs.are_explicit) output.line("Newest written   {}", epoch_text(epochs.highest_written));
  if (epochs.base.has_value()) {
    output.response()["base_uuid"] = epochs.base->to_string();
    output.response()["base_epoch"] = epoch_text(epochs.base_epoch);
    output.line("Clone of         {} at epoch {}", epochs.base->to_string(), epoch_text(epochs.base_epoch));
  }
  if (!epochs.clones.empty()) output.line("Clones           {}", epochs.clones.size());
  return ok();
}

Status query_container(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  TRY_ASSIGN(const client::ContainerInfo info, invocation.run(container->query()));
  Output& output = invocation.output();
  output.response() = container_json(info);
  output.line("Container        {}", name_of(info));
  output.line("UUID             {}", info.id.to_string());
  output.line("Type             {}", layout_text(info.layout_type));
  output.line("Snapshots        {}", info.snapshot_count);
  if (info.snapshot_count > 0) output.line("Latest snapshot  {}", epoch_text(info.last_snapshot));
  output.line("Newest epoch     {}", epoch_text(info.highest_committed));
  output.line("Modified         {}", time_text(info.modified_unix_ns));
  print_space(output, info);
  TRY(show_epochs(invocation, *container));
  return invocation.has("--survey") ? print_survey(invocation, *container) : ok();
}

Status destroy_container(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Pool> pool, invocation.pool(client::Access::kReadWrite));
  TRY(invocation.run(pool->destroy_container(invocation.text("CONTAINER"), invocation.has("--force"))));
  invocation.output().response()["destroyed"] = printable(invocation.text("CONTAINER"));
  invocation.output().remark("Destroyed container {}.", printable(invocation.text("CONTAINER")));
  return ok();
}

Status list_objects(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  TRY_ASSIGN(const Epoch epoch, invocation.read_epoch(*container));
  Output& output = invocation.output();
  Json& list = output.response()["objects"] = Json::array();
  return for_each_object(invocation, *container, epoch, [&](const ObjectId& object) -> Status {
    output.line("{}", object.to_string());
    if (output.is_json()) list.push_back(object.to_string());
    return ok();
  });
}

// --- snapshots

Json snapshot_json(const client::SnapshotInfo& snapshot) {
  Json object;
  object["epoch"] = epoch_text(snapshot.epoch);
  object["name"] = printable(snapshot.name);
  object["taken_unix_ns"] = HybridClock::to_unix_ns(snapshot.epoch);
  return object;
}

Status create_snapshot(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadWrite));
  const std::string name = invocation.text("--snap");
  const auto epoch = invocation.run(container->create_snapshot(name));
  if (epoch.code() == Code::kExists) {
    return Status(Code::kExists, fmt::format("{}; choose another name, or remove it with 'daos container destroy-snap'",
                                             epoch.status().message()));
  }
  TRY(epoch.status());
  invocation.output().response() = snapshot_json({.epoch = *epoch, .name = name});
  invocation.output().line("{}", epoch_text(*epoch));
  return ok();
}

Status list_snapshots(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  TRY_ASSIGN(const std::vector<client::SnapshotInfo> snapshots, invocation.run(container->snapshots()));
  Output& output = invocation.output();
  Json& list = output.response()["snapshots"] = Json::array();
  output.remark("{:<20} {:<20} {}", "Epoch", "Taken", "Name");
  for (const client::SnapshotInfo& snapshot : snapshots) {
    list.push_back(snapshot_json(snapshot));
    if (output.is_quiet()) {
      output.line("{}", snapshot.name.empty() ? epoch_text(snapshot.epoch) : printable(snapshot.name));
    } else {
      output.line("{:<20} {:<20} {}", epoch_text(snapshot.epoch), time_text(HybridClock::to_unix_ns(snapshot.epoch)),
                  printable(snapshot.name));
    }
  }
  return ok();
}

Status destroy_snapshot(Invocation& invocation) {
  if (!invocation.has("--snap") && !invocation.has("--epoch")) {
    return Status(Code::kInvalidArgument, "which snapshot? Name it by --snap or --epoch");
  }
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadWrite));
  TRY_ASSIGN(const Epoch epoch, invocation.read_epoch(*container));
  TRY(invocation.run(container->destroy_snapshot(epoch)));
  invocation.output().response()["epoch"] = epoch_text(epoch);
  invocation.output().remark("Destroyed the snapshot at epoch {}.", epoch_text(epoch));
  return ok();
}

// --- properties

Status get_properties(Invocation& invocation) {
  std::vector<uint32_t> wanted;
  if (invocation.has("--properties")) {
    TRY_ASSIGN(wanted, parse_property_names(invocation.text("--properties")));
  }
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  TRY_ASSIGN(client::Properties properties, invocation.run(container->properties()));
  if (!wanted.empty()) {
    std::erase_if(properties, [&](const auto& property) {
      return std::find(wanted.begin(), wanted.end(), property.first) == wanted.end();
    });
  }
  Output& output = invocation.output();
  output.response()["properties"] = property_json(properties);
  for (const auto& [id, value] : properties) {
    output.line("{:<17} {}", property_name(id), printable(property_value_text(id, value)));
  }
  return ok();
}

Status set_properties(Invocation& invocation) {
  TRY_ASSIGN(const client::Properties changed, parse_properties(invocation.text("PROPERTIES")));
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadWrite));
  TRY(invocation.run(container->set_properties(changed)));
  invocation.output().response()["properties"] = property_json(changed);
  invocation.output().remark("Changed.");
  return ok();
}

std::string property_list() {
  std::string text = "Properties:";
  for (const PropertyName& property : property_names()) {
    text += fmt::format(" {}{}", property.name, &property == &property_names().back() ? "." : ",");
  }
  return text;
}

// Descriptions are views, so what is put together lives here.
std::string_view kept(std::string text) {
  static std::vector<std::unique_ptr<std::string>> texts;
  texts.push_back(std::make_unique<std::string>(std::move(text)));
  return *texts.back();
}

}  // namespace

std::vector<Verb> container_verbs() {
  const Option properties{.name = "--properties", .value = "LIST", .help = "which, as name,name,...; by default all"};
  return {
      {.group = "container",
       .name = "create",
       .aliases = {},
       .summary = "make a container",
       .description = kept(
           "Prints its uuid. A container for files is of type POSIX; its files are durable when they are flushed, as "
           "files are elsewhere, unless durability:sync is given. " +
           property_list()),
       .arguments = {pool_argument(), {.name = "LABEL", .help = "a name for it", .is_optional = true}},
       .options = {{.name = "--type",
                    .value = "TYPE",
                    .help = "what its objects make up",
                    .short_name = "-t",
                    .completes = Completes::kChoice,
                    .choices = {"POSIX", "unknown", "HDF5", "PYTHON", "SPARK", "DATABASE", "ROOT", "SEISMIC", "METEO"}},
                   {.name = "--properties", .value = "LIST", .help = "name:value,name:value,..."},
                   {.name = "--chunk-size",
                    .value = "SIZE",
                    .help = "for files (type POSIX): how they are cut",
                    .short_name = "-z"},
                   {.name = "--clone-of",
                    .value = "CONTAINER[@SNAPSHOT|@EPOCH]",
                    .help = "begin with what that container shows; copies nothing, and both go their own way"}},
       .run = create_container},
      {.group = "container",
       .name = "list",
       .aliases = {"ls"},
       .summary = "the containers of a pool",
       .description = "",
       .arguments = {pool_argument()},
       .options = {},
       .run = list_containers},
      {.group = "container",
       .name = "query",
       .aliases = {},
       .summary = "one container's identity, type, epochs, snapshots and space",
       .description = "Values are counted at all epochs. How much of them is history only a look at all of them tells.",
       .arguments = {pool_argument(), container_argument()},
       .options = {{.name = "--survey",
                    .value = "",
                    .help = "look at all records: history, and what aggregating frees"}},
       .run = query_container},
      {.group = "container",
       .name = "destroy",
       .aliases = {},
       .summary = "remove a container and all in it, snapshots too",
       .description = "",
       .arguments = {pool_argument(), container_argument()},
       .options = {{.name = "--force", .value = "", .help = "even if somebody has it open", .short_name = "-f"}},
       .run = destroy_container},
      {.group = "container",
       .name = "list-objects",
       .aliases = {"list-obj"},
       .summary = "the ids of a container's objects",
       .description = "",
       .arguments = {pool_argument(), container_argument()},
       .options = {snap_option(), epoch_option()},
       .run = list_objects},
      {.group = "container",
       .name = "create-snap",
       .aliases = {"snap"},
       .summary = "keep the container as it is now",
       .description = "Prints the snapshot's epoch. Taking one copies nothing; what is overwritten or removed later "
                      "stays as long as the snapshot does.",
       .arguments = {pool_argument(), container_argument()},
       .options = {{.name = "--snap", .value = "NAME", .help = "a name for the snapshot", .short_name = "-s"}},
       .run = create_snapshot},
      {.group = "container",
       .name = "list-snaps",
       .aliases = {"list-snap"},
       .summary = "a container's snapshots",
       .description = "",
       .arguments = {pool_argument(), container_argument()},
       .options = {},
       .run = list_snapshots},
      {.group = "container",
       .name = "destroy-snap",
       .aliases = {},
       .summary = "give up a snapshot, and the space only it needs",
       .description = "",
       .arguments = {pool_argument(), container_argument()},
       .options = {{.name = "--snap", .value = "NAME", .help = "the snapshot of that name", .short_name = "-s"},
                   {.name = "--epoch",
                    .value = "EPOCH",
                    .help = "the snapshot at that epoch",
                    .short_name = "-e",
                    .alias = "--epc"}},
       .run = destroy_snapshot},
      {.group = "container",
       .name = "get-prop",
       .aliases = {"getprop"},
       .summary = "a container's properties",
       .description = "",
       .arguments = {pool_argument(), container_argument()},
       .options = {properties},
       .run = get_properties},
      {.group = "container",
       .name = "set-prop",
       .aliases = {"setprop"},
       .summary = "change a container's properties",
       .description = "",
       .arguments = {pool_argument(),
                     container_argument(),
                     {.name = "PROPERTIES", .help = "name:value,name:value,..."}},
       .options = {},
       .run = set_properties},
      {.group = "container",
       .name = "check",
       .aliases = {},
       .summary = "read everything in a container, snapshots included, and verify checksums",
       .description = "Damage is reported by object, dkey and akey, and makes the exit code 1. Nothing is changed.",
       .arguments = {pool_argument(), container_argument()},
       .options = {},
       .run = run_container_check},
  };
}

}  // namespace aeon::cli
