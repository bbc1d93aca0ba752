// move and exchange: entries go with all below their dkeys from one place to another by one write.
#include "core.h"

namespace aeon::dfs {

namespace {

Status into_itself(std::string_view path) {
  return Status(Code::kInvalidArgument, "directory " + printable(path) + " can't move into itself");
}

LockTable::Request tree_lock() {
  LockTable::Request lock;
  lock.is_exclusive = true;
  return lock;
}

}  // namespace

Task<Status> FileSystemCore::move(NodePointer directory, std::string name, NodePointer new_directory,
                                  std::string new_name, NodePointer moved) {
  co_return co_await move_entry(std::move(directory), std::move(name), std::move(new_directory), std::move(new_name),
                                true, std::move(moved));
}

Task<Status> FileSystemCore::move_no_replace(NodePointer directory, std::string name, NodePointer new_directory,
                                             std::string new_name) {
  co_return co_await move_entry(std::move(directory), std::move(name), std::move(new_directory), std::move(new_name),
                                false, nullptr);
}

Task<Status> FileSystemCore::move_entry(NodePointer directory, std::string name, NodePointer new_directory,
                                        std::string new_name, bool may_replace, NodePointer moved) {
  directory = directory_or_root(std::move(directory));
  new_directory = directory_or_root(std::move(new_directory));
  CO_TRY(check_writable());
  CO_TRY(check_entry(directory, name));
  CO_TRY(check_entry(new_directory, new_name));
  EntryKey from;
  from.directory = directory->object();
  from.name = name;
  EntryKey to;
  to.directory = new_directory->object();
  to.name = new_name;
  const std::string path = path_in(*directory, name);
  const std::string new_path = path_in(*new_directory, new_name);
  const bool changes_parent = from.directory != to.directory;

  std::optional<ObjectId> locked_directory;  // The empty directory that is replaced.
  bool has_tree_lock = false;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::vector<Lock> wanted;
    wanted.push_back(shared_directory(from.directory));
    wanted.push_back(shared_directory(to.directory));
    wanted.push_back(exclusive_entry(from));
    wanted.push_back(exclusive_entry(to));
    if (locked_directory.has_value()) wanted.push_back(exclusive_directory(*locked_directory));
    if (has_tree_lock) wanted.push_back(tree_lock());
    const LockTable::Held held = co_await locks_.acquire(std::move(wanted));

    Result<WholeEntry> source = co_await load_whole(from);
    if (!source.is_ok()) co_return source.status().within(printable(path));
    const Inode& inode = source->stored.inode;
    const bool is_directory = inode.type == NodeType::kDirectory;
    if (is_directory && changes_parent) {
      if (!has_tree_lock) {
        has_tree_lock = true;
        continue;
      }
      Result<bool> is_inside = co_await is_within(to.directory, inode.object);
      CO_TRY(is_inside.status().within(printable(new_directory->path_)));
      if (*is_inside) co_return into_itself(path);
    }
    Result<Stored> target = co_await load_raw(to);
    if (!target.is_ok() && target.code() != Code::kNotFound) co_return target.status().within(printable(new_path));
    const bool replaces = target.is_ok();
    if (replaces) {
      if (!may_replace) co_return Status(Code::kExists, printable(new_path) + " exists already");
      if (target->inode.object == inode.object) co_return ok();  // The same entry, or two names of one node.
      const bool onto_directory = target->inode.type == NodeType::kDirectory;
      if (onto_directory && !is_directory)
        co_return Status(Code::kIsDirectory, printable(new_path) + " is a directory");
      if (!onto_directory && is_directory) {
        co_return Status(Code::kNotDirectory, printable(new_path) + " isn't a directory");
      }
      if (onto_directory) {
        if (target->inode.object == from.directory) {  // It holds at least the source.
          co_return Status(Code::kNotEmpty, "directory " + printable(new_path) + " isn't empty");
        }
        if (locked_directory != target->inode.object) {
          locked_directory = target->inode.object;
          continue;
        }
        CO_TRY_ASSIGN(const bool is_empty, co_await directory_is_empty(target->inode.object));
        if (!is_empty) co_return Status(Code::kNotEmpty, "directory " + printable(new_path) + " isn't empty");
      }
    }

    WriteSet set;
    LinkDrops drops;
    if (replaces) take_away_node(set, *target, drops);
    take_away(set, source->stored);
    const uint32_t conditions = replaces ? 0 : uint32_t{kDkeyInsert};
    if (inode.is_shared) {
      put_link(set, to, inode, conditions);
    } else {
      put_whole(set, *source, to.directory, to.name, conditions);
    }
    if (is_directory) {
      ParentLink above;
      above.parent = to.directory;
      above.name = to.name;
      set.update(inode.object, kOwnDkey, kParentAkey, dfs::encode(above));
    }
    touch(set, from.directory);
    if (changes_parent) touch(set, to.directory);
    CO_TRY(co_await append_drops(set, drops));
    const Result<Epoch> written = co_await commit(set);
    if (written.is_ok()) {
      if (moved != nullptr && moved->object() == inode.object) {
        moved->parent_ = to.directory;
        moved->name_ = to.name;
        moved->path_ = new_path;
      }
      co_return ok();
    }
    if (written.code() != Code::kNotFound && written.code() != Code::kExists) {
      co_return written.status().within(printable(path));
    }
    const Result<ParentLink> above = co_await fetch_parent(to.directory);
    CO_TRY(above.status().within(printable(new_directory->path_)));
  }
  co_return too_contended(path);
}

