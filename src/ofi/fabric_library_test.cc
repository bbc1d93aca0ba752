#include "fabric_library.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace aeon::ofi {
namespace {

void on_signal(int) {}

// Some providers install handlers of their own as they are loaded.
TEST(FabricLibraryTest, SignalsAreHandledAsBeforeAfterItWasLoaded) {
  struct sigaction ours{}, before{}, after{};
  ours.sa_handler = on_signal;
  ASSERT_EQ(::sigaction(SIGINT, &ours, &before), 0);
  const Result<const FabricLibrary*> library = load_fabric_library();
  ASSERT_TRUE(library.is_ok()) << library.status().to_string();
  ASSERT_EQ(::sigaction(SIGINT, &before, &after), 0);
  EXPECT_EQ(after.sa_handler, on_signal);
  EXPECT_EQ(*library, &fabric_library());
}

}  // namespace
}  // namespace aeon::ofi
