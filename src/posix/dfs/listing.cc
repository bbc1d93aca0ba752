// Directories' entries, page by page.
#include "core.h"

namespace aeon::dfs {

Task<Result<DirectoryPage>> FileSystemCore::read_directory(NodePointer directory, Anchor from, uint32_t count_max,
                                                           EntryDetail detail) {
  directory = directory_or_root(std::move(directory));
  if (!directory->is_directory()) {
    co_return Status(Code::kNotDirectory, printable(directory->path_) + " isn't a directory");
  }
  if (count_max == 0) co_return Status(Code::kInvalidArgument, "a page needs room for an entry");
  DirectoryPage page;
  if (from.is_end) {
    page.next = std::move(from);
    co_return page;
  }
  client::ListLimits limits;
  limits.count_max = count_max;
  limits.bytes_max = std::max<ByteCount>(limits.bytes_max, 64 * kKiB);
  Result<client::KeyPage> keys = co_await container_->list_dkeys(directory->object(), std::move(from), limits, epoch_);
  CO_TRY(keys.status().within(printable(directory->path_)));
  page.next = std::move(keys->next);
  page.entries.reserve(keys->keys.size());
  for (const Bytes& key : keys->keys) {
    if (as_text(key) == kOwnDkey) continue;
    DirectoryEntry entry;
    entry.name = std::string(as_text(key));
    if (detail != EntryDetail::kNames) {
      EntryKey place;
      place.directory = directory->object();
      place.name = entry.name;
      // Not `? :` with co_await in its branches: GCC 12 destroys what the branch gave twice.
      Result<Stored> stored = co_await load_raw(place);
      if (detail == EntryDetail::kAttributes && stored.is_ok() && stored->inode.is_shared)
        stored = co_await load(place);
      if (stored.code() == Code::kNotFound) continue;  // Removed meanwhile.
      CO_TRY(stored.status().within(printable(path_in(*directory, entry.name))));
      entry.type = stored->inode.type;
      if (detail == EntryDetail::kAttributes) {
        Stored found = std::move(stored).value();
        Result<Attributes> attributes = co_await attributes_of(std::move(found));
        if (attributes.code() == Code::kNotFound) continue;
        CO_TRY(attributes.status().within(printable(path_in(*directory, entry.name))));
        entry.attributes = std::move(attributes).value();
      }
    }
    page.entries.push_back(std::move(entry));
  }
  co_return page;
}

Task<Status> FileSystemCore::for_each_entry(NodePointer directory, EntryDetail detail,
                                            std::function<Task<Status>(const DirectoryEntry&)> visit) {
  constexpr uint32_t kPageSize = 512;
  Anchor from;
  while (!from.is_end) {
    CO_TRY_ASSIGN(DirectoryPage page, co_await read_directory(directory, std::move(from), kPageSize, detail));
    for (const DirectoryEntry& entry : page.entries) CO_TRY(co_await visit(entry));
    from = std::move(page.next);
  }
  co_return ok();
}

Task<Result<bool>> FileSystemCore::is_empty(NodePointer directory) {
  directory = directory_or_root(std::move(directory));
  if (!directory->is_directory()) {
    co_return Status(Code::kNotDirectory, printable(directory->path_) + " isn't a directory");
  }
  co_return co_await directory_is_empty(directory->object());
}

}  // namespace aeon::dfs
