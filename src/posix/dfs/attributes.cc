// stat, changes of attributes, access, what directories give to what is made in them.
#include <algorithm>

#include "core.h"

namespace aeon::dfs {

namespace {

int64_t to_ns(Epoch epoch) { return static_cast<int64_t>(HybridClock::to_unix_ns(epoch)); }

}  // namespace

// Times follow from epochs, without being written: the modify time is that of the newest data (or entry, for a
// directory), unless it was set since; the change time that of the newest change of any kind.
Task<Result<Attributes>> FileSystemCore::attributes_of(Stored stored) {
  const Inode& inode = stored.inode;
  Attributes attributes;
  attributes.object = inode.object;
  attributes.type = inode.type;
  attributes.mode = inode.mode();
  attributes.user = inode.user;
  attributes.group = inode.group;
  attributes.device = inode.device;
  attributes.chunk_size = inode.chunk_size;

  Epoch marker;
  if (inode.type == NodeType::kDirectory) {
    Bytes dkey = to_bytes(kOwnDkey);
    CO_TRY_ASSIGN(marker, co_await fetch_marker(inode.object, std::move(dkey)));
    if (inode.chunk_size == 0) attributes.chunk_size = info_.chunk_size;
  } else if (inode.type == NodeType::kSymlink) {
    attributes.size = inode.target_size;
  } else if (inode.type == NodeType::kFile) {
    if (stored.sealed_size.has_value()) {
      attributes.size = *stored.sealed_size;
    } else {
      CO_TRY_ASSIGN(marker, co_await fetch_marker(inode.object, marker_dkey()));
      // Otherwise nothing was ever written.
      if (marker != kEpochZero || inode.had_data_at_birth) {
        CO_TRY_ASSIGN(attributes.size, co_await size_of_object(inode.object, inode.chunk_size));
      }
    }
  }
  if (stored.is_shared) {
    CO_TRY_ASSIGN(const LinkCount count, co_await fetch_link_count(shared_inode_object(inode.object)));
    attributes.link_count = count.count;
  }

  attributes.birth_ns = to_ns(stored.birth());
  attributes.change_ns = to_ns(std::max({stored.inode_epoch, stored.times_epoch, marker}));
  Epoch guard = stored.birth();
  attributes.modify_ns = attributes.birth_ns;
  if (stored.times.has_value()) {
    const Times& times = *stored.times;
    if (times.modify_ns.has_value() || times.modify_is_now) {
      guard = times.guard == kEpochZero ? stored.times_epoch : times.guard;
      attributes.modify_ns = times.modify_is_now ? to_ns(stored.times_epoch) : *times.modify_ns;
    }
  }
  if (marker > guard) attributes.modify_ns = to_ns(marker);
  attributes.access_ns = attributes.modify_ns;
  if (stored.times.has_value()) {
    if (stored.times->access_ns.has_value()) attributes.access_ns = *stored.times->access_ns;
    if (stored.times->access_is_now) attributes.access_ns = to_ns(stored.times_epoch);
  }
  co_return attributes;
}

Task<Result<Attributes>> FileSystemCore::stat(NodePointer directory, std::string name) {
  directory = directory_or_root(std::move(directory));
  if (name.empty()) co_return co_await stat(std::move(directory));
  CO_TRY(check_entry(directory, name));
  EntryKey entry;
  entry.directory = directory->object();
  entry.name = std::move(name);
  Result<Stored> stored = co_await load(entry);
  if (!stored.is_ok()) co_return stored.status().within(printable(path_in(*directory, entry.name)));
  Stored found = std::move(stored).value();
  Result<Attributes> attributes = co_await attributes_of(std::move(found));
  if (!attributes.is_ok()) co_return attributes.status().within(printable(path_in(*directory, entry.name)));
  co_return attributes;
}

Task<Result<Attributes>> FileSystemCore::stat(NodePointer node) {
  node = directory_or_root(std::move(node));
  CO_TRY_ASSIGN(Stored stored, co_await load_node(node));
  Result<Attributes> attributes = co_await attributes_of(std::move(stored));
  if (!attributes.is_ok()) co_return attributes.status().within(printable(node->path_));
  co_return attributes;
}

Task<Result<Attributes>> FileSystemCore::set_attributes(NodePointer node, AttributeChanges changes) {
  node = directory_or_root(std::move(node));
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
    EntryKey entry = stored.entry;
    std::string path = node->path_;
    Result<Attributes> attributes =
        co_await change_attributes(std::move(entry), std::move(path), node->object(), changes);
    if (attributes.is_ok()) node->mode_ = attributes->mode;
    if (attributes.code() != Code::kStaleHandle) co_return attributes;
  }
  co_return Status(Code::kStaleHandle, printable(node->path_) + " was removed or moved since it was opened");
}

