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

// Those of a system, or files that are named one by one.
class NamedFiles final : public DebugSystem, public std::enable_shared_from_this<NamedFiles> {
 public:
  explicit NamedFiles(Invocation& invocation) : output_(invocation.output()) {}

  Status open(Invocation& invocation) {
    devices_ = invocation.texts("--device");
    if (!devices_.empty()) {
      if (invocation.has("--target")) {
        return Status(Code::kInvalidArgument,
                      "--device names a store itself, and --target one of a system's; give one");
      }
      invocation.note_system_use();
      return ok();
    }
    TRY_ASSIGN(const std::string directory, local::directory_of_system(named(invocation)));
    invocation.note_system_use();
    TRY_ASSIGN(system_, local::OfflineSystem::open(directory));
    if (!system_->description().is_ok()) {
      output_.warn("daos: {}; going by the file{} at the usual place", system_->description().message(),
                   target_count() == 1 ? "" : "s");
    }
    if (system_->holder().has_value() && !invocation.has("--force")) {
      return Status(Code::kBusy, fmt::format("{} is in use by {}, and so changes while it is looked at; stop that "
                                             "first, or give --force and expect contradictions",
                                             directory, *system_->holder()));
    }
    if (system_->holder().has_value()) {
      output_.warn("daos: in use by {}: parts of what follows may not fit together", *system_->holder());
    }
    return ok();
  }

  uint32_t target_count() const override {
    return system_ != nullptr ? static_cast<uint32_t>(system_->targets().size()) : 1;
  }

  Result<std::unique_ptr<DebugTarget>> open_target(uint32_t index) override {
    std::unique_ptr<DebugTarget> target(new DebugTarget(shared_from_this(), index));
    std::vector<std::string> devices = devices_;
    Uuid store;
    ByteCount capacity = local::kCapacityUnlimited;  // Behind a file's end there are zeros.
    if (system_ == nullptr) {
      target->path_ = devices.front();
      TRY_ASSIGN(const bool is_labelled, target->is_labelled());
      if (!is_labelled && devices.size() == 1) devices.clear();
    } else {
      const local::OfflineSystem::Target& place = system_->targets()[index];
      target->path_ = place.path;
      capacity = place.capacity;
      devices = place.devices;
      store = place.store;
    }
    if (devices.empty()) {
      TRY_ASSIGN(target->disk_, local::StoreDisk::open_file(target->reactor_, target->path_, capacity, true));
    } else {
      TRY(target->open_devices(output_, devices, store));
    }
    TRY_ASSIGN(target->objects_, target->run(vos::Inspector::open(target->disk_->disk())));
    const bool is_other = target->media().usable().is_ok() && !store.is_nil() && store != target->media().uuid();
    if (is_other) {
      output_.warn("daos: {} belongs to another {} than the one {}", target->path_,
                   target_count() == 1 ? "system" : "target or system",
                   target_count() == 1 ? "whose directory it is in" : "in whose place it is");
    }
    return target;
  }

  const NamedContainers& first_containers() override {
    if (first_ != nullptr) return *first_;
    first_ = std::make_unique<NamedContainers>();
    const Result<std::unique_ptr<DebugTarget>> target = open_target(0);
    if (!target.is_ok()) return *first_;
    Result<NamedContainers> named = named_containers(**target, false);
    if (named.is_ok()) *first_ = std::move(*named);
    return *first_;
  }

 private:
  Output& output_;
  std::vector<std::string> devices_;
  std::unique_ptr<local::OfflineSystem> system_;  // Null with --device.
  std::unique_ptr<NamedContainers> first_;
};

namespace {

Json error_json(const Status& status) {
  if (status.is_ok()) return nullptr;
  return {{"code", code_name(status.code())}, {"message", status.message()}};
}

std::string numbers_text(const std::vector<uint32_t>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ") + std::to_string(numbers[i]);
  }
  return text;
}

}  // namespace

Result<std::shared_ptr<DebugSystem>> DebugSystem::open(Invocation& invocation) {
  if (invocation.has("--target")) TRY(invocation.number("--target").status());
  auto files = std::make_shared<NamedFiles>(invocation);
  TRY(files->open(invocation));
  return std::shared_ptr<DebugSystem>(std::move(files));
}

Result<std::unique_ptr<DebugTarget>> open_chosen_target(Invocation& invocation, DebugSystem& system) {
  uint64_t index = 0;
  if (invocation.has("--target")) {
    TRY_ASSIGN(index, invocation.number("--target"));
  }
  const uint32_t count = system.target_count();
  if (index < count) return system.open_target(static_cast<uint32_t>(index));
  return Status(Code::kInvalidArgument,
                fmt::format("there is no target {}: the system has {}", index,
                            count == 1 ? "one, number 0" : fmt::format("{}, numbers 0 to {}", count, count - 1)));
}

