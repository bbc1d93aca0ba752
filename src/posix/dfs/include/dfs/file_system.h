// Files and directories over the objects of one container, as libdfs has them; the layout, what each operation costs
// and what isn't POSIX are in docs/design/dfs.md.
//
// Every operation that changes something is one Container::write(), so a crash never leaves it half done (remove_all
// is a series of them). Durability is the container's: with durability=flush, sync() makes all before it durable.
//
// Errors name the path as far as this layer knows it. Everywhere: kNotFound, kNotDirectory, kIsDirectory, kReadOnly
// (mounted so), kInvalidArgument (names, sizes), kTooBig (names, xattrs, symlink targets), kLoop, kStaleHandle (a node
// whose entry was removed or moved by somebody else), kCorrupt (stored bytes that make no sense).
//
// Permissions are advisory, as in libdfs: access() answers by the mode bits; no other operation looks at them. What a
// process may really do is what its container handle may.
//
// Ownership and threading: a file system keeps its container open; it must outlive the tasks it gave out. Nodes may
// outlive it. Tasks run on the container's executor (client::System::run(), submit()); functions that aren't tasks may
// be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/array.h"
#include "client/client.h"
#include "dfs/types.h"

namespace aeon::dfs {

class FileSystem;

// An open file, directory, symlink or special file: where its entry is, and what doesn't change about it.
class Node {
 public:
  NodeType type() const { return type_; }
  bool is_directory() const { return type_ == NodeType::kDirectory; }
  ObjectId object() const { return object_; }
  ByteCount chunk_size() const { return chunk_size_; }  // Files: theirs. Directories: as set for new files, or 0.
  const std::string& symlink_target() const { return symlink_target_; }
  OpenMode open_mode() const { return open_mode_; }
  uint32_t mode() const { return mode_; }  // With type bits; as of opening, or of the last change made by this node.

  // Where its entry was when opened (or after move() or update_parent()). The root's name is "/".
  ObjectId parent() const { return parent_; }
  const std::string& name() const { return name_; }

 private:
  friend class FileSystem;
  friend class FileSystemCore;
  Node() = default;

  NodeType type_ = NodeType::kFile;
  OpenMode open_mode_ = OpenMode::kReadOnly;
  uint32_t mode_ = 0;
  ObjectId object_;
  ObjectId parent_;
  std::string name_;
  ByteCount chunk_size_ = 0;
  uint32_t directory_class_ = 0;
  uint32_t file_class_ = 0;
  std::string symlink_target_;
  std::string path_;  // As of opening, for messages.
};
using NodePointer = std::shared_ptr<Node>;

struct FormatOptions {
  ByteCount chunk_size = kDefaultChunkSize;
  ObjectClass object_class = 0;  // For all; the next two prevail. 0: S1.
  ObjectClass directory_class = 0;
  ObjectClass file_class = 0;
  uint32_t consistency = 0;  // DFS_RELAXED 0 or DFS_BALANCED 4: kept and reported.
  uint64_t user_id = 0;  // dfs_attr_t's da_id: kept and reported.
  std::string hints;  // "file:single,dir:max" and the like: kept and reported, and where a class
                      // isn't given above, they choose it.
  uint32_t root_mode = 0755;
  uint32_t root_user = 0;
  uint32_t root_group = 0;
};

struct MountOptions {
  bool read_only = false;
  Epoch epoch = kEpochMax;  // A snapshot's: reads see it, and the mount is read-only.
  uint32_t user = 0;  // Owner and group of what is created.
  uint32_t group = 0;
  bool format_if_missing = false;  // A container without a file system gets one, as `format` says.
  FormatOptions format;
};

// What the superblock says.
struct FileSystemInfo {
  uint32_t format_version = 0;
  Uuid id;  // Chosen at format.
  ByteCount chunk_size = 0;
  ObjectClass directory_class = 0;
  ObjectClass file_class = 0;
  uint32_t consistency = 0;
  uint64_t user_id = 0;
  std::string hints;
};

class FileSystem : public std::enable_shared_from_this<FileSystem> {
 public:
  // Writes superblock and root directory. kExists if they are there already. `container` should have layout type
  // POSIX; create_container() makes such a one and formats it.
  static Task<Status> format(std::shared_ptr<client::Container> container, FormatOptions options = {});
  static Task<Result<Uuid>> create_container(std::shared_ptr<client::Pool> pool, client::ContainerSpec spec,
                                             FormatOptions options = {});
  // kNotFound: the container holds no file system. kVersionUnsupported, kCorrupt. kReadOnly if the container is open
  // for reading only and the mount isn't.
  static Task<Result<std::shared_ptr<FileSystem>>> mount(std::shared_ptr<client::Container> container,
                                                         MountOptions options = {});

