// What `daos debug` looks at: the store of a local system, or of files or devices that are named.
#pragma once

#include <memory>
#include <string>

#include "cli/invocation.h"
#include "local/offline.h"
#include "local/store_disk.h"
#include "runtime/reactor.h"
#include "runtime/system.h"
#include "vos/inspector.h"
#include "vos/store.h"

namespace aeon::cli {

class DebugTarget;
struct NamedContainers;

// What --device names, or else --local and AEON_SYSTEM.
class DebugSystem {
 public:
  // kBusy if somebody has the system open, unless --force was given.
  static Result<std::shared_ptr<DebugSystem>> open(Invocation& invocation);
  virtual ~DebugSystem() = default;

  // One, if devices are named.
  virtual uint32_t target_count() const = 0;
  virtual Result<std::unique_ptr<DebugTarget>> open_target(uint32_t index) = 0;
  // Of the first target, which knows all labels; none if that can't be read.
  virtual const NamedContainers& first_containers() = 0;
};

class DebugTarget {
 public:
  // The one that --target names, or else the first, which is said if there are others.
  static Result<std::unique_ptr<DebugTarget>> open(Invocation& invocation);
  ~DebugTarget();
  DebugTarget(const DebugTarget&) = delete;
  DebugTarget& operator=(const DebugTarget&) = delete;

  vos::Inspector& objects() { return *objects_; }
  media::Inspector& media() { return objects_->media(); }
  const std::string& path() const { return path_; }
  uint32_t index() const { return index_; }
  DebugSystem& system() { return *system_; }

  template <typename T>
  T run(Task<T> task) {
    return reactor_.run(std::move(task));
  }

  // The store as its readers see it, opened for reading only.
  Result<vos::Store*> store();

 private:
  friend class NamedFiles;
  DebugTarget(std::shared_ptr<DebugSystem> system, uint32_t index) : system_(std::move(system)), index_(index) {}
  // Whether the file at path_ is a device that says what it belongs to.
  Result<bool> is_labelled();
  // The devices of one store, as far as they are there.
  Status open_devices(Output& output, const std::vector<std::string>& paths, const Uuid& store);

  const std::shared_ptr<DebugSystem> system_;
  const uint32_t index_;
  std::string path_;
  Reactor reactor_;
  LocalWorld world_{reactor_};
  std::unique_ptr<local::StoreDisk> disk_;
  std::unique_ptr<vos::Inspector> objects_;
  std::unique_ptr<vos::Store> store_;
};

// The one that --target names, or else the first.
Result<std::unique_ptr<DebugTarget>> open_chosen_target(Invocation& invocation, DebugSystem& system);
using ShowTarget = Status (*)(Invocation&, DebugTarget&);
// Shows the target that --target names, or the only one, or else all, one after the other: in JSON as the list
// `targets`. Damage of one doesn't hide another. A kNotFound counts only if it comes from all.
Status show_targets(Invocation& invocation, ShowTarget show);

// Containers with their labels.
struct NamedContainer {
  vos::StoredContainer stored;
  std::string label;
};
struct NamedContainers {
  std::vector<NamedContainer> all;
  vos::StoreOverview overview;
};
Result<NamedContainers> named_containers(DebugTarget& target, bool with_space);
// The one that CONTAINER names, by label, uuid or number. `is_chosen`: the target was named, so a number is its own.
Result<NamedContainer> find_container(DebugTarget& target, const std::string& name, bool is_chosen);

// A dkey or akey as it is written on the command line: \xNN and \\ stand for bytes, and keys of objects with integer
// keys are numbers. key_text() writes it so.
Result<Bytes> parse_key(std::string_view text, std::string_view what, KeyOrder order);
std::string key_text(ByteView key, KeyOrder order);

Json damage_json(const vos::DamagedPlace& place);
// Options that all these verbs take.
std::vector<Option> debug_options(std::vector<Option> own);

// debug_objects.cc, debug_verify.cc
Status debug_containers(Invocation& invocation);
Status debug_list(Invocation& invocation);
Status debug_value(Invocation& invocation);
Status debug_verify(Invocation& invocation);

}  // namespace aeon::cli
