#include "container/container_service.h"

#include <charconv>

#include "all_targets.h"
#include "base/log.h"
#include "container_state.h"

namespace aeon::container {
namespace {

constexpr uint32_t kListedMax = 4096;
constexpr uint64_t kLayoutPosix = 1;
constexpr Duration kTellTimeout = std::chrono::seconds(5);

}  // namespace

ContainerService::ContainerService(World& world, vos::Store& store, target::Targets& targets, pool::PoolService& pool)
    : world_(world),
      store_(store),
      targets_(targets),
      all_(std::make_unique<AllTargets>(world, store, targets)),
      pool_(pool),
      background_(world.executor),
      naming_(world.executor) {
  pool_.set_user(this);
}

ContainerService::~ContainerService() { pool_.set_user(nullptr); }

void ContainerService::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::ContainerCreateRequest>(*this, &ContainerService::create);
  dispatcher.serve<wire::ContainerOpenRequest>(*this, &ContainerService::open);
  dispatcher.serve<wire::ContainerCloseRequest>(*this, &ContainerService::close);
  dispatcher.serve<wire::ContainerDestroyRequest>(*this, &ContainerService::destroy);
  dispatcher.serve<wire::ContainerListRequest>(*this, &ContainerService::list);
  dispatcher.serve<wire::ContainerQueryRequest>(*this, &ContainerService::query);
  dispatcher.serve<wire::ContainerPropertiesRequest>(*this, &ContainerService::properties);
  dispatcher.serve<wire::ContainerSetPropertiesRequest>(*this, &ContainerService::set_properties);
  dispatcher.serve<wire::ContainerAttributesRequest>(*this, &ContainerService::attributes);
  dispatcher.serve<wire::ContainerChangeAttributesRequest>(*this, &ContainerService::change_attributes);
  dispatcher.serve<wire::SnapshotCreateRequest>(*this, &ContainerService::create_snapshot);
  dispatcher.serve<wire::SnapshotListRequest>(*this, &ContainerService::list_snapshots);
  dispatcher.serve<wire::SnapshotDestroyRequest>(*this, &ContainerService::destroy_snapshot);
  dispatcher.serve<wire::AllocateNumbersRequest>(*this, &ContainerService::allocate_numbers);
  dispatcher.serve<wire::ContainerAggregateRequest>(*this, &ContainerService::aggregate);
  dispatcher.serve<wire::ContainerCloneRequest>(*this, &ContainerService::clone);
  dispatcher.serve<wire::ContainerCommitRequest>(*this, &ContainerService::commit);
  dispatcher.serve<wire::ContainerDiscardRequest>(*this, &ContainerService::discard);
  dispatcher.serve<wire::ContainerEpochsRequest>(*this, &ContainerService::epochs);
  dispatcher.serve<wire::TargetHandleRequest>(*this, &ContainerService::tell_handle);
}

// ---- Starting and stopping ------------------------------------------------------------------------------------------

Status ContainerService::load_record(std::string_view name, ByteView value) {
  constexpr size_t kUuidSize = 36;
  const std::string_view rest = name.substr(kContainerPrefix.size());
  const std::optional<Uuid> id = Uuid::parse(rest.substr(0, kUuidSize));
  if (!id.has_value()) return Status(Code::kCorrupt, "the metadata has a record '" + std::string(name) + "'");
  ContainerRef& container = containers_[*id];  // Its own record comes first, by the order of names.
  const std::string what = "container " + id->to_string();
  if (rest.size() == kUuidSize) {
    ContainerRecord record;
    TRY(pool::decode_record(value, what, record));
    container = std::make_shared<Container>(world_, store_, *id);
    for (auto& [property, value_of] : record.properties) container->properties[property] = std::move(value_of);
    container->created_unix_ns = record.created_unix_ns;
    container->opened_unix_ns = record.opened_unix_ns;
    container->modified_unix_ns = record.modified_unix_ns;
    if (const std::string label = container->label(); !label.empty()) labels_[label] = *id;
    return ok();
  }
  if (container == nullptr) return Status(Code::kCorrupt, what + " has parts but no record of its own");
  if (name.starts_with(attribute_prefix(*id))) return container->attributes.add_record(name, value);
  if (name == numbers_name(*id)) {
    NumbersRecord numbers;
    TRY(pool::decode_record(value, what, numbers));
    container->next_number = container->reserved_below = numbers.reserved_below;
    return ok();
  }
  if (name.starts_with(snapshot_prefix(*id))) {
    SnapshotRecord snapshot;
    TRY(pool::decode_record(value, what, snapshot));
    const std::string_view digits = name.substr(snapshot_prefix(*id).size());
    Epoch epoch;
    std::from_chars(digits.data(), digits.data() + digits.size(), epoch.value);
    container->snapshots[epoch] = snapshot.name;
    return ok();
  }
  return Status(Code::kCorrupt, what + " has an unknown record '" + std::string(name) + "'");
}

