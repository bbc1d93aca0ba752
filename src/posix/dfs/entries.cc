// Loading entries, making them, removing them.
#include <algorithm>
#include <set>

#include "core.h"

namespace aeon::dfs {

FileSystemCore::Lock FileSystemCore::shared_directory(ObjectId directory) {
  Lock lock;
  lock.key.kind = LockTable::Kind::kDirectory;
  lock.key.object = directory;
  return lock;
}

FileSystemCore::Lock FileSystemCore::exclusive_directory(ObjectId directory) {
  Lock lock = shared_directory(directory);
  lock.is_exclusive = true;
  return lock;
}

FileSystemCore::Lock FileSystemCore::exclusive_entry(const EntryKey& entry) {
  Lock lock;
  lock.key.kind = LockTable::Kind::kEntry;
  lock.key.object = entry.directory;
  lock.key.name = entry.name;
  lock.is_exclusive = true;
  return lock;
}

FileSystemCore::Lock FileSystemCore::object_lock(ObjectId object, bool is_exclusive) {
  Lock lock;
  lock.key.kind = LockTable::Kind::kObject;
  lock.key.object = object;
  lock.is_exclusive = is_exclusive;
  return lock;
}

// --- Requests.

Task<Result<Epoch>> FileSystemCore::commit(WriteSet& set) {
  if (options_.read_only) co_return check_writable();
  std::vector<ObjectWrite> writes = set.take();
  co_return co_await container_->write(std::move(writes));
}

Task<Result<std::optional<Bytes>>> FileSystemCore::fetch_single(ObjectId object, Bytes dkey, std::string_view akey,
                                                                size_t size_max) {
  Bytes memory(size_max);
  std::vector<AkeyFetch> akeys(1);
  akeys[0].akey = to_bytes(akey);
  akeys[0].out.emplace_back(memory);
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                co_await container_->fetch(object, std::move(dkey), std::move(akeys), 0, epoch_));
  const uint64_t size = found.empty() ? 0 : found[0].record_size;
  if (size > size_max) co_return Status(Code::kCorrupt, "a stored value is too large");
  if (size == 0) co_return std::optional<Bytes>();
  memory.resize(size);
  co_return std::optional<Bytes>(std::move(memory));
}

Task<Result<Epoch>> FileSystemCore::fetch_marker(ObjectId object, Bytes dkey) {
  std::array<std::byte, 16> memory;
  std::vector<AkeyFetch> akeys(1);
  akeys[0].akey = to_bytes(kMarkerAkey);
  akeys[0].out.emplace_back(memory);
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                co_await container_->fetch(object, std::move(dkey), std::move(akeys), 0, epoch_));
  if (found.empty() || found[0].segments.empty()) co_return kEpochZero;
  co_return found[0].segments[0].epoch;
}

Task<Result<Stored>> FileSystemCore::load_raw(EntryKey entry) {
  std::array<std::byte, kInodeSizeMax> inode_memory;
  std::array<std::byte, kTimesSizeMax> times_memory;
  std::array<std::byte, kSealSizeMax> seal_memory;
  std::vector<AkeyFetch> akeys(3);
  akeys[0].akey = to_bytes(kInodeAkey);
  akeys[0].out.emplace_back(inode_memory);
  akeys[1].akey = to_bytes(kTimesAkey);
  akeys[1].out.emplace_back(times_memory);
  akeys[2].akey = to_bytes(kSealAkey);
  akeys[2].out.emplace_back(seal_memory);
  Bytes dkey = to_bytes(entry.name);
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                co_await container_->fetch(entry.directory, std::move(dkey), std::move(akeys), 0, epoch_));
  if (found.size() != 3) co_return Status(Code::kCorrupt, "a fetch didn't answer what was asked");
  const bool fits = found[0].record_size <= kInodeSizeMax && found[1].record_size <= kTimesSizeMax &&
                    found[2].record_size <= kSealSizeMax;
  if (!fits) co_return Status(Code::kCorrupt, "a record of the entry is too large");
  if (found[0].record_size == 0) co_return Status(Code::kNotFound, "there is no such file or directory");

  Stored stored;
  CO_TRY_ASSIGN(stored.inode, decode_inode(ByteView(inode_memory).first(found[0].record_size)));
  if (!found[0].segments.empty()) stored.inode_epoch = found[0].segments[0].epoch;
  if (found[1].record_size != 0) {
    CO_TRY_ASSIGN(stored.times, decode_times(ByteView(times_memory).first(found[1].record_size)));
    if (!found[1].segments.empty()) stored.times_epoch = found[1].segments[0].epoch;
  }
  if (found[2].record_size != 0) {
    CO_TRY_ASSIGN(stored.sealed_size, decode_seal(ByteView(seal_memory).first(found[2].record_size)));
  }
  stored.home_object = entry.directory;
  stored.home_dkey = entry.name;
  stored.entry = std::move(entry);
  co_return stored;
}