Result<std::unique_ptr<DebugTarget>> DebugTarget::open(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<DebugSystem> system, DebugSystem::open(invocation));
  TRY_ASSIGN(std::unique_ptr<DebugTarget> target, open_chosen_target(invocation, *system));
  const uint32_t count = system->target_count();
  if (count == 1) return target;
  invocation.output().response()["target"] = target->index();
  if (!invocation.has("--target")) {
    invocation.output().remark("Target {} of {}; --target shows another.", target->index(), count);
  }
  return target;
}

Status show_targets(Invocation& invocation, ShowTarget show) {
  TRY_ASSIGN(const std::shared_ptr<DebugSystem> system, DebugSystem::open(invocation));
  if (system->target_count() == 1 || invocation.has("--target")) {
    TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, open_chosen_target(invocation, *system));
    if (system->target_count() != 1) invocation.output().response()["target"] = target->index();
    return show(invocation, *target);
  }
  Output& output = invocation.output();
  Json all = Json::array();
  std::vector<uint32_t> failed;
  Status first, missing;
  uint32_t missing_count = 0;
  for (uint32_t index = 0; index < system->target_count(); ++index) {
    output.response() = Json();
    output.remark("{}Target {}", index == 0 ? "" : "\n", index);
    const Result<std::unique_ptr<DebugTarget>> target = system->open_target(index);
    const Status shown = target.is_ok() ? show(invocation, **target) : target.status();
    Json one;
    one["target"] = index;
    one["error"] = error_json(shown);
    for (auto& [name, value] : output.response().items()) one[name] = std::move(value);
    all.push_back(std::move(one));
    if (shown.is_ok()) continue;
    if (shown.code() == Code::kCanceled) return shown;
    if (target.is_ok() && shown.code() == Code::kNotFound) {
      output.remark("{}", printable(shown.message()));
      if (missing_count++ == 0) missing = shown;
      continue;
    }
    output.line("target {}: {}", index, printable(shown.message().empty() ? code_name(shown.code()) : shown.message()));
    if (failed.empty()) first = shown;
    failed.push_back(index);
  }
  output.response() = Json();
  output.response()["targets"] = std::move(all);
  if (failed.size() > 1) return first.within("targets " + numbers_text(failed) + "; the first says");
  if (!failed.empty()) return first.within("target " + numbers_text(failed));
  return missing_count == system->target_count() ? missing : ok();
}

Result<bool> DebugTarget::is_labelled() {
  TRY_ASSIGN(const std::unique_ptr<local::StoreDisk> disk,
             local::StoreDisk::open_file(reactor_, path_, local::kCapacityUnlimited, true));
  return run(media::has_device_label(disk->disk()));
}

Status DebugTarget::open_devices(Output& output, const std::vector<std::string>& paths, const Uuid& store) {
  local::StoreDiskOptions options;
  options.read_only = true;
  options.allow_missing = true;
  options.store = store;
  TRY_ASSIGN(disk_, local::StoreDisk::open_devices(*world_, reactor_, paths, options));
  path_ = std::string(disk_->disk().name());
  for (const media::DeviceReport& device : disk_->devices()->devices()) {
    if (device.is_missing) output.warn("daos: {} is missing: what is on it can't be read", device.what);
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
  if (target.index() != 0) {
    for (const NamedContainer& each : target.system().first_containers().all) {
      if (!each.label.empty()) labels.emplace(each.stored.id, each.label);
    }
  }
  for (const vos::StoredContainer& stored : named.overview.containers) {
    const auto label = labels.find(stored.id);
    named.all.push_back({.stored = stored, .label = label != labels.end() ? label->second : std::string()});
  }
  return named;
}

namespace {

const NamedContainer* find_among(const NamedContainers& named, const std::string& name) {
  const NamedContainer* found = nullptr;
  for (const NamedContainer& each : named.all) {
    const bool is_it = each.label == name || (!each.stored.id.is_nil() && each.stored.id.to_string() == name) ||
                       std::to_string(each.stored.number) == name;
    // A label may look like another one's number: then the label means it.
    if (is_it && (found == nullptr || each.label == name)) found = &each;
  }
  return found;
}

}  // namespace

Result<NamedContainer> find_container(DebugTarget& target, const std::string& name, bool is_chosen) {
  TRY_ASSIGN(const NamedContainers named, named_containers(target, false));
  std::string wanted = name;
  if (target.index() != 0 && !is_chosen) {
    // Each store numbers for itself; whoever names no target means the number that the first one has.
    const NamedContainer* const meant = find_among(target.system().first_containers(), name);
    if (meant != nullptr && !meant->stored.id.is_nil()) wanted = meant->stored.id.to_string();
  }
  const NamedContainer* const found = find_among(named, wanted);
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
  own.push_back({.name = "--target",
                 .value = "N",
                 .help = "which of the system's targets, from 0; without it all are shown, or else the first"});
  own.push_back(
      {.name = "--force", .value = "", .help = "even while somebody has the system open", .short_name = "-f"});
  return own;
}

}  // namespace aeon::cli
