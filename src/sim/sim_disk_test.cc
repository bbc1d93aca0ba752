#include "sim/sim_disk.h"

#include <gtest/gtest.h>

#include "sim/for_each_seed.h"

namespace aeon {
namespace {
TEST(SimDisk, Placeholder) {}
}  // namespace
}  // namespace aeon