Task<Result<Stored>> FileSystemCore::load(EntryKey entry) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    CO_TRY_ASSIGN(Stored stored, co_await load_raw(entry));
    if (!stored.inode.is_shared) co_return stored;
    EntryKey shared;
    shared.directory = shared_inode_object(stored.inode.object);
    shared.name = std::string(kSharedInodeDkey);
    Result<Stored> inode = co_await load_raw(std::move(shared));
    if (inode.code() == Code::kNotFound) continue;  // The last link went away between the two looks.
    CO_TRY(inode.status());
    if (inode->inode.object != stored.inode.object || inode->inode.is_shared) {
      co_return Status(Code::kCorrupt, "a hard link leads to another node's inode");
    }
    inode->entry = std::move(entry);
    inode->is_shared = true;
    co_return inode;
  }
  co_return Status(Code::kCorrupt, "a hard link leads to no inode");
}

Task<Result<Stored>> FileSystemCore::load_node(NodePointer node) {
  EntryKey entry;
  entry.directory = node->parent();
  entry.name = node->name();
  Result<Stored> stored = co_await load(std::move(entry));
  if (stored.is_ok() && stored->inode.object == node->object()) co_return stored;
  if (!stored.is_ok() && stored.code() != Code::kNotFound) co_return stored.status().within(printable(node->path_));
  if (node->is_directory()) {
    // Directories know where they are.
    const Result<ParentLink> above = co_await fetch_parent(node->object());
    if (above.is_ok()) {
      EntryKey moved;
      moved.directory = above->parent;
      moved.name = above->name;
      stored = co_await load(std::move(moved));
      if (stored.is_ok() && stored->inode.object == node->object()) co_return stored;
    }
  }
  co_return Status(Code::kStaleHandle, printable(node->path_) + " was removed or moved since it was opened");
}

Task<Result<std::vector<Bytes>>> FileSystemCore::list_all_akeys(ObjectId object, Bytes dkey) {
  std::vector<Bytes> all;
  Anchor from;
  while (!from.is_end) {
    const client::ListLimits limits;
    CO_TRY_ASSIGN(client::KeyPage page, co_await container_->list_akeys(object, dkey, std::move(from), limits, epoch_));
    std::move(page.keys.begin(), page.keys.end(), std::back_inserter(all));
    from = std::move(page.next);
  }
  co_return all;
}

Task<Result<FileSystemCore::WholeEntry>> FileSystemCore::load_whole(EntryKey entry) {
  WholeEntry whole;
  Bytes dkey = to_bytes(entry.name);
  CO_TRY_ASSIGN(whole.stored, co_await load_raw(entry));
  CO_TRY_ASSIGN(std::vector<Bytes> names, co_await list_all_akeys(entry.directory, dkey));
  std::erase_if(names, [](const Bytes& name) {
    const std::string_view text = as_text(name);
    return text == kInodeAkey || text == kTimesAkey || text == kSealAkey;
  });
  for (Bytes& name : names) {
    const std::string akey(as_text(name));
    CO_TRY_ASSIGN(std::optional<Bytes> value,
                  co_await fetch_single(entry.directory, dkey, akey, kXattrValueSizeMax + 1));
    if (value.has_value()) whole.others.emplace_back(std::move(name), std::move(*value));
  }
  co_return whole;
}

// --- Parts of writes.

// An entry was added or removed: the directory's modify time moves. Fails with kNotFound if it was removed.
void FileSystemCore::touch(WriteSet& set, ObjectId directory) const {
  set.update(directory, kOwnDkey, kMarkerAkey, Bytes(1), kDkeyUpdate);
}

