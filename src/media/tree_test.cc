#include "tree.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "sim/for_each_seed.h"

namespace aeon::media {
namespace {

using TreeModel = std::map<std::string, std::string>;

// A disk of page images by address.
struct Pages {
  std::map<uint64_t, Bytes> images;
  uint64_t next_block = 100;

  void give_addresses(const std::vector<NodeRef>& nodes) {
    for (const NodeRef& node : nodes) {
      node->address = {next_block, static_cast<uint32_t>(node->page.disk_block_count())};
      next_block += node->address.count;
    }
  }
  void write(const std::vector<NodeRef>& nodes) {
    for (const NodeRef& node : nodes) {
      Bytes& image = images[node->address.first];
      image.resize(node->address.count * kBlockSize);
      const PageIdentity identity{1, node->address, 1, node->level};
      node->page.encode(identity, Tree::child_addresses(*node), image);
    }
  }
  void load(Tree& tree, PageAddress address) {
    PageIdentity identity{.store_hash = 1, .address = address};
    ASSERT_TRUE(images.contains(address.first));
    Result<Page> page = Page::decode(images[address.first], identity);
    ASSERT_TRUE(page.is_ok()) << page.status().to_string();
    const Status attached = tree.attach(address, std::move(page).value(), identity.level);
    ASSERT_TRUE(attached.is_ok()) << attached.to_string();
  }
  template <typename Walk>
  void until_done(Tree& tree, Walk walk) {
    while (const Tree::Missing missing = walk()) ASSERT_NO_FATAL_FAILURE(load(tree, missing->address));
  }
};

void expect_tree(Pages& pages, Tree& tree, const TreeModel& model) {
  Tree::Path path;
  pages.until_done(tree, [&] { return tree.seek({}, path); });
  for (const auto& [key, value] : model) {
    ASSERT_TRUE(path.is_at_entry()) << key;
    const Tree::Path::Step leaf = path.leaf();
    ASSERT_EQ(as_text(leaf.node->page.key(leaf.index)), key);
    ASSERT_EQ(as_text(leaf.node->page.value(leaf.index)), value);
    const Bytes at = leaf.node->page.key(leaf.index);
    Tree::Path next = path;
    if (tree.next(next)) pages.until_done(tree, [&] { return tree.seek_after(at, next); });
    path = next;
  }
  ASSERT_FALSE(path.is_at_entry());
}

std::string random_key(Random& random, unsigned shape) {
  if (shape == 0) return std::to_string(random.below(3000));
  std::string key(random.below(shape == 1 ? 12 : 3000), '\0');
  for (char& c : key) c = static_cast<char>('a' + random.below(shape == 1 ? 4 : 1));
  return key + std::to_string(random.below(50));
}

TEST(TreeProperty, AgreesWithAnOrderedMapThroughFreezesAndReloads) {
  for_each_seed([](Random& random) {
    Pages pages;
    const size_t page_size = random.one_in(2) ? 512 : 4096;
    const unsigned shape = static_cast<unsigned>(random.below(3));
    PageCache cache;
    auto tree = std::make_unique<Tree>(TreeRoot{}, page_size, cache);
    const uint64_t steps_between_evictions = random.between(3, 300);
    TreeModel model;
    std::map<uint64_t, uint64_t> in_use;  // Pages of the last freeze, by address.
    bool grows = true;
    for (int step = 0; step < 1500; ++step) {
      if (random.one_in(200)) grows = !grows;
      if (random.one_in(steps_between_evictions)) {
        const size_t wanted = random.one_in(4) ? cache.bytes() : random.below(20'000);
        const size_t before = cache.bytes(), clean_before = cache.clean_bytes();
        const size_t count = tree->evict(wanted);
        ASSERT_TRUE(cache.bytes() + wanted <= before || cache.clean_count() == 0 || count == 0);
        ASSERT_EQ(count != 0, cache.clean_bytes() < clean_before);
        if (wanted == before) {
          ASSERT_EQ(cache.clean_bytes(), 0u) << "a clean page's children are clean, so all can go";
        }
      }
      const std::string key = random_key(random, shape);
      pages.until_done(*tree, [&] { return tree->missing_for(as_bytes(key)); });
      if (random.one_in(grows ? 5 : 1) || (!grows && random.one_in(2))) {
        const auto victim = model.lower_bound(key);
        const std::string gone = victim == model.end() ? key : victim->first;
        pages.until_done(*tree, [&] { return tree->missing_for(as_bytes(gone)); });
        ASSERT_EQ(tree->erase(as_bytes(gone)), model.erase(gone) != 0) << gone;
      } else {
        const std::string value(random.below(shape == 2 ? 3000 : 100), 'v');
        tree->put(as_bytes(key), as_bytes(value));
        model[key] = value;
      }
      if (random.one_in(100)) {
        const std::string probe = random_key(random, shape);
        Tree::Path path;
        pages.until_done(*tree, [&] { return tree->seek_before(as_bytes(probe), path); });
        const auto expected = model.lower_bound(probe);
        ASSERT_EQ(path.is_at_entry(), expected != model.begin());
        if (path.is_at_entry()) {
          ASSERT_EQ(as_text(path.leaf().node->page.key(path.leaf().index)), std::prev(expected)->first);
        }
      }
      if (!random.one_in(300)) continue;
      std::vector<NodeRef> dirty = tree->freeze();
      const TreeModel frozen_model = model;
      const uint64_t page_count = tree->page_count();
      const std::vector<PageAddress> dropped = tree->take_dropped();
      pages.give_addresses(dirty);
      const PageAddress frozen_root = tree->root().where();
      // Changes after the freeze don't reach what is frozen.
      for (int i = 0; i < 20; ++i) {
        if (random.one_in(5)) tree->evict(random.below(100'000));
        const std::string later = random_key(random, shape);
        pages.until_done(*tree, [&] { return tree->missing_for(as_bytes(later)); });
        if (random.one_in(2)) {
          tree->put(as_bytes(later), as_bytes("later"));
          model[later] = "later";
        } else {
          tree->erase(as_bytes(later));
          model.erase(later);
        }
      }
      pages.write(dirty);
      for (const PageAddress& page : dropped) ASSERT_EQ(in_use.erase(page.first), 1u);
      for (const NodeRef& node : dirty) in_use[node->address.first] = node->address.count;
      ASSERT_EQ(in_use.size(), page_count);
      const TreeRoot root{frozen_root, page_count};
      for (const NodeRef& node : dirty) tree->note_written(*node);
      dirty.clear();
      if (random.one_in(2)) {
        tree = std::make_unique<Tree>(root, page_size, cache);
        model = frozen_model;
        ASSERT_NO_FATAL_FAILURE(expect_tree(pages, *tree, model));
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_tree(pages, *tree, model));
    // Down to nothing.
    while (!model.empty()) {
      const auto victim = std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
      const std::string gone = victim->first;
      pages.until_done(*tree, [&] { return tree->missing_for(as_bytes(gone)); });
      ASSERT_TRUE(tree->erase(as_bytes(gone)));
      model.erase(victim);
    }
    ASSERT_TRUE(tree->is_empty());
    ASSERT_EQ(tree->page_count(), 0u);
    ASSERT_EQ(tree->dirty_blocks(), 0u);
    ASSERT_LE(cache.bytes(), 16 * kKiB) << "only what it remembers of pages that went";
  });
}

TEST(Tree, AKeyThatTakesALongPrefixFromManyGetsAPageOfItsOwn) {
  PageCache cache;
  Tree tree({}, 16 * kKiB, cache);
  const std::string prefix(8000, 'p');
  for (int i = 100; i < 500; ++i) tree.put(as_bytes(prefix + std::to_string(i)), as_bytes("v"));
  tree.put(as_bytes("a"), as_bytes("first"));
  tree.put(as_bytes("z"), as_bytes("last"));
  Pages pages;
  TreeModel model{{"a", "first"}, {"z", "last"}};
  for (int i = 100; i < 500; ++i) model[prefix + std::to_string(i)] = "v";
  expect_tree(pages, tree, model);
}

}  // namespace
}  // namespace aeon::media
