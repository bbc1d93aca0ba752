// fork() without exec, as MPI launchers and Python's multiprocessing do it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "client/network_system.h"
#include "local/local_system.h"
#include "scratch_system.h"
#include "served_system_test.h"

namespace aeon::capi {
namespace {

// What `check` returns in a child: 0 if all is as it should be, else a line's number.
int in_child(const std::function<int()>& check) {
  const pid_t child = ::fork();
  if (child == 0) _exit(check());
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

#define EXPECT_OR_LINE(condition)      \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (false)

class Fork : public ScratchContainer {};

TEST_F(Fork, TheChildHasNothingOpenAndTheParentGoesOn) {
  dfs_t* mount = nullptr;
  ASSERT_EQ(dfs_init(), 0);
  ASSERT_EQ(dfs_connect("default", nullptr, "files", O_CREAT | O_RDWR, nullptr, &mount), 0);
  EXPECT_EQ(in_child([&] {
              daos_pool_info_t info{};
              EXPECT_OR_LINE(daos_pool_query(poh_, nullptr, &info, nullptr, nullptr) == -DER_UNINIT);
              EXPECT_OR_LINE(daos_fini() == -DER_UNINIT);
              EXPECT_OR_LINE(daos_reinit() == 0);
              EXPECT_OR_LINE(daos_reinit() == 0);
              EXPECT_OR_LINE(daos_pool_query(poh_, nullptr, &info, nullptr, nullptr) == -DER_NO_HDL);
              EXPECT_OR_LINE(daos_cont_close(coh_, nullptr) == -DER_NO_HDL);
              EXPECT_OR_LINE(dfs_disconnect(mount) == EINVAL);
              daos_handle_t pool{};
              EXPECT_OR_LINE(daos_pool_connect("default", nullptr, DAOS_PC_RW, &pool, nullptr, nullptr) == -DER_BUSY);
              EXPECT_OR_LINE(daos_fini() == 0);
              return 0;
            }),
            0);
  daos_pool_info_t info{};
  EXPECT_EQ(daos_pool_query(poh_, nullptr, &info, nullptr, nullptr), 0);
  EXPECT_EQ(dfs_disconnect(mount), 0);
  EXPECT_EQ(dfs_fini(), 0);
}

TEST_F(Fork, TheLockGoesWithTheParentThoughTheChildLives) {
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(go[1]);
    _exit(::read(go[0], &byte, 1) == 0 ? 0 : 1);
  }
  ::close(go[0]);
  EXPECT_EQ(daos_cont_close(coh_, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh_, nullptr), 0);
  EXPECT_EQ(daos_fini(), 0);
  // Opened as by another process.
  EXPECT_TRUE(local::LocalSystem::open(directory(), {}).is_ok());
  ASSERT_EQ(daos_init(), 0);
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh_, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RW, &coh_, nullptr, nullptr), 0);
  ::close(go[1]);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// What C++ programs have on the stack, and Python collects, goes in the child too.
TEST(ForkDestructors, ThoseOfWhatTheParentHasOpenDoNothing) {
  std::string path = testing::TempDir() + "fork-XXXXXX";
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  ASSERT_TRUE(local::LocalSystem::create(path, {}).is_ok());
  auto system = local::LocalSystem::open(path, {});
  ASSERT_TRUE(system.is_ok()) << system.status().to_string();
  auto pool = (*system)->run((*system)->connect_pool("default", client::Access::kReadWrite));
  ASSERT_TRUE(pool.is_ok()) << pool.status().to_string();
  EXPECT_EQ(in_child([&] {
              EXPECT_OR_LINE((*system)->close().code() == Code::kInvalidArgument);
              EXPECT_OR_LINE(!(*system)->poll());
              pool->reset();
              system->reset();
              return 0;
            }),
            0);
  EXPECT_TRUE((*system)->run((*pool)->query()).is_ok());
  pool->reset();
  EXPECT_TRUE((*system)->close().is_ok());
  std::filesystem::remove_all(path);
}

// A system that is served can be used by both.
class ForkServed : public ServedSystem {};

int use(daos_handle_t* pool, daos_handle_t* container) {
  EXPECT_OR_LINE(daos_pool_connect("default", nullptr, DAOS_PC_RW, pool, nullptr, nullptr) == 0);
  const int made = daos_cont_create_with_label(*pool, "shared", nullptr, nullptr, nullptr);
  EXPECT_OR_LINE(made == 0 || made == -DER_EXIST);
  EXPECT_OR_LINE(daos_cont_open(*pool, "shared", DAOS_COO_RW, container, nullptr, nullptr) == 0);
  return 0;
}

TEST_F(ForkServed, DestructorsOfWhatTheParentHasOpenDoNothing) {
  auto system = client::NetworkSystem::connect(server_->addresses().front(), {});
  ASSERT_TRUE(system.is_ok()) << system.status().to_string();
  auto pool = (*system)->run((*system)->connect_pool("default", client::Access::kReadWrite));
  ASSERT_TRUE(pool.is_ok()) << pool.status().to_string();
  EXPECT_EQ(in_child([&] {
              pool->reset();
              system->reset();
              return 0;
            }),
            0);
  EXPECT_TRUE((*system)->run((*pool)->query()).is_ok());
}

TEST_F(ForkServed, ParentAndChildrenWorkSideBySide) {
  ASSERT_EQ(daos_init(), 0);
  daos_handle_t pool{}, container{};
  ASSERT_EQ(use(&pool, &container), 0);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(in_child([&] {
                daos_handle_t own_pool{}, own{};
                EXPECT_OR_LINE(daos_reinit() == 0);
                EXPECT_OR_LINE(daos_cont_close(container, nullptr) == -DER_NO_HDL);
                const int line = use(&own_pool, &own);
                EXPECT_OR_LINE(line == 0);
                EXPECT_OR_LINE(own.cookie != container.cookie && own_pool.cookie != pool.cookie);
                EXPECT_OR_LINE(daos_cont_close(own, nullptr) == 0);
                EXPECT_OR_LINE(daos_pool_disconnect(own_pool, nullptr) == 0);
                EXPECT_OR_LINE(daos_fini() == 0);
                return 0;
              }),
              0);
    daos_cont_info_t info{};
    EXPECT_EQ(daos_cont_query(container, &info, nullptr, nullptr), 0);
  }
  EXPECT_EQ(daos_cont_close(container, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(pool, nullptr), 0);
  EXPECT_EQ(daos_fini(), 0);
}

}  // namespace
}  // namespace aeon::capi