// Those that the store has. Answers whether some have no record: a crash left them, of making or destroying them.
Task<Result<bool>> ContainerService::load_snapshots(ContainerRef container) {
  CO_TRY_ASSIGN(const vos::ContainerInfo info, co_await store_.query_container(container->id));
  std::map<Epoch, std::string> snapshots;
  for (const Epoch epoch : info.snapshots) {
    const auto recorded = container->snapshots.find(epoch);
    if (recorded != container->snapshots.end()) snapshots.insert(*recorded);
  }
  std::swap(container->snapshots, snapshots);
  MetadataChanges changes;  // Records whose snapshots are gone would be without their container one day.
  for (const auto& [epoch, name] : snapshots) {
    if (container->snapshots.contains(epoch)) continue;
    changes.emplace_back();
    changes.back().name = snapshot_name(container->id, epoch);
  }
  if (!store_.media().is_read_only()) CO_TRY(co_await store_.change_metadata(std::move(changes)));
  co_return container->snapshots.size() != info.snapshots.size();
}

Task<Status> ContainerService::load() {
  CO_TRY_ASSIGN(const auto records, co_await store_.list_metadata(std::string(kContainerPrefix)));
  for (const auto& [name, value] : records) CO_TRY(load_record(name, value));
  std::vector<Uuid> known;
  for (const auto& [id, container] : containers_) known.push_back(id);
  co_await all_->destroy_leftovers(std::move(known));
  for (const auto& [id, container] : containers_) {
    const Result<bool> has_leftovers = co_await load_snapshots(container);
    if (!has_leftovers.is_ok()) co_return has_leftovers.status().within("container " + container->name());
    if (!*has_leftovers && targets_.count() == 1) continue;
    std::vector<Epoch> snapshots;
    for (const auto& [epoch, name] : container->snapshots) snapshots.push_back(epoch);
    co_await all_->destroy_leftover_snapshots(id, std::move(snapshots));
  }
  co_return ok();
}

Task<void> ContainerService::stop() { co_await background_.close(); }

Task<Status> ContainerService::save() {
  MetadataChanges changes;
  for (const auto& [id, container] : containers_) {
    if (container->is_record_old) changes.push_back(container->record_change());
    container->is_record_old = false;
    if (container->next_number == container->reserved_below) continue;
    NumbersRecord numbers;
    numbers.reserved_below = container->reserved_below = container->next_number;
    vos::Store::MetadataChange change;
    change.name = numbers_name(id);
    change.value = pool::encode_record(numbers);
    changes.push_back(std::move(change));
  }
  if (changes.empty()) co_return ok();
  co_return co_await store_.change_metadata(std::move(changes));
}

// ---- Finding --------------------------------------------------------------------------------------------------------

