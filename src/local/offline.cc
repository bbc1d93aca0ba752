#include "local/offline.h"

#include "devices.h"
#include "local_directory.h"

namespace aeon::local {
namespace {

// Up to the last that has a file.
std::vector<OfflineSystem::Target> at_usual_places(const Directory& directory) {
  const std::vector<uint32_t> found = targets_with_files(directory);
  std::vector<OfflineSystem::Target> targets(found.empty() ? 1 : found.back() + 1);
  for (uint32_t index = 0; index < targets.size(); ++index) targets[index].path = directory.path_of(target_file(index));
  return targets;
}

class SharedDirectory final : public OfflineSystem {
 public:
  SharedDirectory(Directory directory, Superblock superblock, Status description)
      : directory_(std::move(directory)),
        holder_(directory_.share()),
        superblock_(std::move(superblock)),
        description_(std::move(description)) {
    for (const TargetEntry& entry : superblock_.targets) {
      Target target;
      target.path = directory_.path_of(entry.file);
      target.store = entry.store;
      target.capacity = entry.capacity;
      target.devices = device_paths(directory_, entry);
      targets_.push_back(std::move(target));
    }
    if (targets_.empty()) targets_ = at_usual_places(directory_);
    for (Target& target : targets_) {
      if (target.capacity == 0) target.capacity = kCapacityUnlimited;
    }
  }

  const std::optional<std::string>& holder() const override { return holder_; }
  const Status& description() const override { return description_; }
  std::string name() const override { return superblock_.system_name; }
  std::string pool_label() const override { return superblock_.pool_label; }
  Uuid pool() const override { return superblock_.pool; }
  const std::vector<Target>& targets() const override { return targets_; }

 private:
  Directory directory_;
  std::optional<std::string> holder_;
  Superblock superblock_;
  Status description_;
  std::vector<Target> targets_;
};

}  // namespace

Result<std::unique_ptr<OfflineSystem>> OfflineSystem::open(const std::string& path) {
  Result<Directory> directory = Directory::open(path, false);
  if (directory.code() == Code::kNotFound) {
    return Status(Code::kNotFound, "there is no directory " + path + "; name one that holds a system");
  }
  if (!directory.is_ok()) return directory.status();
  const Result<Superblock> superblock = read_superblock(*directory);
  if (!superblock.is_ok() && targets_with_files(*directory).empty()) return superblock.status();
  return std::unique_ptr<OfflineSystem>(std::make_unique<SharedDirectory>(
      std::move(*directory), superblock.is_ok() ? *superblock : Superblock(), superblock.status()));
}

}  // namespace aeon::local
