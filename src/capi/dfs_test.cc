#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "dfs_names.h"
#include "scratch_system.h"

namespace aeon::capi {
namespace {

class Dfs : public ScratchSystem {
 protected:
  void SetUp() override {
    ScratchSystem::SetUp();
    ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh_, nullptr, nullptr), 0);
    ASSERT_EQ(dfs_cont_create_with_label(poh_, "files", nullptr, nullptr, &coh_, &dfs_), 0);
  }
  void TearDown() override {
    EXPECT_EQ(dfs_umount(dfs_), 0);
    EXPECT_EQ(daos_cont_close(coh_, nullptr), 0);
    EXPECT_EQ(daos_pool_disconnect(poh_, nullptr), 0);
    ScratchSystem::TearDown();
  }

  dfs_obj_t* open(const char* name, int flags = O_CREAT | O_RDWR, dfs_obj_t* parent = nullptr) {
    dfs_obj_t* file = nullptr;
    EXPECT_EQ(dfs_open(dfs_, parent, name, S_IFREG | 0644, flags, 0, 0, nullptr, &file), 0) << name;
    return file;
  }
  void make(const char* name, const std::string& content = "", dfs_obj_t* parent = nullptr) {
    dfs_obj_t* file = open(name, O_CREAT | O_RDWR, parent);
    if (!content.empty()) {
      EXPECT_EQ(write(file, 0, content), 0);
    }
    EXPECT_EQ(dfs_release(file), 0);
  }
  int write(dfs_obj_t* file, daos_off_t offset, std::string data, daos_event_t* ev = nullptr) {
    d_iov_t iov = iov_of(data);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    return dfs_write(dfs_, file, &sgl, offset, ev);
  }
  std::string read(dfs_obj_t* file, daos_off_t offset = 0, size_t size = 1000) {
    std::string out(size, '.');
    d_iov_t iov = iov_of(out);
    d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
    daos_size_t got = 0;
    EXPECT_EQ(dfs_read(dfs_, file, &sgl, offset, &got, nullptr), 0);
    EXPECT_EQ(iov.iov_len, size);  // Left as it was.
    return out.substr(0, got);
  }
  std::string content(const char* path) {
    dfs_obj_t* file = nullptr;
    EXPECT_EQ(dfs_lookup(dfs_, path, O_RDONLY, &file, nullptr, nullptr), 0) << path;
    if (file == nullptr) return "";
    std::string text = read(file);
    EXPECT_EQ(dfs_release(file), 0);
    return text;
  }
  std::multiset<std::string> names(dfs_obj_t* directory, uint32_t page_size) {
    std::multiset<std::string> found;
    daos_anchor_t anchor = DAOS_ANCHOR_INIT;
    std::vector<struct dirent> entries(page_size);
    while (!daos_anchor_is_eof(&anchor)) {
      uint32_t count = page_size;
      const int rc = dfs_readdir(dfs_, directory, &anchor, &count, entries.data());
      EXPECT_EQ(rc, 0);
      if (rc != 0) break;
      for (uint32_t i = 0; i < count; ++i) found.insert(entries[i].d_name);
    }
    return found;
  }
  dfs_obj_t* root() {
    dfs_obj_t* root = nullptr;
    EXPECT_EQ(dfs_lookup(dfs_, "/", O_RDWR, &root, nullptr, nullptr), 0);
    return root;
  }

  daos_handle_t poh_{};
  daos_handle_t coh_{};
  dfs_t* dfs_ = nullptr;
};

TEST_F(Dfs, FilesGiveBackWhatWasWritten) {
  dfs_obj_t* file = open("file", O_CREAT | O_EXCL | O_RDWR);
  ASSERT_EQ(write(file, 0, "hello "), 0);
  ASSERT_EQ(write(file, 6, "world"), 0);
  EXPECT_EQ(read(file), "hello world");
  EXPECT_EQ(read(file, 6, 3), "wor");
  EXPECT_EQ(read(file, 100), "");
  daos_size_t size = 0;
  ASSERT_EQ(dfs_get_size(dfs_, file, &size), 0);
  EXPECT_EQ(size, 11u);
  ASSERT_EQ(dfs_punch(dfs_, file, 2, 3), 0);
  EXPECT_EQ(read(file), std::string("he\0\0\0 world", 11));
  ASSERT_EQ(dfs_punch(dfs_, file, 7, 100), 0);  // Reaches the end.
  EXPECT_EQ(read(file), std::string("he\0\0\0 w", 7));
  ASSERT_EQ(dfs_punch(dfs_, file, 9, DFS_MAX_FSIZE), 0);
  EXPECT_EQ(read(file), std::string("he\0\0\0 w\0\0", 9));
  EXPECT_EQ(dfs_release(file), 0);
  dfs_obj_t* again = nullptr;
  EXPECT_EQ(dfs_open(dfs_, nullptr, "file", S_IFREG | 0644, O_CREAT | O_EXCL | O_RDWR, 0, 0, nullptr, &again), EEXIST);
  again = open("file", O_RDWR | O_TRUNC);
  EXPECT_EQ(read(again), "");
  EXPECT_EQ(dfs_release(again), 0);
}

