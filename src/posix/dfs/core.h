// The implementation of FileSystem. Its parts are in files by what they do:
//   mount.cc    format, mount            lookup.cc      nodes, paths
//   entries.cc  loading, making, removing   move.cc     move, exchange
//   links.cc    hard links               attributes.cc  stat and changes
//   xattrs.cc                            listing.cc     directories
//   data.cc     contents of files
#pragma once

#include <array>
#include <map>

#include "dfs/file_system.h"
#include "lock_table.h"
#include "path.h"
#include "records.h"
#include "runtime/hybrid_clock.h"
#include "write_set.h"

namespace aeon::dfs {

// How often an operation starts again because others changed what it looked at.
inline constexpr int kAttemptsMax = 100;
inline Status too_contended(std::string_view path) {
  return Status(Code::kConflict, printable(path) + " kept changing meanwhile; try again");
}

// Where an entry is.
struct EntryKey {
  ObjectId directory;
  std::string name;
};

// What is stored of a node's attributes, and where.
struct Stored {
  EntryKey entry;
  ObjectId home_object;        // Where the attributes are: the entry, or the shared inode of hard links.
  std::string home_dkey;
  bool is_shared = false;
  Inode inode;
  Epoch inode_epoch;
  std::optional<Times> times;
  Epoch times_epoch;
  std::optional<uint64_t> sealed_size;

  Epoch birth() const { return inode.birth == kEpochZero ? inode_epoch : inode.birth; }
};

class FileSystemCore final : public FileSystem {
 public:
  FileSystemCore(std::shared_ptr<client::Container> container, MountOptions options, FileSystemInfo info);

  const FileSystemInfo& info() const override { return info_; }
  const MountOptions& options() const override { return options_; }
  std::shared_ptr<client::Container> container() const override { return container_; }
  bool is_read_only() const override { return options_.read_only; }
  NodePointer root() const override { return root_; }
  Task<Status> load_root();

  Task<Result<NodePointer>> lookup(std::string path, OpenMode mode, bool follow, NodePointer from) override;
  Task<Result<NodePointer>> lookup_in(NodePointer directory, std::string name, OpenMode mode) override;
  Task<Result<Place>> lookup_parent(std::string path, NodePointer from) override;
  Task<Result<NodePointer>> duplicate(NodePointer node, OpenMode mode) override;
  Task<Result<std::string>> path_of(NodePointer directory) override;
  Bytes encode(const Node& node) const override;
  Result<NodePointer> decode(ByteView encoded, OpenMode mode) override;
  Task<Status> update_parent(NodePointer node, NodePointer directory, std::string name) override;

  Task<Result<NodePointer>> open(NodePointer directory, std::string name, OpenOptions options) override;
  Task<Result<NodePointer>> mkdir(NodePointer directory, std::string name, CreateOptions options) override;
  Task<Result<NodePointer>> symlink(NodePointer directory, std::string name, std::string target,
                                    CreateOptions options) override;
  Task<Result<NodePointer>> make_node(NodePointer directory, std::string name, NodeType type, uint64_t device,
                                      CreateOptions options) override;
  Task<Status> link(NodePointer node, NodePointer directory, std::string name) override;
  Task<Status> create_nodes(NodePointer directory, std::vector<NewNode> nodes, bool replace) override;
  Task<Status> remove(NodePointer directory, std::string name) override;
  Task<Status> remove_all(NodePointer directory, std::string name) override;
  Task<Status> move(NodePointer directory, std::string name, NodePointer new_directory, std::string new_name,
                    NodePointer moved) override;
  Task<Status> move_no_replace(NodePointer directory, std::string name, NodePointer new_directory,
                               std::string new_name) override;
  Task<Status> exchange(NodePointer directory_a, std::string name_a, NodePointer directory_b,
                        std::string name_b) override;

  Task<Result<DirectoryPage>> read_directory(NodePointer directory, Anchor from, uint32_t count_max,
                                             EntryDetail detail) override;
  Task<Status> for_each_entry(NodePointer directory, EntryDetail detail,
                              std::function<Task<Status>(const DirectoryEntry&)> visit) override;
  Task<Result<bool>> is_empty(NodePointer directory) override;

  Task<Result<Attributes>> stat(NodePointer directory, std::string name) override;
  Task<Result<Attributes>> stat(NodePointer node) override;
  Task<Result<Attributes>> set_attributes(NodePointer node, AttributeChanges changes) override;
  Task<Result<Attributes>> set_attributes(NodePointer directory, std::string name, AttributeChanges changes) override;
  Task<Status> access(NodePointer directory, std::string name, Caller caller, uint32_t mask) override;
  Task<Result<NodeInfo>> node_info(NodePointer node) override;
  Task<Status> set_chunk_size(NodePointer directory, ByteCount chunk_size) override;
  Task<Status> set_object_class(NodePointer directory, ObjectClass object_class) override;

  Task<Status> set_xattr(NodePointer node, std::string name, Bytes value, XattrSet how) override;
  Task<Result<Bytes>> get_xattr(NodePointer node, std::string name) override;
  Task<Result<std::vector<std::string>>> list_xattrs(NodePointer node) override;
  Task<Status> remove_xattr(NodePointer node, std::string name) override;

