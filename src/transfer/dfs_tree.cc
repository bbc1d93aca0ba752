// A tree in a DFS. Groups of small nodes are one write each, a few of them on their way at a time while the caller
// reads on.
#include <deque>

#include "runtime/sync.h"
#include "tree.h"

namespace aeon::transfer {

namespace {

constexpr size_t kInFlightMax = 4;
constexpr size_t kDirectoriesKept = 256;

Meta meta_of(const dfs::Attributes& attributes) {
  Meta meta;
  meta.type = attributes.type;
  meta.permissions = attributes.mode & 07777;
  meta.user = attributes.user;
  meta.group = attributes.group;
  meta.size = attributes.type == dfs::NodeType::kFile ? attributes.size : 0;
  meta.allocated = attributes.size;
  meta.access_ns = attributes.access_ns;
  meta.modify_ns = attributes.modify_ns;
  meta.device = attributes.device;
  meta.link_count = attributes.link_count;
  meta.identity = {attributes.object.hi, attributes.object.lo};
  return meta;
}

// A group, or a part of a file, on its way into the container; the executor's side says when it's done.
struct Stored {
  std::unique_ptr<Group> group;
  Tree::OnStored on_stored;
  dfs::NodePointer directory;
  dfs::NodePointer file;
  uint64_t offset = 0;
  Bytes data;
  Status status;
  bool is_done = false;
};

}  // namespace

class DfsTree final : public Tree {
 public:
  DfsTree(std::shared_ptr<dfs::FileSystem> fs, client::System& system, TreeOptions options)
      : fs_(std::move(fs)), system_(system), options_(options), done_(system.executor()) {}
  ~DfsTree() override { settle(); }

  Result<Meta> stat(const std::string& path) override {
    TRY_ASSIGN(const dfs::NodePointer node, lookup(path));
    TRY_ASSIGN(const dfs::Attributes attributes, system_.run(fs_->stat(node)));
    return meta_of(attributes);
  }

  Result<std::vector<Listed>> list(const std::string& path) override {
    TRY_ASSIGN(const dfs::NodePointer directory, find_directory(path));
    std::vector<Listed> all;
    Anchor from;
    while (!from.is_end) {
      TRY_ASSIGN(dfs::DirectoryPage page,
                 system_.run(fs_->read_directory(directory, std::move(from), 512, dfs::EntryDetail::kAttributes)));
      for (dfs::DirectoryEntry& entry : page.entries) {
        all.push_back({.name = std::move(entry.name), .meta = meta_of(*entry.attributes)});
      }
      from = std::move(page.next);
    }
    return all;
  }

  Result<std::map<std::string, Bytes>> xattrs(const std::string& path) override {
    if (!options_.keep_xattrs) return std::map<std::string, Bytes>();
    TRY_ASSIGN(const dfs::NodePointer node, lookup(path));
    return system_.run(fetch_xattrs(node));
  }

  Result<std::string> link_target(const std::string& path) override {
    TRY_ASSIGN(const dfs::NodePointer node, lookup(path));
    return node->symlink_target();
  }

  Result<std::unique_ptr<Reader>> open_reader(const std::string& path) override;

  void start_load(Group& group) override {
    Result<dfs::NodePointer> directory = find_directory(group.source_directory);
    is_loaded_ = false;
    if (!directory.is_ok()) {
      for (Item& item : group.items) item.status = directory.status();
      is_loaded_ = true;
      return;
    }
    system_.submit(load(*directory, &group));
  }
  void finish_load(Group&) override { system_.run(wait_loaded()); }

  Result<bool> make_directory(const std::string& path) override {
    const auto [above, name] = split(path);
    if (name.empty()) return false;  // The root.
    TRY_ASSIGN(const dfs::NodePointer parent, find_directory(above));
    dfs::CreateOptions options;
    options.mode = 0700;
    const Result<dfs::NodePointer> made = system_.run(fs_->mkdir(parent, name, options));
    if (made.is_ok()) {
      keep_directory(path, *made);
      return true;
    }
    if (made.code() != Code::kExists) return made.status();
    TRY_ASSIGN(const dfs::NodePointer there, lookup(path));
    if (!there->is_directory()) return Status(Code::kNotDirectory, path + ": is there and isn't a directory");
    return false;
  }

