// copy_tree: directories are walked depth first in byte order; small nodes of one directory go in groups, the next of
// which is read while one is written; links and directories' attributes come at the end.
#include <algorithm>
#include <chrono>
#include <map>

#include "tree.h"

namespace aeon::transfer {

namespace {

constexpr size_t kGroupItemsMax = 256;
constexpr ByteCount kGroupBytesMax = 8 * kMiB;

// Nothing more will succeed.
bool is_final(Code code) {
  return code == Code::kNoSpace || code == Code::kReadOnly || code == Code::kUnavailable || code == Code::kCanceled;
}

class Copier {
 public:
  Copier(Tree& source, Tree& destination, const CopyOptions& options, const ProgressCallback& callback)
      : source_(source), destination_(destination), options_(options), callback_(callback) {}

  Result<Summary> run(const std::string& from, const std::string& to) {
    TRY_ASSIGN(const Meta top, source_.stat(from));
    if (top.type != dfs::NodeType::kDirectory) {
      if (callback_) {
        progress_.nodes_total = 1;
        progress_.bytes_total = top.size;
      }
      TRY(copy_single(from, to, top));
    } else {
      if (callback_) TRY(scan(from, top));
      TRY(prepare(to));
      walk(from, to, top);
    }
    flush_loaded();
    destination_.settle();
    if (fatal_.is_ok()) make_links();
    if (fatal_.is_ok()) finish_directories();
    if (fatal_.is_ok() && has_mark_ && summary_.error_count == 0) {
      const Status removed = destination_.remove(to, kUnfinishedName);
      if (!removed.is_ok()) add_error(join(to, kUnfinishedName), removed);
    }
    const Status synced = destination_.sync();
    if (has_mark_ && fatal_.is_ok() && !directories_.empty()) {
      // Removing the mark moved the top's modify time.
      Item& item = directories_.front().item;
      ignore(destination_.finish_directory(directories_.front().to, item), "it was set once; only its time moved");
    }
    report_progress(true);
    TRY(fatal_);
    TRY(synced.within("making the copy durable"));
    return std::move(summary_);
  }

 private:
  struct Directory {
    std::string to;
    Item item;
  };
  struct Link {
    std::string existing;
    std::string directory;
    std::string name;
  };

  // --- Telling.

  void add_error(const std::string& path, const Status& status) {
    ++summary_.error_count;
    if (summary_.errors.size() < options_.errors_named_max) summary_.errors.push_back({path, status.to_string()});
    if (is_final(status.code()) && fatal_.is_ok()) fatal_ = status;
  }
  void add_not_kept(const std::string& path, const std::string& what) {
    ++summary_.not_kept_count;
    if (summary_.not_kept.size() < options_.errors_named_max) summary_.not_kept.push_back({path, what});
  }
  void report_progress(bool is_last = false) {
    if (!callback_) return;
    const auto now = std::chrono::steady_clock::now();  // lint: ok how often a person sees progress
    if (!is_last && now - last_report_ < std::chrono::milliseconds(50)) return;
    last_report_ = now;
    if (!callback_(progress_) && fatal_.is_ok() && !is_last) fatal_ = Status(Code::kCanceled, "the copy was stopped");
  }
  void did(const Meta& meta, const std::string& path) {
    ++progress_.nodes_done;
    progress_.bytes_done += meta.size;
    progress_.current = path;
    report_progress();
  }

  // --- Before the first copy.

  Status scan(const std::string& path, const Meta& meta) {
    ++progress_.nodes_total;
    progress_.bytes_total += meta.size;
    if (meta.type != dfs::NodeType::kDirectory) return ok();
    const Result<std::vector<Listed>> entries = source_.list(path);
    if (!entries.is_ok()) return ok();  // Said when it is copied.
    for (const Listed& entry : *entries) TRY(scan(join(path, entry.name), entry.meta));
    progress_.current = path;
    report_progress();
    return fatal_;
  }

