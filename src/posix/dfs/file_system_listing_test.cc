// Listings, and that every change is one write.
#include "file_system_fixture.h"

namespace aeon::dfs {
namespace {

using Names = std::vector<std::string>;

class PosixListing : public FileSystemTest {};
class PosixAtomicity : public FileSystemTest {};

// What a visitor of entries answers that has had enough at the `last`.
Task<Status> canceled_at(int last, int* seen) { co_return ++*seen == last ? Status(Code::kCanceled) : ok(); }

// --- Listing.

TEST_F(PosixListing, AHundredThousandEntriesInSmallPages) {
  constexpr int kCount = 100'000;
  const NodePointer dir = mkdir("/dir");
  for (int i = 0; i < kCount; i += 500) {
    std::vector<NewNode> nodes(500);
    for (int j = 0; j < 500; ++j) nodes[j].name = "entry" + std::to_string(i + j);
    ASSERT_OK(run(fs->create_nodes(dir, std::move(nodes))));
  }
  const Names all = names("/dir", 37);
  ASSERT_EQ(all.size(), static_cast<size_t>(kCount));
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST_F(PosixListing, GoesOnWhileEntriesComeAndGo) {
  for (char c = 'a'; c <= 'z'; ++c) create(std::string("/") + c);
  auto page = run(fs->read_directory(nullptr, {}, 5, EntryDetail::kTypes));
  ASSERT_OK(page);
  ASSERT_OK(remove("/c"));
  ASSERT_OK(remove("/g"));
  create("/A");
  create("/hh");
  Names rest;
  Anchor from = page->next;
  while (!from.is_end) {
    auto next = run(fs->read_directory(nullptr, from, 5));
    ASSERT_OK(next);
    for (const DirectoryEntry& entry : next->entries) rest.push_back(entry.name);
    from = next->next;
  }
  Names expected;  // The first page had "a" to "d".
  for (char c = 'e'; c <= 'z'; ++c) {
    if (c != 'g') expected.emplace_back(1, c);
    if (c == 'h') expected.emplace_back("hh");
  }
  EXPECT_EQ(rest, expected);
}

TEST_F(PosixListing, TellsAttributesAndStopsWhenAsked) {
  create("/a", "12345");
  mkdir("/b");
  create("/c");
  ASSERT_OK(link("/c", "/d"));
  auto page = run(fs->read_directory(nullptr, {}, 10, EntryDetail::kAttributes));
  ASSERT_OK(page);
  ASSERT_EQ(page->entries.size(), 4u);
  EXPECT_EQ(page->entries[0].attributes->size, 5u);
  EXPECT_EQ(page->entries[1].type, NodeType::kDirectory);
  EXPECT_EQ(page->entries[3].attributes->link_count, 2u);
  int seen = 0;
  const auto visit = [&seen](const DirectoryEntry&) { return canceled_at(2, &seen); };
  EXPECT_CODE(Code::kCanceled, run(fs->for_each_entry(nullptr, EntryDetail::kNames, visit)));
  EXPECT_EQ(seen, 2);
  EXPECT_CODE(Code::kInvalidArgument, run(fs->read_directory(nullptr, {}, 0)));
  EXPECT_CODE(Code::kNotDirectory, run(fs->read_directory(node("/a"), {}, 1)));
}

// --- One write an operation: since the store applies a write whole or not at all, nothing is ever half done.

TEST_F(PosixAtomicity, EveryChangeIsOneWrite) {
  mkdir("/dir");
  mkdir("/empty");
  create("/file", "text");
  create("/linked");
  ASSERT_OK(link("/linked", "/linked2"));
  const NodePointer file = node("/file", OpenMode::kReadWrite);
  const auto writes = [&](auto action) { return count([&] { ASSERT_OK(action()); }).writes; };
  EXPECT_EQ(writes([&] { return run(fs->mkdir(nullptr, "d", {})); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->open(nullptr, "f", {.creation = Creation::kMustCreate, .create = {}})); }), 1u);
  EXPECT_EQ(writes([&] { return symlink("/s", std::string(1000, 'x')); }), 1u);
  EXPECT_EQ(writes([&] { return link("/file", "/file2"); }), 1u);
  EXPECT_EQ(writes([&] { return link("/file", "/file3"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/f", "/dir/f"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/file3", "/linked"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/dir", "/empty"); }), 1u);
  EXPECT_EQ(writes([&] { return exchange("/empty", "/file2"); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->set_attributes(file, {.mode = 1, .user = 2, .modify_ns = 3, .size = 9})); }),
            1u);
  EXPECT_EQ(writes([&] { return run(fs->set_xattr(file, "user.a", {})); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->truncate(file, 100)); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->write(file, 1'048'000, {as_bytes(std::string(2'000'000, 'x'))})); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/linked2"); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/file"); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/d"); }), 1u);
}

TEST_F(PosixAtomicity, AFailedWriteChangesNothing) {
  mkdir("/dir");
  create("/dir/a", "a");
  create("/b", "b");
  container->before_write = [] { return Status(Code::kNoSpace, "the device is full"); };
  EXPECT_CODE(Code::kNoSpace, move("/dir/a", "/b"));
  EXPECT_CODE(Code::kNoSpace, exchange("/dir", "/b"));
  EXPECT_CODE(Code::kNoSpace, remove("/b"));
  EXPECT_CODE(Code::kNoSpace, link("/b", "/c"));
  EXPECT_CODE(Code::kNoSpace, run(fs->open(nullptr, "c", {.creation = Creation::kIfMissing, .create = {}})));
  container->before_write = {};
  EXPECT_EQ(names("/"), (Names{"b", "dir"}));
  EXPECT_EQ(read("/dir/a"), "a");
  EXPECT_EQ(read("/b"), "b");
}

TEST_F(PosixAtomicity, CostsAsDocumented) {
  create("/file", "text");
  std::vector<NewNode> nodes(1);
  nodes[0].name = "whole";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("text")});
  ASSERT_OK(run(fs->create_nodes(nullptr, std::move(nodes))));
  const OpenOptions exclusive{.mode = OpenMode::kReadWrite, .creation = Creation::kMustCreate, .create = {}};
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->open(nullptr, "new", exclusive))); }).all(), 1u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "whole"))); }).all(), 1u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "new"))); }).all(), 2u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "file"))); }).all(), 3u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->remove(nullptr, "file"))); }).all(), 2u);
}

}  // namespace
}  // namespace aeon::dfs
