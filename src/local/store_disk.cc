#include "local/store_disk.h"

namespace aeon::local {

Result<std::unique_ptr<StoreDisk>> StoreDisk::open_file(Reactor& reactor, const std::string& path, ByteCount capacity,
                                                        bool read_only) {
  auto store = std::make_unique<StoreDisk>();
  const FileDisk::Options file{.create = false, .read_only = read_only, .capacity = capacity};
  TRY_ASSIGN(std::unique_ptr<FileDisk> disk, FileDisk::open(reactor, path, file));
  store->disks_.push_back(std::move(disk));
  return store;
}

Result<std::unique_ptr<StoreDisk>> StoreDisk::open_devices(World& world, Reactor& reactor,
                                                           const std::vector<std::string>& paths,
                                                           StoreDiskOptions options) {
  auto store = std::make_unique<StoreDisk>();
  std::vector<media::DeviceCandidate> candidates;
  for (const std::string& path : paths) {
    const FileDisk::Options file{.create = false,
                                 .read_only = options.read_only,
                                 .capacity = kCapacityUnlimited,
                                 .exclusive = options.exclusive};
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor, path, file);
    // Somebody who uses it is no reason to do without it.
    if (disk.code() == Code::kBusy || disk.code() == Code::kPermission) return disk.status();
    media::DeviceCandidate candidate;
    candidate.name = path;
    candidate.failure = disk.status();
    if (disk.is_ok()) {
      candidate.disk = disk->get();
      store->disks_.push_back(std::move(*disk));
    }
    candidates.push_back(std::move(candidate));
  }
  const media::DeviceSetOptions set{
      .store = options.store, .allow_missing = options.allow_missing, .read_only = options.read_only};
  TRY_ASSIGN(store->devices_, reactor.run(media::DeviceSet::open(world, std::move(candidates), set)));
  return store;
}

}  // namespace aeon::local
