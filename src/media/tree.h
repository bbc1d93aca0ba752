// The index in memory: a copy-on-write B+tree of pages, of which some may still be on the disk only.
//
// Nodes belong to the generation that made them. freeze() starts a new one in O(1): from then on a change copies the
// nodes on its path that are still to be written, and those stay as they were, for a checkpoint. Sans I/O: a walk that
// needs a page that isn't in memory says where it lies, and the caller loads it, gives it to attach() and walks again.
// evict() lets go of clean pages, in the order that a PageCache says.
//
// Invariants
//   - All leaves are on level 0 and have entries; the root of an empty tree is null.
//   - A key of an inner page is <= every key below its child and > every key below the child before it; below the
//     first child keys may be smaller.
//   - A node with an address equals the page there, or will when the running checkpoint has written it. A node without
//     one and its ancestors have none either: they are dirty.
//   - Only one parent holds a node. What else refers to it: the checkpoint that writes it, and who pins it.
//   - The cache's queues hold the live tree's nodes that are on the disk.
// Ownership: nodes are counted by reference, within one executor.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "page.h"
#include "page_cache.h"

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
  PageAddress address;  // Of a child in memory it may be unset; the node knows.

  PageAddress where() const { return node && !address.is_set() ? node_address() : address; }

 private:
  PageAddress node_address() const;
};

struct Node : CacheEntry {
  Node(PageCache& the_cache, Page the_page, uint64_t the_generation, uint8_t the_level)
      : level(the_level), page(std::move(the_page)), cache(&the_cache), generation(the_generation) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() { cache->forget(*this); }

  // What a walk looks at comes first, in one line of the processor's cache with the time of its last use.
  uint8_t level;
  bool is_live = true;  // The tree has it, rather than only a checkpoint.
  uint8_t scan_run = 0;
  uint16_t scan_next = 0;  // Where the next miss is if its children are being read in order, and how many were.
  Page page;
  std::vector<Child> children;  // One for each entry of an inner page.
  PageAddress address;
  PageCache* cache;
  uint64_t generation;
  uint32_t references = 0;
  uint32_t accounted_blocks = 0;  // Its part of Tree::dirty_blocks().
};

inline PageAddress Child::node_address() const { return node->address; }

inline NodeRef::NodeRef(Node* node) : node_(node) {
  if (node_ != nullptr) ++node_->references;  // NOLINT(clang-analyzer-core.uninitialized.Assign): it starts at 0.
}
inline NodeRef::~NodeRef() {
  if (node_ != nullptr && --node_->references == 0) delete node_;
}

// What the disk says of a tree.
struct TreeRoot {
  PageAddress address;  // Unset: an empty tree.
  uint64_t page_count = 0;
  friend bool operator==(const TreeRoot&, const TreeRoot&) = default;
};

class Tree {
 public:
  static constexpr size_t kHeightMax = 32;

  Tree(TreeRoot root, size_t page_size_max, PageCache& cache);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // From the root to an entry of a leaf. Holds until the next change of the tree.
  struct Path {
    struct Step {
      Node* node;
      size_t index;
    };
    std::array<Step, kHeightMax> steps;  // The first `depth`; the others are left as they are, since paths are many.
    size_t depth = 0;                    // 0: no entry there.

    Path() {}  // NOLINT(modernize-use-equals-default,cppcoreguidelines-pro-type-member-init)
    Path(const Path& other) : depth(other.depth) {  // NOLINT(cppcoreguidelines-pro-type-member-init)
      std::copy_n(other.steps.begin(), depth, steps.begin());
    }
    Path& operator=(const Path& other) {
      depth = other.depth;
      std::copy_n(other.steps.begin(), depth, steps.begin());
      return *this;
    }

    bool is_at_entry() const { return depth != 0; }
    const Step& leaf() const { return steps[depth - 1]; }
  };

  // A page that isn't in memory, and the child of which node it is (null: the root's place).
  struct MissingPage {
    PageAddress address;
    Node* parent = nullptr;
    size_t index = 0;
  };
  // Walks. Each returns a page that must be in memory first, or nothing when done. A path that ends without an entry
  // has depth 0.
  using Missing = std::optional<MissingPage>;
  Missing seek(ByteView key, Path& path) const;  // The first key >= `key`.
  Missing seek_after(ByteView key, Path& path) const;  // The first key > `key`.
  Missing seek_before(ByteView key, Path& path) const;  // The last key < `key`.
  Missing next(Path& path) const;  // From an entry to the one after it.
  Missing previous(Path& path) const;
  // All that put() or erase() of the key need.
  Missing missing_for(ByteView key) const;

