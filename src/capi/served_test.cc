// The C library on a system that another engine serves, here one in a thread of this process.
#include <daos.h>

#include <string>

#include "served_system_test.h"

namespace aeon::capi {
namespace {

class Served : public ServedSystem {};

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