Result<ContainerService::ContainerRef> ContainerService::find_open(uint64_t handle, bool for_writing) const {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) {
    return Status(Code::kStaleHandle,
                  "the container handle was closed, its container destroyed, or the engine restarted; open it again");
  }
  if (for_writing && !pool::may_write(found->second.access)) {
    return Status(Code::kPermission,
                  "container '" + found->second.container->name() + "' is open read-only; open it read-write");
  }
  return found->second.container;
}

Result<target::OpenContainer> ContainerService::find(uint64_t handle, bool for_writing) const {
  TRY_ASSIGN(const ContainerRef container, find_open(handle, for_writing));
  const bool is_flush = number_of(container->properties, kPropDurability) == 1;
  return target::OpenContainer{.id = container->id,
                               .durability = is_flush ? vos::Durability::kFlush : vos::Durability::kSync,
                               .has_explicit_epochs = number_of(container->properties, kPropEpochs) == 1};
}

Task<Result<target::OpenContainer>> ContainerService::look_up(uint64_t handle, bool for_writing) {
  co_return find(handle, for_writing);
}

Result<wire::TargetHandleReply> ContainerService::tell_handle(wire::TargetHandleRequest request, rpc::ServerCall&) {
  TRY_ASSIGN(const target::OpenContainer open, find(request.handle, false));
  wire::TargetHandleReply reply;
  reply.container = open.id;
  reply.is_writable = pool::may_write(handles_.at(request.handle).access);
  reply.is_flushed_later = open.durability == vos::Durability::kFlush;
  reply.has_explicit_epochs = open.has_explicit_epochs;
  return reply;
}

Result<ContainerService::ContainerRef> ContainerService::find_named(std::string_view name) const {
  std::optional<Uuid> id = Uuid::parse(name);
  if (const auto labelled = labels_.find(name); labelled != labels_.end()) id = labelled->second;
  const auto found = id.has_value() ? containers_.find(*id) : containers_.end();
  if (found == containers_.end()) {
    return Status(Code::kNotFound, "no container '" + std::string(name) + "' in pool '" + pool_.label() +
                                       "'; 'daos container list " + pool_.label() + "' shows those there are");
  }
  return found->second;
}

Status ContainerService::check_label_free(const std::string& label, const Container* except) const {
  const auto found = labels_.find(label);
  if (found == labels_.end() || (except != nullptr && found->second == except->id)) return ok();
  return Status(Code::kExists, "pool '" + pool_.label() + "' has a container '" + label + "' already");
}

// ---- Creating and destroying ----------------------------------------------------------------------------------------

namespace {

// The label may be given as such or as a property.
Status join_label(const std::string& label, wire::Properties& properties) {
  if (label.empty()) return ok();
  const std::string in_properties = text_of(properties, kPropLabel);
  if (!in_properties.empty() && in_properties != label) {
    return Status(Code::kInvalidArgument, "two labels are given: '" + label + "' and '" + in_properties + "'");
  }
  properties[kPropLabel] = label;
  return ok();
}

}  // namespace

Task<Result<wire::ContainerCreateReply>> ContainerService::create(wire::ContainerCreateRequest request,
                                                                  rpc::ServerCall& call) {
  CO_TRY(pool_.check(request.pool, true));
  CO_TRY(join_label(request.label, request.properties));
  CO_TRY(check_new(request.properties));
  const Permit naming = co_await naming_.lock();
  NewContainer given;
  given.request = call.id();
  given.id = request.id;
  given.allocated_number = number_of(request.properties, kPropAllocatedNumber);
  given.properties = std::move(request.properties);
  given.properties.erase(kPropAllocatedNumber);
  co_return co_await add(std::move(given));
}

