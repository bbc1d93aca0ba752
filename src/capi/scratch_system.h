// For tests: an embedded system in a directory of its own, with the library started on it.
#pragma once

#include <daos.h>
#include <daos_fs.h>
#include <gtest/gtest.h>

#include <string>

namespace aeon::capi {

class ScratchSystem : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Of the system, as AEON_SYSTEM has it.
  const std::string& directory() const { return directory_; }

  static d_iov_t iov_of(std::string& buffer);
  static daos_key_t key_of(const char* text);

 private:
  std::string directory_;
};

// The same with the default pool connected and a container open.
class ScratchContainer : public ScratchSystem {
 protected:
  void SetUp() override;
  void TearDown() override;

  daos_obj_id_t new_oid(daos_otype_t type, uint64_t number = 1);

  daos_handle_t poh_{};
  daos_handle_t coh_{};
};

}  // namespace aeon::capi