  void store(std::unique_ptr<Group> group, OnStored on_stored) override {
    auto stored = std::make_unique<Stored>();
    stored->on_stored = std::move(on_stored);
    Result<dfs::NodePointer> directory = find_directory(group->directory);
    stored->group = std::move(group);
    if (!directory.is_ok()) {
      for (Item& item : stored->group->items) item.status = directory.status();
      stored->on_stored(*stored->group);
      return;
    }
    stored->directory = *directory;
    begin(std::move(stored));
  }

  void settle() override {
    while (!in_flight_.empty()) finish_oldest();
  }

  Result<std::unique_ptr<Writer>> open_writer(const std::string& directory, const std::string& name,
                                              const Meta& meta) override;

  Status link(const std::string& existing, const std::string& directory, const std::string& name) override {
    TRY_ASSIGN(const dfs::NodePointer node, lookup(existing));
    TRY_ASSIGN(const dfs::NodePointer parent, find_directory(directory));
    const Status linked = system_.run(fs_->link(node, parent, name));
    if (linked.code() != Code::kExists) return linked;
    TRY_ASSIGN(const dfs::Attributes there, system_.run(fs_->stat(parent, name)));
    if (there.type == dfs::NodeType::kDirectory) return linked;
    if (there.object == node->object()) return ok();
    const std::string partial = partial_name(name);
    const Status removed = system_.run(fs_->remove(parent, partial));
    if (removed.code() != Code::kNotFound) TRY(removed);
    TRY(system_.run(fs_->link(node, parent, partial)));
    return system_.run(fs_->move(parent, partial, parent, name));
  }

  Status finish_directory(const std::string& path, Item& item) override {
    TRY_ASSIGN(const dfs::NodePointer directory, find_directory(path));
    TRY(system_.run(set_xattrs(directory, item.xattrs)));
    return status_of(system_.run(fs_->set_attributes(directory, changes_of(item.meta))));
  }

  Status remove(const std::string& directory, const std::string& name) override {
    TRY_ASSIGN(const dfs::NodePointer parent, find_directory(directory));
    return system_.run(fs_->remove(parent, name));
  }

  Status sync() override {
    settle();
    return system_.run(fs_->sync());
  }
  bool keeps_owners() const override { return options_.keep_owner; }

 private:
  friend class DfsReader;
  friend class DfsWriter;

  dfs::AttributeChanges changes_of(const Meta& meta) const {
    dfs::AttributeChanges changes;
    changes.mode = meta.permissions;
    if (options_.keep_owner) {
      changes.user = meta.user;
      changes.group = meta.group;
    }
    changes.access_ns = meta.access_ns;
    changes.modify_ns = meta.modify_ns;
    return changes;
  }

  Result<dfs::NodePointer> lookup(const std::string& path) {
    return system_.run(fs_->lookup(path.empty() ? "/" : path, dfs::OpenMode::kReadOnly, false));
  }

  Result<dfs::NodePointer> find_directory(const std::string& path) {
    const auto kept = directories_.find(path);
    if (kept != directories_.end()) return kept->second;
    TRY_ASSIGN(dfs::NodePointer node, lookup(path));
    if (!node->is_directory()) return Status(Code::kNotDirectory, path + ": isn't a directory");
    keep_directory(path, node);
    return node;
  }
  void keep_directory(const std::string& path, const dfs::NodePointer& node) {
    if (directories_.size() >= kDirectoriesKept) directories_.clear();
    directories_[path] = node;
  }

  Task<Result<std::map<std::string, Bytes>>> fetch_xattrs(dfs::NodePointer node) {
    std::map<std::string, Bytes> found;
    CO_TRY_ASSIGN(const std::vector<std::string> names, co_await fs_->list_xattrs(node));
    for (const std::string& name : names) {
      CO_TRY_ASSIGN(found[name], co_await fs_->get_xattr(node, name));
    }
    co_return found;
  }