// The clone has the base's properties as they are now, and gives out no number that the base gave.
Task<Result<wire::ContainerCreateReply>> ContainerService::clone(wire::ContainerCloneRequest request,
                                                                 rpc::ServerCall& call) {
  CO_TRY(pool_.check(request.pool, true));
  CO_TRY(join_label(request.label, request.properties));
  CO_TRY(check_changed(request.properties));
  const Permit naming = co_await naming_.lock();
  CO_TRY_ASSIGN(const ContainerRef base, find_named(request.base));
  NewContainer given;
  given.request = call.id();
  given.id = request.id;
  given.properties = base->properties;
  given.properties.erase(kPropLabel);
  for (auto& [property, value] : request.properties) given.properties[property] = std::move(value);
  given.base = vos::CloneBase{.container = base->id, .epoch = request.epoch};
  given.allocated_number = base->next_number - 1;
  given.attributes = base->attributes.all();
  co_return co_await add(std::move(given));
}

Task<Result<wire::ContainerCreateReply>> ContainerService::add(NewContainer given) {
  if (given.id.has_value() && given.id->is_nil()) {
    co_return Status(Code::kInvalidArgument, "a container's uuid can't be all zeros");
  }
  const std::string label = text_of(given.properties, kPropLabel);
  if (!label.empty()) CO_TRY(check_label_free(label, nullptr));
  const Uuid id = given.id.has_value() ? *given.id : world_.random.uuid();
  if (containers_.contains(id)) {
    co_return Status(Code::kExists, "pool '" + pool_.label() + "' has a container " + id.to_string() + " already");
  }

  const bool is_explicit = number_of(given.properties, kPropEpochs) == 1;
  if (is_explicit && number_of(given.properties, kPropLayoutType) == kLayoutPosix) {
    co_return Status(Code::kInvalidArgument,
                     "a container for files (layout_type POSIX) can't have explicit epochs: files don't give any");
  }

  auto container = std::make_shared<Container>(world_, store_, id);
  for (auto& [property, value] : given.properties) container->properties[property] = value;
  container->created_unix_ns = container->modified_unix_ns = world_.clock.wall_ns();
  MetadataChanges changes;
  if (given.allocated_number != 0) {
    NumbersRecord numbers;
    numbers.reserved_below = container->reserved_below = container->next_number = given.allocated_number + 1;
    changes.emplace_back();
    changes.back().name = numbers_name(id);
    changes.back().value = pool::encode_record(numbers);
  }
  changes.push_back(container->record_change());
  CO_TRY(co_await all_->create(id, is_explicit, given.base));
  DoneRequest done;
  done.made = id;
  Status recorded;
  if (given.attributes.empty()) {
    recorded = co_await store_.change_metadata(std::move(changes), given.request, done);
  } else {
    wire::AttributeChanges attributes(given.attributes.begin(), given.attributes.end());
    recorded = co_await container->attributes.change(std::move(attributes), std::move(changes), given.request, done);
  }
  if (!recorded.is_ok()) {
    ignore(co_await all_->destroy(id), "a container without a record goes at the next start");
    co_return recorded;
  }
  containers_[id] = container;
  if (!label.empty()) labels_[label] = id;
  wire::ContainerCreateReply reply;
  reply.id = id;
  co_return reply;
}

// What makes room is done however little there is: without what would be put along, if need be.
Task<Status> ContainerService::erase_records(MetadataChanges erased, MetadataChanges also, RequestId request) {
  also.insert(also.end(), erased.begin(), erased.end());
  const Status all = co_await store_.change_metadata(std::move(also), request);
  if (all.code() != Code::kNoSpace) co_return all;
  co_return co_await store_.change_metadata(std::move(erased));
}

Task<Result<wire::EmptyReply>> ContainerService::destroy(wire::ContainerDestroyRequest request, rpc::ServerCall& call) {
  CO_TRY(pool_.check(request.pool, true));
  const Permit naming = co_await naming_.lock();
  CO_TRY_ASSIGN(const ContainerRef container, find_named(request.container));
  if (container->handle_count != 0 && !request.force) {
    co_return Status(Code::kBusy, "container '" + container->name() + "' has " +
                                      std::to_string(container->handle_count) +
                                      " open handles; close them, or destroy it with force");
  }
  const Permit turn = co_await container->turn.lock();
  MetadataChanges changes(1);
  changes[0].name = record_name(container->id);
  changes.emplace_back();
  changes.back().name = numbers_name(container->id);
  for (const auto& [epoch, name] : container->snapshots) {
    changes.emplace_back();
    changes.back().name = snapshot_name(container->id, epoch);
  }
  container->attributes.erase_all(changes);
  CO_TRY(co_await erase_records(std::move(changes), {}, call.id()));
  container->is_destroyed = true;
  drop_handles(*container);
  if (const auto label = labels_.find(container->label()); label != labels_.end()) labels_.erase(label);
  containers_.erase(container->id);
  CO_TRY(co_await all_->destroy(container->id));
  co_return wire::EmptyReply{};
}

