// Random operations on names, attributes and data, against the plainest model of a file system.
#include <algorithm>

#include "file_system_fixture.h"
#include "sim/for_each_seed.h"

namespace aeon::dfs {
namespace {

// Nodes and directories' maps of names; a node is its number.
class ModelTree {
 public:
  struct ModelNode {
    NodeType type = NodeType::kFile;
    uint32_t permissions = 0644;
    std::string content;
    std::string target;
    std::map<std::string, std::string> xattrs;
    std::map<std::string, int> entries;
    unsigned links = 0;
  };

  ModelTree() { nodes_[0] = {.type = NodeType::kDirectory, .permissions = 0755}; }

  ModelNode& at(int node) { return nodes_.at(node); }
  int child(int directory, const std::string& name) {
    const auto found = nodes_.at(directory).entries.find(name);
    return found == nodes_.at(directory).entries.end() ? -1 : found->second;
  }
  int add(int directory, const std::string& name, NodeType type, uint32_t permissions) {
    const int node = next_++;
    nodes_[node] = {.type = type, .permissions = permissions};
    attach(directory, name, node);
    return node;
  }
  void attach(int directory, const std::string& name, int node) {
    nodes_.at(directory).entries[name] = node;
    ++nodes_.at(node).links;
  }
  void detach(int directory, const std::string& name) {
    const int node = child(directory, name);
    nodes_.at(directory).entries.erase(name);
    if (--nodes_.at(node).links == 0) nodes_.erase(node);
  }
  bool is_within(int node, int ancestor) {
    if (node == ancestor) return true;
    for (const auto& [name, below] : nodes_.at(ancestor).entries) {
      if (nodes_.at(below).type == NodeType::kDirectory && is_within(node, below)) return true;
    }
    return false;
  }
  // Paths of all directories.
  void directories(int from, const std::string& path, std::vector<std::pair<std::string, int>>& out) {
    out.emplace_back(path, from);
    for (const auto& [name, below] : nodes_.at(from).entries) {
      if (nodes_.at(below).type == NodeType::kDirectory) directories(below, path + name + "/", out);
    }
  }

 private:
  std::map<int, ModelNode> nodes_;
  int next_ = 1;
};

class Walk : public FileSystemTest {
 public:
  using FileSystemTest::SetUp;
  void TestBody() override {}

  // One random operation on both; the codes must agree.
  void step(Random& random) {
    const Code got = random_operation(random);
    ASSERT_EQ(got, expected_) << "after " << what_;
  }

  void compare(const std::string& path, int model_directory) {
    std::map<std::string, int>& entries = model.at(model_directory).entries;
    const NodePointer directory = node(path);
    ASSERT_NE(directory, nullptr) << path;
    std::vector<DirectoryEntry> listed;
    Anchor from;
    while (!from.is_end) {
      auto page = run(fs->read_directory(directory, from, 3, EntryDetail::kAttributes));
      ASSERT_OK(page);
      std::move(page->entries.begin(), page->entries.end(), std::back_inserter(listed));
      from = page->next;
    }
    ASSERT_EQ(listed.size(), entries.size()) << path;
    auto expected = entries.begin();
    for (const DirectoryEntry& entry : listed) {
      const std::string below = path + entry.name;
      ASSERT_EQ(entry.name, expected->first) << path;
      const ModelTree::ModelNode& wanted = model.at(expected->second);
      const Attributes& attributes = *entry.attributes;
      ASSERT_EQ(attributes.type, wanted.type) << below;
      ASSERT_EQ(attributes.mode & 07777, wanted.permissions) << below;
      if (wanted.type != NodeType::kDirectory) {
        ASSERT_EQ(attributes.link_count, wanted.links) << below;
      }
      std::vector<std::string> xattrs;
      for (const auto& [name, value] : wanted.xattrs) xattrs.push_back(name);
      ASSERT_EQ(*run(fs->list_xattrs(node(below))), xattrs) << below;
      if (wanted.type == NodeType::kFile) {
        ASSERT_EQ(attributes.size, wanted.content.size()) << below;
        ASSERT_EQ(read(node(below), 0, 400), wanted.content) << below;
      } else if (wanted.type == NodeType::kSymlink) {
        ASSERT_EQ(node(below)->symlink_target(), wanted.target) << below;
      } else {
        compare(below + "/", expected->second);
        if (HasFatalFailure()) return;
      }
      ++expected;
    }
  }