  Task<Status> set_xattrs(dfs::NodePointer node, std::map<std::string, Bytes> xattrs) {
    for (const auto& xattr : xattrs) {
      CO_TRY(co_await fs_->set_xattr(node, xattr.first, xattr.second));
    }
    co_return ok();
  }

  // --- Reading groups.

  Task<Status> load_one(dfs::NodePointer directory, Item* item) {
    CO_TRY_ASSIGN(const dfs::NodePointer node, co_await fs_->lookup_in(directory, item->name));
    if (options_.keep_xattrs) {
      CO_TRY_ASSIGN(item->xattrs, co_await fetch_xattrs(node));
    }
    item->target = node->symlink_target();
    if (item->meta.type != dfs::NodeType::kFile || item->meta.size == 0) co_return ok();
    if (node->type() != dfs::NodeType::kFile) co_return Status(Code::kConflict, "it was replaced while it was copied");
    Item::Piece piece;
    piece.data.resize(item->meta.size);
    std::vector<MutableBytes> out(1, MutableBytes(piece.data));
    CO_TRY_ASSIGN(const ByteCount bytes, co_await fs_->read(node, 0, std::move(out)));
    if (bytes != item->meta.size) co_return Status(Code::kConflict, "it became shorter while it was copied");
    item->content.push_back(std::move(piece));
    co_return ok();
  }

  Task<void> load(dfs::NodePointer directory, Group* group) {
    for (Item& item : group->items) item.status = co_await load_one(directory, &item);
    is_loaded_ = true;
    done_.notify_all();
  }

  Task<void> wait_loaded() {
    while (!is_loaded_) co_await done_.wait();
  }

  // --- Storing.

  dfs::NewNode new_node_of(const Item& item) const {
    dfs::NewNode node;
    node.name = item.name;
    node.type = item.meta.type;
    node.options.mode = item.meta.permissions;
    if (options_.keep_owner) {
      node.options.user = item.meta.user;
      node.options.group = item.meta.group;
    }
    node.access_ns = item.meta.access_ns;
    node.modify_ns = item.meta.modify_ns;
    node.symlink_target = item.target;
    node.device = item.meta.device;
    node.xattrs = item.xattrs;
    for (const Item::Piece& piece : item.content) node.content.push_back({.offset = piece.offset, .data = piece.data});
    node.size = item.meta.size;
    return node;
  }

  std::vector<dfs::NewNode> new_nodes_of(const Group& group) const {
    std::vector<dfs::NewNode> nodes;
    for (const Item& item : group.items) nodes.push_back(new_node_of(item));
    return nodes;
  }

  Task<void> run_stored(Stored* stored) {
    if (stored->group == nullptr) {
      std::vector<ByteView> data(1, ByteView(stored->data));
      stored->status = co_await fs_->write(stored->file, stored->offset, std::move(data));
    } else {
      bool may_replace = stored->group->may_replace;
      Status status = co_await fs_->create_nodes(stored->directory, new_nodes_of(*stored->group), may_replace);
      if (status.code() == Code::kExists && !may_replace) {
        // Made since the directory was read, as by a copy that was killed while the server had requests of it.
        may_replace = true;
        status = co_await fs_->create_nodes(stored->directory, new_nodes_of(*stored->group), may_replace);
      }
      for (Item& item : stored->group->items) {
        // One of them doesn't go: one by one shows which.
        if (!status.is_ok() && status.code() != Code::kNoSpace && stored->group->items.size() > 1) {
          std::vector<dfs::NewNode> alone;
          alone.push_back(new_node_of(item));
          item.status = co_await fs_->create_nodes(stored->directory, std::move(alone), may_replace);
        } else {
          item.status = status;
        }
      }
    }
    stored->is_done = true;
    done_.notify_all();
  }

  Task<void> wait_stored(const Stored* stored) {
    while (!stored->is_done) co_await done_.wait();
  }

  void begin(std::unique_ptr<Stored> stored) {
    while (in_flight_.size() >= kInFlightMax) finish_oldest();
    Stored* running = stored.get();
    in_flight_.push_back(std::move(stored));
    system_.submit(run_stored(running));
  }