// ---- Handles --------------------------------------------------------------------------------------------------------

Result<wire::ContainerOpenReply> ContainerService::open(wire::ContainerOpenRequest request, rpc::ServerCall&) {
  TRY(pool_.check(request.pool, pool::may_write(request.access)));
  TRY_ASSIGN(const ContainerRef container, find_named(request.container));
  if (container->is_held) {
    return Status(Code::kBusy, "container '" + container->name() + "' is held exclusively; close it there first");
  }
  if (request.access == wire::Access::kExclusive && container->handle_count != 0) {
    return Status(Code::kBusy, "container '" + container->name() + "' has " + std::to_string(container->handle_count) +
                                   " open handles, so it can't be opened exclusively");
  }
  wire::ContainerOpenReply reply;
  do {
    reply.handle = world_.random.next();
  } while (reply.handle == 0 || handles_.contains(reply.handle));
  reply.id = container->id;
  reply.properties = container->properties;
  handles_[reply.handle] = Handle{.container = container, .access = request.access, .pool_handle = request.pool};
  ++container->handle_count;
  container->is_held = request.access == wire::Access::kExclusive;
  container->opened_unix_ns = world_.clock.wall_ns();
  container->is_record_old = true;
  return reply;
}

Result<wire::EmptyReply> ContainerService::close(wire::ContainerCloseRequest request, rpc::ServerCall&) {
  TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  handles_.erase(request.handle);
  --container->handle_count;
  container->is_held = false;
  tell_gone({request.handle});
  return wire::EmptyReply{};
}

void ContainerService::drop_handles(const Container& container) {
  std::vector<uint64_t> dropped;
  std::erase_if(handles_, [&](const auto& entry) {
    if (entry.second.container.get() != &container) return false;
    dropped.push_back(entry.first);
    return true;
  });
  tell_gone(std::move(dropped));
}

void ContainerService::tell_gone(std::vector<uint64_t> handles) {
  if (!handles.empty() && targets_.count() > 1) background_.spawn(tell_others_gone(std::move(handles)));
}

// One that can't be told asks again after a while.
Task<void> ContainerService::tell_others_gone(std::vector<uint64_t> handles) {
  wire::TargetForgetHandlesRequest request;
  request.handles = std::move(handles);
  const std::vector<Result<wire::EmptyReply>> told = co_await targets_.ask_others(std::move(request), kTellTimeout);
  const Status failed = target::first_error(told);
  if (!failed.is_ok()) log::info("handles_not_forgotten", {{"status", failed}});
}

void ContainerService::on_pool_handle_closed(uint64_t handle) {
  std::vector<uint64_t> dropped;
  for (auto at = handles_.begin(); at != handles_.end();) {
    if (at->second.pool_handle != handle) {
      ++at;
      continue;
    }
    --at->second.container->handle_count;
    at->second.container->is_held = false;
    dropped.push_back(at->first);
    at = handles_.erase(at);
  }
  tell_gone(std::move(dropped));
}

// ---- Looking --------------------------------------------------------------------------------------------------------

