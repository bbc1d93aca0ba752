// Nodes and paths.
#include "core.h"

namespace aeon::dfs {

namespace {

Status not_a_directory(std::string_view path) {
  return Status(Code::kNotDirectory, printable(path) + " isn't a directory");
}

enum NodeFlag : uint8_t { kWritable = 1 };

}  // namespace

std::string FileSystemCore::path_in(const Node& directory, std::string_view name) const {
  std::string path = directory.path_;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

Status FileSystemCore::check_writable() const {
  if (options_.read_only) return Status(Code::kReadOnly, "the file system is mounted read-only");
  return ok();
}

Status FileSystemCore::check_entry(const NodePointer& directory, std::string_view name) const {
  TRY(check_name(name));
  if (!directory->is_directory()) return not_a_directory(directory->path_);
  return ok();
}

NodePointer FileSystemCore::node_from(const Stored& stored, OpenMode mode, std::string target, std::string path) const {
  NodePointer node = make_node_pointer();
  node->type_ = stored.inode.type;
  node->open_mode_ = mode;
  node->mode_ = stored.inode.mode();
  node->object_ = stored.inode.object;
  node->parent_ = stored.entry.directory;
  node->name_ = stored.entry.name;
  node->chunk_size_ = stored.inode.chunk_size;
  node->directory_class_ = stored.inode.directory_class;
  node->file_class_ = stored.inode.file_class;
  node->symlink_target_ = std::move(target);
  node->path_ = std::move(path);
  return node;
}

Task<Result<std::string>> FileSystemCore::symlink_target(const Stored& stored) {
  if (stored.inode.target_size <= kInlineTargetMax) co_return stored.inode.target;
  Bytes dkey = to_bytes(stored.home_dkey);
  CO_TRY_ASSIGN(std::optional<Bytes> target,
                co_await fetch_single(stored.home_object, std::move(dkey), kTargetAkey, kSymlinkTargetSizeMax));
  if (!target.has_value() || target->size() != stored.inode.target_size) {
    co_return Status(Code::kCorrupt, "a symlink's target doesn't have the size that its inode says");
  }
  co_return std::string(as_text(*target));
}

Task<Result<NodePointer>> FileSystemCore::open_stored(const Stored& stored, OpenMode mode, std::string path) {
  std::string target;
  if (stored.inode.type == NodeType::kSymlink) {
    CO_TRY_ASSIGN(target, co_await symlink_target(stored));
  }
  co_return node_from(stored, mode, std::move(target), std::move(path));
}

// Whoever may write to a file first makes sure that its size is no longer taken from the seal. That fails if the entry
// was moved or the seal taken away in between, so it is looked at again.
Task<Result<NodePointer>> FileSystemCore::open_entry(EntryKey entry, OpenMode mode, std::string path) {
  if (mode == OpenMode::kReadWrite) CO_TRY(check_writable());
  while (true) {
    Result<Stored> stored = co_await load(entry);
    if (!stored.is_ok()) co_return stored.status().within(printable(path));
    if (mode == OpenMode::kReadWrite && stored->sealed_size.has_value()) {
      WriteSet set;
      set.punch_akey(stored->home_object, as_bytes(stored->home_dkey), kSealAkey, kPunchIfExists);
      const Result<Epoch> unsealed = co_await commit(set);
      if (unsealed.code() == Code::kNotFound) continue;
      CO_TRY(unsealed.status().within(printable(path)));
    }
    Result<NodePointer> node = co_await open_stored(*stored, mode, path);
    if (!node.is_ok()) co_return node.status().within(printable(path));
    co_return node;
  }
}

Task<Result<NodePointer>> FileSystemCore::lookup_in(NodePointer directory, std::string name, OpenMode mode) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_entry(directory, name));
  EntryKey entry;
  entry.directory = directory->object();
  entry.name = name;
  std::string path = path_in(*directory, name);
  co_return co_await open_entry(std::move(entry), mode, std::move(path));
}

Task<Result<ParentLink>> FileSystemCore::fetch_parent(ObjectId directory) {
  Bytes dkey = to_bytes(kOwnDkey);
  constexpr size_t kSizeMax = 32 + kNameSizeMax;
  CO_TRY_ASSIGN(const std::optional<Bytes> link,
                co_await fetch_single(directory, std::move(dkey), kParentAkey, kSizeMax));
  if (!link.has_value()) co_return Status(Code::kStaleHandle, "the directory was removed");
  co_return decode_parent_link(*link);
}