TEST_F(Dfs, RangesAreReadAndWrittenByOneCall) {
  dfs_obj_t* file = open("file");
  std::string data = "aabbbb";
  d_iov_t iov = iov_of(data);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_range_t ranges[2] = {{0, 2}, {10, 4}};
  dfs_iod_t iod{.iod_nr = 2, .iod_rgs = ranges};
  ASSERT_EQ(dfs_writex(dfs_, file, &iod, &sgl, nullptr), 0);
  EXPECT_EQ(read(file), std::string("aa\0\0\0\0\0\0\0\0bbbb", 14));
  std::string out(6, '.');
  iov = iov_of(out);
  std::swap(ranges[0], ranges[1]);
  daos_size_t got = 0;
  ASSERT_EQ(dfs_readx(dfs_, file, &iod, &sgl, &got, nullptr), 0);
  EXPECT_EQ(out, "bbbbaa");
  EXPECT_EQ(got, 6u);
  iod.iod_nr = 1;
  EXPECT_EQ(dfs_readx(dfs_, file, &iod, &sgl, &got, nullptr), EINVAL);
  EXPECT_EQ(dfs_release(file), 0);
}

TEST_F(Dfs, EventsCarryTheErrnoOfReadsAndWrites) {
  daos_handle_t eqh;
  ASSERT_EQ(daos_eq_create(&eqh), 0);
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh, nullptr), 0);
  dfs_obj_t* file = open("file");
  std::string data(300000, 'x');
  d_iov_t iov = iov_of(data);
  d_sg_list_t sgl{.sg_nr = 1, .sg_nr_out = 0, .sg_iovs = &iov};
  daos_event_t* polled = nullptr;
  ASSERT_EQ(dfs_write(dfs_, file, &sgl, 0, &event), 0);
  ASSERT_EQ(daos_eq_poll(eqh, 1, DAOS_EQ_WAIT, 1, &polled), 1);
  EXPECT_EQ(event.ev_error, 0);
  daos_size_t got = 0;
  ASSERT_EQ(dfs_read(dfs_, file, &sgl, 100, &got, &event), 0);
  ASSERT_EQ(daos_eq_poll(eqh, 1, DAOS_EQ_WAIT, 1, &polled), 1);
  EXPECT_EQ(event.ev_error, 0);
  EXPECT_EQ(got, 299900u);
  EXPECT_EQ(dfs_destroy("default", nullptr, "missing", 0, &event), 0);
  ASSERT_EQ(daos_eq_poll(eqh, 1, DAOS_EQ_WAIT, 1, &polled), 1);
  EXPECT_EQ(event.ev_error, ENOENT);
  EXPECT_EQ(dfs_release(file), 0);
  EXPECT_EQ(daos_event_fini(&event), 0);
  EXPECT_EQ(daos_eq_destroy(eqh, 0), 0);
}

