#include "scratch_system.h"

#include <cstdlib>
#include <cstring>

#include "local/local_system.h"
#include "runtime/directory.h"

namespace aeon::capi {
namespace {

// A system's directory has files only.
void remove_directory(const std::string& path) {
  auto directory = Directory::open(path, false);
  ASSERT_TRUE(directory.is_ok());
  const auto names = directory->list();
  ASSERT_TRUE(names.is_ok());
  for (const std::string& name : *names) EXPECT_TRUE(directory->remove_file(name).is_ok()) << name;
  EXPECT_EQ(rmdir(path.c_str()), 0);
}

}  // namespace

void ScratchSystem::SetUp() {
  char path[] = "/tmp/capi_test_XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  directory_ = path;
  if (const char* const targets = std::getenv("AEON_TEST_TARGETS")) {
    local::CreateOptions options;
    options.target_count = static_cast<uint32_t>(std::atoi(targets));
    ASSERT_TRUE(local::LocalSystem::create(directory_, std::move(options)).is_ok());
  }
  setenv("AEON_SYSTEM", ("local:" + directory_).c_str(), 1);
  ASSERT_EQ(daos_init(), 0);
}

void ScratchSystem::TearDown() {
  EXPECT_EQ(daos_fini(), 0);
  unsetenv("AEON_SYSTEM");
  if (!directory_.empty()) remove_directory(directory_);
}

d_iov_t ScratchSystem::iov_of(std::string& buffer) {
  d_iov_t iov;
  d_iov_set(&iov, buffer.data(), buffer.size());
  return iov;
}

daos_key_t ScratchSystem::key_of(const char* text) {
  daos_key_t key;
  d_iov_set(&key, const_cast<char*>(text), std::strlen(text));
  return key;
}

void ScratchContainer::SetUp() {
  ScratchSystem::SetUp();
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh_, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_create_with_label(poh_, "scratch", nullptr, nullptr, nullptr), 0);
  ASSERT_EQ(daos_cont_open(poh_, "scratch", DAOS_COO_RW, &coh_, nullptr, nullptr), 0);
}

void ScratchContainer::TearDown() {
  EXPECT_EQ(daos_cont_close(coh_, nullptr), 0);
  EXPECT_EQ(daos_pool_disconnect(poh_, nullptr), 0);
  ScratchSystem::TearDown();
}

daos_obj_id_t ScratchContainer::new_oid(daos_otype_t type, uint64_t number) {
  daos_obj_id_t oid{.lo = number, .hi = 0};
  EXPECT_EQ(daos_obj_generate_oid(coh_, &oid, type, OC_UNKNOWN, 0, 0), 0);
  return oid;
}

}  // namespace aeon::capi