  virtual ~FileSystem() = default;
  virtual const FileSystemInfo& info() const = 0;
  virtual const MountOptions& options() const = 0;
  virtual std::shared_ptr<client::Container> container() const = 0;
  virtual bool is_read_only() const = 0;
  virtual NodePointer root() const = 0;

  // --- Finding. `directory` may be null for the root, everywhere.

  // `path`: absolute, or relative to `from`; empty and "/" mean `from` and the root. "." and ".." work. Symlinks on
  // the way are followed; a last one only if `follow`.
  virtual Task<Result<NodePointer>> lookup(std::string path, OpenMode mode = OpenMode::kReadOnly, bool follow = true,
                                           NodePointer from = nullptr) = 0;
  // One name, not followed.
  virtual Task<Result<NodePointer>> lookup_in(NodePointer directory, std::string name,
                                              OpenMode mode = OpenMode::kReadOnly) = 0;
  // The directory that holds a path's last element, and that element: for calls that take (directory, name). The
  // element need not exist. kInvalidArgument for the root and paths ending in "." or "..".
  struct Place {
    NodePointer directory;
    std::string name;
  };
  virtual Task<Result<Place>> lookup_parent(std::string path, NodePointer from = nullptr) = 0;
  // A second handle of the same node, with another open mode.
  virtual Task<Result<NodePointer>> duplicate(NodePointer node, OpenMode mode) = 0;
  // The absolute path of a directory.
  virtual Task<Result<std::string>> path_of(NodePointer directory) = 0;
  // A handle as bytes for another process with the same container, and back. kReadWrite only if it was that before.
  virtual Bytes encode(const Node& node) const = 0;
  virtual Result<NodePointer> decode(ByteView encoded, OpenMode mode) = 0;
  // Tells `node` that its entry is now `name` in `directory` (somebody else moved it). kStaleHandle if it isn't.
  virtual Task<Status> update_parent(NodePointer node, NodePointer directory, std::string name) = 0;

  // --- Making and removing entries.

  // A regular file. kIsDirectory, and kInvalidArgument for other types: open those with lookup_in().
  virtual Task<Result<NodePointer>> open(NodePointer directory, std::string name, OpenOptions options = {}) = 0;
  virtual Task<Result<NodePointer>> mkdir(NodePointer directory, std::string name, CreateOptions options) = 0;
  virtual Task<Result<NodePointer>> symlink(NodePointer directory, std::string name, std::string target,
                                            CreateOptions options = {}) = 0;
  // Fifos, sockets, device nodes; and empty files.
  virtual Task<Result<NodePointer>> make_node(NodePointer directory, std::string name, NodeType type, uint64_t device,
                                              CreateOptions options) = 0;
  // Another name for a node that isn't a directory (kIsDirectory).
  virtual Task<Status> link(NodePointer node, NodePointer directory, std::string name) = 0;
  // All of `nodes` with their attributes and contents by one write. kExists (and nothing is made) if any of the names
  // is taken, or, if `replace`, only if a directory has it.
  virtual Task<Status> create_nodes(NodePointer directory, std::vector<NewNode> nodes, bool replace = false) = 0;
  // A file, symlink, special file or empty directory (else kNotEmpty).
  virtual Task<Status> remove(NodePointer directory, std::string name) = 0;
  // The same and, for a directory, all below it, from the leaves up. May stop halfway: then what is left is whole.
  virtual Task<Status> remove_all(NodePointer directory, std::string name) = 0;
  // As rename(2): replaces a file or an empty directory of the same kind. kInvalidArgument: into itself. A node given
  // as `moved` is told its new place; other handles of it become stale.
  virtual Task<Status> move(NodePointer directory, std::string name, NodePointer new_directory, std::string new_name,
                            NodePointer moved = nullptr) = 0;
  // Like move() but kExists if the new name is taken.
  virtual Task<Status> move_no_replace(NodePointer directory, std::string name, NodePointer new_directory,
                                       std::string new_name) = 0;
  virtual Task<Status> exchange(NodePointer directory_a, std::string name_a, NodePointer directory_b,
                                std::string name_b) = 0;