  // Keeps the leaf of a key, which is in memory, from being evicted for as long as it is referred to.
  NodeRef leaf_of(ByteView key) const;
  // Pages worth loading together with a missing one, because its neighbours before it were just missed in order.
  // At most `most`, in key order.
  static std::vector<MissingPage> read_ahead(const MissingPage& missing, size_t most);

  // At most the blocks that a change of this key makes dirty. What missing_for() names must be in memory.
  uint64_t clean_blocks_on_path(ByteView key) const;

  // Changes; what missing_for() names must be in memory.
  void put(ByteView key, ByteView value);
  // The value of a key, to be changed in place at once; empty if it isn't there.
  MutableBytes changeable_value(ByteView key);
  bool erase(ByteView key);  // False if it wasn't there.
  // The same in two steps, for batches: a page that goes because it is empty leaves its part of the keys to one that
  // may not be in memory. So first all entries change, then shrink() is called for each erased key.
  bool erase_entry(ByteView key);
  void shrink(ByteView key);

  // Gives a page that a walk missed its place. kCorrupt if it does not fit in there: look at inner_eviction_count(),
  // since its place may have been evicted meanwhile. Harmless if it is there already.
  Status attach(PageAddress address, Page page, uint8_t level);

  // Lets go of clean pages, at least `bytes` of memory, or all that can go. Returns how many pages went.
  size_t evict(size_t bytes);
  uint64_t inner_eviction_count() const { return inner_eviction_count_; }
  // The checkpoint that wrote the node is durable.
  void note_written(Node& node);

  // Starts a new generation. The nodes that have no address yet, children before parents: while they are referred to,
  // they don't change. They must get addresses before the next change of the tree, which copies those and can then
  // report them as dropped.
  std::vector<NodeRef> freeze();
  static std::vector<PageAddress> child_addresses(const Node& node);

  // Written pages that the live tree no longer has, since the last call.
  std::vector<PageAddress> take_dropped();
  // Their blocks, which the checkpoint after the next makes free.
  uint64_t dropped_blocks() const;
  size_t dropped_bytes() const { return dropped_.capacity() * sizeof(PageAddress); }
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
  // The path to where the key is or belongs, with all on it changeable. The tree isn't empty.
  // `last`: where such a walk may have ended before; it becomes where this one does.
  Page::Position descend_to_change(ByteView key, Path& path, Path& last);
  void forget_last_paths() { last_.depth = last_in_place_.depth = 0; }
  // From a child on to the first or last entry below it.
  enum class Edge : uint8_t { kFirst, kLast };
  Missing descend_to(Edge edge, Node& parent, size_t index, Path& path) const;
  // Takes a node out of the tree that has no children in memory; false if it can't go now.
  bool let_go(Node& node);
  // The child's node, changeable: a copy if it was frozen.
  Node& make_changeable(Child& child);
  void drop(const NodeRef& node);
  // The children of a node that is dropped; if it is still to be written it keeps their addresses.
  static std::vector<Child> take_children(Node& node);
  void account(Node& node);
  NodeRef make_node(Page page, uint8_t level);
  void insert_at(Path& path, size_t depth, size_t index, ByteView key, ByteView value, Child child);
  void insert_before_first_key(Path& path, size_t depth, ByteView separator, Child child);
  // Puts `right` behind the node at `depth`, in its parent or a new root.
  void add_sibling(Path& path, size_t depth, ByteView separator, NodeRef right);
  // `at_end`: its last entry is new; keys that ascend would leave half-full pages behind otherwise.
  void split_if_large(Path& path, size_t depth, bool at_end);
  void shrink_path(Path& path);
  bool merge_with_neighbour(Node& parent, size_t index);

  Child root_;
  size_t page_size_max_;
  PageCache& cache_;
  uint64_t generation_ = 1;
  uint64_t page_count_ = 0;
  uint64_t resident_count_ = 0;
  uint64_t dirty_blocks_ = 0;
  uint64_t inner_eviction_count_ = 0;
  Bytes first_key_;  // Of the node that is being evicted.
  // Where the last walk from the root ended: what is changed next is mostly there. And where a value was changed in
  // place last: the same one mostly is again. They hold as long as no node comes or goes.
  mutable Path last_;
  Path last_in_place_;
  std::vector<PageAddress> dropped_;
};

}  // namespace aeon::media
