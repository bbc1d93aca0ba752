#include "runtime/fork.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/directory.h"
#include "runtime/reactor.h"

namespace aeon {
namespace {

template <typename Check>
bool holds_in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

Task<int> seven() { co_return 7; }
Task<void> count(int* times) {
  ++*times;
  co_return;
}

TEST(ForkTest, EachProcessHasAGenerationOfItsOwn) {
  const uint64_t here = fork_generation();
  EXPECT_TRUE(holds_in_child([here] {
    notice_fork();
    const uint64_t there = fork_generation();
    return there != here &&
           holds_in_child([here, there] { return fork_generation() != here && fork_generation() != there; });
  }));
  EXPECT_EQ(fork_generation(), here);
}

TEST(ForkTest, AReactorStaysWithItsProcess) {
  Reactor reactor;
  EXPECT_EQ(reactor.run(seven()), 7);
  EXPECT_TRUE(holds_in_child([&reactor] {
    int times = 0;
    reactor.submit(count(&times));
    Reactor own;
    return reactor.is_from_before_fork() && !reactor.poll() && times == 0 && own.run(seven()) == 7;
  }));
  EXPECT_FALSE(reactor.is_from_before_fork());
  EXPECT_EQ(reactor.run(seven()), 7);
}

TEST(ForkTest, DescriptorsThatAreNamedAreClosedInTheChild) {
  const int named = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY);
  close_in_forked_child(named);
  close_in_forked_child(other);
  forget_in_forked_child(other);
  EXPECT_TRUE(holds_in_child([=] { return fcntl(named, F_GETFD) == -1 && fcntl(other, F_GETFD) != -1; }));
  EXPECT_NE(fcntl(named, F_GETFD), -1);
  forget_in_forked_child(named);
  close(named);
  close(other);
}

TEST(ForkTest, OneForEachProcess) {
  static PerProcess<int> each;  // Never destroyed, nor is what it has.
  const auto make = [] { return new int(1); };
  each.get(make) = 2;
  EXPECT_TRUE(holds_in_child([&] { return each.get(make) == 1 && ++each.get(make) == 2; }));
  EXPECT_EQ(each.get(make), 2);
}

// As one that was forked and hasn't run yet: it has everything, and closes nothing.
TEST(ForkTest, ALockIsGivenBackThoughAChildHasntRun) {
  std::string path = testing::TempDir() + "fork-XXXXXX";
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  std::optional<Directory> directory(std::move(*Directory::open(path, false)));
  ASSERT_TRUE(directory->lock("the first").is_ok());
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const auto child = static_cast<pid_t>(::syscall(SYS_fork));
  if (child == 0) {
    char byte = 0;
    ::close(go[1]);
    _exit(::read(go[0], &byte, 1) == 0 ? 0 : 1);
  }
  directory.reset();
  Result<Directory> again = Directory::open(path, false);
  ASSERT_TRUE(again.is_ok());
  EXPECT_TRUE(again->lock("the second").is_ok());
  ::close(go[1]);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace aeon