  // --- Listing. A page has at most `count_max` entries, and may have fewer without being the last.

  virtual Task<Result<DirectoryPage>> read_directory(NodePointer directory, Anchor from, uint32_t count_max,
                                                     EntryDetail detail = EntryDetail::kNames) = 0;
  // Calls `visit` for each entry until it returns a fault, which is returned.
  virtual Task<Status> for_each_entry(NodePointer directory, EntryDetail detail,
                                      std::function<Task<Status>(const DirectoryEntry&)> visit) = 0;
  virtual Task<Result<bool>> is_empty(NodePointer directory) = 0;

  // --- Attributes. By entry (an empty name: the directory itself; symlinks aren't followed) or by node.

  virtual Task<Result<Attributes>> stat(NodePointer directory, std::string name) = 0;
  virtual Task<Result<Attributes>> stat(NodePointer node) = 0;
  // Returns what they are afterwards.
  virtual Task<Result<Attributes>> set_attributes(NodePointer node, AttributeChanges changes) = 0;
  virtual Task<Result<Attributes>> set_attributes(NodePointer directory, std::string name,
                                                  AttributeChanges changes) = 0;
  // kPermission if the mode bits don't give `caller` all of `mask` (AccessMask). Symlinks are followed.
  virtual Task<Status> access(NodePointer directory, std::string name, Caller caller, uint32_t mask) = 0;
  virtual Task<Result<NodeInfo>> node_info(NodePointer node) = 0;
  // What is made in this directory from now on by nodes opened later, and by this one; 0 goes back to the file
  // system's. The class is that of new files and of new directories alike.
  virtual Task<Status> set_chunk_size(NodePointer directory, ByteCount chunk_size) = 0;
  virtual Task<Status> set_object_class(NodePointer directory, ObjectClass object_class) = 0;
  // What dfs_suggest_oclass answers: the class for "file:single", "directory:max" and the like.
  static Result<ObjectClass> suggest_class(const std::string& hint);

  // --- Extended attributes. Names are bytes without NUL, at most kXattrNameSizeMax.

  virtual Task<Status> set_xattr(NodePointer node, std::string name, Bytes value, XattrSet how = XattrSet::kAny) = 0;
  virtual Task<Result<Bytes>> get_xattr(NodePointer node, std::string name) = 0;
  virtual Task<Result<std::vector<std::string>>> list_xattrs(NodePointer node) = 0;
  virtual Task<Status> remove_xattr(NodePointer node, std::string name) = 0;

  // --- Data of regular files. The memory must stay until the task has ended.

  // Up to the file's end; holes read as zeros. `out` and `data` are in any number of pieces.
  virtual Task<Result<ByteCount>> read(NodePointer file, uint64_t offset, std::vector<MutableBytes> out) = 0;
  // Many extents at once (dfs_readx, dfs_writex): the pieces' sizes add up to the extents'.
  virtual Task<Result<ByteCount>> read_extents(NodePointer file, std::vector<FileExtent> extents,
                                               std::vector<MutableBytes> out) = 0;
  virtual Task<Status> write(NodePointer file, uint64_t offset, std::vector<ByteView> data) = 0;
  virtual Task<Status> write_extents(NodePointer file, std::vector<FileExtent> extents, std::vector<ByteView> data) = 0;
  virtual Task<Result<uint64_t>> size(NodePointer file) = 0;
  virtual Task<Status> truncate(NodePointer file, uint64_t size) = 0;
  // A hole; the size stays as it is.
  virtual Task<Status> punch(NodePointer file, uint64_t offset, uint64_t size) = 0;
  // Where data is, in order, from `offset`: at most `count_max` extents, neighbours joined. Empty: only holes follow.
  virtual Task<Result<std::vector<FileExtent>>> data_extents(NodePointer file, uint64_t offset, uint32_t count_max) = 0;
  // The byte array that holds a file's data, for those who use it directly (dfs_get_file_oh): for writing if the node
  // is. The size follows such writes; the modify time only moves at this call.
  virtual Task<Result<client::Array>> array(NodePointer file) = 0;
  // The size of a file known only by its object id and chunk size.
  virtual Task<Result<uint64_t>> size_of_object(ObjectId object, ByteCount chunk_size) = 0;

  // Everything written so far is durable.
  virtual Task<Status> sync() = 0;

 protected:
  FileSystem() = default;
  // For implementations.
  static NodePointer make_node_pointer() { return NodePointer(new Node()); }
};

}  // namespace aeon::dfs
