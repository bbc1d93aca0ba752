#include "debug_target.h"

#include <algorithm>

#include "container/stored_label.h"
#include "local/local_system.h"

namespace aeon::cli {
namespace {

std::string named(const Invocation& invocation) {
  const std::string local = invocation.text("--local");
  return local.empty() ? std::string() : "local:" + local;
}

}  // namespace

Result<std::unique_ptr<DebugTarget>> DebugTarget::open(Invocation& invocation) {
  std::unique_ptr<DebugTarget> target(new DebugTarget);
  std::vector<std::string> devices = invocation.texts("--device");
  Uuid store;
  ByteCount capacity = local::kCapacityUnlimited;  // Behind a file's end there are zeros.
  if (!devices.empty()) {
    target->path_ = devices.front();
    invocation.note_system_use();
    TRY_ASSIGN(const bool is_labelled, target->is_labelled());
    if (!is_labelled && devices.size() == 1) devices.clear();
  } else {
    TRY_ASSIGN(const std::string directory, local::directory_of_system(named(invocation)));
    invocation.note_system_use();
    TRY_ASSIGN(target->system_, local::OfflineSystem::open(directory));
    const local::OfflineSystem& system = *target->system_;
    if (!system.description().is_ok()) {
      invocation.output().warn("daos: {}; going by the file at the usual place", system.description().message());
    }
    if (system.holder().has_value() && !invocation.has("--force")) {
      return Status(Code::kBusy, fmt::format("{} is in use by {}, and so changes while it is looked at; stop that "
                                             "first, or give --force and expect contradictions",
                                             directory, *system.holder()));
    }
    if (system.holder().has_value()) {
      invocation.output().warn("daos: in use by {}: parts of what follows may not fit together", *system.holder());
    }
    target->path_ = system.target().path;
    capacity = system.target().capacity;
    devices = system.target().devices;
    store = system.target().store;
  }
  if (devices.empty()) {
    TRY_ASSIGN(target->disk_, local::StoreDisk::open_file(target->reactor_, target->path_, capacity, true));
  } else {
    TRY(target->open_devices(invocation, devices, store));
  }
  TRY_ASSIGN(target->objects_, target->run(vos::Inspector::open(target->disk_->disk())));
  const bool is_other = target->media().usable().is_ok() && target->system_ != nullptr &&
                        !target->system_->target().store.is_nil() &&
                        target->system_->target().store != target->media().uuid();
  if (is_other) {
    invocation.output().warn("daos: {} belongs to another system than the one whose directory it is in", target->path_);
  }
  return target;
}

Result<bool> DebugTarget::is_labelled() {
  TRY_ASSIGN(const std::unique_ptr<local::StoreDisk> disk,
             local::StoreDisk::open_file(reactor_, path_, local::kCapacityUnlimited, true));
  return run(media::has_device_label(disk->disk()));
}

Status DebugTarget::open_devices(Invocation& invocation, const std::vector<std::string>& paths, const Uuid& store) {
  local::StoreDiskOptions options;
  options.read_only = true;
  options.allow_missing = true;
  options.store = store;
  TRY_ASSIGN(disk_, local::StoreDisk::open_devices(*world_, reactor_, paths, options));
  path_ = std::string(disk_->disk().name());
  for (const media::DeviceReport& device : disk_->devices()->devices()) {
    if (device.is_missing) invocation.output().warn("daos: {} is missing: what is on it can't be read", device.what);
  }
  return ok();
}

Result<vos::Store*> DebugTarget::store() {
  if (store_ == nullptr) {
    media::OpenOptions options;
    options.read_only = true;
    TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
               run(media::KeyBlockStore::open(*world_, disk_->disk(), options)));
    TRY_ASSIGN(store_, run(vos::Store::open(*world_, std::move(media))));
  }
  return store_.get();
}

DebugTarget::~DebugTarget() {
  if (store_ != nullptr) ignore(run(store_->close()), "it was only read");
}

