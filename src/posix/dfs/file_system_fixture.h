// A file system in a MemoryContainer, and short ways to use it from tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "dfs/file_system.h"
#include "memory_container.h"
#include "runtime/reactor.h"

namespace aeon::dfs {

#define ASSERT_OK(expression)                                                       \
  do {                                                                              \
    const auto ok_status = ::aeon::status_of(expression);                           \
    ASSERT_TRUE(ok_status.is_ok()) << #expression << ": " << ok_status.to_string(); \
  } while (false)

#define EXPECT_CODE(expected, expression)                                                      \
  do {                                                                                         \
    const auto code_status = ::aeon::status_of(expression);                                    \
    EXPECT_EQ(code_status.code(), expected) << #expression << ": " << code_status.to_string(); \
  } while (false)

class FileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    container = std::make_shared<MemoryContainer>(reactor);
    ASSERT_OK(run(FileSystem::format(container)));
    mount();
  }

  void mount(MountOptions options = {}) {
    fs.reset();
    auto mounted = run(FileSystem::mount(container, std::move(options)));
    ASSERT_OK(mounted);
    fs = *mounted;
  }

  template <typename T>
  T run(Task<T> task) {
    return reactor.run(std::move(task));
  }

  NodePointer node(const std::string& path, OpenMode mode = OpenMode::kReadOnly, bool follow = false) {
    auto found = run(fs->lookup(path, mode, follow));
    EXPECT_TRUE(found.is_ok()) << found.status().to_string();
    return found.is_ok() ? *found : nullptr;
  }
  Result<FileSystem::Place> place(const std::string& path) { return run(fs->lookup_parent(path)); }

  NodePointer create(const std::string& path, const std::string& content = "") {
    auto at = place(path);
    EXPECT_TRUE(at.is_ok()) << at.status().to_string();
    if (!at.is_ok()) return nullptr;
    OpenOptions options;
    options.mode = OpenMode::kReadWrite;
    options.creation = Creation::kIfMissing;
    options.truncate = true;
    auto file = run(fs->open(at->directory, at->name, options));
    EXPECT_TRUE(file.is_ok()) << file.status().to_string();
    if (!file.is_ok()) return nullptr;
    if (!content.empty()) {
      const Status written = run(fs->write(*file, 0, {as_bytes(content)}));
      EXPECT_TRUE(written.is_ok()) << written.to_string();
    }
    return *file;
  }
  NodePointer mkdir(const std::string& path, uint32_t mode = 0755) {
    auto at = place(path);
    EXPECT_TRUE(at.is_ok()) << at.status().to_string();
    if (!at.is_ok()) return nullptr;
    auto made = run(fs->mkdir(at->directory, at->name, {.mode = mode, .user = {}, .group = {}}));
    EXPECT_TRUE(made.is_ok()) << made.status().to_string();
    return made.is_ok() ? *made : nullptr;
  }
  Status symlink(const std::string& path, const std::string& target) {
    auto at = place(path);
    if (!at.is_ok()) return at.status();
    return status_of(run(fs->symlink(at->directory, at->name, target)));
  }
  Status link(const std::string& from, const std::string& to) {
    auto source = run(fs->lookup(from, OpenMode::kReadOnly, false));
    if (!source.is_ok()) return source.status();
    auto at = place(to);
    if (!at.is_ok()) return at.status();
    return run(fs->link(*source, at->directory, at->name));
  }
  Status remove(const std::string& path) {
    auto at = place(path);
    if (!at.is_ok()) return at.status();
    return run(fs->remove(at->directory, at->name));
  }
  Status move(const std::string& from, const std::string& to) {
    auto a = place(from);
    if (!a.is_ok()) return a.status();
    auto b = place(to);
    if (!b.is_ok()) return b.status();
    return run(fs->move(a->directory, a->name, b->directory, b->name));
  }
  Status exchange(const std::string& from, const std::string& to) {
    auto a = place(from);
    if (!a.is_ok()) return a.status();
    auto b = place(to);
    if (!b.is_ok()) return b.status();
    return run(fs->exchange(a->directory, a->name, b->directory, b->name));
  }
  Result<Attributes> stat(const std::string& path) {
    if (path == "/") return run(fs->stat(fs->root()));
    auto at = place(path);
    if (!at.is_ok()) return at.status();
    return run(fs->stat(at->directory, at->name));
  }
  std::string read(const NodePointer& file, uint64_t offset = 0, size_t size = 1 << 20) {
    std::string text(size, '?');
    auto bytes = run(fs->read(file, offset, {MutableBytes(reinterpret_cast<std::byte*>(text.data()), size)}));
    EXPECT_TRUE(bytes.is_ok()) << bytes.status().to_string();
    text.resize(bytes.is_ok() ? *bytes : 0);
    return text;
  }
  std::string read(const std::string& path) {
    const NodePointer file = node(path, OpenMode::kReadOnly, true);
    return file == nullptr ? "(missing)" : read(file);
  }
  std::vector<std::string> names(const std::string& path, uint32_t page_size = 100) {
    std::vector<std::string> all;
    const NodePointer directory = node(path);
    Anchor from;
    while (!from.is_end) {
      auto page = run(fs->read_directory(directory, from, page_size));
      EXPECT_TRUE(page.is_ok()) << page.status().to_string();
      if (!page.is_ok()) break;
      for (const DirectoryEntry& entry : page->entries) all.push_back(entry.name);
      from = page->next;
    }
    return all;
  }
  // Requests of one kind that `action` makes.
  template <typename Action>
  MemoryContainer::Counts count(Action action) {
    container->counts = {};
    action();
    return container->counts;
  }

  Reactor reactor;
  std::shared_ptr<MemoryContainer> container;
  std::shared_ptr<FileSystem> fs;
};

}  // namespace aeon::dfs