TEST_F(Dfs, DirectoriesAreListedWholeInPagesOfAnySize) {
  std::multiset<std::string> made;
  for (int i = 0; i < 60; ++i) made.insert("entry" + std::to_string(i));
  made.insert(std::string(255, 'n'));
  made.insert(std::string(254, 'n'));
  for (const std::string& name : made) make(name.c_str());
  dfs_obj_t* directory = root();
  for (const uint32_t page_size : {1u, 7u, 1000u}) EXPECT_EQ(names(directory, page_size), made) << page_size;

  std::multiset<std::string> iterated;
  const auto take = [](dfs_t*, dfs_obj_t*, const char name[], void* set) {
    static_cast<std::multiset<std::string>*>(set)->insert(name);
    return 0;
  };
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  while (!daos_anchor_is_eof(&anchor)) {
    uint32_t count = 20;
    ASSERT_EQ(dfs_iterate(dfs_, directory, &anchor, &count, 300, take, &iterated), 0);
    ASSERT_LE(iterated.size(), made.size());
  }
  EXPECT_EQ(iterated, made);
  anchor = DAOS_ANCHOR_INIT;
  uint32_t count = 20;
  EXPECT_EQ(dfs_iterate(dfs_, directory, &anchor, &count, 3, take, &iterated), E2BIG);

  // One that ends early goes on behind where it ended.
  const auto stop = [](dfs_t*, dfs_obj_t*, const char[], void*) { return 77; };
  EXPECT_EQ(dfs_iterate(dfs_, directory, &anchor, &count, 10000, stop, nullptr), 77);
  EXPECT_EQ(count, 1u);
  iterated.clear();
  while (!daos_anchor_is_eof(&anchor)) {
    count = 20;
    ASSERT_EQ(dfs_iterate(dfs_, directory, &anchor, &count, 10000, take, &iterated), 0);
  }
  EXPECT_EQ(iterated.size(), made.size() - 1);

  anchor = DAOS_ANCHOR_INIT;
  struct dirent entry;
  struct stat stbuf;
  count = 1;
  ASSERT_EQ(dfs_readdirplus(dfs_, directory, &anchor, &count, &entry, &stbuf), 0);
  EXPECT_TRUE(S_ISREG(stbuf.st_mode));
  EXPECT_EQ(dfs_release(directory), 0);
}

TEST_F(Dfs, EntriesAreMadeMovedExchangedAndRemoved) {
  ASSERT_EQ(dfs_mkdir(dfs_, nullptr, "dir", 0755, 0), 0);
  EXPECT_EQ(dfs_mkdir(dfs_, nullptr, "dir", 0755, 0), EEXIST);
  dfs_obj_t* directory = nullptr;
  mode_t mode = 0;
  ASSERT_EQ(dfs_lookup_rel(dfs_, nullptr, "dir", O_RDWR, &directory, &mode, nullptr), 0);
  EXPECT_TRUE(S_ISDIR(mode));
  make("a", "one", directory);
  make("b", "two");
  EXPECT_EQ(dfs_remove(dfs_, nullptr, "dir", false, nullptr), ENOTEMPTY);
  ASSERT_EQ(dfs_exchange(dfs_, directory, "a", nullptr, "b"), 0);
  EXPECT_EQ(content("/dir/a"), "two");
  EXPECT_EQ(content("/b"), "one");
  daos_obj_id_t replaced{};
  ASSERT_EQ(dfs_move(dfs_, nullptr, "b", directory, "a", &replaced), 0);
  EXPECT_FALSE(daos_obj_id_is_nil(replaced));
  EXPECT_EQ(content("/dir/a"), "one");
  ASSERT_EQ(dfs_move(dfs_, directory, "a", directory, "c", &replaced), 0);
  EXPECT_TRUE(daos_obj_id_is_nil(replaced));
  EXPECT_EQ(dfs_move(dfs_, nullptr, "missing", nullptr, "x", nullptr), ENOENT);
  EXPECT_EQ(dfs_move(dfs_, nullptr, "dir", directory, "x", nullptr), EINVAL);
  EXPECT_EQ(dfs_remove(dfs_, nullptr, "missing", false, nullptr), ENOENT);
  daos_obj_id_t oid{};
  daos_obj_id_t expected{};
  ASSERT_EQ(dfs_obj2id(directory, &expected), 0);
  EXPECT_EQ(dfs_release(directory), 0);
  ASSERT_EQ(dfs_remove(dfs_, nullptr, "dir", true, &oid), 0);
  EXPECT_EQ(oid.lo, expected.lo);
  EXPECT_EQ(oid.hi, expected.hi);
  dfs_obj_t* top = root();
  EXPECT_TRUE(names(top, 10).empty());
  EXPECT_EQ(dfs_release(top), 0);
}

