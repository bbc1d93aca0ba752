// For tests: a system that an engine serves, in a thread of this process; where it is says AEON_SYSTEM.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "local/directory_server.h"

namespace aeon::capi {

class ServedSystem : public testing::Test {
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
    setenv("AEON_SYSTEM", ("local:" + directory_).c_str(), 1);
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

 private:
  std::thread serving_;
  Status served_;
};

}  // namespace aeon::capi
