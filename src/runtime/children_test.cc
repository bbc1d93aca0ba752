#include "runtime/children.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace aeon {
namespace {

using What = Children::What;
constexpr Duration kLong = std::chrono::seconds(30);

// A shell as the child; its line is $fd.
std::vector<std::string> shell(const std::string& script) {
  return {"/bin/bash", "-c", "fd=${0#--keeper-fd=}; " + script};
}

TEST(ChildrenTest, LinesGoBothWaysAndTheEndIsTold) {
  Children children(1);
  ASSERT_TRUE(
      children.start(0, shell("echo one >&$fd; read -r word <&$fd; echo \"got $word\" >&$fd; exit 3"), {}).is_ok());
  EXPECT_TRUE(children.is_running(0));
  Children::Event event = children.next(kLong);
  EXPECT_EQ(event.what, What::kLine);
  EXPECT_EQ(event.text, "one");
  children.tell(0, "two");
  EXPECT_EQ(children.next(kLong).text, "got two");
  event = children.next(kLong);
  EXPECT_EQ(event.what, What::kEnded);
  EXPECT_EQ(event.text, "exit code 3");
  EXPECT_FALSE(children.is_running(0));
  children.tell(0, "nobody hears");
  EXPECT_EQ(children.next(Duration::zero()).what, What::kTimedOut);
}

TEST(ChildrenTest, OneThatIsKilledIsToldAndCanBeStartedAgain) {
  Children children(2);
  ASSERT_TRUE(children.start(1, shell("echo $$ >&$fd; read -r word <&$fd"), {}).is_ok());
  Children::Event event = children.next(kLong);
  EXPECT_EQ(event.child, 1u);
  EXPECT_EQ(event.text, std::to_string(children.pid(1)));
  ASSERT_EQ(kill(static_cast<pid_t>(children.pid(1)), SIGKILL), 0);
  event = children.next(kLong);
  EXPECT_EQ(event.what, What::kEnded);
  EXPECT_EQ(event.text, "signal 9");
  ASSERT_TRUE(children.start(1, shell("echo again >&$fd"), {}).is_ok());
  EXPECT_EQ(children.next(kLong).text, "again");
}

TEST(ChildrenTest, AProgramThatIsntThereIsAnError) {
  Children children(1);
  EXPECT_EQ(children.start(0, {"/nowhere/program"}, {}).code(), Code::kNotFound);
  EXPECT_FALSE(children.is_running(0));
}

TEST(ChildrenTest, OnlyGivenDescriptorsGoAlong) {
  const int given = open("/dev/null", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Children children(1);
  const std::string script = "for n in " + std::to_string(given) + " " + std::to_string(other) +
                             "; do test -e /proc/self/fd/$n && echo $n >&$fd; done; echo end >&$fd";
  ASSERT_TRUE(children.start(0, shell(script), std::span(&given, 1)).is_ok());
  EXPECT_EQ(children.next(kLong).text, std::to_string(given));
  EXPECT_EQ(children.next(kLong).text, "end");
  close(given);
  close(other);
}

TEST(ChildrenTest, WakeComesFromAnotherThread) {
  Children children(1);
  std::thread waker([&children] { children.wake(); });
  EXPECT_EQ(children.next(kLong).what, What::kWoken);
  waker.join();
  EXPECT_EQ(children.next(Duration::zero()).what, What::kTimedOut);
}

TEST(ChildrenTest, AChildHearsThatItsKeeperIsGone) {
  int report[2];
  ASSERT_EQ(pipe2(report, O_CLOEXEC), 0);
  {
    Children children(1);
    const std::string script = "read -r word <&$fd || echo gone >&" + std::to_string(report[1]);
    ASSERT_TRUE(children.start(0, shell(script), std::span(&report[1], 1)).is_ok());
  }
  close(report[1]);
  char text[16] = {};
  EXPECT_EQ(read(report[0], text, sizeof text), 5);
  EXPECT_STREQ(text, "gone\n");
  close(report[0]);
}

}  // namespace
}  // namespace aeon