void FileSystemCore::put_inode(WriteSet& set, const Stored& stored, uint32_t conditions) const {
  Inode inode = stored.inode;
  inode.birth = stored.birth();
  set.update(stored.home_object, stored.home_dkey, kInodeAkey, dfs::encode(inode), conditions);
}

// The times as they are, at another place or epoch: what followed from this record's epoch is now said.
void FileSystemCore::put_times(WriteSet& set, const Stored& stored, uint32_t conditions) const {
  if (!stored.times.has_value()) return;
  Times times = *stored.times;
  const auto epoch_ns = static_cast<int64_t>(HybridClock::to_unix_ns(stored.times_epoch));
  if (times.access_is_now) times.access_ns = epoch_ns;
  if (times.modify_is_now) times.modify_ns = epoch_ns;
  times.access_is_now = times.modify_is_now = false;
  if (times.guard == kEpochZero) times.guard = stored.times_epoch;
  set.update(stored.home_object, stored.home_dkey, kTimesAkey, dfs::encode(times), conditions);
}

void FileSystemCore::put_whole(WriteSet& set, const WholeEntry& whole, ObjectId object, std::string_view dkey,
                               uint32_t conditions) const {
  Stored stored = whole.stored;
  stored.home_object = object;
  stored.home_dkey = std::string(dkey);
  put_inode(set, stored, conditions);
  put_times(set, stored, conditions);
  if (stored.sealed_size.has_value()) set.update(object, dkey, kSealAkey, encode_seal(*stored.sealed_size), conditions);
  for (const auto& [akey, value] : whole.others) set.update(object, dkey, as_text(akey), value, conditions);
}

void FileSystemCore::put_link(WriteSet& set, EntryKey entry, const Inode& inode, uint32_t conditions) const {
  Inode link;
  link.type = inode.type;
  link.is_shared = true;
  link.object = inode.object;
  set.update(entry.directory, entry.name, kInodeAkey, dfs::encode(link), conditions);
}

// Removes an entry whose seal, if it had one, still is there: a file opened for writing meanwhile doesn't get it back
// by being moved.
void FileSystemCore::take_away(WriteSet& set, const Stored& raw) const {
  const ByteView dkey = as_bytes(raw.entry.name);
  if (raw.sealed_size.has_value()) set.punch_akey(raw.entry.directory, dkey, kSealAkey, kPunchIfExists);
  set.punch_dkey(raw.entry.directory, dkey, kPunchIfExists);
}

// Removes an entry and what is behind it.
void FileSystemCore::take_away_node(WriteSet& set, const Stored& raw, LinkDrops& drops) const {
  set.punch_dkey(raw.entry.directory, as_bytes(raw.entry.name), kPunchIfExists);
  if (raw.inode.is_shared) {
    ++drops[raw.inode.object];
    return;
  }
  const bool has_object = raw.inode.type == NodeType::kFile || raw.inode.type == NodeType::kDirectory;
  if (has_object) set.punch_object(raw.inode.object);
}

// --- Making.

Result<Inode> FileSystemCore::new_inode(const Node& directory, NodeType type, const CreateOptions& options,
                                        uint64_t number) const {
  TRY(check_class(options.object_class));
  TRY(check_chunk_size(options.chunk_size));
  Inode inode;
  inode.type = type;
  inode.permissions = options.mode & 07777;
  inode.user = options.user.value_or(options_.user);
  inode.group = options.group.value_or(options_.group);
  ObjectClass object_class = options.object_class;
  uint8_t object_type = kHashedType;
  if (type == NodeType::kFile) {
    object_type = kByteArrayType;
    inode.chunk_size = options.chunk_size != 0      ? options.chunk_size
                       : directory.chunk_size_ != 0 ? directory.chunk_size_
                                                    : info_.chunk_size;
    if (object_class == 0) object_class = directory.file_class_ != 0 ? directory.file_class_ : info_.file_class;
  } else if (type == NodeType::kDirectory) {
    inode.chunk_size = options.chunk_size != 0 ? options.chunk_size : directory.chunk_size_;
    inode.directory_class = directory.directory_class_;
    inode.file_class = directory.file_class_;
    if (object_class == 0) {
      object_class = directory.directory_class_ != 0 ? directory.directory_class_ : info_.directory_class;
    }
  } else {
    object_class = kClassS1;
  }
  inode.object = object_id(object_type, object_class, number);
  return inode;
}