Task<Result<Attributes>> FileSystemCore::set_attributes(NodePointer directory, std::string name,
                                                        AttributeChanges changes) {
  directory = directory_or_root(std::move(directory));
  if (name.empty()) co_return co_await set_attributes(std::move(directory), std::move(changes));
  CO_TRY(check_entry(directory, name));
  EntryKey entry;
  entry.directory = directory->object();
  entry.name = name;
  std::string path = path_in(*directory, name);
  co_return co_await change_attributes(std::move(entry), std::move(path), std::nullopt, std::move(changes));
}

// `expected`: the object that the entry must still lead to, else kStaleHandle.
Task<Result<Attributes>> FileSystemCore::change_attributes(EntryKey entry, std::string path,
                                                           std::optional<ObjectId> expected, AttributeChanges changes) {
  CO_TRY(check_writable());
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::vector<Lock> wanted;
    wanted.push_back(exclusive_entry(entry));
    const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
    Result<Stored> found = co_await load(entry);
    if (!found.is_ok()) co_return found.status().within(printable(path));
    if (expected.has_value() && found->inode.object != *expected) {
      co_return Status(Code::kStaleHandle, printable(path) + " is another node now");
    }
    // The data while it is cut, and the attributes that other names share.
    LockTable::Held object_held;
    if (found->is_shared || changes.size.has_value()) {
      std::vector<Lock> more;
      if (found->is_shared) more.push_back(object_lock(shared_inode_object(found->inode.object), true));
      if (changes.size.has_value()) more.push_back(object_lock(found->inode.object, true));
      object_held = co_await locks_.acquire(std::move(more));
      if (found->is_shared) {
        found = co_await load(entry);
        if (!found.is_ok()) co_return found.status().within(printable(path));
      }
    }
    Stored stored = std::move(found).value();

    WriteSet set;
    if (changes.mode || changes.user || changes.group) {
      Stored changed = stored;
      if (changes.mode) changed.inode.permissions = *changes.mode & 07777;
      if (changes.user) changed.inode.user = *changes.user;
      if (changes.group) changed.inode.group = *changes.group;
      put_inode(set, changed, kDkeyUpdate);
    }
    if (changes.access_ns || changes.modify_ns) {
      const Times before = stored.times.value_or(Times());
      Times times;
      if (changes.access_ns) {
        times.access_is_now = *changes.access_ns == kTimeNow;
        if (!times.access_is_now) times.access_ns = changes.access_ns;
      } else {
        times.access_ns = before.access_is_now ? std::optional(to_ns(stored.times_epoch)) : before.access_ns;
      }
      if (changes.modify_ns) {
        times.modify_is_now = *changes.modify_ns == kTimeNow;
        if (!times.modify_is_now) times.modify_ns = changes.modify_ns;
      } else {
        times.modify_ns = before.modify_is_now ? std::optional(to_ns(stored.times_epoch)) : before.modify_ns;
        times.guard = before.guard == kEpochZero ? stored.times_epoch : before.guard;
      }
      set.update(stored.home_object, stored.home_dkey, kTimesAkey, dfs::encode(times), kDkeyUpdate);
    }
    if (changes.size) {
      if (stored.inode.type == NodeType::kDirectory)
        co_return Status(Code::kIsDirectory, printable(path) + " is a directory");
      if (stored.inode.type != NodeType::kFile) {
        co_return Status(Code::kInvalidArgument, printable(path) + " isn't a regular file");
      }
      if (stored.sealed_size) {
        set.punch_akey(stored.home_object, as_bytes(stored.home_dkey), kSealAkey, kPunchIfExists);
      }
      const Status cut = co_await append_truncate(set, stored.inode.object, stored.inode.chunk_size, *changes.size);
      if (!cut.is_ok()) co_return cut.within(printable(path));
    }
    if (!set.is_empty()) {
      const Result<Epoch> written = co_await commit(set);
      if (written.code() == Code::kNotFound) continue;
      if (!written.is_ok()) co_return written.status().within(printable(path));
      found = co_await load(entry);
      if (!found.is_ok()) co_return found.status().within(printable(path));
      stored = std::move(found).value();
    }
    Result<Attributes> attributes = co_await attributes_of(std::move(stored));
    if (!attributes.is_ok()) co_return attributes.status().within(printable(path));
    co_return attributes;
  }
  co_return too_contended(path);
}

