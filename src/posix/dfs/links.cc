// Hard links. A node with one name has its attributes in its entry; with the first further name they move to an inode
// object that all its entries lead to, and stay there.
//
// The number of links is the name of an akey, "generation:count". Every change removes the one it saw and adds the
// next generation, on condition that the one is there and the other isn't: of two at once, one fails and looks again,
// whichever mounts they come from. So data is never freed while a name is left.
#include "core.h"

namespace aeon::dfs {

Task<Result<LinkCount>> FileSystemCore::fetch_link_count(ObjectId shared) {
  Bytes dkey = to_bytes(kLinkCountDkey);
  CO_TRY_ASSIGN(const std::vector<Bytes> names, co_await list_all_akeys(shared, std::move(dkey)));
  if (names.size() != 1) co_return Status(Code::kCorrupt, "a hard-linked node has no count of its links");
  co_return decode_link_count(as_text(names[0]));
}

Task<Status> FileSystemCore::append_drops(WriteSet& set, const LinkDrops& drops) {
  for (const auto& drop : drops) {
    const ObjectId object = drop.first;
    const ObjectId shared = shared_inode_object(object);
    CO_TRY_ASSIGN(LinkCount count, co_await fetch_link_count(shared));
    set.punch_akey(shared, as_bytes(kLinkCountDkey), dfs::encode(count), kPunchIfExists);
    if (count.count <= drop.second) {
      set.punch_object(shared);
      set.punch_object(object);  // Of symlinks and special files it was never written; that's harmless.
      continue;
    }
    count.count -= drop.second;
    ++count.generation;
    set.update(shared, kLinkCountDkey, dfs::encode(count), Bytes(1), 0, kAkeyInsert);
  }
  co_return ok();
}

Task<Status> FileSystemCore::link(NodePointer node, NodePointer directory, std::string name) {
  directory = directory_or_root(std::move(directory));
  CO_TRY(check_writable());
  CO_TRY(check_entry(directory, name));
  const std::string path = path_in(*directory, name);
  if (node->is_directory()) {
    co_return Status(Code::kIsDirectory, printable(node->path_) + " is a directory; those have one name");
  }
  EntryKey old_entry;
  old_entry.directory = node->parent();
  old_entry.name = node->name();
  EntryKey new_entry;
  new_entry.directory = directory->object();
  new_entry.name = name;
  std::vector<Lock> wanted;
  wanted.push_back(shared_directory(directory->object()));
  wanted.push_back(exclusive_entry(old_entry));
  wanted.push_back(exclusive_entry(new_entry));
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));

  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const Result<Stored> taken = co_await load_raw(new_entry);
    if (taken.is_ok()) co_return Status(Code::kExists, printable(path) + " exists already");
    if (taken.code() != Code::kNotFound) co_return taken.status().within(printable(path));
    Result<WholeEntry> whole = co_await load_whole(old_entry);
    const bool is_there = whole.is_ok() && whole->stored.inode.object == node->object();
    if (whole.code() == Code::kNotFound || (whole.is_ok() && !is_there)) {
      co_return Status(Code::kStaleHandle, printable(node->path_) + " was removed or moved since it was opened");
    }
    CO_TRY(whole.status().within(printable(node->path_)));

    const ObjectId shared = shared_inode_object(node->object());
    WriteSet set;
    LinkCount count;
    if (whole->stored.inode.is_shared) {
      Result<LinkCount> before = co_await fetch_link_count(shared);
      CO_TRY(before.status().within(printable(node->path_)));
      count = *before;
      if (count.count >= kLinkCountMax) co_return Status(Code::kTooBig, printable(node->path_) + " has too many links");
      set.punch_akey(shared, as_bytes(kLinkCountDkey), dfs::encode(count), kPunchIfExists);
      ++count.count;
      ++count.generation;
    } else {
      count.count = 2;
      take_away(set, whole->stored);
      put_link(set, old_entry, whole->stored.inode, 0);
      put_whole(set, *whole, shared, kSharedInodeDkey, kDkeyInsert);
    }
    set.update(shared, kLinkCountDkey, dfs::encode(count), Bytes(1), 0, kAkeyInsert);
    put_link(set, new_entry, whole->stored.inode, kDkeyInsert);
    touch(set, directory->object());
    const Result<Epoch> written = co_await commit(set);
    if (written.is_ok()) co_return ok();
    if (written.code() != Code::kNotFound && written.code() != Code::kExists) {
      co_return written.status().within(printable(path));
    }
    const Result<ParentLink> above = co_await fetch_parent(directory->object());
    CO_TRY(above.status().within(printable(directory->path_)));
  }
  co_return too_contended(path);
}

}  // namespace aeon::dfs