Task<Result<NodePointer>> FileSystemCore::create(NodePointer directory, std::string name, NodeType type,
                                                 std::string target, uint64_t device, CreateOptions options,
                                                 bool is_sealed) {
  CO_TRY(check_writable());
  CO_TRY(check_entry(directory, name));
  CO_TRY_ASSIGN(const uint64_t number, co_await take_object_number());
  CO_TRY_ASSIGN(Inode inode, new_inode(*directory, type, options, number));
  inode.device = device;
  inode.target_size = static_cast<uint32_t>(target.size());
  if (target.size() <= kInlineTargetMax) inode.target = target;
  Stored stored;
  stored.entry.directory = directory->object();
  stored.entry.name = name;
  stored.inode = std::move(inode);

  std::vector<Lock> wanted;
  wanted.push_back(shared_directory(directory->object()));
  wanted.push_back(exclusive_entry(stored.entry));
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  WriteSet set;
  set.update(directory->object(), name, kInodeAkey, dfs::encode(stored.inode), kDkeyInsert);
  if (is_sealed) set.update(directory->object(), name, kSealAkey, encode_seal(0), kDkeyInsert);
  if (target.size() > kInlineTargetMax) {
    set.update(directory->object(), name, kTargetAkey, to_bytes(target), kDkeyInsert);
  }
  if (type == NodeType::kDirectory) {
    ParentLink above;
    above.parent = directory->object();
    above.name = name;
    set.update(stored.inode.object, kOwnDkey, kParentAkey, dfs::encode(above));
    set.update(stored.inode.object, kOwnDkey, kMarkerAkey, Bytes(1));
  }
  touch(set, directory->object());
  const std::string path = path_in(*directory, name);
  const Result<Epoch> written = co_await commit(set);
  if (written.code() == Code::kExists) co_return Status(Code::kExists, printable(path) + " exists already");
  if (written.code() == Code::kNotFound) {
    co_return Status(Code::kNotFound, "directory " + printable(directory->path_) + " was removed");
  }
  if (!written.is_ok()) co_return written.status().within(printable(path));
  co_return node_from(stored, OpenMode::kReadWrite, std::move(target), path);
}

Task<Result<NodePointer>> FileSystemCore::open(NodePointer directory, std::string name, OpenOptions options) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_entry(directory, name));
  const bool creates = options.creation != Creation::kMustExist;
  if (creates || options.mode == OpenMode::kReadWrite) CO_TRY(check_writable());
  if (options.truncate && options.mode != OpenMode::kReadWrite) {
    co_return Status(Code::kInvalidArgument, "truncating needs opening for writing");
  }
  const std::string path = path_in(*directory, name);
  const std::string no_target;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (options.creation != Creation::kMustCreate) {
      EntryKey entry;
      entry.directory = directory->object();
      entry.name = name;
      Result<NodePointer> node = co_await open_entry(std::move(entry), options.mode, path);
      if (node.is_ok()) {
        if ((*node)->is_directory()) co_return Status(Code::kIsDirectory, printable(path) + " is a directory");
        if ((*node)->type() != NodeType::kFile) {
          co_return Status(Code::kInvalidArgument, printable(path) + " isn't a regular file");
        }
        if (options.truncate) CO_TRY(co_await truncate(*node, 0));
        co_return node;
      }
      if (node.code() != Code::kNotFound || !creates) co_return node;
    }
    // A new file's owner may write to it, so it has no seal.
    Result<NodePointer> made = co_await create(directory, name, NodeType::kFile, no_target, 0, options.create, false);
    if (made.is_ok()) {
      (*made)->open_mode_ = options.mode;
      co_return made;
    }
    if (made.code() != Code::kExists || options.creation == Creation::kMustCreate) co_return made;
  }
  co_return too_contended(path);
}

Task<Result<NodePointer>> FileSystemCore::mkdir(NodePointer directory, std::string name, CreateOptions options) {
  directory = directory_or_root(std::move(directory));
  const std::string no_target;
  co_return co_await create(std::move(directory), std::move(name), NodeType::kDirectory, no_target, 0,
                            std::move(options), false);
}