  Task<Result<ByteCount>> read(NodePointer file, uint64_t offset, std::vector<MutableBytes> out) override;
  Task<Result<ByteCount>> read_extents(NodePointer file, std::vector<FileExtent> extents,
                                       std::vector<MutableBytes> out) override;
  Task<Status> write(NodePointer file, uint64_t offset, std::vector<ByteView> data) override;
  Task<Status> write_extents(NodePointer file, std::vector<FileExtent> extents, std::vector<ByteView> data) override;
  Task<Result<uint64_t>> size(NodePointer file) override;
  Task<Status> truncate(NodePointer file, uint64_t size) override;
  Task<Status> punch(NodePointer file, uint64_t offset, uint64_t size) override;
  Task<Result<std::vector<FileExtent>>> data_extents(NodePointer file, uint64_t offset, uint32_t count_max) override;
  Task<Result<client::Array>> array(NodePointer file) override;
  Task<Result<uint64_t>> size_of_object(ObjectId object, ByteCount chunk_size) override;
  Task<Status> sync() override;

 private:
  using Lock = LockTable::Request;
  // An entry with all that is below its dkey, for moving it.
  struct WholeEntry {
    Stored stored;
    std::vector<std::pair<Bytes, Bytes>> others;  // akeys and values besides inode, times and seal.
  };

  using LinkDrops = std::map<ObjectId, uint32_t>;  // Hard-linked nodes, and how many of their names go.

  // Requests.
  Task<Result<std::optional<Bytes>>> fetch_single(ObjectId object, Bytes dkey, std::string_view akey, size_t size_max);
  // The epoch of the marker; zero if there is none.
  Task<Result<Epoch>> fetch_marker(ObjectId object, Bytes dkey);
  Task<Result<ParentLink>> fetch_parent(ObjectId directory);
  // As stored in the entry; and with hard links followed to the shared inode. kNotFound names the entry.
  Task<Result<Stored>> load_raw(EntryKey entry);
  Task<Result<Stored>> load(EntryKey entry);
  // The entry of an open node; kStaleHandle if it is elsewhere. Directories are found again.
  Task<Result<Stored>> load_node(NodePointer node);
  Task<Result<WholeEntry>> load_whole(EntryKey entry);
  Task<Result<std::vector<Bytes>>> list_all_akeys(ObjectId object, Bytes dkey);
  Task<Result<LinkCount>> fetch_link_count(ObjectId shared);
  Task<Result<std::string>> symlink_target(const Stored& stored);
  Task<Result<Epoch>> commit(WriteSet& set);
  Task<Result<uint64_t>> take_object_number();

  // Nodes.
  NodePointer directory_or_root(NodePointer directory) const { return directory != nullptr ? directory : root_; }
  Status check_entry(const NodePointer& directory, std::string_view name) const;
  Status check_writable() const;
  Status check_data_node(const NodePointer& file, bool for_writing) const;
  Task<Result<NodePointer>> open_stored(const Stored& stored, OpenMode mode, std::string path);
  NodePointer node_from(const Stored& stored, OpenMode mode, std::string target, std::string path) const;
  Task<Result<NodePointer>> node_of_directory(ObjectId directory);
  // Loads an entry and opens it; for writing, its seal goes first.
  Task<Result<NodePointer>> open_entry(EntryKey entry, OpenMode mode, std::string path);

  // Parts of writes.
  void touch(WriteSet& set, ObjectId directory) const;
  void put_inode(WriteSet& set, const Stored& stored, uint32_t conditions) const;
  void put_times(WriteSet& set, const Stored& stored, uint32_t conditions) const;
  void put_whole(WriteSet& set, const WholeEntry& whole, ObjectId object, std::string_view dkey,
                 uint32_t conditions) const;
  void take_away(WriteSet& set, const Stored& raw) const;
  void take_away_node(WriteSet& set, const Stored& raw, LinkDrops& drops) const;
  // Counts the links that went, and removes what has none left.
  Task<Status> append_drops(WriteSet& set, const LinkDrops& drops);
  void put_link(WriteSet& set, EntryKey entry, const Inode& inode, uint32_t conditions) const;
  Result<Inode> new_inode(const Node& directory, NodeType type, const CreateOptions& options, uint64_t number) const;
  Task<Result<NodePointer>> create(NodePointer directory, std::string name, NodeType type, std::string target,
                                   uint64_t device, CreateOptions options, bool is_sealed);
  Status append_new_node(WriteSet& set, const Node& directory, const NewNode& node, uint64_t number,
                         uint32_t conditions) const;
  Task<Status> append_truncate(WriteSet& set, ObjectId object, ByteCount chunk_size, uint64_t size);

  // Operations behind several public ones.
  Task<Result<Attributes>> attributes_of(Stored stored);
  Task<Result<Attributes>> change_attributes(EntryKey entry, std::string path, std::optional<ObjectId> expected,
                                             AttributeChanges changes);
  Task<Status> move_entry(NodePointer directory, std::string name, NodePointer new_directory, std::string new_name,
                          bool may_replace, NodePointer moved);
  Task<Result<bool>> is_within(ObjectId directory, ObjectId ancestor);
  Task<Result<bool>> directory_is_empty(ObjectId directory);
  Task<Status> remove_page(NodePointer directory, std::vector<DirectoryEntry> entries);
  Task<Result<ByteCount>> read_chunks(NodePointer file, FileExtent extent, std::vector<MutableBytes> out);
  Task<Status> change_directory(NodePointer directory, std::optional<ByteCount> chunk_size,
                                std::optional<ObjectClass> object_class);

  static Lock shared_directory(ObjectId directory);
  static Lock exclusive_directory(ObjectId directory);
  static Lock exclusive_entry(const EntryKey& entry);
  static Lock object_lock(ObjectId object, bool is_exclusive);
  std::string path_in(const Node& directory, std::string_view name) const;

  std::shared_ptr<client::Container> container_;
  MountOptions options_;
  FileSystemInfo info_;
  Epoch epoch_;  // Of reads.
  NodePointer root_;
  LockTable locks_;
  uint64_t next_number_ = 0;
  uint64_t numbers_end_ = 0;
};

}  // namespace aeon::dfs
