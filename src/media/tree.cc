#include "tree.h"

#include <algorithm>

#include "base/check.h"

namespace aeon::media {

namespace {

// Addresses of children get their values when they are written.
constexpr std::byte kPlaceholder[kChildValueSize] = {};

// The shortest key that is > `left` and <= `right`.
ByteView shortest_separator(ByteView left, ByteView right) {
  size_t shared = 0;
  while (shared < left.size() && shared < right.size() && left[shared] == right[shared]) ++shared;
  return right.first(std::min(shared + 1, right.size()));
}

}  // namespace

Tree::Tree(TreeRoot root, size_t page_size_max, PageCache& cache)
    : page_size_max_(std::clamp<size_t>(page_size_max, 512, 32 * kKiB)), cache_(cache), page_count_(root.page_count) {
  root_.address = root.address;
}

size_t Tree::height() const { return root_.node ? root_.node->level + 1u : 0; }

Tree::Missing Tree::descend(ByteView key, Path& path) const {
  path.depth = 0;
  const Child* child = &root_;
  while (true) {
    if (!child->node) {
      if (!child->address.is_set()) return std::nullopt;
      const Path::Step above = path.depth == 0 ? Path::Step() : path.steps[path.depth - 1];
      path.depth = 0;
      return MissingPage{child->address, above.node, above.index};
    }
    Node* const node = child->node.get();
    cache_.touch(*node);
    Path::Step& step = path.steps[path.depth++];
    step.node = node;
    if (node->level == 0) {
      node->page.prefetch_slots();
      step.index = node->page.find(key).index;
      last_ = path;
      return std::nullopt;
    }
    step.index = node->page.child_index(key);
    child = &node->children[step.index];
  }
}

Tree::Missing Tree::missing_for(ByteView key) const {
  const Child* child = &root_;
  Node* parent = nullptr;
  size_t index = 0;
  while (true) {
    if (!child->node) {
      return child->address.is_set() ? Missing(MissingPage{child->address, parent, index}) : std::nullopt;
    }
    cache_.touch(*child->node);
    if (child->node->level == 0) return std::nullopt;
    parent = child->node.get();
    index = parent->page.child_index(key);
    child = &parent->children[index];
  }
}

NodeRef Tree::leaf_of(ByteView key) const {
  const Child* child = &root_;
  while (child->node && child->node->level != 0) child = &child->node->children[child->node->page.child_index(key)];
  return child->node;
}

// Whose children are missed one after the other, as by a scan: each such miss loads twice as many.
std::vector<Tree::MissingPage> Tree::read_ahead(const MissingPage& missing, size_t most) {
  std::vector<MissingPage> ahead;
  Node* const parent = missing.parent;
  if (parent == nullptr || parent->level != 1) return ahead;
  const bool goes_on = parent->scan_next != 0 && missing.index >= parent->scan_next &&
                       missing.index <= parent->scan_next + 2u;  // One or two may have been in memory.
  parent->scan_run = goes_on ? static_cast<uint8_t>(std::min(parent->scan_run + 1, 16)) : uint8_t{0};
  size_t index = missing.index + 1;
  if (goes_on) most = std::min(most, size_t{1} << parent->scan_run);
  for (; goes_on && index < parent->children.size() && ahead.size() < most; ++index) {
    const Child& child = parent->children[index];
    if (!child.node) ahead.push_back({child.address, parent, index});
  }
  parent->scan_next = static_cast<uint16_t>(index);
  return ahead;
}

uint64_t Tree::clean_blocks_on_path(ByteView key) const {
  uint64_t blocks = 0;
  const Child* child = &root_;
  while (child->node) {
    const Node& node = *child->node;
    if (node.generation != generation_) blocks += node.page.disk_block_count();
    if (node.level == 0) break;
    child = &node.children[node.page.child_index(key)];
  }
  return blocks;
}

Tree::Missing Tree::descend_to(Edge edge, Node& from, size_t index, Path& path) const {
  Node* parent = &from;
  while (true) {
    const Child& child = parent->children[index];
    if (!child.node) {
      path.depth = 0;
      return MissingPage{child.address, parent, index};
    }
    Node* const node = child.node.get();
    cache_.touch(*node);
    path.steps[path.depth++] = {node, edge == Edge::kFirst ? 0 : node->page.count() - 1};
    if (node->level == 0) return std::nullopt;
    parent = node;
    index = edge == Edge::kFirst ? 0 : node->children.size() - 1;
  }
}

Tree::Missing Tree::next(Path& path) const {
  Path::Step& leaf = path.steps[path.depth - 1];
  if (leaf.index + 1 < leaf.node->page.count()) {
    ++leaf.index;
    return std::nullopt;
  }
  --path.depth;
  while (path.depth != 0) {
    Path::Step& step = path.steps[path.depth - 1];
    if (step.index + 1 < step.node->children.size()) {
      ++step.index;
      return descend_to(Edge::kFirst, *step.node, step.index, path);
    }
    --path.depth;
  }
  return std::nullopt;
}

Tree::Missing Tree::previous(Path& path) const {
  Path::Step& leaf = path.steps[path.depth - 1];
  if (leaf.index > 0) {
    --leaf.index;
    return std::nullopt;
  }
  --path.depth;
  while (path.depth != 0) {
    Path::Step& step = path.steps[path.depth - 1];
    if (step.index > 0) {
      --step.index;
      return descend_to(Edge::kLast, *step.node, step.index, path);
    }
    --path.depth;
  }
  return std::nullopt;
}

Tree::Missing Tree::seek(ByteView key, Path& path) const {
  if (Missing missing = descend(key, path)) return missing;
  if (path.depth == 0 || path.leaf().index < path.leaf().node->page.count()) return std::nullopt;
  --path.steps[path.depth - 1].index;  // Behind the leaf's last: the next leaf has it.
  return next(path);
}

Tree::Missing Tree::seek_after(ByteView key, Path& path) const {
  if (Missing missing = seek(key, path)) return missing;
  if (path.depth == 0) return std::nullopt;
  const Path::Step& leaf = path.leaf();
  const Page::Position position = leaf.node->page.find(key);
  if (position.exact && position.index == leaf.index) return next(path);
  return std::nullopt;
}

Tree::Missing Tree::seek_before(ByteView key, Path& path) const {
  if (Missing missing = descend(key, path)) return missing;
  if (path.depth == 0) return std::nullopt;
  return previous(path);
}

NodeRef Tree::make_node(Page page, uint8_t level) {
  forget_last_paths();
  NodeRef node(new Node(cache_, std::move(page), generation_, level));
  ++page_count_;
  ++resident_count_;
  cache_.touch(*node);
  account(*node);
  return node;
}

namespace {
// With what the heap adds to each piece.
size_t memory_of(const Node& node) {
  constexpr size_t kHeapOverhead = 16;
  size_t bytes = sizeof(Node) + kHeapOverhead + node.page.memory_size() + kHeapOverhead;
  if (node.children.capacity() != 0) bytes += node.children.capacity() * sizeof(Child) + kHeapOverhead;
  return bytes;
}
}  // namespace

void Tree::account(Node& node) {
  const uint32_t blocks = static_cast<uint32_t>(node.page.disk_block_count());
  dirty_blocks_ += blocks;
  dirty_blocks_ -= node.accounted_blocks;
  node.accounted_blocks = blocks;
  cache_.resize(node, memory_of(node));
}

void Tree::drop(const NodeRef& node) {
  forget_last_paths();
  --page_count_;
  --resident_count_;
  node->is_live = false;
  cache_.dequeue(*node);
  if (node->generation == generation_) {
    dirty_blocks_ -= node->accounted_blocks;
    node->accounted_blocks = 0;
  } else if (node->address.is_set()) {
    dropped_.push_back(node->address);
  }  // Else a checkpoint that should have written it failed.
}

std::vector<Child> Tree::take_children(Node& node) {
  std::vector<Child> taken = std::move(node.children);
  node.children.clear();
  if (node.references > 1) {
    node.children.resize(taken.size());
    for (size_t i = 0; i < taken.size(); ++i) node.children[i].address = taken[i].where();
  }
  return taken;
}

Node& Tree::make_changeable(Child& child) {
  if (child.node->generation == generation_) return *child.node;
  child.address = {};
  if (child.node->references == 1) {  // Nobody else looks at it.
    Node& node = *child.node;
    cache_.dequeue(node);
    if (node.address.is_set()) dropped_.push_back(node.address);
    node.address = {};
    node.generation = generation_;
    node.accounted_blocks = 0;
    account(node);
    return node;
  }
  NodeRef copy(new Node(cache_, child.node->page, generation_, child.node->level));
  copy->children = take_children(*child.node);
  copy->used_at = child.node->used_at;
  copy->was_kept = child.node->was_kept;
  ++page_count_;
  ++resident_count_;
  drop(child.node);
  cache_.resize(*child.node, memory_of(*child.node));
  child.node = std::move(copy);
  account(*child.node);
  return *child.node;
}

void Tree::put(ByteView key, ByteView value) {
  if (is_empty()) {
    root_.node = make_node(Page(), 0);
    root_.node->page.insert(0, key, value);
    account(*root_.node);
    return;
  }
  Path path;
  const Page::Position position = descend_to_change(key, path, last_);
  Node& node = *path.leaf().node;
  if (!position.exact) {
    insert_at(path, path.depth - 1, position.index, key, value, Child());
    return;
  }
  node.page.replace(position.index, value);
  account(node);
  split_if_large(path, path.depth - 1, false);
}

MutableBytes Tree::changeable_value(ByteView key) {
  if (is_empty()) return {};
  Path path;
  const Page::Position position = descend_to_change(key, path, last_in_place_);
  return position.exact ? path.leaf().node->page.changeable_value(position.index) : MutableBytes();
}

Page::Position Tree::descend_to_change(ByteView key, Path& path, Path& last) {
  if (last.depth != 0) {
    const Node& leaf = *last.leaf().node;
    const Page::Position position = leaf.page.find(key);
    const bool is_inside = position.exact || (position.index > 0 && position.index < leaf.page.count());
    if (is_inside && leaf.generation == generation_) {  // And so are those above it.
      path = last;
      path.steps[path.depth - 1].index = position.index;
      return position;
    }
  }
  path.depth = 0;
  Child* child = &root_;
  while (true) {
    Node& node = make_changeable(*child);
    Path::Step& step = path.steps[path.depth++];
    step.node = &node;
    if (node.level == 0) {
      const Page::Position position = node.page.find(key);
      step.index = position.index;
      last = path;
      return position;
    }
    step.index = node.page.child_index(key);
    child = &node.children[step.index];
  }
}

void Tree::insert_at(Path& path, size_t depth, size_t index, ByteView key, ByteView value, Child child) {
  Node& node = *path.steps[depth].node;
  if (node.level != 0 && index == 1 && compare_bytes(key, node.page.key(0)) <= 0) {
    insert_before_first_key(path, depth, key, std::move(child));
    return;
  }
  if (node.page.size_with(key, value) <= kPageBytesMax - kBlockSize) {
    node.page.insert(index, key, value);
    if (node.level != 0) node.children.insert(node.children.begin() + static_cast<ptrdiff_t>(index), std::move(child));
    account(node);
    split_if_large(path, depth, index + 1 == node.page.count());
    return;
  }
  // The key would take a long prefix from so many others that they outgrow the page. Then it is smaller or greater
  // than all of them, and gets a page of its own.
  CHECK(index == 0 || index == node.page.count());
  Page alone;
  alone.insert(0, key, value);
  const bool is_last = index != 0;
  Bytes separator = to_bytes(key);
  if (node.level == 0) {
    const Bytes left_last = is_last ? node.page.key(index - 1) : to_bytes(key);
    const Bytes right_first = is_last ? to_bytes(key) : node.page.key(0);
    separator = to_bytes(shortest_separator(left_last, right_first));
  }
  if (!is_last) std::swap(alone, node.page);
  NodeRef right = make_node(std::move(alone), node.level);
  if (node.level != 0) {
    CHECK(is_last);  // Separators go behind the page that was split.
    right->children.push_back(std::move(child));
  }
  account(node);
  add_sibling(path, depth, separator, std::move(right));
}

// The first child held keys smaller than the node's first key, and was split at one of them: pages on the left of the
// node went away, or it became the root. So its first key sinks to the least that can get here.
void Tree::insert_before_first_key(Path& path, size_t depth, ByteView separator, Child child) {
  Node& node = *path.steps[depth].node;
  Bytes least;
  for (size_t above = depth; above-- > 0;) {
    const Path::Step& step = path.steps[above];
    if (step.index == 0) continue;
    least = step.node->page.key(step.index);
    break;
  }
  Page first;
  first.insert(0, least, kPlaceholder);
  first.insert(1, separator, kPlaceholder);
  std::vector<Child> first_children;
  first_children.push_back(std::move(node.children.front()));
  first_children.push_back(std::move(child));
  node.page.erase(0);
  node.children.erase(node.children.begin());

  const size_t joined = first.content_size() + node.page.content_size() + node.page.count() * node.page.prefix().size();
  Page others = std::move(node.page);
  std::vector<Child> other_children = std::move(node.children);
  node.page = std::move(first);
  node.children = std::move(first_children);
  if (joined <= kPageBytesMax - kBlockSize) {
    node.page.append(others, nullptr);
    node.children.insert(node.children.end(), std::make_move_iterator(other_children.begin()),
                         std::make_move_iterator(other_children.end()));
    account(node);
    split_if_large(path, depth, false);
    return;
  }
  account(node);
  const Bytes others_first = others.key(0);
  NodeRef right = make_node(std::move(others), node.level);
  right->children = std::move(other_children);
  add_sibling(path, depth, others_first, std::move(right));
}

void Tree::split_if_large(Path& path, size_t depth, bool at_end) {
  Node& node = *path.steps[depth].node;
  const size_t least = node.level == 0 ? 1 : 2;
  if (node.page.content_size() <= page_size_max_ || node.page.count() < 2 * least) return;

  const size_t at = at_end ? node.page.count() - least : node.page.split_index(least);
  const Bytes left_last = node.page.key(at - 1);
  const Bytes right_first = node.page.key(at);
  NodeRef right = make_node(node.page.split(at), node.level);
  if (node.level != 0) {
    right->children.assign(std::make_move_iterator(node.children.begin() + static_cast<ptrdiff_t>(at)),
                           std::make_move_iterator(node.children.end()));
    node.children.resize(at);
  }
  account(node);
  // An inner page's own keys are separators already, and must stay what the pages below were cut at.
  const ByteView separator = node.level == 0 ? shortest_separator(left_last, right_first) : ByteView(right_first);
  add_sibling(path, depth, separator, std::move(right));
}

void Tree::add_sibling(Path& path, size_t depth, ByteView separator, NodeRef right) {
  if (depth == 0) {
    CHECK(right->level + 1u < kHeightMax);
    NodeRef root = make_node(Page(), static_cast<uint8_t>(right->level + 1));
    root->page.insert(0, {}, kPlaceholder);
    root->page.insert(1, separator, kPlaceholder);
    root->children.resize(2);
    root->children[0].node = std::move(root_.node);
    root->children[1].node = std::move(right);
    account(*root);
    root_.node = std::move(root);
    return;
  }
  Child child;
  child.node = std::move(right);
  insert_at(path, depth - 1, path.steps[depth - 1].index + 1, separator, kPlaceholder, std::move(child));
}

bool Tree::erase(ByteView key) {
  if (!erase_entry(key)) return false;
  shrink(key);
  return true;
}

bool Tree::erase_entry(ByteView key) {
  Path path;
  if (descend(key, path) || path.depth == 0) return false;
  const Page& leaf = path.leaf().node->page;
  if (path.leaf().index == leaf.count() || !leaf.find(key).exact) return false;

  Child* child = &root_;
  for (size_t depth = 0; depth < path.depth; ++depth) {
    Path::Step& step = path.steps[depth];
    step.node = &make_changeable(*child);
    if (step.node->level != 0) child = &step.node->children[step.index];
  }
  Node& node = *path.leaf().node;
  node.page.erase(path.leaf().index);
  account(node);
  return true;
}

void Tree::shrink(ByteView key) {
  Path path;
  if (descend(key, path) || path.depth == 0) return;
  const Node& node = *path.leaf().node;
  if (node.generation != generation_) return;  // One that another page left its keys to.
  if (node.page.count() == 0 || node.page.content_size() < page_size_max_ / 4) shrink_path(path);
}

// Takes out pages that became empty and joins small ones with a neighbour, from the leaf upwards.
void Tree::shrink_path(Path& path) {
  for (size_t depth = path.depth; depth-- > 0;) {
    Node& node = *path.steps[depth].node;
    if (depth == 0) break;
    Node& parent = *path.steps[depth - 1].node;
    const size_t index = path.steps[depth - 1].index;
    if (node.page.count() == 0) {
      drop(parent.children[index].node);
      // The next child takes the place and with it the key of a first one: smaller keys go there from now on.
      parent.page.erase(index == 0 && parent.page.count() > 1 ? 1 : index);
      parent.children.erase(parent.children.begin() + static_cast<ptrdiff_t>(index));
      account(parent);
      continue;
    }
    if (node.page.content_size() >= page_size_max_ / 4) return;
    if (!(index + 1 < parent.children.size() && merge_with_neighbour(parent, index)) &&
        !(index > 0 && merge_with_neighbour(parent, index - 1))) {
      return;
    }
  }
  // The root: gone when empty, and its only child takes its place (a child on the disk too).
  while (root_.node) {
    Node& root = *root_.node;
    if (root.page.count() == 0) {
      drop(root_.node);
      root_ = Child();
    } else if (root.level != 0 && root.children.size() == 1) {
      Child only = root.children.front();
      drop(root_.node);
      root_ = std::move(only);
    } else {
      return;
    }
  }
}

bool Tree::merge_with_neighbour(Node& parent, size_t index) {
  Child& left = parent.children[index];
  const Child& right = parent.children[index + 1];
  if (!left.node || !right.node) return false;  // Not worth a read.
  const size_t joined = left.node->page.content_size() + right.node->page.content_size();
  // Keys that lose their prefixes could make more of it.
  const size_t prefixes = left.node->page.count() * left.node->page.prefix().size() +
                          right.node->page.count() * right.node->page.prefix().size();
  const Bytes separator = parent.page.key(index + 1);
  if (joined + separator.size() > page_size_max_ * 3 / 4 || joined + prefixes + separator.size() > kPageBytesMax)
    return false;

  Node& into = make_changeable(left);
  const ByteView first_key(separator);
  // Keys below the right page's first child may be smaller than its first key, but not than the separator.
  into.page.append(right.node->page, into.level == 0 ? nullptr : &first_key);
  std::vector<Child> taken = take_children(*right.node);
  into.children.insert(into.children.end(), std::make_move_iterator(taken.begin()),
                       std::make_move_iterator(taken.end()));
  drop(right.node);
  parent.page.erase(index + 1);
  parent.children.erase(parent.children.begin() + static_cast<ptrdiff_t>(index + 1));
  account(into);
  account(parent);
  return true;
}

Status Tree::attach(PageAddress address, Page page, uint8_t level) {
  page.copy_key(0, first_key_);
  Child* child = &root_;
  // A page that isn't in memory stays where it is in the tree, so its keys lead to it.
  const auto misplaced = [] {
    return Status(Code::kCorrupt, "index page: its keys belong to another part of the index");
  };
  uint8_t child_level = level;
  while (child->node) {
    Node& node = *child->node;
    if (node.address == address && node.level == level) return ok();
    if (node.level == 0) return misplaced();
    child_level = static_cast<uint8_t>(node.level - 1);
    child = &node.children[node.page.child_index(first_key_)];
  }
  if (child->address != address) return misplaced();
  if (level != child_level || level >= kHeightMax) {
    return Status(Code::kCorrupt, "index page: on another level than its parent says");
  }
  NodeRef node(new Node(cache_, std::move(page), 0, level));
  node->address = address;
  if (level != 0) {
    node->children.resize(node->page.count());
    for (size_t i = 0; i < node->children.size(); ++i) {
      node->children[i].address = Page::child_address(node->page.value(i));
      if (!node->children[i].address.is_set()) return Status(Code::kCorrupt, "index page: a child without address");
    }
  }
  cache_.pass_time();
  cache_.touch(*node);
  cache_.resize(*node, memory_of(*node));
  cache_.enqueue(*node, level != 0 || cache_.went_lately(address.first));
  child->node = std::move(node);
  ++resident_count_;
  return ok();
}

bool Tree::let_go(Node& node) {
  if (node.references != 1) return false;
  for (const Child& child : node.children) {
    if (child.node) return false;
  }
  node.page.copy_key(0, first_key_);
  Child* child = &root_;
  while (child->node.get() != &node) {
    if (!child->node || child->node->level <= node.level) return false;
    child = &child->node->children[child->node->page.child_index(first_key_)];
  }
  forget_last_paths();
  child->address = node.address;
  if (node.level != 0) ++inner_eviction_count_;
  --resident_count_;
  cache_.pass_time();
  cache_.note_gone(node.address.first);
  child->node = {};
  return true;
}

size_t Tree::evict(size_t bytes) {
  const size_t goal = cache_.bytes() - std::min(bytes, cache_.bytes());
  size_t count = 0;
  size_t spared = 0;
  while (cache_.bytes() > goal && spared <= 2 * cache_.clean_count()) {
    // An inner page has to wait for its last child, which may be a recent one.
    CacheEntry* const victim = cache_.next_victim(spared % 2 != 0);
    if (victim == nullptr) break;
    if (let_go(static_cast<Node&>(*victim))) {
      ++count;
      spared = 0;
    } else {
      cache_.spare(*victim);
      ++spared;
    }
  }
  return count;
}

void Tree::note_written(Node& node) {
  if (node.is_live && node.address.is_set() && node.queue == CacheEntry::Queue::kNone) {
    cache_.enqueue(node, node.level != 0);
  }
}

std::vector<NodeRef> Tree::freeze() {
  ++generation_;
  dirty_blocks_ = 0;
  std::vector<NodeRef> found;
  if (!root_.node || root_.node->address.is_set()) return found;
  // Parents before children, then turned round.
  found.push_back(root_.node);
  for (size_t i = 0; i < found.size(); ++i) {
    const NodeRef node = found[i];
    for (Child& child : node->children) {
      if (!child.node || child.address.is_set()) continue;
      // Noted here, so that the next freeze needn't look at the node.
      child.address = child.node->address;
      if (!child.address.is_set()) found.push_back(child.node);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::vector<PageAddress> Tree::child_addresses(const Node& node) {
  std::vector<PageAddress> addresses;
  addresses.reserve(node.children.size());
  for (const Child& child : node.children) addresses.push_back(child.where());
  return addresses;
}

uint64_t Tree::dropped_blocks() const {
  uint64_t count = 0;
  for (const PageAddress& page : dropped_) count += page.count;
  return count;
}

std::vector<PageAddress> Tree::take_dropped() { return std::exchange(dropped_, {}); }

}  // namespace aeon::media