  void finish_oldest() {
    const std::unique_ptr<Stored> oldest = std::move(in_flight_.front());
    in_flight_.pop_front();
    system_.run(wait_stored(oldest.get()));
    if (oldest->group != nullptr) {
      oldest->on_stored(*oldest->group);
    } else if (!oldest->status.is_ok() && part_status_.is_ok()) {
      part_status_ = oldest->status;
    }
  }

  std::shared_ptr<dfs::FileSystem> fs_;
  client::System& system_;
  TreeOptions options_;
  Signal done_;               // The executor's.
  bool is_loaded_ = true;     // The executor's while a load runs.
  std::deque<std::unique_ptr<Stored>> in_flight_;
  Status part_status_;        // The first fault of the parts of the file being written.
  std::map<std::string, dfs::NodePointer> directories_;
};

class DfsReader final : public Reader {
 public:
  DfsReader(DfsTree& tree, dfs::NodePointer file) : tree_(tree), file_(std::move(file)) {}
  Result<size_t> read(uint64_t offset, MutableBytes out) override {
    return tree_.system_.run(tree_.fs_->read(file_, offset, {out}));
  }
  Result<std::vector<dfs::FileExtent>> data_extents() override {
    return tree_.system_.run(tree_.fs_->data_extents(file_, 0, ~uint32_t{0}));
  }

 private:
  DfsTree& tree_;
  dfs::NodePointer file_;
};

class DfsWriter final : public Writer {
 public:
  DfsWriter(DfsTree& tree, dfs::NodePointer directory, dfs::NodePointer file, std::string name)
      : tree_(tree), directory_(std::move(directory)), file_(std::move(file)), name_(std::move(name)) {
    tree_.settle();
    tree_.part_status_ = ok();
  }
  ~DfsWriter() override {
    if (is_finished_) return;
    tree_.settle();
    ignore(tree_.system_.run(tree_.fs_->remove(directory_, file_->name())), "a later copy removes it too");
  }
  Status write(uint64_t offset, Bytes data) override {
    auto stored = std::make_unique<Stored>();
    stored->file = file_;
    stored->offset = offset;
    stored->data = std::move(data);
    tree_.begin(std::move(stored));
    return tree_.part_status_;
  }
  Status finish(Item& item) override {
    tree_.settle();
    TRY(tree_.part_status_);
    TRY_ASSIGN(const uint64_t size, tree_.system_.run(tree_.fs_->size(file_)));
    if (size != item.meta.size) TRY(tree_.system_.run(tree_.fs_->truncate(file_, item.meta.size)));
    TRY(tree_.system_.run(tree_.set_xattrs(file_, item.xattrs)));
    TRY(status_of(tree_.system_.run(tree_.fs_->set_attributes(file_, tree_.changes_of(item.meta)))));
    TRY(tree_.system_.run(tree_.fs_->move(directory_, file_->name(), directory_, name_)));
    is_finished_ = true;
    return ok();
  }

 private:
  DfsTree& tree_;
  dfs::NodePointer directory_;
  dfs::NodePointer file_;
  std::string name_;
  bool is_finished_ = false;
};

Result<std::unique_ptr<Reader>> DfsTree::open_reader(const std::string& path) {
  TRY_ASSIGN(dfs::NodePointer file, lookup(path));
  return std::unique_ptr<Reader>(std::make_unique<DfsReader>(*this, std::move(file)));
}

Result<std::unique_ptr<Writer>> DfsTree::open_writer(const std::string& directory, const std::string& name,
                                                     const Meta&) {
  TRY_ASSIGN(dfs::NodePointer parent, find_directory(directory));
  dfs::OpenOptions options;
  options.mode = dfs::OpenMode::kReadWrite;
  options.creation = dfs::Creation::kIfMissing;
  options.truncate = true;
  options.create.mode = 0600;
  TRY_ASSIGN(dfs::NodePointer file, system_.run(fs_->open(parent, partial_name(name), options)));
  return std::unique_ptr<Writer>(std::make_unique<DfsWriter>(*this, std::move(parent), std::move(file), name));
}

std::unique_ptr<Tree> open_dfs_tree(const Place& place, TreeOptions options) {
  return std::make_unique<DfsTree>(place.file_system, *place.system, options);
}

}  // namespace aeon::transfer
