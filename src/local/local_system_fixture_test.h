// A local system in a directory of its own, with a container and an object, for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "client/client.h"
#include "local/local_system.h"

namespace aeon::local {

namespace fs = std::filesystem;
using client::Access;

inline bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

class LocalSystemTest : public ::testing::Test {
 protected:
  LocalSystemTest() {
    std::string pattern = (fs::temp_directory_path() / "aeon-local-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    scratch_ = pattern;
  }
  ~LocalSystemTest() override {
    system_.reset();
    fs::remove_all(scratch_);
  }

  static CreateOptions small() {
    CreateOptions options;
    options.log_size = kMiB;
    return options;
  }
  static OpenOptions creating() {
    OpenOptions options;
    options.create_if_missing = true;
    options.create = small();
    return options;
  }
  void open(OpenOptions options = creating()) {
    auto opened = LocalSystem::open(directory(), std::move(options));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    system_ = std::move(*opened);
  }
  std::string directory() const { return scratch_ + "/store"; }

  template <typename T>
  T run(Task<T> task) {
    return system_->run(std::move(task));
  }
  std::shared_ptr<client::Pool> pool(Access access = Access::kReadWrite) {
    auto connected = run(system_->connect_pool("default", access));
    CHECK(connected.is_ok());
    return *connected;
  }

  std::string scratch_;
  std::shared_ptr<LocalSystem> system_;
};

class ContainerTest : public LocalSystemTest {
 protected:
  ContainerTest() {
    open();
    pool_ = pool();
  }
  ~ContainerTest() override { pool_.reset(); }

  Result<Uuid> create(std::string label, client::Properties properties = {}) {
    client::ContainerSpec spec;
    spec.label = std::move(label);
    spec.properties = std::move(properties);
    return run(pool_->create_container(spec));
  }
  std::shared_ptr<client::Container> opened(const std::string& name, Access access = Access::kReadWrite) {
    auto container = run(pool_->open_container(name, access));
    EXPECT_TRUE(container.is_ok()) << container.status().to_string();
    CHECK(container.is_ok());
    return *container;
  }
  void reopen() {
    pool_.reset();
    system_.reset();
    open(OpenOptions{});
    pool_ = pool();
  }

  std::shared_ptr<client::Pool> pool_;
};

class ObjectTest : public ContainerTest {
 protected:
  ObjectTest() {
    CHECK(create("c").is_ok());
    container_ = opened("c");
  }
  ~ObjectTest() override { container_.reset(); }
  std::shared_ptr<client::Container> container_;
  const ObjectId object_{.hi = 0, .lo = 1};
};

}  // namespace aeon::local