Task<Result<wire::ContainerInfo>> ContainerService::info(ContainerRef container) {
  CO_TRY_ASSIGN(const AllTargets::Whole whole, co_await all_->query(container->id, false));
  const wire::TargetQueryContainerReply& stored = whole.sum;
  wire::ContainerInfo info;
  info.id = container->id;
  info.label = container->label();
  info.layout_type = number_of(container->properties, kPropLayoutType);
  info.highest_committed = stored.highest_committed;
  info.last_snapshot = container->snapshots.empty() ? kEpochZero : container->snapshots.rbegin()->first;
  info.snapshot_count = static_cast<uint32_t>(container->snapshots.size());
  info.handle_count = container->handle_count;
  info.opened_unix_ns = container->opened_unix_ns;
  info.modified_unix_ns = container->modified_unix_ns;
  info.space = stored.space;
  info.aggregation = stored.aggregation;
  co_return info;
}

Task<Result<wire::ContainerListReply>> ContainerService::list(wire::ContainerListRequest request, rpc::ServerCall&) {
  CO_TRY(pool_.check(request.pool, false));
  const uint32_t count_max = std::min(request.count_max, kListedMax);
  if (count_max == 0) co_return Status(Code::kInvalidArgument, "a page of no containers was asked for");
  std::vector<ContainerRef> page;
  wire::ContainerListReply reply;
  auto at = request.after.has_value() ? containers_.upper_bound(*request.after) : containers_.begin();
  for (; at != containers_.end() && page.size() < count_max; ++at) page.push_back(at->second);
  reply.is_end = at == containers_.end();
  for (const ContainerRef& container : page) {
    const Result<wire::ContainerInfo> listed = co_await info(container);
    if (container->is_destroyed) continue;  // Meanwhile.
    if (!listed.is_ok()) co_return listed.status();
    reply.containers.push_back(*listed);
  }
  co_return reply;
}

Task<Result<wire::ContainerQueryReply>> ContainerService::query(wire::ContainerQueryRequest request, rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  wire::ContainerQueryReply reply;
  if (request.with_survey) {
    CO_TRY_ASSIGN(AllTargets::Whole whole, co_await all_->query(container->id, true));
    reply.survey = std::move(whole.sum.survey);
  }
  CO_TRY_ASSIGN(reply.container, co_await info(container));
  co_return reply;
}

Task<Result<wire::ContainerEpochsReply>> ContainerService::epochs(wire::ContainerEpochsRequest request,
                                                                  rpc::ServerCall&) {
  CO_TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  CO_TRY_ASSIGN(const AllTargets::Whole whole, co_await all_->query(container->id, false));
  const wire::TargetQueryContainerReply& stored = whole.sum;
  wire::ContainerEpochsReply reply;
  reply.are_explicit = stored.has_explicit_epochs;
  reply.highest_committed = stored.highest_committed;
  reply.highest_committed_any = whole.highest_committed_any;
  reply.highest_written = stored.highest_written;
  reply.aggregated_through = stored.aggregated_through;
  reply.base = stored.base;
  reply.base_epoch = stored.base_epoch;
  reply.clones = stored.clones;
  co_return reply;
}

Result<wire::ContainerPropertiesReply> ContainerService::properties(wire::ContainerPropertiesRequest request,
                                                                    rpc::ServerCall&) {
  TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  wire::ContainerPropertiesReply reply;
  reply.properties = container->properties;
  reply.properties[kPropAllocatedNumber] = container->next_number - 1;
  return reply;
}

Result<wire::AttributesReply> ContainerService::attributes(wire::ContainerAttributesRequest request, rpc::ServerCall&) {
  TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  wire::AttributesReply reply;
  reply.attributes = container->attributes.all();
  return reply;
}

Result<wire::SnapshotListReply> ContainerService::list_snapshots(wire::SnapshotListRequest request, rpc::ServerCall&) {
  TRY_ASSIGN(const ContainerRef container, find_open(request.handle, false));
  wire::SnapshotListReply reply;
  for (const auto& [epoch, name] : container->snapshots) reply.snapshots.push_back({.epoch = epoch, .name = name});
  return reply;
}

}  // namespace aeon::container