Task<Result<NodePointer>> FileSystemCore::symlink(NodePointer directory, std::string name, std::string target,
                                                  CreateOptions options) {
  directory = directory_or_root(std::move(directory));
  if (target.empty()) co_return Status(Code::kInvalidArgument, "a symlink needs a target");
  if (target.size() > kSymlinkTargetSizeMax) {
    co_return Status(Code::kTooBig,
                     "a symlink's target has at most " + std::to_string(kSymlinkTargetSizeMax) + " bytes");
  }
  if (target.find('\0') != std::string::npos)
    co_return Status(Code::kInvalidArgument, "a symlink's target has NUL in it");
  options.mode = 0777;
  co_return co_await create(std::move(directory), std::move(name), NodeType::kSymlink, std::move(target), 0,
                            std::move(options), false);
}

Task<Result<NodePointer>> FileSystemCore::make_node(NodePointer directory, std::string name, NodeType type,
                                                    uint64_t device, CreateOptions options) {
  directory = directory_or_root(std::move(directory));
  if (type == NodeType::kDirectory || type == NodeType::kSymlink) {
    co_return Status(Code::kInvalidArgument, "directories are made by mkdir() and symlinks by symlink()");
  }
  const bool is_device = type == NodeType::kCharacterDevice || type == NodeType::kBlockDevice;
  const std::string no_target;
  Result<NodePointer> made = co_await create(std::move(directory), std::move(name), type, no_target,
                                             is_device ? device : 0, std::move(options), type == NodeType::kFile);
  if (made.is_ok()) (*made)->open_mode_ = OpenMode::kReadOnly;
  co_return made;
}

Status FileSystemCore::append_new_node(WriteSet& set, const Node& directory, const NewNode& node, uint64_t number,
                                       uint32_t conditions) const {
  TRY_ASSIGN(Inode inode, new_inode(directory, node.type, node.options, number));
  const ObjectId home = directory.object();
  const bool is_device = node.type == NodeType::kCharacterDevice || node.type == NodeType::kBlockDevice;
  if (is_device) inode.device = node.device;
  if (node.type == NodeType::kDirectory) return Status(Code::kInvalidArgument, "directories are made by mkdir()");
  if (node.type == NodeType::kSymlink) {
    const std::string& target = node.symlink_target;
    if (target.empty() || target.size() > kSymlinkTargetSizeMax || target.find('\0') != std::string::npos) {
      return Status(Code::kInvalidArgument,
                    "a symlink's target has 1 to " + std::to_string(kSymlinkTargetSizeMax) + " bytes, without NUL");
    }
    inode.target_size = static_cast<uint32_t>(target.size());
    if (target.size() <= kInlineTargetMax) inode.target = target;
  }
  uint64_t end = 0;  // Of what isn't a hole.
  for (const NewNode::Piece& piece : node.content) {
    if (piece.data.empty()) continue;
    if (piece.offset < end || piece.offset > kFileSizeMax - piece.data.size()) {
      return Status(Code::kInvalidArgument, "pieces of a new file's content are out of order or too far");
    }
    end = piece.offset + piece.data.size();
  }
  const uint64_t size = std::max(end, node.size);
  if (size > kFileSizeMax) return Status(Code::kTooBig, "the file would be too large");
  inode.had_data_at_birth = node.type == NodeType::kFile && size != 0;
  set.update(home, node.name, kInodeAkey, dfs::encode(inode), conditions);
  if (inode.target_size > kInlineTargetMax) {
    set.update(home, node.name, kTargetAkey, to_bytes(node.symlink_target), conditions);
  }
  if (node.access_ns.has_value() || node.modify_ns.has_value()) {
    Times times;
    if (node.access_ns != kTimeNow) times.access_ns = node.access_ns;
    times.access_is_now = node.access_ns == kTimeNow;
    if (node.modify_ns != kTimeNow) times.modify_ns = node.modify_ns;
    times.modify_is_now = node.modify_ns == kTimeNow;
    set.update(home, node.name, kTimesAkey, dfs::encode(times), conditions);
  }
  for (const auto& [name, value] : node.xattrs) {
    TRY(check_xattr(name, value));
    set.update(home, node.name, std::string(kXattrPrefix) + name, xattr_record(value), conditions);
  }
  if (node.type != NodeType::kFile) return ok();

  set.update(home, node.name, kSealAkey, encode_seal(size), conditions);
  for (const NewNode::Piece& piece : node.content)
    set.write_data(inode.object, inode.chunk_size, piece.offset, piece.data);
  if (size > end) set.write_data(inode.object, inode.chunk_size, size - 1, ByteView(kZeroByte));
  return ok();
}