Task<Status> FileSystemCore::exchange(NodePointer directory_a, std::string name_a, NodePointer directory_b,
                                      std::string name_b) {
  directory_a = directory_or_root(std::move(directory_a));
  directory_b = directory_or_root(std::move(directory_b));
  CO_TRY(check_writable());
  CO_TRY(check_entry(directory_a, name_a));
  CO_TRY(check_entry(directory_b, name_b));
  EntryKey place_a;
  place_a.directory = directory_a->object();
  place_a.name = name_a;
  EntryKey place_b;
  place_b.directory = directory_b->object();
  place_b.name = name_b;
  const std::string path_a = path_in(*directory_a, name_a);
  const std::string path_b = path_in(*directory_b, name_b);
  const bool changes_parent = place_a.directory != place_b.directory;

  std::vector<Lock> wanted;
  wanted.push_back(shared_directory(place_a.directory));
  wanted.push_back(shared_directory(place_b.directory));
  wanted.push_back(exclusive_entry(place_a));
  wanted.push_back(exclusive_entry(place_b));
  if (changes_parent) wanted.push_back(tree_lock());
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    Result<WholeEntry> a = co_await load_whole(place_a);
    if (!a.is_ok()) co_return a.status().within(printable(path_a));
    Result<WholeEntry> b = co_await load_whole(place_b);
    if (!b.is_ok()) co_return b.status().within(printable(path_b));
    if (a->stored.inode.object == b->stored.inode.object) co_return ok();
    if (changes_parent) {
      if (a->stored.inode.type == NodeType::kDirectory) {
        CO_TRY_ASSIGN(const bool is_inside, co_await is_within(place_b.directory, a->stored.inode.object));
        if (is_inside) co_return into_itself(path_a);
      }
      if (b->stored.inode.type == NodeType::kDirectory) {
        CO_TRY_ASSIGN(const bool is_inside, co_await is_within(place_a.directory, b->stored.inode.object));
        if (is_inside) co_return into_itself(path_b);
      }
    }
    WriteSet set;
    take_away(set, a->stored);
    take_away(set, b->stored);
    const std::pair<const WholeEntry*, const EntryKey*> ways[] = {{&*a, &place_b}, {&*b, &place_a}};
    for (const auto& [whole, to] : ways) {
      const Inode& inode = whole->stored.inode;
      if (inode.is_shared) {
        put_link(set, *to, inode, 0);
      } else {
        put_whole(set, *whole, to->directory, to->name, 0);
      }
      if (inode.type == NodeType::kDirectory) {
        ParentLink above;
        above.parent = to->directory;
        above.name = to->name;
        set.update(inode.object, kOwnDkey, kParentAkey, dfs::encode(above));
      }
    }
    touch(set, place_a.directory);
    if (changes_parent) touch(set, place_b.directory);
    const Result<Epoch> written = co_await commit(set);
    if (written.is_ok()) co_return ok();
    if (written.code() != Code::kNotFound) co_return written.status().within(printable(path_a));
  }
  co_return too_contended(path_a);
}

}  // namespace aeon::dfs