Task<Status> FileSystemCore::access(NodePointer directory, std::string name, Caller caller, uint32_t mask) {
  CO_TRY_ASSIGN(NodePointer node, co_await lookup(name, OpenMode::kReadOnly, true, std::move(directory)));
  const std::string path = node->path_;
  CO_TRY_ASSIGN(const Stored stored, co_await load_node(std::move(node)));
  Attributes attributes;
  attributes.type = stored.inode.type;
  attributes.mode = stored.inode.mode();
  attributes.user = stored.inode.user;
  attributes.group = stored.inode.group;
  if (!may_access(attributes, caller, mask)) {
    co_return Status(Code::kPermission,
                     "user " + std::to_string(caller.user) + " may not do this to " + printable(path));
  }
  if ((mask & kMayWrite) != 0) CO_TRY(check_writable());
  co_return ok();
}

Task<Result<NodeInfo>> FileSystemCore::node_info(NodePointer node) {
  node = directory_or_root(std::move(node));
  NodeInfo info;
  info.object = node->object();
  info.object_class = class_of(node->object());
  info.chunk_size = node->chunk_size();
  if (node->is_directory()) {
    if (info.chunk_size == 0) info.chunk_size = info_.chunk_size;
    info.directory_class = node->directory_class_ != 0 ? node->directory_class_ : info_.directory_class;
    info.file_class = node->file_class_ != 0 ? node->file_class_ : info_.file_class;
  }
  co_return info;
}

Task<Status> FileSystemCore::change_directory(NodePointer directory, std::optional<ByteCount> chunk_size,
                                              std::optional<ObjectClass> object_class) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_writable());
  if (!directory->is_directory()) {
    co_return Status(Code::kNotDirectory, printable(directory->path_) + " isn't a directory");
  }
  CO_TRY_ASSIGN(const Stored place, co_await load_node(directory));
  std::vector<Lock> wanted;
  wanted.push_back(exclusive_entry(place.entry));
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  CO_TRY_ASSIGN(Stored stored, co_await load_node(directory));
  if (chunk_size) stored.inode.chunk_size = *chunk_size;
  if (object_class) stored.inode.directory_class = stored.inode.file_class = *object_class;
  WriteSet set;
  put_inode(set, stored, kDkeyUpdate);
  const Result<Epoch> written = co_await commit(set);
  CO_TRY(written.status().within(printable(directory->path_)));
  if (chunk_size) directory->chunk_size_ = *chunk_size;
  if (object_class) directory->directory_class_ = directory->file_class_ = *object_class;
  co_return ok();
}

Task<Status> FileSystemCore::set_chunk_size(NodePointer directory, ByteCount chunk_size) {
  CO_TRY(check_chunk_size(chunk_size));
  co_return co_await change_directory(std::move(directory), chunk_size, std::nullopt);
}

Task<Status> FileSystemCore::set_object_class(NodePointer directory, ObjectClass object_class) {
  CO_TRY(check_class(object_class));
  co_return co_await change_directory(std::move(directory), std::nullopt, object_class);
}

}  // namespace aeon::dfs