  // Makes the destination, and marks it as unfinished if there was nothing.
  Status prepare(const std::string& to) {
    TRY(status_of(destination_.make_directory(to)));
    TRY_ASSIGN(const std::vector<Listed> there, destination_.list(to));
    const bool is_marked =
        std::any_of(there.begin(), there.end(), [](const Listed& e) { return e.name == kUnfinishedName; });
    if (!there.empty() && !is_marked && !options_.into_existing) {
      return Status(Code::kNotEmpty, to + " isn't empty; name a new directory, or allow copying into it");
    }
    has_mark_ = is_marked;
    if (there.empty()) {
      auto group = std::make_unique<Group>();
      group->directory = to;
      group->items.emplace_back();
      group->items.back().name = kUnfinishedName;
      group->items.back().meta.permissions = 0600;
      Status status;
      destination_.store(std::move(group), [&status](Group& stored) { status = stored.items[0].status; });
      destination_.settle();
      TRY(status);
      has_mark_ = true;
    }
    return ok();
  }

  Status copy_single(const std::string& from, const std::string& to, const Meta& meta) {
    const auto [from_directory, from_name] = split(from);
    const auto [to_directory, to_name] = split(to);
    if (to_name.empty()) return Status(Code::kIsDirectory, to + " is a directory and " + from + " isn't");
    const Result<Meta> there = destination_.stat(to);
    if (there.is_ok() && there->type == dfs::NodeType::kDirectory) {
      return Status(Code::kIsDirectory, to + " is a directory and " + from + " isn't");
    }
    if (!there.is_ok() && there.code() != Code::kNotFound) return there.status();
    std::map<std::string, Meta> existing;
    if (there.is_ok()) existing[to_name] = *there;
    single_name_ = to_name;
    copy_entries(from_directory.empty() ? "." : from_directory, to_directory.empty() ? "." : to_directory,
                 {{.name = from_name, .meta = meta}}, existing);
    return ok();
  }

  // --- Walking.

  struct Pending {
    std::string from;
    std::string to;
    Meta meta;
  };

  void walk(const std::string& from, const std::string& to, const Meta& top) {
    std::vector<Pending> stack = {{from, to, top}};
    while (!stack.empty() && fatal_.is_ok()) {
      const Pending directory = std::move(stack.back());
      stack.pop_back();
      const Result<bool> is_new = destination_.make_directory(directory.to);
      if (!is_new.is_ok()) {
        add_error(directory.to, is_new.status());
        continue;
      }
      ++summary_.directories;
      did(directory.meta, directory.from);
      Item item;
      item.meta = directory.meta;
      if (options_.keep_xattrs) {
        Result<std::map<std::string, Bytes>> xattrs = source_.xattrs(directory.from);
        if (xattrs.is_ok()) {
          item.xattrs = std::move(*xattrs);
        } else {
          add_not_kept(directory.from, "extended attributes: " + xattrs.status().to_string());
        }
      }
      directories_.push_back({directory.to, std::move(item)});

      const Result<std::vector<Listed>> entries = source_.list(directory.from);
      if (!entries.is_ok()) {
        add_error(directory.from, entries.status());
        continue;
      }
      std::map<std::string, Meta> existing;
      if (!*is_new) {
        const Result<std::vector<Listed>> there = destination_.list(directory.to);
        if (!there.is_ok()) {
          add_error(directory.to, there.status());
          continue;
        }
        for (const Listed& entry : *there) existing[entry.name] = entry.meta;
        clear_partials(directory.to, *entries, existing);
      }
      copy_entries(directory.from, directory.to, *entries, existing);
      for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
        if (entry->meta.type != dfs::NodeType::kDirectory) continue;
        stack.push_back({join(directory.from, entry->name), join(directory.to, entry->name), entry->meta});
      }
    }
  }

  // What an interrupted copy left of large files.
  void clear_partials(const std::string& to, const std::vector<Listed>& entries,
                      std::map<std::string, Meta>& existing) {
    for (auto entry = existing.begin(); entry != existing.end();) {
      const bool is_ours =
          is_partial_name(entry->first) && entry->second.type == dfs::NodeType::kFile &&
          std::none_of(entries.begin(), entries.end(), [&](const Listed& e) { return e.name == entry->first; });
      if (!is_ours) {
        ++entry;
        continue;
      }
      if (const Status removed = destination_.remove(to, entry->first); !removed.is_ok())
        add_error(join(to, entry->first), removed);
      entry = existing.erase(entry);
    }
  }

