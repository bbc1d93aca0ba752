#include "local/local_system.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "client/key_value.h"

namespace aeon::local {
namespace {

namespace fs = std::filesystem;
using client::Access;

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

TEST_F(LocalSystemTest, WhatIsPutIsGotAfterClosingAndOpeningAgain) {
  open();
  client::ContainerSpec spec;
  spec.label = "results";
  ASSERT_TRUE(run(pool()->create_container(spec)).is_ok());
  {
    auto container = run(pool()->open_container("results", Access::kReadWrite));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    client::KeyValue values(*container, ObjectId{.hi = 0, .lo = 1});
    const Status put = run(values.put("key", as_bytes("value")));
    ASSERT_TRUE(put.is_ok()) << put.to_string();
  }
  const Status closed = system_->close();
  ASSERT_TRUE(closed.is_ok()) << closed.to_string();
  system_.reset();

  open(OpenOptions{});
  auto container = run(pool()->open_container("results", Access::kReadOnly));
  ASSERT_TRUE(container.is_ok()) << container.status().to_string();
  client::KeyValue values(*container, ObjectId{.hi = 0, .lo = 1});
  const Result<Bytes> value = run(values.get("key"));
  ASSERT_TRUE(value.is_ok()) << value.status().to_string();
  EXPECT_EQ(as_text(*value), "value");
}

}  // namespace
}  // namespace aeon::local
