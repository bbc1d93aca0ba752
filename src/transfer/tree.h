// One side of a copy: a tree of the host or of a DFS, with the calls that copying and comparing need. Blocking, from
// one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "transfer/copy.h"

namespace aeon::transfer {

struct Meta {
  dfs::NodeType type = dfs::NodeType::kFile;
  uint32_t permissions = 0;
  uint32_t user = 0;
  uint32_t group = 0;
  uint64_t size = 0;         // Of files.
  ByteCount allocated = 0;   // Less than `size`: it may have holes.
  int64_t access_ns = 0;
  int64_t modify_ns = 0;
  uint64_t device = 0;       // Of device nodes.
  uint32_t link_count = 1;
  std::pair<uint64_t, uint64_t> identity;  // The same for all names of one file.
};

struct Listed {
  std::string name;
  Meta meta;
};

// Everything about a node but its name's directory; files are in it whole.
struct Item {
  std::string name;
  Meta meta;
  std::map<std::string, Bytes> xattrs;
  std::string target;        // Symlinks.
  struct Piece {
    uint64_t offset = 0;
    Bytes data;
  };
  std::vector<Piece> content;
  Status status;             // Why it could not be loaded or stored.
  std::vector<std::string> not_kept;
};

// Items of one directory that go together.
struct Group {
  std::string source_directory;
  std::string directory;     // Where they go.
  std::vector<Item> items;
  bool may_replace = false;  // Some of the names are known to be taken.
  ByteCount bytes = 0;
};

class Reader {
 public:
  virtual ~Reader() = default;
  // At most out.size(); fewer only at the end.
  virtual Result<size_t> read(uint64_t offset, MutableBytes out) = 0;
  // Where data may be, in order; what is between reads as zeros.
  virtual Result<std::vector<dfs::FileExtent>> data_extents() = 0;
};

// A large file on its way; it gets its name by finish().
class Writer {
 public:
  virtual ~Writer() = default;
  virtual Status write(uint64_t offset, Bytes data) = 0;
  // Fills item.not_kept. Without it the file doesn't stay.
  virtual Status finish(Item& item) = 0;
};

struct TreeOptions {
  bool keep_owner = true;
  bool keep_xattrs = true;
};

class Tree {
 public:
  virtual ~Tree() = default;

  virtual Result<Meta> stat(const std::string& path) = 0;  // Symlinks aren't followed.
  virtual Result<std::vector<Listed>> list(const std::string& directory) = 0;  // In byte order.
  virtual Result<std::map<std::string, Bytes>> xattrs(const std::string& path) = 0;
  virtual Result<std::string> link_target(const std::string& path) = 0;
  virtual Result<std::unique_ptr<Reader>> open_reader(const std::string& path) = 0;
  // Fills targets, xattrs and contents of the items. May go on in the background until finish_load().
  virtual void start_load(Group& group) = 0;
  virtual void finish_load(Group& group) = 0;

  // Whether it is new; false if it is there already. kNotDirectory if something else is.
  virtual Result<bool> make_directory(const std::string& path) = 0;
  // Stores the items, in the background perhaps; on_stored is called from within a later call of this tree, with each
  // item's status.
  using OnStored = std::function<void(Group&)>;
  virtual void store(std::unique_ptr<Group> group, OnStored on_stored) = 0;
  // Waits until all that store() began has ended.
  virtual void settle() = 0;
  virtual Result<std::unique_ptr<Writer>> open_writer(const std::string& directory, const std::string& name,
                                                      const Meta& meta) = 0;
  // Replaces what has the name, if it isn't a directory.
  virtual Status link(const std::string& existing, const std::string& directory, const std::string& name) = 0;
  virtual Status finish_directory(const std::string& path, Item& item) = 0;
  virtual Status remove(const std::string& directory, const std::string& name) = 0;
  virtual Status sync() = 0;
  // What it would say of an owner: the host only keeps others' when root.
  virtual bool keeps_owners() const = 0;
};

std::unique_ptr<Tree> open_host_tree(TreeOptions options);
std::unique_ptr<Tree> open_dfs_tree(const Place& place, TreeOptions options);
Result<std::unique_ptr<Tree>> open_tree(const Place& place, TreeOptions options);

std::string join(const std::string& directory, const std::string& name);
// The directory and the last element of a path; the name is empty for the root.
std::pair<std::string, std::string> split(const std::string& path);
// The name a large file has until it is whole.
std::string partial_name(const std::string& name);
bool is_partial_name(const std::string& name);
inline constexpr const char* kUnfinishedName = ".aeon-copy-unfinished";  // In a destination until all is copied.

inline constexpr ByteCount kWholeMax = 4 * kMiB;  // Larger files are copied in parts.
inline constexpr ByteCount kPartSize = 4 * kMiB;

}  // namespace aeon::transfer
