// The C library on a system that another engine serves, here one in a thread of this process.
#include <daos.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "local/directory_server.h"

namespace aeon::capi {
namespace {

class Served : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "served-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    ASSERT_TRUE(local::LocalSystem::create(directory_, {}).is_ok());
    auto opened = local::DirectoryServer::open(directory_, {});
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    server_ = std::move(*opened);
    serving_ = std::thread([this] { served_ = server_->run(); });
  }
  void TearDown() override {
    unsetenv("AEON_SYSTEM");
    if (!serving_.joinable()) return;
    server_->stop();
    serving_.join();
    EXPECT_TRUE(served_.is_ok()) << served_.to_string();
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  std::unique_ptr<local::DirectoryServer> server_;
  std::thread serving_;
  Status served_;
};

TEST_F(Served, IsReachedByTheDirectorysNameAndByItsAddress) {
  int made = 0;
  for (const std::string& name : {"local:" + directory_, server_->addresses().front()}) {
    setenv("AEON_SYSTEM", name.c_str(), 1);
    ASSERT_EQ(daos_init(), 0) << name;
    daos_handle_t pool{}, container{};
    ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &pool, nullptr, nullptr), 0) << name;
    const std::string label = "c" + std::to_string(made++);
    EXPECT_EQ(daos_cont_create_with_label(pool, label.c_str(), nullptr, nullptr, nullptr), 0) << name;
    EXPECT_EQ(daos_cont_open(pool, "c0", DAOS_COO_RW, &container, nullptr, nullptr), 0) << name;
    EXPECT_EQ(daos_cont_close(container, nullptr), 0);
    EXPECT_EQ(daos_pool_disconnect(pool, nullptr), 0);
    EXPECT_EQ(daos_fini(), 0);
  }
}

}  // namespace
}  // namespace aeon::capi
