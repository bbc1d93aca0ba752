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

class DebugTarget {
 public:
  // Of --device, or else --local and AEON_SYSTEM. kBusy if somebody has the system open, unless --force was given.
  static Result<std::unique_ptr<DebugTarget>> open(Invocation& invocation);
  ~DebugTarget();
  DebugTarget(const DebugTarget&) = delete;
  DebugTarget& operator=(const DebugTarget&) = delete;

  vos::Inspector& objects() { return *objects_; }
  media::Inspector& media() { return objects_->media(); }
  const std::string& path() const { return path_; }

  template <typename T>
  T run(Task<T> task) {
    return reactor_.run(std::move(task));
  }

  // The store as its readers see it, opened for reading only.
  Result<vos::Store*> store();

 private:
  DebugTarget() = default;
  // Whether the file at path_ is a device that says what it belongs to.
  Result<bool> is_labelled();
  // The devices of one store, as far as they are there.
  Status open_devices(Invocation& invocation, const std::vector<std::string>& paths, const Uuid& store);

  std::unique_ptr<local::OfflineSystem> system_;  // Null with --device.
  std::string path_;
  Reactor reactor_;
  LocalWorld world_{reactor_};
  std::unique_ptr<local::StoreDisk> disk_;
  std::unique_ptr<vos::Inspector> objects_;
  std::unique_ptr<vos::Store> store_;
};

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
// The one that CONTAINER names, by label, uuid or number.
Result<NamedContainer> find_container(DebugTarget& target, const std::string& name);

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
