// Extended attributes: an akey each, beside the inode.
#include "core.h"

namespace aeon::dfs {

namespace {

std::string akey_of(std::string_view name) { return std::string(kXattrPrefix).append(name); }

}  // namespace

Task<Status> FileSystemCore::set_xattr(NodePointer node, std::string name, Bytes value, XattrSet how) {
  node = directory_or_root(std::move(node));
  CO_TRY(check_writable());
  CO_TRY(check_xattr(name, value));
  CO_TRY_ASSIGN(const Stored place, co_await load_node(node));
  std::vector<Lock> wanted;
  wanted.push_back(exclusive_entry(place.entry));
  if (place.is_shared) wanted.push_back(object_lock(place.home_object, true));
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
  WriteSet set;
  // The inode is written as it is, for the change time.
  put_inode(set, stored, kDkeyUpdate);
  const uint32_t condition = how == XattrSet::kMustCreate    ? uint32_t{kAkeyInsert}
                             : how == XattrSet::kMustReplace ? uint32_t{kAkeyUpdate}
                                                             : 0;
  set.update(stored.home_object, stored.home_dkey, akey_of(name), xattr_record(value), kDkeyUpdate, condition);
  const Result<Epoch> written = co_await commit(set);
  if (written.code() == Code::kExists) {
    co_return Status(Code::kExists,
                     printable(node->path_) + " has the extended attribute " + printable(name) + " already");
  }
  if (written.code() == Code::kNotFound && how == XattrSet::kMustReplace) {
    co_return Status(Code::kNotFound, printable(node->path_) + " has no extended attribute " + printable(name));
  }
  co_return written.status().within(printable(node->path_));
}

Task<Result<Bytes>> FileSystemCore::get_xattr(NodePointer node, std::string name) {
  node = directory_or_root(std::move(node));
  CO_TRY(check_xattr(name, {}));
  CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
  Bytes dkey = to_bytes(stored.home_dkey);
  const std::string akey = akey_of(name);
  CO_TRY_ASSIGN(std::optional<Bytes> record,
                co_await fetch_single(stored.home_object, std::move(dkey), akey, kXattrValueSizeMax + 1));
  if (!record.has_value()) {
    co_return Status(Code::kNotFound, printable(node->path_) + " has no extended attribute " + printable(name));
  }
  co_return decode_xattr(std::move(*record));
}

Task<Result<std::vector<std::string>>> FileSystemCore::list_xattrs(NodePointer node) {
  node = directory_or_root(std::move(node));
  CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
  Bytes dkey = to_bytes(stored.home_dkey);
  CO_TRY_ASSIGN(const std::vector<Bytes> akeys, co_await list_all_akeys(stored.home_object, std::move(dkey)));
  std::vector<std::string> names;
  for (const Bytes& akey : akeys) {
    const std::string_view text = as_text(akey);
    if (text.starts_with(kXattrPrefix)) names.emplace_back(text.substr(kXattrPrefix.size()));
  }
  co_return names;
}

Task<Status> FileSystemCore::remove_xattr(NodePointer node, std::string name) {
  node = directory_or_root(std::move(node));
  CO_TRY(check_writable());
  CO_TRY(check_xattr(name, {}));
  CO_TRY_ASSIGN(const Stored place, co_await load_node(node));
  std::vector<Lock> wanted;
  wanted.push_back(exclusive_entry(place.entry));
  if (place.is_shared) wanted.push_back(object_lock(place.home_object, true));
  const LockTable::Held held = co_await locks_.acquire(std::move(wanted));
  CO_TRY_ASSIGN(const Stored stored, co_await load_node(node));
  WriteSet set;
  put_inode(set, stored, kDkeyUpdate);
  set.punch_akey(stored.home_object, as_bytes(stored.home_dkey), akey_of(name), kPunchIfExists);
  const Result<Epoch> written = co_await commit(set);
  if (written.code() == Code::kNotFound) {
    co_return Status(Code::kNotFound, printable(node->path_) + " has no extended attribute " + printable(name));
  }
  co_return written.status().within(printable(node->path_));
}

}  // namespace aeon::dfs