  bool is_same(const Meta& wanted, const Meta& there) const {
    if (wanted.type != there.type || wanted.modify_ns != there.modify_ns) return false;
    if (wanted.type != dfs::NodeType::kSymlink && wanted.permissions != there.permissions) return false;
    if (destination_.keeps_owners() && (wanted.user != there.user || wanted.group != there.group)) return false;
    return wanted.size == there.size && wanted.device == there.device;
  }

  void copy_entries(const std::string& from, const std::string& to, const std::vector<Listed>& entries,
                    const std::map<std::string, Meta>& existing) {
    for (const Listed& entry : entries) {
      if (!fatal_.is_ok()) return;
      if (entry.meta.type == dfs::NodeType::kDirectory) continue;
      const std::string name = single_name_.empty() ? entry.name : single_name_;
      const std::string path = join(from, entry.name);
      if (entry.name == kUnfinishedName) {
        add_not_kept(path, "the mark of an unfinished copy");
        did(entry.meta, path);
        continue;
      }
      const auto there = existing.find(name);
      const bool is_there = there != existing.end();
      if (is_there && there->second.type == dfs::NodeType::kDirectory) {
        add_error(path, Status(Code::kIsDirectory, join(to, name) + " is a directory"));
        did(entry.meta, path);
        continue;
      }
      if (entry.meta.link_count > 1) {
        const auto [first, is_first] = first_names_.try_emplace(entry.meta.identity, join(to, name));
        if (!is_first) {
          links_.push_back({first->second, to, name});
          ++summary_.hard_links;
          did(entry.meta, path);
          continue;
        }
      }
      if (options_.resume && is_there && is_same(entry.meta, there->second)) {
        ++summary_.skipped;
        did(entry.meta, path);
        continue;
      }
      if (entry.meta.type == dfs::NodeType::kFile && entry.meta.size > kWholeMax) {
        flush_group();
        copy_large(path, to, name, entry.meta);
        continue;
      }
      add_to_group(from, to, entry, is_there);
    }
    flush_group();
  }

  // --- Small nodes. Three groups at most: one filling, one being read, and those the destination writes.

  void add_to_group(const std::string& from, const std::string& to, const Listed& entry, bool is_there) {
    if (group_ == nullptr) {
      group_ = std::make_unique<Group>();
      group_->source_directory = from;
      group_->directory = to;
    }
    group_->may_replace = group_->may_replace || is_there;
    group_->bytes += entry.meta.size;
    Item& item = group_->items.emplace_back();
    item.name = entry.name;
    item.meta = entry.meta;
    if (group_->items.size() >= kGroupItemsMax || group_->bytes >= kGroupBytesMax) flush_group();
  }

  void flush_group() {
    if (group_ == nullptr) return;
    flush_loaded();
    loading_ = std::move(group_);
    source_.start_load(*loading_);
  }

  void flush_loaded() {
    if (loading_ == nullptr) return;
    std::unique_ptr<Group> group = std::move(loading_);
    source_.finish_load(*group);
    for (Item& item : group->items) {
      if (item.status.is_ok()) continue;
      add_error(join(group->source_directory, item.name), item.status);
      did(item.meta, join(group->source_directory, item.name));
    }
    std::erase_if(group->items, [](const Item& item) { return !item.status.is_ok(); });
    if (group->items.empty()) return;
    if (!single_name_.empty()) group->items[0].name = single_name_;
    destination_.store(std::move(group), [this](Group& stored) { on_stored(stored); });
  }

  void on_stored(Group& group) {
    for (const Item& item : group.items) {
      const std::string path = join(group.directory, item.name);
      for (const std::string& what : item.not_kept) add_not_kept(path, what);
      if (!item.status.is_ok()) {
        add_error(path, item.status);
      } else {
        count(item.meta);
      }
      did(item.meta, path);
    }
  }

  void count(const Meta& meta) {
    switch (meta.type) {
      case dfs::NodeType::kFile:
        ++summary_.files;
        summary_.bytes += meta.size;
        break;
      case dfs::NodeType::kSymlink: ++summary_.symlinks; break;
      case dfs::NodeType::kDirectory: break;
      default: ++summary_.special_files; break;
    }
  }

  // --- Large files.

  void copy_large(const std::string& from, const std::string& to, const std::string& name, const Meta& meta) {
    const ByteCount done_before = progress_.bytes_done;
    const Status copied = copy_parts(from, to, name, meta);
    progress_.bytes_done = done_before;
    if (copied.is_ok()) {
      count(meta);
    } else {
      add_error(from, copied);
    }
    did(meta, from);
  }