Task<Status> FileSystemCore::create_nodes(NodePointer directory, std::vector<NewNode> nodes, bool replace) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_writable());
  if (nodes.empty()) co_return ok();
  std::vector<Lock> wanted;
  wanted.push_back(shared_directory(directory->object()));
  std::vector<EntryKey> entries;
  std::set<std::string_view> names;
  for (const NewNode& node : nodes) {
    CO_TRY(check_entry(directory, node.name));
    if (!names.insert(node.name).second) {
      co_return Status(Code::kInvalidArgument, "the name " + printable(node.name) + " is there twice");
    }
    EntryKey& entry = entries.emplace_back();
    entry.directory = directory->object();
    entry.name = node.name;
    wanted.push_back(exclusive_entry(entry));
  }
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));

  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    WriteSet set;
    LinkDrops drops;
    for (size_t i = 0; i < nodes.size(); ++i) {
      uint32_t conditions = kDkeyInsert;
      if (replace) {
        Result<Stored> old = co_await load_raw(entries[i]);
        if (old.is_ok()) {
          if (old->inode.type == NodeType::kDirectory) {
            co_return Status(Code::kExists, printable(path_in(*directory, nodes[i].name)) + " is a directory");
          }
          take_away_node(set, *old, drops);
          conditions = 0;
        } else if (old.code() != Code::kNotFound) {
          co_return old.status().within(printable(path_in(*directory, nodes[i].name)));
        }
      }
      CO_TRY_ASSIGN(const uint64_t number, co_await take_object_number());
      const Status appended = append_new_node(set, *directory, nodes[i], number, conditions);
      if (!appended.is_ok()) co_return appended.within(printable(path_in(*directory, nodes[i].name)));
    }
    touch(set, directory->object());
    CO_TRY(co_await append_drops(set, drops));
    const Result<Epoch> written = co_await commit(set);
    if (written.is_ok()) co_return ok();
    if (written.code() == Code::kExists && !replace) {
      const std::string what = nodes.size() == 1
                                   ? printable(path_in(*directory, nodes[0].name)) + " exists already"
                                   : "one of the names in " + printable(directory->path_) + " exists already";
      co_return Status(Code::kExists, what);
    }
    const bool looks_again = replace && (written.code() == Code::kExists || written.code() == Code::kNotFound);
    if (!looks_again) {
      if (written.code() == Code::kNotFound) {
        co_return Status(Code::kNotFound, "directory " + printable(directory->path_) + " was removed");
      }
      co_return written.status().within(printable(directory->path_));
    }
    const Result<ParentLink> above = co_await fetch_parent(directory->object());
    CO_TRY(above.status().within(printable(directory->path_)));
  }
  co_return too_contended(directory->path_);
}

// --- Removing.

Task<Result<bool>> FileSystemCore::directory_is_empty(ObjectId directory) {
  Anchor from;
  while (!from.is_end) {
    client::ListLimits limits;
    limits.count_max = 4;
    CO_TRY_ASSIGN(client::KeyPage page, co_await container_->list_dkeys(directory, std::move(from), limits, epoch_));
    for (const Bytes& name : page.keys) {
      if (as_text(name) != kOwnDkey) co_return false;
    }
    from = std::move(page.next);
  }
  co_return true;
}

