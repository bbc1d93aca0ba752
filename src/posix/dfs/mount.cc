// FileSystem::format, create_container and mount.
#include "core.h"

namespace aeon::dfs {

namespace {

constexpr ObjectClass kClassSX = 1u << 24 | 0xffff;

Status check_options(const FormatOptions& options) {
  TRY(check_class(options.object_class));
  TRY(check_class(options.directory_class));
  TRY(check_class(options.file_class));
  TRY(check_chunk_size(options.chunk_size));
  if (options.consistency != 0 && options.consistency != 4) {
    return Status(Code::kInvalidArgument,
                  "consistency mode " + std::to_string(options.consistency) + " isn't relaxed (0) or balanced (4)");
  }
  if (options.hints.size() > 128) return Status(Code::kTooBig, "hints are longer than 128 bytes");
  if (options.root_mode > 07777) return Status(Code::kInvalidArgument, "the root's mode has more than permission bits");
  return ok();
}

// "single" and the like; nullopt if it is none.
std::optional<ObjectClass> class_of_hint(std::string_view hint) {
  if (hint == "single" || hint == "min") return kClassS1;
  if (hint == "max") return kClassSX;
  return std::nullopt;
}

struct HintedClasses {
  ObjectClass directory_class = 0;
  ObjectClass file_class = 0;
};

// "file:single,dir:max"
Result<HintedClasses> parse_hints(std::string_view hints) {
  HintedClasses classes;
  while (!hints.empty()) {
    const size_t comma = hints.find(',');
    const std::string_view hint = hints.substr(0, comma);
    hints = comma == std::string_view::npos ? std::string_view() : hints.substr(comma + 1);
    const size_t colon = hint.find(':');
    const std::string_view what = hint.substr(0, colon);
    const auto object_class = class_of_hint(colon == std::string_view::npos ? hint : hint.substr(colon + 1));
    const bool is_file = what == "file" || what == "File";
    const bool is_directory = what == "dir" || what == "directory" || what == "Dir" || what == "Directory";
    if (colon == std::string_view::npos || !object_class || (!is_file && !is_directory)) {
      return Status(Code::kInvalidArgument,
                    "hint " + printable(hint) + " isn't 'file' or 'dir', ':' and 'single' or 'max'");
    }
    (is_file ? classes.file_class : classes.directory_class) = *object_class;
  }
  return classes;
}

ObjectClass first_of(ObjectClass a, ObjectClass b, ObjectClass c, ObjectClass otherwise) {
  return a != 0 ? a : b != 0 ? b : c != 0 ? c : otherwise;
}

}  // namespace

Result<ObjectClass> FileSystem::suggest_class(const std::string& hint) {
  TRY_ASSIGN(const HintedClasses classes, parse_hints(hint));
  if (classes.file_class == 0 && classes.directory_class == 0) {
    return Status(Code::kInvalidArgument, "the hint is empty");
  }
  return classes.file_class != 0 ? classes.file_class : classes.directory_class;
}

Task<Status> FileSystem::format(std::shared_ptr<client::Container> container, FormatOptions options) {
  CO_TRY(check_options(options));
  CO_TRY_ASSIGN(const HintedClasses hinted, parse_hints(options.hints));
  FileSystemInfo info;
  info.id = container->id();
  info.chunk_size = options.chunk_size == 0 ? kDefaultChunkSize : options.chunk_size;
  info.directory_class = first_of(options.directory_class, options.object_class, hinted.directory_class, kClassS1);
  // One file may be larger than one target, and is read from all.
  info.file_class = first_of(options.file_class, options.object_class, hinted.file_class, kClassSX);
  info.consistency = options.consistency;
  info.user_id = options.user_id;
  info.hints = options.hints;

  Inode root;
  root.type = NodeType::kDirectory;
  root.permissions = options.root_mode;
  root.user = options.root_user;
  root.group = options.root_group;
  root.object = object_id(kHashedType, info.directory_class, kRootNumber);
  ParentLink above;
  above.parent = superblock_object();
  above.name = std::string(kRootName);

  WriteSet set;
  set.update(superblock_object(), kSuperblockDkey, kInodeAkey, dfs::encode(info), kDkeyInsert);
  set.update(superblock_object(), kRootName, kInodeAkey, dfs::encode(root));
  set.update(root.object, kOwnDkey, kParentAkey, dfs::encode(above));
  set.update(root.object, kOwnDkey, kMarkerAkey, Bytes(1));
  std::vector<ObjectWrite> writes = set.take();
  const Result<Epoch> written = co_await container->write(std::move(writes));
  if (written.code() == Code::kExists) {
    co_return Status(Code::kExists, "container " + container->id().to_string() + " holds a file system already");
  }
  co_return written.status();
}

Task<Result<Uuid>> FileSystem::create_container(std::shared_ptr<client::Pool> pool, client::ContainerSpec spec,
                                                FormatOptions options) {
  CO_TRY(check_options(options));
  CO_TRY(status_of(parse_hints(options.hints)));
  spec.properties[client::kPropLayoutType] = client::PropertyValue(client::kLayoutPosix);
  CO_TRY_ASSIGN(const Uuid id, co_await pool->create_container(std::move(spec)));
  const std::string name = id.to_string();
  Status status;
  {
    Result<std::shared_ptr<client::Container>> container =
        co_await pool->open_container(name, client::Access::kReadWrite);
    status = container.status();
    if (container.is_ok()) status = co_await format(*container, std::move(options));
    if (status.is_ok()) status = co_await (*container)->flush();
  }
  if (!status.is_ok()) {
    const Status destroyed = co_await pool->destroy_container(name, true);
    ignore(destroyed, "the first fault says more");
    co_return status.within("formatting the new container");
  }
  co_return id;
}

Task<Result<std::shared_ptr<FileSystem>>> FileSystem::mount(std::shared_ptr<client::Container> container,
                                                            MountOptions options) {
  if (options.epoch != kEpochMax) options.read_only = true;
  if (!options.read_only && container->access() == client::Access::kReadOnly) {
    co_return Status(Code::kReadOnly, "the container is open for reading only; mount it read-only");
  }
  std::array<std::byte, 512> memory;
  for (bool has_formatted = false;; has_formatted = true) {
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = to_bytes(kInodeAkey);
    akeys[0].out.emplace_back(memory);
    Bytes dkey = to_bytes(kSuperblockDkey);
    CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                  co_await container->fetch(superblock_object(), std::move(dkey), std::move(akeys), 0, options.epoch));
    const uint64_t size = found.empty() ? 0 : found[0].record_size;
    if (size == 0) {
      const std::string name = container->id().to_string();
      if (options.read_only || !options.format_if_missing || has_formatted) {
        co_return Status(Code::kNotFound, "container " + name + " holds no file system" +
                                              (options.epoch == kEpochMax ? "" : " at that snapshot") +
                                              "; create it with type POSIX");
      }
      const Status formatted = co_await format(container, options.format);
      if (formatted.code() != Code::kExists) CO_TRY(formatted);
      continue;
    }
    if (size > memory.size()) co_return Status(Code::kCorrupt, "damaged superblock: it is too large");
    CO_TRY_ASSIGN(FileSystemInfo info, decode_superblock(ByteView(memory).first(size)));
    auto mounted = std::make_shared<FileSystemCore>(container, std::move(options), std::move(info));
    CO_TRY(co_await mounted->load_root());
    co_return std::shared_ptr<FileSystem>(std::move(mounted));
  }
}