TEST_F(Dfs, SymbolicLinksAreFollowedByPathOnly) {
  make("target", "behind the link");
  dfs_obj_t* link = nullptr;
  ASSERT_EQ(dfs_open(dfs_, nullptr, "link", S_IFLNK | 0777, O_CREAT | O_RDWR, 0, 0, "target", &link), 0);
  daos_size_t size = 0;
  ASSERT_EQ(dfs_get_symlink_value(link, nullptr, &size), 0);
  EXPECT_EQ(size, sizeof("target"));
  char value[16] = {};
  size = sizeof value;
  ASSERT_EQ(dfs_get_symlink_value(link, value, &size), 0);
  EXPECT_STREQ(value, "target");
  EXPECT_EQ(dfs_release(link), 0);
  EXPECT_EQ(content("/link"), "behind the link");
  mode_t mode = 0;
  ASSERT_EQ(dfs_lookup(dfs_, "/link", O_RDONLY | O_NOFOLLOW, &link, &mode, nullptr), 0);
  EXPECT_TRUE(S_ISLNK(mode));
  EXPECT_EQ(dfs_release(link), 0);
  ASSERT_EQ(dfs_lookup_rel(dfs_, nullptr, "link", O_RDONLY, &link, &mode, nullptr), 0);
  EXPECT_TRUE(S_ISLNK(mode));
  EXPECT_EQ(dfs_release(link), 0);
  ASSERT_EQ(dfs_chmod(dfs_, nullptr, "link", 0600), 0);
  struct stat stbuf;
  ASSERT_EQ(dfs_stat(dfs_, nullptr, "target", &stbuf), 0);
  EXPECT_EQ(stbuf.st_mode & 07777, 0600u);
  ASSERT_EQ(dfs_open(dfs_, nullptr, "loop", S_IFLNK, O_CREAT | O_RDWR, 0, 0, "loop", &link), 0);
  EXPECT_EQ(dfs_release(link), 0);
  EXPECT_EQ(dfs_lookup(dfs_, "/loop", O_RDONLY, &link, nullptr, nullptr), ELOOP);
}