  Status copy_parts(const std::string& from, const std::string& to, const std::string& name, const Meta& meta) {
    TRY_ASSIGN(const std::unique_ptr<Reader> reader, source_.open_reader(from));
    Item item;
    item.name = name;
    item.meta = meta;
    if (options_.keep_xattrs) {
      TRY_ASSIGN(item.xattrs, source_.xattrs(from));
    }
    TRY_ASSIGN(const std::vector<dfs::FileExtent> extents, reader->data_extents());
    TRY_ASSIGN(const std::unique_ptr<Writer> writer, destination_.open_writer(to, name, meta));
    const ByteCount done_before = progress_.bytes_done;
    progress_.current = from;
    for (const dfs::FileExtent& extent : extents) {
      for (uint64_t at = extent.offset; at < extent.end();) {
        // Parts begin at multiples of their size, so that chunks are written whole.
        const uint64_t size = std::min(extent.end() - at, kPartSize - at % kPartSize);
        Bytes data(size);
        TRY_ASSIGN(const size_t bytes, reader->read(at, data));
        if (bytes != size) return Status(Code::kConflict, from + ": became shorter while it was copied");
        TRY(writer->write(at, std::move(data)));
        at += size;
        progress_.bytes_done = done_before + at;
        report_progress();
        TRY(fatal_);
      }
    }
    TRY(writer->finish(item));
    for (const std::string& what : item.not_kept) add_not_kept(join(to, name), what);
    return ok();
  }

  // --- At the end.

  void make_links() {
    for (const Link& link : links_) {
      const Status linked = destination_.link(link.existing, link.directory, link.name);
      if (linked.is_ok()) continue;
      --summary_.hard_links;
      add_error(join(link.directory, link.name), linked);
      if (!fatal_.is_ok()) return;
    }
  }

  void finish_directories() {
    for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
      const Status finished = destination_.finish_directory(directory->to, directory->item);
      if (!finished.is_ok()) add_error(directory->to, finished);
      for (const std::string& what : directory->item.not_kept) add_not_kept(directory->to, what);
      directory->item.not_kept.clear();
      if (!fatal_.is_ok()) return;
    }
  }

  Tree& source_;
  Tree& destination_;
  const CopyOptions& options_;
  const ProgressCallback& callback_;
  Summary summary_;
  Progress progress_;
  Status fatal_;
  std::chrono::steady_clock::time_point last_report_{};
  std::string single_name_;   // The destination's, when one file is copied.
  bool has_mark_ = false;
  std::unique_ptr<Group> group_;
  std::unique_ptr<Group> loading_;
  std::map<std::pair<uint64_t, uint64_t>, std::string> first_names_;
  std::vector<Link> links_;
  std::vector<Directory> directories_;
};

// Whether `inner` is `outer` or below it.
bool is_below(std::string inner, std::string outer) {
  for (std::string* path : {&inner, &outer}) {
    while (path->size() > 1 && path->ends_with('/')) path->pop_back();
    if (*path != "/") *path += '/';
  }
  return inner.starts_with(outer);
}

}  // namespace

Result<Summary> copy_tree(const Place& source, const Place& destination, const CopyOptions& options,
                          const ProgressCallback& progress) {
  const TreeOptions tree_options{.keep_owner = options.keep_owner, .keep_xattrs = options.keep_xattrs};
  TRY_ASSIGN(const std::unique_ptr<Tree> from, open_tree(source, tree_options));
  TRY_ASSIGN(const std::unique_ptr<Tree> to, open_tree(destination, tree_options));
  const bool same_side = source.is_host() ? destination.is_host()
                                          : !destination.is_host() && source.file_system->container()->id() ==
                                                                          destination.file_system->container()->id();
  if (same_side && is_below(destination.path, source.path)) {
    return Status(Code::kInvalidArgument, destination.path + " is within " + source.path);
  }
  if (!destination.is_host() && destination.file_system->is_read_only()) {
    return Status(Code::kReadOnly, "the destination is mounted read-only");
  }
  return Copier(*from, *to, options, progress).run(source.path, destination.path);
}

}  // namespace aeon::transfer