Task<Status> FileSystemCore::remove(NodePointer directory, std::string name) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_writable());
  CO_TRY(check_entry(directory, name));
  EntryKey entry;
  entry.directory = directory->object();
  entry.name = name;
  const std::string path = path_in(*directory, name);
  std::optional<ObjectId> locked_directory;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::vector<Lock> wanted;
    wanted.push_back(shared_directory(directory->object()));
    wanted.push_back(exclusive_entry(entry));
    if (locked_directory.has_value()) wanted.push_back(exclusive_directory(*locked_directory));
    const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
    Result<Stored> stored = co_await load_raw(entry);
    if (!stored.is_ok()) co_return stored.status().within(printable(path));
    if (stored->inode.type == NodeType::kDirectory) {
      if (locked_directory != stored->inode.object) {
        locked_directory = stored->inode.object;  // Now that it is known, from the start.
        continue;
      }
      CO_TRY_ASSIGN(const bool is_empty, co_await directory_is_empty(stored->inode.object));
      if (!is_empty) co_return Status(Code::kNotEmpty, "directory " + printable(path) + " isn't empty");
    }
    WriteSet set;
    LinkDrops drops;
    take_away_node(set, *stored, drops);
    touch(set, directory->object());
    CO_TRY(co_await append_drops(set, drops));
    const Result<Epoch> written = co_await commit(set);
    if (written.is_ok()) co_return ok();
    if (written.code() != Code::kNotFound && written.code() != Code::kExists) {
      co_return written.status().within(printable(path));
    }
  }
  co_return too_contended(path);
}

// Removes, by one write, those of a page that aren't directories.
Task<Status> FileSystemCore::remove_page(NodePointer directory, std::vector<DirectoryEntry> entries) {
  std::vector<Lock> wanted;
  wanted.push_back(shared_directory(directory->object()));
  std::vector<EntryKey> keys;
  for (const DirectoryEntry& listed : entries) {
    EntryKey& entry = keys.emplace_back();
    entry.directory = directory->object();
    entry.name = listed.name;
    wanted.push_back(exclusive_entry(entry));
  }
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  WriteSet set;
  LinkDrops drops;
  for (EntryKey& entry : keys) {
    Result<Stored> stored = co_await load_raw(entry);
    if (stored.code() == Code::kNotFound) continue;
    CO_TRY(stored.status().within(printable(path_in(*directory, entry.name))));
    if (stored->inode.type != NodeType::kDirectory) take_away_node(set, *stored, drops);
  }
  if (set.is_empty()) co_return ok();
  touch(set, directory->object());
  CO_TRY(co_await append_drops(set, drops));
  const Result<Epoch> written = co_await commit(set);
  // Somebody else removes here too, or links: what is left shows in the next page.
  const bool looks_again = written.code() == Code::kNotFound || written.code() == Code::kExists;
  if (!looks_again) CO_TRY(written.status().within(printable(directory->path_)));
  co_return ok();
}

Task<Status> FileSystemCore::remove_all(NodePointer directory, std::string name) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_writable());
  CO_TRY_ASSIGN(NodePointer top, co_await lookup_in(directory, name, OpenMode::kReadOnly));
  if (!top->is_directory()) co_return co_await remove(std::move(directory), std::move(name));

  constexpr uint32_t kPageSize = 256;
  struct Level {
    NodePointer above;
    NodePointer node;
  };
  std::vector<Level> levels;
  levels.push_back(Level());
  levels.back().above = directory;
  levels.back().node = top;
  while (!levels.empty()) {
    const Level level = levels.back();
    Anchor from;
    CO_TRY_ASSIGN(DirectoryPage page,
                  co_await read_directory(level.node, std::move(from), kPageSize, EntryDetail::kTypes));
    if (page.entries.empty() && page.next.is_end) {
      levels.pop_back();
      const Status removed = co_await remove(level.above, level.node->name());
      if (removed.code() == Code::kNotEmpty) {  // Somebody made an entry meanwhile.
        levels.push_back(level);
        continue;
      }
      if (removed.code() != Code::kNotFound) CO_TRY(removed);
      continue;
    }
    for (const DirectoryEntry& entry : page.entries) {
      if (entry.type != NodeType::kDirectory) continue;
      Result<NodePointer> child = co_await lookup_in(level.node, entry.name, OpenMode::kReadOnly);
      if (child.code() == Code::kNotFound) continue;
      CO_TRY(child.status());
      if (!(*child)->is_directory()) continue;
      Level below;
      below.above = level.node;
      below.node = std::move(child).value();
      levels.push_back(std::move(below));
    }
    CO_TRY(co_await remove_page(level.node, std::move(page.entries)));
  }
  co_return ok();
}

}  // namespace aeon::dfs
