#include "local/offline.h"

#include "devices.h"
#include "local_directory.h"

namespace aeon::local {
namespace {

class SharedDirectory final : public OfflineSystem {
 public:
  SharedDirectory(Directory directory, Superblock superblock, Status description)
      : directory_(std::move(directory)),
        holder_(directory_.share()),
        superblock_(std::move(superblock)),
        description_(std::move(description)) {
    target_.path = directory_.path_of(kTargetFile);
    if (!superblock_.targets.empty()) {
      const TargetEntry& entry = superblock_.targets[0];
      target_ = {.path = directory_.path_of(entry.file), .store = entry.store, .capacity = entry.capacity};
      target_.devices = device_paths(directory_, entry);
    }
    if (target_.capacity == 0) target_.capacity = kCapacityUnlimited;
  }

  const std::optional<std::string>& holder() const override { return holder_; }
  const Status& description() const override { return description_; }
  std::string name() const override { return superblock_.system_name; }
  std::string pool_label() const override { return superblock_.pool_label; }
  Uuid pool() const override { return superblock_.pool; }
  const Target& target() const override { return target_; }

 private:
  Directory directory_;
  std::optional<std::string> holder_;
  Superblock superblock_;
  Status description_;
  Target target_;
};

}  // namespace

Result<std::unique_ptr<OfflineSystem>> OfflineSystem::open(const std::string& path) {
  Result<Directory> directory = Directory::open(path, false);
  if (directory.code() == Code::kNotFound) {
    return Status(Code::kNotFound, "there is no directory " + path + "; name one that holds a system");
  }
  if (!directory.is_ok()) return directory.status();
  const Result<Superblock> superblock = read_superblock(*directory);
  if (!superblock.is_ok() && !directory->has_file(kTargetFile)) return superblock.status();
  return std::unique_ptr<OfflineSystem>(std::make_unique<SharedDirectory>(
      std::move(*directory), superblock.is_ok() ? *superblock : Superblock(), superblock.status()));
}

}  // namespace aeon::local