  void remount() { mount(); }

  // Removes all, after which only the superblock and the root may be left.
  void clear() {
    for (const std::string& name : names("/")) ASSERT_OK(run(fs->remove_all(nullptr, name)));
    ASSERT_EQ(container->object_count(), 2u);
  }

  ModelTree model;

 private:
  struct At {
    std::string path;
    int model = 0;
    std::string name;
    NodePointer node;
  };

  At anywhere(Random& random) {
    std::vector<std::pair<std::string, int>> all;
    model.directories(0, "/", all);
    const auto& [path, directory] = all[random.below(all.size())];
    return {.path = path,
            .model = directory,
            .name = std::string(1, static_cast<char>('a' + random.below(5))),
            .node = node(path)};
  }

  Code random_operation(Random& random) {
    const At a = anywhere(random);
    const int there = model.child(a.model, a.name);
    const auto type = there < 0 ? NodeType::kFile : model.at(there).type;
    const uint32_t mode = static_cast<uint32_t>(random.below(010000));
    what_ = a.path + a.name;
    expected_ = Code::kOk;
    switch (random.below(13)) {
      case 0: {
        what_ = "mkdir " + what_;
        if (there >= 0) expected_ = Code::kExists;
        if (there < 0) model.add(a.model, a.name, NodeType::kDirectory, mode);
        return run(fs->mkdir(a.node, a.name, {.mode = mode, .user = {}, .group = {}})).code();
      }
      case 1: {
        what_ = "create " + what_;
        if (there >= 0) expected_ = Code::kExists;
        if (there < 0) model.add(a.model, a.name, NodeType::kFile, mode);
        OpenOptions options{.creation = Creation::kMustCreate, .create = {.mode = mode, .user = {}, .group = {}}};
        return run(fs->open(a.node, a.name, options)).code();
      }
      case 2: {
        what_ = "write " + what_;
        if (there < 0) expected_ = Code::kNotFound;
        if (type == NodeType::kDirectory) expected_ = Code::kIsDirectory;
        if (type == NodeType::kSymlink) expected_ = Code::kInvalidArgument;
        auto file = run(fs->open(a.node, a.name, {.mode = OpenMode::kReadWrite, .create = {}}));
        if (!file.is_ok()) return file.code();
        const size_t offset = random.below(200);
        const std::string data(1 + random.below(100), static_cast<char>('A' + random.below(26)));
        std::string& content = model.at(there).content;
        if (content.size() < offset + data.size()) content.resize(offset + data.size());
        content.replace(offset, data.size(), data);
        return run(fs->write(*file, offset, {as_bytes(data)})).code();
      }
      case 3: {
        what_ = "truncate " + what_;
        const size_t size = random.below(300);
        if (there < 0) expected_ = Code::kNotFound;
        if (type == NodeType::kDirectory) expected_ = Code::kIsDirectory;
        if (type == NodeType::kSymlink) expected_ = Code::kInvalidArgument;
        if (there >= 0 && type == NodeType::kFile) model.at(there).content.resize(size);
        return run(fs->set_attributes(a.node, a.name, {.size = size})).code();
      }
      case 4: {
        what_ = "symlink " + what_;
        const std::string target(1 + random.below(200), 't');
        if (there >= 0) expected_ = Code::kExists;
        if (there < 0) model.at(model.add(a.model, a.name, NodeType::kSymlink, 0777)).target = target;
        return run(fs->symlink(a.node, a.name, target)).code();
      }
      case 5:
      case 6: {
        what_ = "remove " + what_;
        if (there < 0) {
          expected_ = Code::kNotFound;
        } else if (!model.at(there).entries.empty()) {
          expected_ = Code::kNotEmpty;
        } else {
          model.detach(a.model, a.name);
        }
        return run(fs->remove(a.node, a.name)).code();
      }
      case 7: {
        what_ = "chmod " + what_;
        if (there < 0) expected_ = Code::kNotFound;
        if (there >= 0) model.at(there).permissions = mode;
        return run(fs->set_attributes(a.node, a.name, {.mode = mode})).code();
      }
      case 8: {
        what_ = "set_xattr " + what_;
        if (there < 0) expected_ = Code::kNotFound;
        auto found = run(fs->lookup_in(a.node, a.name));
        if (!found.is_ok()) return found.code();
        const std::string name(1, static_cast<char>('x' + random.below(3)));
        model.at(there).xattrs[name] = "v";
        return run(fs->set_xattr(*found, name, to_bytes("v"))).code();
      }
      case 9: {
        const At b = anywhere(random);
        what_ = "link " + what_ + " " + b.path + b.name;
        auto found = run(fs->lookup_in(a.node, a.name));
        if (there < 0) expected_ = Code::kNotFound;
        if (!found.is_ok()) return found.code();
        if (type == NodeType::kDirectory) {
          expected_ = Code::kIsDirectory;
        } else if (model.child(b.model, b.name) >= 0) {
          expected_ = Code::kExists;
        } else {
          model.attach(b.model, b.name, there);
        }
        return run(fs->link(*found, b.node, b.name)).code();
      }
      case 10: {
        const At b = anywhere(random);
        what_ = "exchange " + what_ + " " + b.path + b.name;
        const int other = model.child(b.model, b.name);
        if (there < 0 || other < 0) {
          expected_ = Code::kNotFound;
        } else if (there != other) {
          const bool into_itself =
              a.model != b.model && ((type == NodeType::kDirectory && model.is_within(b.model, there)) ||
                                     (model.at(other).type == NodeType::kDirectory && model.is_within(a.model, other)));
          if (into_itself) {
            expected_ = Code::kInvalidArgument;
          } else {
            model.at(a.model).entries[a.name] = other;
            model.at(b.model).entries[b.name] = there;
          }
        }
        return run(fs->exchange(a.node, a.name, b.node, b.name)).code();
      }
      default: {
        const At b = anywhere(random);
        what_ = "move " + what_ + " " + b.path + b.name;
        const int other = model.child(b.model, b.name);
        const bool other_is_directory = other >= 0 && model.at(other).type == NodeType::kDirectory;
        const bool is_directory = there >= 0 && type == NodeType::kDirectory;
        if (there < 0) {
          expected_ = Code::kNotFound;
        } else if (is_directory && a.model != b.model && model.is_within(b.model, there)) {
          expected_ = Code::kInvalidArgument;
        } else if (there == other) {
        } else if (other >= 0 && other_is_directory && !is_directory) {
          expected_ = Code::kIsDirectory;
        } else if (other >= 0 && !other_is_directory && is_directory) {
          expected_ = Code::kNotDirectory;
        } else if (other >= 0 && !model.at(other).entries.empty()) {
          expected_ = Code::kNotEmpty;
        } else {
          if (other >= 0) model.detach(b.model, b.name);
          model.attach(b.model, b.name, there);
          model.detach(a.model, a.name);
        }
        return run(fs->move(a.node, a.name, b.node, b.name)).code();
      }
    }
  }

  Code expected_ = Code::kOk;
  std::string what_;
};

TEST(PosixProperty, AgreesWithAMapOfNames) {
  for_each_seed(
      [](Random& random) {
        Walk walk;
        walk.SetUp();
        for (int i = 0; i < 300; ++i) {
          walk.step(random);
          if (::testing::Test::HasFatalFailure()) return;
          if (random.one_in(50)) walk.compare("/", 0);
          if (::testing::Test::HasFatalFailure()) return;
          if (random.one_in(100)) walk.remount();
        }
        walk.compare("/", 0);
        walk.clear();
      },
      30);
}

}  // namespace
}  // namespace aeon::dfs