TEST_F(Dfs, AttributesAreSetAndTold) {
  make("file", "12345");
  struct stat stbuf;
  ASSERT_EQ(dfs_stat(dfs_, nullptr, "file", &stbuf), 0);
  EXPECT_EQ(stbuf.st_mode, static_cast<mode_t>(S_IFREG | 0644));
  EXPECT_EQ(stbuf.st_size, 5);
  EXPECT_EQ(stbuf.st_uid, geteuid());
  EXPECT_EQ(stbuf.st_nlink, 1u);
  EXPECT_GT(stbuf.st_mtim.tv_sec, 1'600'000'000);
  ASSERT_EQ(dfs_stat(dfs_, nullptr, nullptr, &stbuf), 0);
  EXPECT_TRUE(S_ISDIR(stbuf.st_mode));
  EXPECT_EQ(dfs_stat(dfs_, nullptr, "missing", &stbuf), ENOENT);

  dfs_obj_t* file = open("file", O_RDWR);
  stbuf = {};
  stbuf.st_mode = S_IFREG | 0400;
  stbuf.st_size = 3;
  stbuf.st_mtim = {.tv_sec = -5, .tv_nsec = 250};
  ASSERT_EQ(dfs_osetattr(dfs_, file, &stbuf, DFS_SET_ATTR_MODE | DFS_SET_ATTR_SIZE | DFS_SET_ATTR_MTIME), 0);
  ASSERT_EQ(dfs_ostat(dfs_, file, &stbuf), 0);
  EXPECT_EQ(stbuf.st_mode, static_cast<mode_t>(S_IFREG | 0400));
  EXPECT_EQ(stbuf.st_size, 3);
  EXPECT_EQ(stbuf.st_mtim.tv_sec, -5);
  EXPECT_EQ(stbuf.st_mtim.tv_nsec, 250);
  EXPECT_EQ(dfs_osetattr(dfs_, file, &stbuf, 1 << 20), EINVAL);
  stbuf.st_mode = S_IFDIR | 0700;
  EXPECT_EQ(dfs_osetattr(dfs_, file, &stbuf, DFS_SET_ATTR_MODE), EINVAL);
  EXPECT_EQ(dfs_release(file), 0);

  ASSERT_EQ(dfs_chown(dfs_, nullptr, "file", 1234, static_cast<gid_t>(-1), 0), 0);
  ASSERT_EQ(dfs_stat(dfs_, nullptr, "file", &stbuf), 0);
  EXPECT_EQ(stbuf.st_uid, 1234u);
  EXPECT_EQ(stbuf.st_gid, getegid());
  EXPECT_EQ(dfs_access(dfs_, nullptr, "file", F_OK), 0);
  EXPECT_EQ(dfs_access(dfs_, nullptr, "file", X_OK), EACCES);
  EXPECT_EQ(dfs_access(dfs_, nullptr, "missing", F_OK), ENOENT);
  EXPECT_EQ(dfs_access(dfs_, nullptr, "file", 64), EINVAL);
}

TEST_F(Dfs, ExtendedAttributesBehaveAsOfFiles) {
  dfs_obj_t* file = open("file");
  ASSERT_EQ(dfs_setxattr(dfs_, file, "user.colour", "green", 5, 0), 0);
  EXPECT_EQ(dfs_setxattr(dfs_, file, "user.colour", "green", 5, XATTR_CREATE), EEXIST);
  EXPECT_EQ(dfs_setxattr(dfs_, file, "user.other", "x", 1, XATTR_REPLACE), ENODATA);
  ASSERT_EQ(dfs_setxattr(dfs_, file, "user.zero", "", 0, 0), 0);
  char value[8] = {};
  daos_size_t size = 0;
  ASSERT_EQ(dfs_getxattr(dfs_, file, "user.colour", nullptr, &size), 0);
  EXPECT_EQ(size, 5u);
  size = 3;
  EXPECT_EQ(dfs_getxattr(dfs_, file, "user.colour", value, &size), ERANGE);
  size = sizeof value;
  ASSERT_EQ(dfs_getxattr(dfs_, file, "user.colour", value, &size), 0);
  EXPECT_STREQ(value, "green");
  EXPECT_EQ(dfs_getxattr(dfs_, file, "user.missing", value, &size), ENODATA);
  char list[64];
  size = sizeof list;
  ASSERT_EQ(dfs_listxattr(dfs_, file, list, &size), 0);
  EXPECT_EQ(std::string(list, size), std::string("user.colour\0user.zero\0", 22));
  ASSERT_EQ(dfs_removexattr(dfs_, file, "user.zero"), 0);
  EXPECT_EQ(dfs_removexattr(dfs_, file, "user.zero"), ENODATA);
  const std::string big(DFS_MAX_XATTR_LEN + 1, 'v');
  EXPECT_EQ(dfs_setxattr(dfs_, file, "user.big", big.data(), big.size(), 0), E2BIG);
  EXPECT_EQ(dfs_setxattr(dfs_, file, std::string(300, 'n').c_str(), "v", 1, 0), EINVAL);
  EXPECT_EQ(dfs_release(file), 0);
}

TEST_F(Dfs, OpenEntriesTellWhatTheyAre) {
  dfs_obj_t* file = nullptr;
  ASSERT_EQ(dfs_open(dfs_, nullptr, "file", S_IFREG | 0600, O_CREAT | O_RDWR, OC_S1, 65536, nullptr, &file), 0);
  daos_size_t chunk_size = 0;
  ASSERT_EQ(dfs_get_chunk_size(file, &chunk_size), 0);
  EXPECT_EQ(chunk_size, 65536u);
  dfs_obj_info_t info{};
  ASSERT_EQ(dfs_obj_get_info(dfs_, file, &info), 0);
  EXPECT_EQ(info.doi_chunk_size, 65536u);
  EXPECT_EQ(info.doi_oclass_id, static_cast<daos_oclass_id_t>(OC_S1));
  EXPECT_EQ(dfs_obj_set_chunk_size(dfs_, file, 0, 4096), ENOTSUP);

  ASSERT_EQ(write(file, 0, "through the array"), 0);
  daos_handle_t oh{};
  ASSERT_EQ(dfs_get_file_oh(file, &oh), 0);
  daos_size_t size = 0;
  EXPECT_EQ(daos_array_get_size(oh, DAOS_TX_NONE, &size, nullptr), 0);
  EXPECT_EQ(size, 17u);

  dfs_obj_t* copy = nullptr;
  ASSERT_EQ(dfs_dup(dfs_, file, O_RDONLY, &copy), 0);
  EXPECT_EQ(read(copy), "through the array");
  EXPECT_EQ(write(copy, 0, "x"), EPERM);
  EXPECT_EQ(dfs_release(copy), 0);
  EXPECT_EQ(dfs_release(file), 0);
  EXPECT_EQ(daos_array_get_size(oh, DAOS_TX_NONE, &size, nullptr), -DER_NO_HDL);

  dfs_obj_t* directory = nullptr;
  ASSERT_EQ(dfs_open(dfs_, nullptr, "dir", S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, nullptr, &directory), 0);
  ASSERT_EQ(dfs_obj_set_chunk_size(dfs_, directory, 0, 8192), 0);
  file = open("inside", O_CREAT | O_RDWR, directory);
  ASSERT_EQ(dfs_get_chunk_size(file, &chunk_size), 0);
  EXPECT_EQ(chunk_size, 8192u);
  EXPECT_EQ(dfs_release(file), 0);
  EXPECT_EQ(dfs_release(directory), 0);
  daos_oclass_id_t class_id = 0;
  EXPECT_EQ(dfs_suggest_oclass(dfs_, "file:single", &class_id), 0);
  EXPECT_EQ(class_id, static_cast<daos_oclass_id_t>(OC_S1));
  EXPECT_EQ(dfs_suggest_oclass(dfs_, "dir:max", &class_id), 0);
  EXPECT_EQ(dfs_suggest_oclass(dfs_, "file:sideways", &class_id), EINVAL);
}

TEST_F(Dfs, ASnapshotIsMountedForReading) {
  make("file", "before");
  daos_epoch_t epoch = 0;
  char name[] = "snap";
  ASSERT_EQ(daos_cont_create_snap(coh_, &epoch, name, nullptr), 0);
  ASSERT_EQ(dfs_remove(dfs_, nullptr, "file", false, nullptr), 0);
  dfs_t* snapshot = nullptr;
  EXPECT_EQ(dfs_mount_snap(poh_, coh_, O_RDWR, epoch, nullptr, &snapshot), EINVAL);
  EXPECT_EQ(dfs_mount_snap(poh_, coh_, O_RDONLY, 0, "missing", &snapshot), ENOENT);
  for (const bool by_name : {false, true}) {
    ASSERT_EQ(dfs_mount_snap(poh_, coh_, O_RDONLY, by_name ? 0 : epoch, by_name ? "snap" : nullptr, &snapshot), 0);
    std::swap(dfs_, snapshot);
    EXPECT_EQ(content("/file"), "before");
    EXPECT_EQ(dfs_mkdir(dfs_, nullptr, "dir", 0755, 0), EPERM);
    EXPECT_EQ(dfs_access(dfs_, nullptr, "file", W_OK), EROFS);
    std::swap(dfs_, snapshot);
    EXPECT_EQ(dfs_umount(snapshot), 0);
  }
}

TEST_F(Dfs, APrefixIsTakenOffPaths) {
  make("file", "text");
  ASSERT_EQ(dfs_set_prefix(dfs_, "/mnt/here/"), 0);
  EXPECT_EQ(content("/mnt/here/file"), "text");
  EXPECT_EQ(content("/file"), "text");
  dfs_obj_t* directory = nullptr;
  ASSERT_EQ(dfs_lookup(dfs_, "/mnt/here", O_RDONLY, &directory, nullptr, nullptr), 0);
  EXPECT_EQ(dfs_release(directory), 0);
  EXPECT_EQ(dfs_lookup(dfs_, "/mnt/hereafter/file", O_RDONLY, &directory, nullptr, nullptr), ENOENT);
  EXPECT_EQ(dfs_set_prefix(dfs_, "relative"), EINVAL);
  ASSERT_EQ(dfs_set_prefix(dfs_, nullptr), 0);
  EXPECT_EQ(dfs_lookup(dfs_, "/mnt/here/file", O_RDONLY, &directory, nullptr, nullptr), ENOENT);
}

TEST_F(Dfs, TellsTheAttributesItWasCreatedWith) {
  dfs_attr_t wanted{};
  wanted.da_id = 99;
  wanted.da_chunk_size = 131072;
  wanted.da_mode = DFS_BALANCED;
  dfs_t* other = nullptr;
  daos_handle_t coh;
  uuid_t uuid;
  EXPECT_EQ(dfs_cont_create(poh_, &uuid, &wanted, nullptr, &other), EINVAL);  // A mount needs a handle.
  ASSERT_EQ(dfs_cont_create(poh_, &uuid, &wanted, &coh, &other), 0);
  dfs_attr_t told{};
  ASSERT_EQ(dfs_query(other, &told), 0);
  EXPECT_EQ(told.da_id, 99u);
  EXPECT_EQ(told.da_chunk_size, 131072u);
  EXPECT_EQ(told.da_mode, static_cast<uint32_t>(DFS_BALANCED));
  daos_handle_t borrowed;
  ASSERT_EQ(dfs_cont_get(other, &borrowed), 0);
  EXPECT_EQ(borrowed.cookie, coh.cookie);
  EXPECT_EQ(dfs_cont_put(other, borrowed), 0);
  EXPECT_EQ(dfs_pool_put(other, borrowed), EINVAL);
  EXPECT_EQ(dfs_sync(other), 0);
  EXPECT_EQ(dfs_umount(other), 0);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
}

TEST_F(Dfs, ConnectsToPoolAndContainerByName) {
  dfs_t* other = nullptr;
  EXPECT_EQ(dfs_connect("default", nullptr, "fresh", O_RDWR, nullptr, &other), EACCES);  // No dfs_init().
  ASSERT_EQ(dfs_init(), 0);
  EXPECT_EQ(dfs_connect("default", nullptr, "fresh", O_RDWR, nullptr, &other), ENOENT);
  ASSERT_EQ(dfs_connect("default", nullptr, "fresh", O_RDWR | O_CREAT, nullptr, &other), 0);
  EXPECT_EQ(dfs_umount(other), EINVAL);
  EXPECT_EQ(dfs_mkdir(other, nullptr, "dir", 0755, 0), 0);
  EXPECT_EQ(dfs_disconnect(other), 0);
  ASSERT_EQ(dfs_connect("default", nullptr, "fresh", O_RDONLY, nullptr, &other), 0);
  struct stat stbuf;
  EXPECT_EQ(dfs_stat(other, nullptr, "dir", &stbuf), 0);
  EXPECT_EQ(dfs_mkdir(other, nullptr, "more", 0755, 0), EPERM);
  EXPECT_EQ(dfs_destroy("default", nullptr, "fresh", 0, nullptr), EBUSY);
  EXPECT_EQ(dfs_disconnect(other), 0);
  EXPECT_EQ(dfs_destroy("default", nullptr, "fresh", 0, nullptr), 0);
  EXPECT_EQ(dfs_fini(), 0);
}

TEST_F(Dfs, TheLibraryDoesNotEndUnderAMount) {
  EXPECT_EQ(daos_fini(), -DER_BUSY);
  make("file", "still there");
  EXPECT_EQ(content("/file"), "still there");
}

TEST_F(Dfs, UpdateParentFollowsAMove) {
  ASSERT_EQ(dfs_mkdir(dfs_, nullptr, "dir", 0755, 0), 0);
  dfs_obj_t* directory = nullptr;
  ASSERT_EQ(dfs_lookup(dfs_, "/dir", O_RDWR, &directory, nullptr, nullptr), 0);
  make("neighbour", "", directory);
  dfs_obj_t* neighbour = open("neighbour", O_RDWR, directory);
  dfs_obj_t* file = open("file");
  ASSERT_EQ(dfs_move(dfs_, nullptr, "file", directory, "moved", nullptr), 0);
  ASSERT_EQ(dfs_update_parent(file, neighbour, "moved"), 0);
  struct stat stbuf;
  EXPECT_EQ(dfs_ostat(dfs_, file, &stbuf), 0);
  EXPECT_EQ(dfs_release(file), 0);
  EXPECT_EQ(dfs_release(neighbour), 0);
  EXPECT_EQ(dfs_release(directory), 0);
}

TEST_F(Dfs, BadArgumentsAreErrors) {
  dfs_t* other = nullptr;
  dfs_obj_t* object = nullptr;
  struct stat stbuf;
  EXPECT_EQ(dfs_mount(poh_, coh_, O_RDWR, nullptr), EINVAL);
  EXPECT_EQ(dfs_mount(coh_, poh_, O_RDWR, &other), EINVAL);
  EXPECT_EQ(dfs_mount(poh_, coh_, O_RDWR | O_APPEND, &other), EINVAL);
  ASSERT_EQ(daos_cont_create_with_label(poh_, "plain", nullptr, nullptr, nullptr), 0);
  daos_handle_t coh;
  ASSERT_EQ(daos_cont_open(poh_, "plain", DAOS_COO_RW, &coh, nullptr, nullptr), 0);
  EXPECT_EQ(dfs_mount(poh_, coh, O_RDWR, &other), EINVAL);  // Not for files.
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
  ASSERT_EQ(daos_cont_open(poh_, "files", DAOS_COO_RO, &coh, nullptr, nullptr), 0);
  EXPECT_EQ(dfs_mount(poh_, coh, O_RDWR, &other), EACCES);
  EXPECT_EQ(daos_cont_close(coh, nullptr), 0);
  EXPECT_EQ(dfs_umount(nullptr), EINVAL);
  EXPECT_EQ(dfs_disconnect(dfs_), EINVAL);
  EXPECT_EQ(dfs_release(nullptr), EINVAL);

  for (const char* name : {"", ".", "..", "a/b"}) {
    EXPECT_EQ(dfs_mkdir(dfs_, nullptr, name, 0755, 0), EINVAL) << name;
    EXPECT_EQ(dfs_remove(dfs_, nullptr, name, false, nullptr), EINVAL) << name;
  }
  EXPECT_EQ(dfs_mkdir(dfs_, nullptr, nullptr, 0755, 0), EINVAL);
  EXPECT_EQ(dfs_mkdir(nullptr, nullptr, "dir", 0755, 0), EINVAL);
  EXPECT_EQ(dfs_mkdir(dfs_, nullptr, std::string(256, 'n').c_str(), 0755, 0), ENAMETOOLONG);
  EXPECT_EQ(dfs_lookup(dfs_, "relative", O_RDONLY, &object, nullptr, nullptr), EINVAL);
  EXPECT_EQ(dfs_lookup(dfs_, "/missing", O_RDONLY, &object, nullptr, nullptr), ENOENT);
  EXPECT_EQ(dfs_lookup(dfs_, ("/" + std::string(5000, 'p')).c_str(), O_RDONLY, &object, nullptr, nullptr),
            ENAMETOOLONG);
  EXPECT_EQ(dfs_open(dfs_, nullptr, "file", 0644, O_CREAT | O_RDWR, 0, 0, nullptr, &object), EINVAL);
  EXPECT_EQ(dfs_open(dfs_, nullptr, "file", S_IFREG, O_CREAT | O_RDWR | O_APPEND, 0, 0, nullptr, &object), ENOTSUP);
  EXPECT_EQ(dfs_open(dfs_, nullptr, "file", S_IFREG, O_CREAT | O_RDWR, 12345, 0, nullptr, &object), EINVAL);
  EXPECT_EQ(dfs_open(dfs_, nullptr, "missing", S_IFREG, O_RDWR, 0, 0, nullptr, &object), ENOENT);
  make("file");
  EXPECT_EQ(dfs_lookup(dfs_, "/file/below", O_RDONLY, &object, nullptr, nullptr), ENOTDIR);
  dfs_obj_t* file = open("file", O_RDONLY);
  EXPECT_EQ(write(file, 0, "x"), EPERM);
  EXPECT_EQ(dfs_mkdir(dfs_, file, "below", 0755, 0), ENOTDIR);
  EXPECT_EQ(dfs_stat(dfs_, file, "below", &stbuf), ENOTDIR);
  daos_anchor_t anchor = DAOS_ANCHOR_INIT;
  uint32_t count = 1;
  struct dirent entry;
  EXPECT_EQ(dfs_readdir(dfs_, file, &anchor, &count, &entry), ENOTDIR);
  EXPECT_EQ(dfs_read(dfs_, file, nullptr, 0, nullptr, nullptr), EINVAL);
  EXPECT_EQ(dfs_release(file), 0);
  dfs_obj_t* directory = root();
  daos_size_t size = 0;
  EXPECT_EQ(dfs_get_size(dfs_, directory, &size), EISDIR);
  EXPECT_EQ(dfs_get_symlink_value(directory, nullptr, &size), EINVAL);
  EXPECT_EQ(dfs_get_chunk_size(directory, &size), EINVAL);
  count = 0;
  EXPECT_EQ(dfs_readdir(dfs_, directory, &anchor, &count, &entry), EINVAL);
  EXPECT_EQ(dfs_release(directory), 0);
}

}  // namespace
}  // namespace aeon::capi