Task<Result<NodePointer>> FileSystemCore::node_of_directory(ObjectId directory) {
  if (directory == root_->object()) co_return root_;
  CO_TRY_ASSIGN(ParentLink above, co_await fetch_parent(directory));
  EntryKey entry;
  entry.directory = above.parent;
  entry.name = above.name;
  CO_TRY_ASSIGN(const Stored stored, co_await load(std::move(entry)));
  if (stored.inode.object != directory) co_return Status(Code::kStaleHandle, "a directory was moved meanwhile");
  co_return node_from(stored, OpenMode::kReadOnly, {}, above.name);
}

Task<Result<NodePointer>> FileSystemCore::lookup(std::string path, OpenMode mode, bool follow, NodePointer from) {
  CO_TRY_ASSIGN(const Path parsed, parse_path(path));
  NodePointer current = parsed.is_absolute ? root_ : directory_or_root(std::move(from));
  bool wants_directory = parsed.wants_directory;
  std::vector<std::string> pending(parsed.elements.rbegin(), parsed.elements.rend());
  uint32_t links_followed = 0;
  if (mode == OpenMode::kReadWrite) CO_TRY(check_writable());

  while (!pending.empty()) {
    if (!current->is_directory()) co_return not_a_directory(current->path_);
    const std::string element = std::move(pending.back());
    pending.pop_back();
    if (element == "..") {
      CO_TRY_ASSIGN(const ParentLink above, co_await fetch_parent(current->object()));
      if (above.parent == superblock_object()) {
        current = root_;
      } else {
        CO_TRY_ASSIGN(current, co_await node_of_directory(above.parent));
      }
      continue;
    }
    const bool is_last = pending.empty();
    EntryKey entry;
    entry.directory = current->object();
    entry.name = element;
    std::string place = path_in(*current, element);
    CO_TRY_ASSIGN(NodePointer child,
                  co_await open_entry(std::move(entry), is_last ? mode : OpenMode::kReadOnly, std::move(place)));
    if (child->type() == NodeType::kSymlink && (!is_last || follow || wants_directory)) {
      if (++links_followed > kSymlinksFollowedMax) {
        co_return Status(Code::kLoop, "too many symlinks on the way to " + printable(path));
      }
      Result<Path> target = parse_path(child->symlink_target());
      if (!target.is_ok()) co_return target.status().within("symlink " + printable(child->path_));
      if (is_last && target->wants_directory) wants_directory = true;
      if (target->is_absolute) current = root_;
      pending.insert(pending.end(), target->elements.rbegin(), target->elements.rend());
      continue;
    }
    current = std::move(child);
  }
  if (wants_directory && !current->is_directory()) co_return not_a_directory(current->path_);
  co_return current;
}

Task<Result<FileSystem::Place>> FileSystemCore::lookup_parent(std::string path, NodePointer from) {
  CO_TRY_ASSIGN(const Path parsed, parse_path(path));
  const bool ends_in_dots = path == "." || path == ".." || path.ends_with("/.") || path.ends_with("/..");
  if (parsed.elements.empty() || ends_in_dots) {
    co_return Status(Code::kInvalidArgument, printable(path) + " doesn't end in a name");
  }
  std::string above = parsed.is_absolute ? "/" : "";
  for (size_t i = 0; i + 1 < parsed.elements.size(); ++i) above.append(parsed.elements[i]).append("/");
  Place place;
  CO_TRY_ASSIGN(place.directory, co_await lookup(std::move(above), OpenMode::kReadOnly, true, std::move(from)));
  if (!place.directory->is_directory()) co_return not_a_directory(place.directory->path_);
  place.name = parsed.elements.back();
  co_return place;
}

Task<Result<NodePointer>> FileSystemCore::duplicate(NodePointer node, OpenMode mode) {
  if (mode == OpenMode::kReadWrite && node->open_mode() == OpenMode::kReadOnly) {
    CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
    EntryKey entry = stored.entry;
    CO_TRY_ASSIGN(NodePointer writable, co_await open_entry(std::move(entry), mode, node->path_));
    if (writable->object() != node->object()) {
      co_return Status(Code::kStaleHandle, printable(node->path_) + " was replaced");
    }
    co_return writable;
  }
  NodePointer copy = make_node_pointer();
  *copy = *node;
  copy->open_mode_ = mode;
  co_return copy;
}

