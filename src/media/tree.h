// The index in memory: a copy-on-write B+tree of pages, of which some may still be on the disk only.
//
// Nodes belong to the generation that made them. freeze() starts a new one in O(1): from then on a change copies the
// nodes on its path, and what is frozen stays as it was, for a checkpoint to write. Sans I/O: a walk that needs a page
// that isn't in memory says where it lies, and the caller loads it, gives it to attach() and walks again.
//
// Invariants
//   - All leaves are on level 0 and have entries; the root of an empty tree is null.
//   - A key of an inner page is <= every key below its child and > every key below the child before it; below the
//     first child keys may be smaller.
//   - A node with an address equals the page there. A node without one and its ancestors have none either: they are
//     dirty.
// Ownership: nodes are counted by reference, within one executor.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "page.h"

namespace aeon::media {

struct Node;

class NodeRef {
 public:
  NodeRef() = default;
  explicit NodeRef(Node* node);
  NodeRef(const NodeRef& other) : NodeRef(other.node_) {}
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef();
  Node* get() const { return node_; }
  Node* operator->() const { return node_; }
  Node& operator*() const { return *node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};

// A child: in memory, or where it lies on the disk.
struct Child {
  NodeRef node;
  PageAddress address;  // Of a child that isn't in memory; the node knows its own.
};

struct Node {
  Page page;
  std::vector<Child> children;  // One for each entry of an inner page.
  PageAddress address;
  uint64_t generation = 0;
  uint32_t references = 0;
  uint32_t accounted_blocks = 0;  // Its part of Tree::dirty_blocks().
  uint8_t level = 0;
};

inline NodeRef::NodeRef(Node* node) : node_(node) {
  if (node_ != nullptr) ++node_->references;  // NOLINT(clang-analyzer-core.uninitialized.Assign): it starts at 0.
}
inline NodeRef::~NodeRef() {
  if (node_ != nullptr && --node_->references == 0) delete node_;
}

// What the disk says of a tree.
struct TreeRoot {
  PageAddress address;   // Unset: an empty tree.
  uint64_t page_count = 0;
  friend bool operator==(const TreeRoot&, const TreeRoot&) = default;
};

class Tree {
 public:
  static constexpr size_t kHeightMax = 32;

  Tree(TreeRoot root, size_t page_size_max);

  // From the root to an entry of a leaf. Holds until the next change of the tree.
  struct Path {
    struct Step {
      Node* node = nullptr;
      size_t index = 0;
    };
    std::array<Step, kHeightMax> steps;
    size_t depth = 0;  // 0: no entry there.

    bool is_at_entry() const { return depth != 0; }
    const Step& leaf() const { return steps[depth - 1]; }
  };

  // Walks. Each returns the address of a page that must be in memory first, or nothing when done. A path that ends
  // without an entry has depth 0.
  using Missing = std::optional<PageAddress>;
  Missing seek(ByteView key, Path& path) const;         // The first key >= `key`.
  Missing seek_after(ByteView key, Path& path) const;   // The first key > `key`.
  Missing seek_before(ByteView key, Path& path) const;  // The last key < `key`.
  Missing next(Path& path) const;                       // From an entry to the one after it.
  Missing previous(Path& path) const;
  // All that put() or erase() of the key need.
  Missing missing_for(ByteView key) const;

  // At most the blocks that a change of this key makes dirty. What missing_for() names must be in memory.
  uint64_t clean_blocks_on_path(ByteView key) const;

  // Changes; what missing_for() names must be in memory.
  void put(ByteView key, ByteView value);
  bool erase(ByteView key);  // False if it wasn't there.

  // Gives a page that a walk missed its place. kCorrupt if it does not fit in there.
  Status attach(PageAddress address, Page page, uint8_t level);

  // Starts a new generation. The nodes below the result never change again; the dirty ones must get addresses before
  // the next change of the tree, so that it can report them as dropped.
  NodeRef freeze();
  // What the frozen tree's pages need that have no address yet, children before parents.
  static std::vector<NodeRef> dirty_nodes(const NodeRef& frozen_root);
  static std::vector<PageAddress> child_addresses(const Node& node);

  // Written pages that the live tree no longer has, since the last call.
  std::vector<PageAddress> take_dropped();
  void add_dropped(const std::vector<PageAddress>& pages) {
    dropped_.insert(dropped_.end(), pages.begin(), pages.end());
  }

  bool is_empty() const { return !root_.node && !root_.address.is_set(); }
  bool is_whole_in_memory() const { return resident_count_ == page_count_; }
  uint64_t page_count() const { return page_count_; }
  size_t height() const;  // As far as known: 0 while the root isn't in memory.
  // At least the blocks that a checkpoint of the live tree must write, without those frozen earlier.
  uint64_t dirty_blocks() const { return dirty_blocks_; }
  const Child& root() const { return root_; }

 private:
  Missing descend(ByteView key, Path& path) const;
  Missing descend_first(const Child& child, Path& path) const;
  Missing descend_last(const Child& child, Path& path) const;
  // The child's node, changeable: a copy if it was frozen.
  Node& make_changeable(Child& child);
  void drop(const NodeRef& node);
  void account(Node& node);
  NodeRef make_node(Page page, uint8_t level);
  void insert_at(Path& path, size_t depth, size_t index, ByteView key, ByteView value, Child child);
  void insert_before_first_key(Path& path, size_t depth, ByteView separator, Child child);
  // Puts `right` behind the node at `depth`, in its parent or a new root.
  void add_sibling(Path& path, size_t depth, ByteView separator, NodeRef right);
  void split_if_large(Path& path, size_t depth);
  void shrink_path(Path& path);
  bool merge_with_neighbour(Node& parent, size_t index);

  Child root_;
  size_t page_size_max_;
  uint64_t generation_ = 1;
  uint64_t page_count_ = 0;
  uint64_t resident_count_ = 0;
  uint64_t dirty_blocks_ = 0;
  std::vector<PageAddress> dropped_;
};

}  // namespace aeon::media