FileSystemCore::FileSystemCore(std::shared_ptr<client::Container> container, MountOptions options, FileSystemInfo info)
    : container_(std::move(container)),
      options_(std::move(options)),
      info_(std::move(info)),
      epoch_(options_.epoch),
      locks_(container_->executor()) {}

Task<Status> FileSystemCore::load_root() {
  EntryKey entry;
  entry.directory = superblock_object();
  entry.name = std::string(kRootName);
  Result<Stored> root = co_await load_raw(std::move(entry));
  if (root.code() == Code::kNotFound) co_return Status(Code::kCorrupt, "the file system has no root directory");
  CO_TRY(root.status().within("root directory"));
  if (root->inode.type != NodeType::kDirectory) co_return Status(Code::kCorrupt, "the root isn't a directory");
  root_ = node_from(*root, options_.read_only ? OpenMode::kReadOnly : OpenMode::kReadWrite, {}, "/");
  co_return ok();
}

Task<Status> FileSystemCore::sync() { co_return co_await container_->flush(); }

// A number that no object of the container has yet. Taken many at once: each taking is a durable change.
Task<Result<uint64_t>> FileSystemCore::take_object_number() {
  constexpr uint64_t kTakenAtOnce = 4096;
  while (next_number_ >= numbers_end_) {
    CO_TRY_ASSIGN(const uint64_t first, co_await container_->allocate_object_numbers(kTakenAtOnce));
    if (next_number_ < numbers_end_) break;  // Another task brought some meanwhile; those of this one are lost.
    next_number_ = std::max(first, kFirstNumber);
    numbers_end_ = first + kTakenAtOnce;
  }
  co_return next_number_++;
}

}  // namespace aeon::dfs