Result<NamedContainers> named_containers(DebugTarget& target, bool with_space) {
  NamedContainers named;
  TRY_ASSIGN(named.overview, target.run(target.objects().overview(with_space)));
  std::map<Uuid, std::string> labels;
  for (const auto& [name, record] : named.overview.metadata) {
    const auto found = container::stored_label(name, record);
    if (found.has_value()) labels[found->container] = found->label;
  }
  for (const vos::StoredContainer& stored : named.overview.containers) {
    const auto label = labels.find(stored.id);
    named.all.push_back({.stored = stored, .label = label != labels.end() ? label->second : std::string()});
  }
  return named;
}

Result<NamedContainer> find_container(DebugTarget& target, const std::string& name) {
  TRY_ASSIGN(const NamedContainers named, named_containers(target, false));
  const NamedContainer* found = nullptr;
  for (const NamedContainer& each : named.all) {
    const bool is_it = each.label == name || (!each.stored.id.is_nil() && each.stored.id.to_string() == name) ||
                       std::to_string(each.stored.number) == name;
    // A label may look like another one's number: then the label means it.
    if (is_it && (found == nullptr || each.label == name)) found = &each;
  }
  if (found != nullptr) return *found;
  return Status(Code::kNotFound, fmt::format("no container '{}' in {}; list them with 'daos debug containers'",
                                             printable(name), target.path()));
}

Result<Bytes> parse_key(std::string_view text, std::string_view what, KeyOrder order) {
  if (order == KeyOrder::kUint64) {
    TRY_ASSIGN(const uint64_t value, parse_number(text, what));
    Bytes key(sizeof value);
    store_le(key.data(), value);
    return key;
  }
  const Status wrong(Code::kInvalidArgument,
                     fmt::format("{} '{}': behind a backslash stand x and two hexadecimal digits, or another backslash",
                                 what, printable(text)));
  Bytes key;
  while (!text.empty()) {
    if (text.front() != '\\') {
      key.push_back(static_cast<std::byte>(text.front()));
      text.remove_prefix(1);
    } else if (text.starts_with("\\\\")) {
      key.push_back(std::byte{'\\'});
      text.remove_prefix(2);
    } else if (text.starts_with("\\x") && text.size() >= 4) {
      const auto byte = parse_number(fmt::format("0x{}", text.substr(2, 2)), what);
      if (!byte.is_ok()) return wrong;
      key.push_back(static_cast<std::byte>(*byte));
      text.remove_prefix(4);
    } else {
      return wrong;
    }
  }
  return key;
}

std::string key_text(ByteView key, KeyOrder order) {
  if (order == KeyOrder::kUint64 && key.size() == sizeof(uint64_t)) {
    return std::to_string(load_le<uint64_t>(key.data()));
  }
  return printable(as_text(key));
}

Json damage_json(const vos::DamagedPlace& place) {
  Json entry;
  entry["what"] = vos::name_of(place.what);
  if (place.what == vos::DamagedPlace::What::kPage) {
    entry["first_hidden"] = printable(place.first_hidden);
    entry["end_hidden"] = printable(place.end_hidden);
  } else if (place.what != vos::DamagedPlace::What::kStore) {
    entry["container_number"] = place.container_number;
    if (!place.container.is_nil()) entry["container"] = place.container.to_string();
    if (place.has_object) entry["object"] = place.object.to_string();
    if (!place.dkey.empty()) put_bytes(entry, "dkey", as_text(place.dkey));
    if (!place.akey.empty()) put_bytes(entry, "akey", as_text(place.akey));
    if (place.what == vos::DamagedPlace::What::kValue && place.kind == ValueKind::kArray) {
      entry["index"] = place.recx.index;
      entry["count"] = place.recx.count;
    }
    entry["epoch"] = epoch_text(place.epoch);
  }
  entry["place"] = place.place;
  entry["code"] = code_name(place.status.code());
  entry["message"] = printable(place.status.message());
  return entry;
}

std::vector<Option> debug_options(std::vector<Option> own) {
  own.push_back({.name = "--device",
                 .value = "PATH",
                 .help = "one store file or block device, rather than a system's; several for a store on several",
                 .completes = Completes::kFile,
                 .is_repeatable = true});
  own.push_back(
      {.name = "--force", .value = "", .help = "even while somebody has the system open", .short_name = "-f"});
  return own;
}

}  // namespace aeon::cli
