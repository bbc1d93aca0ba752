#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/key_value.h"
#include "local/local_system.h"
#include "local/offline.h"
#include "local/store_disk.h"
#include "runtime/device_probe.h"

namespace aeon::local {
namespace {

namespace fs = std::filesystem;
using client::Access;

constexpr ObjectId kObject{.hi = 0, .lo = 1};
constexpr size_t kValueCount = 40;

class LocalDevices : public ::testing::Test {
 protected:
  LocalDevices() {
    std::string pattern = (fs::temp_directory_path() / "aeon-devices-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    scratch_ = pattern;
  }
  ~LocalDevices() override {
    unsetenv("AEON_DEGRADED");
    fs::remove_all(scratch_);
  }

  std::string path(const std::string& name) const { return scratch_ + "/" + name; }
  CreateOptions on_three() const {
    CreateOptions options;
    options.log_size = kMiB;
    options.capacity = 64 * kMiB;
    options.log_device = path("log");
    options.data_devices = {path("data1"), path("data2")};
    return options;
  }
  void write_file(const std::string& name, std::string_view content) const {
    std::ofstream file(path(name), std::ios::binary);
    file << content;
  }
  // Values that are large enough to lie in blocks.
  static std::string value_of(size_t number) { return std::string(40'000, static_cast<char>('a' + number % 26)); }

  void put_values() {
    auto system = LocalSystem::open(path("store"), OpenOptions());
    ASSERT_TRUE(system.is_ok()) << system.status().to_string();
    auto pool = (*system)->run((*system)->connect_pool("default", Access::kReadWrite));
    ASSERT_TRUE(pool.is_ok());
    client::ContainerSpec spec;
    spec.label = "c";
    ASSERT_TRUE((*system)->run((*pool)->create_container(spec)).is_ok());
    auto container = (*system)->run((*pool)->open_container("c", Access::kReadWrite));
    ASSERT_TRUE(container.is_ok());
    client::KeyValue values(*container, kObject);
    for (size_t i = 0; i < kValueCount; ++i) {
      const std::string value = value_of(i);
      const Status put = (*system)->run(values.put(std::to_string(i), as_bytes(value)));
      ASSERT_TRUE(put.is_ok()) << put.to_string();
    }
  }
  // How many values come back; the others must fail and name `missing`.
  size_t count_values(const std::string& missing = {}, OpenOptions options = {}) {
    auto system = LocalSystem::open(path("store"), std::move(options));
    EXPECT_TRUE(system.is_ok()) << system.status().to_string();
    if (!system.is_ok()) return 0;
    auto pool = (*system)->run((*system)->connect_pool("default", Access::kReadOnly));
    auto container = (*system)->run((*pool)->open_container("c", Access::kReadOnly));
    EXPECT_TRUE(container.is_ok()) << container.status().to_string();
    if (!container.is_ok()) return 0;
    client::KeyValue values(*container, kObject);
    size_t found = 0;
    for (size_t i = 0; i < kValueCount; ++i) {
      const Result<Bytes> value = (*system)->run(values.get(std::to_string(i)));
      if (value.is_ok()) {
        EXPECT_EQ(as_text(*value), value_of(i));
        ++found;
      } else {
        EXPECT_EQ(value.code(), Code::kIo) << value.status().to_string();
        EXPECT_TRUE(!missing.empty() && mentions(value.status(), missing)) << value.status().to_string();
      }
    }
    return found;
  }
  static bool mentions(const Status& status, std::string_view text) {
    return status.message().find(text) != std::string_view::npos;
  }
  Status open_status(OpenOptions options = {}) { return LocalSystem::open(path("store"), std::move(options)).status(); }

  std::string scratch_;
};

TEST_F(LocalDevices, ASystemOnALogAndTwoDataDevicesKeepsItsValues) {
  const Status created = LocalSystem::create(path("store"), on_three());
  ASSERT_TRUE(created.is_ok()) << created.to_string();
  EXPECT_FALSE(fs::exists(path("store/target-0")));
  put_values();
  EXPECT_EQ(count_values(), kValueCount);
  for (const char* name : {"data1", "data2"}) EXPECT_GT(fs::file_size(path(name)), 300'000u) << name;
  OpenOptions reading;
  reading.read_only = true;
  EXPECT_EQ(count_values({}, reading), kValueCount);
}

TEST_F(LocalDevices, ALogDeviceAloneLeavesTheDataInTheDirectory) {
  CreateOptions options = on_three();
  options.data_devices.clear();
  ASSERT_TRUE(LocalSystem::create(path("store"), options).is_ok());
  EXPECT_TRUE(fs::exists(path("store/target-0")));
  put_values();
  fs::rename(path("store"), path("elsewhere"));
  fs::rename(path("elsewhere"), path("store"));
  EXPECT_EQ(count_values(), kValueCount);
}

TEST_F(LocalDevices, OneBigFileMayBePreallocated) {
  write_file("big", "");
  fs::resize_file(path("big"), 32 * kMiB);
  CreateOptions options;
  options.log_size = kMiB;
  options.data_devices = {path("big")};
  const Status created = LocalSystem::create(path("store"), options);
  ASSERT_TRUE(created.is_ok()) << created.to_string();
  put_values();
  EXPECT_EQ(count_values(), kValueCount);
  EXPECT_EQ(fs::file_size(path("big")), 32 * kMiB) << "it stays within what was given";
}

TEST_F(LocalDevices, AMissingOneIsNamedAndMayBeDoneWithout) {
  ASSERT_TRUE(LocalSystem::create(path("store"), on_three()).is_ok());
  put_values();
  fs::rename(path("data2"), path("moved"));
  const Status missing = open_status();
  EXPECT_EQ(missing.code(), Code::kUnavailable);
  for (const char* part : {"device 3 of 3 (data, uuid ", "/data2: ", "set-devices", "AEON_DEGRADED=1"}) {
    EXPECT_TRUE(mentions(missing, part)) << part << ": " << missing.to_string();
  }
  ASSERT_EQ(setenv("AEON_DEGRADED", "1", 1), 0);
  const size_t found = count_values("device 3 of 3 (data");
  EXPECT_GT(found, kValueCount / 4);
  EXPECT_LT(found, kValueCount * 3 / 4);
  unsetenv("AEON_DEGRADED");

  EXPECT_EQ(set_devices(path("store"), {path("log"), path("data1")}).code(), Code::kUnavailable);
  EXPECT_EQ(set_devices(path("store"), {path("log"), path("data1"), path("data1")}).code(), Code::kInvalidArgument);
  const Status set = set_devices(path("store"), {path("moved"), path("log"), path("data1")});
  ASSERT_TRUE(set.is_ok()) << set.to_string();
  EXPECT_EQ(count_values(), kValueCount);
}

TEST_F(LocalDevices, ExchangedNamesAreNoticedOnlyByTheirLabels) {
  ASSERT_TRUE(LocalSystem::create(path("store"), on_three()).is_ok());
  put_values();
  fs::rename(path("data2"), path("x"));
  fs::rename(path("log"), path("data2"));
  fs::rename(path("x"), path("log"));
  EXPECT_EQ(count_values(), kValueCount);
}

TEST_F(LocalDevices, WhatIsOnADeviceIsNotLostByAccident) {
  write_file("data1", "my only copy of something");
  Status created = LocalSystem::create(path("store"), on_three());
  EXPECT_EQ(created.code(), Code::kNotEmpty);
  EXPECT_TRUE(mentions(created, "/data1 holds data") && mentions(created, "--overwrite")) << created.to_string();
  CreateOptions options = on_three();
  options.overwrite_devices = true;
  ASSERT_TRUE(LocalSystem::create(path("store"), options).is_ok());
  created = LocalSystem::create(path("other"), on_three());
  EXPECT_EQ(created.code(), Code::kNotEmpty);
  EXPECT_TRUE(mentions(created, "/log holds device 1 of 3 (log, ")) << created.to_string();
  options.data_devices = {path("fresh"), path("fresh")};
  created = LocalSystem::create(path("other"), options);
  EXPECT_EQ(created.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(created, "given twice")) << created.to_string();
  options.data_devices = {"/dev/no-such-device"};
  EXPECT_EQ(LocalSystem::create(path("other"), options).code(), Code::kNotFound);
  EXPECT_FALSE(fs::exists(path("other/creating")));
}

TEST_F(LocalDevices, MakingOneThatWasKilledIsBegunAgain) {
  ASSERT_TRUE(LocalSystem::create(path("store"), on_three()).is_ok());
  fs::remove(path("store/system"));
  write_file("store/creating", "a system is being made here\ndevice " + path("log") + "\ndevice " + path("data1") +
                                   "\ndevice " + path("data2") + "\n");
  const Status created = LocalSystem::create(path("store"), on_three());
  ASSERT_TRUE(created.is_ok()) << created.to_string();
  put_values();
  EXPECT_EQ(count_values(), kValueCount);
}

TEST_F(LocalDevices, ADeviceInUseIsNotOpenedAgain) {
  ASSERT_TRUE(LocalSystem::create(path("store"), on_three()).is_ok());
  fs::copy(path("store"), path("copy"));
  auto system = LocalSystem::open(path("store"), OpenOptions());
  ASSERT_TRUE(system.is_ok());
  const Status again = LocalSystem::open(path("copy"), OpenOptions()).status();
  EXPECT_EQ(again.code(), Code::kBusy);
  EXPECT_TRUE(mentions(again, "/log is in use")) << again.to_string();
}

TEST_F(LocalDevices, AFileSystemIsRecognised) {
  write_file("image", "");
  fs::resize_file(path("image"), 8 * kMiB);
  Result<DeviceProbe> probe = probe_device(path("image"));
  ASSERT_TRUE(probe.is_ok());
  EXPECT_EQ(probe->content, "");
  const std::string command = "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -L photos " + path("image");
  ASSERT_EQ(std::system(command.c_str()), 0);
  probe = probe_device(path("image"));
  ASSERT_TRUE(probe.is_ok()) << probe.status().to_string();
  EXPECT_EQ(probe->content, "ext4 file system 'photos'");
  EXPECT_EQ(probe_device(scratch_).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::local