Task<Result<std::string>> FileSystemCore::path_of(NodePointer directory) {
  directory = directory_or_root(std::move(directory));
  if (!directory->is_directory()) co_return not_a_directory(directory->path_);
  std::vector<std::string> names;
  ObjectId place = directory->object();
  while (true) {
    CO_TRY_ASSIGN(ParentLink above, co_await fetch_parent(place));
    if (above.parent == superblock_object()) break;
    if (names.size() > 100'000) co_return Status(Code::kCorrupt, "a directory is within itself");
    names.push_back(std::move(above.name));
    place = above.parent;
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path.append("/").append(*name);
  co_return path.empty() ? std::string("/") : path;
}

Task<Result<bool>> FileSystemCore::is_within(ObjectId directory, ObjectId ancestor) {
  for (unsigned depth = 0; directory != superblock_object(); ++depth) {
    if (directory == ancestor) co_return true;
    if (depth > 100'000) co_return Status(Code::kCorrupt, "a directory is within itself");
    CO_TRY_ASSIGN(const ParentLink above, co_await fetch_parent(directory));
    directory = above.parent;
  }
  co_return false;
}

Bytes FileSystemCore::encode(const Node& node) const {
  Bytes bytes(1 + 3 * sizeof(uint32_t) + sizeof(uint64_t) + 32);
  std::byte* at = bytes.data();
  *at++ = std::byte{static_cast<uint8_t>(node.open_mode_ == OpenMode::kReadWrite ? kWritable : 0)};
  for (const uint32_t value : {node.mode_, node.directory_class_, node.file_class_}) {
    store_le(at, value);
    at += sizeof value;
  }
  for (const uint64_t value : {node.chunk_size_, node.object_.hi, node.object_.lo, node.parent_.hi, node.parent_.lo}) {
    store_le(at, value);
    at += sizeof value;
  }
  for (const std::string* text : {&node.name_, &node.symlink_target_, &node.path_}) {
    std::array<std::byte, 4> size;
    store_le(size.data(), static_cast<uint32_t>(text->size()));
    bytes.insert(bytes.end(), size.begin(), size.end());
    const ByteView view = as_bytes(*text);
    bytes.insert(bytes.end(), view.begin(), view.end());
  }
  return bytes;
}

Result<NodePointer> FileSystemCore::decode(ByteView encoded, OpenMode mode) {
  const Status damaged(Code::kInvalidArgument, "these bytes aren't a handle of a file or directory");
  constexpr size_t kFixedSize = 1 + 3 * sizeof(uint32_t) + sizeof(uint64_t) + 32;
  if (encoded.size() < kFixedSize) return damaged;
  const std::byte* at = encoded.data();
  const bool is_writable = std::to_integer<uint8_t>(*at++) == kWritable;
  if (mode == OpenMode::kReadWrite && !is_writable) {
    return Status(Code::kInvalidArgument, "the handle was for reading only");
  }
  if (mode == OpenMode::kReadWrite) TRY(check_writable());
  NodePointer node = make_node_pointer();
  node->open_mode_ = mode;
  for (uint32_t* value : {&node->mode_, &node->directory_class_, &node->file_class_}) {
    *value = load_le<uint32_t>(at);
    at += sizeof *value;
  }
  for (uint64_t* value :
       {&node->chunk_size_, &node->object_.hi, &node->object_.lo, &node->parent_.hi, &node->parent_.lo}) {
    *value = load_le<uint64_t>(at);
    at += sizeof *value;
  }
  ByteView rest = encoded.subspan(kFixedSize);
  for (std::string* text : {&node->name_, &node->symlink_target_, &node->path_}) {
    if (rest.size() < 4) return damaged;
    const size_t size = load_le<uint32_t>(rest.data());
    rest = rest.subspan(4);
    if (rest.size() < size) return damaged;
    *text = std::string(as_text(rest.first(size)));
    rest = rest.subspan(size);
  }
  const auto type = type_of_mode(node->mode_);
  const bool is_file = type == NodeType::kFile;
  if (!type.has_value() || !rest.empty() || node->chunk_size_ > kChunkSizeMax || (is_file && node->chunk_size_ == 0)) {
    return damaged;
  }
  node->type_ = *type;
  return node;
}

Task<Status> FileSystemCore::update_parent(NodePointer node, NodePointer directory, std::string name) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_entry(directory, name));
  EntryKey entry;
  entry.directory = directory->object();
  entry.name = name;
  const std::string path = path_in(*directory, name);
  Result<Stored> stored = co_await load_raw(std::move(entry));
  if (!stored.is_ok()) co_return stored.status().within(printable(path));
  if (stored->inode.object != node->object())
    co_return Status(Code::kStaleHandle, printable(path) + " is another node");
  node->parent_ = directory->object();
  node->name_ = name;
  node->path_ = path;
  co_return ok();
}

}  // namespace aeon::dfs
