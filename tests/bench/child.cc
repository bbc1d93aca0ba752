#include "child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace aeon::bench {

Child::Child(const Run& run, const char* name) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("can't make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = "/proc/self/exe", directory = run.directory, seconds = fmt::format("{}", run.seconds);
  std::string what = name;
  char* const arguments[] = {program.data(), directory.data(), seconds.data(), what.data(), nullptr};
  const int error = posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) fail("can't start another process");
  output_ = ends[0];
}

void Child::wait_until_it_says_ready() {
  char byte = 0;
  if (read(output_, &byte, 1) != 1) fail("a child process ended early");
}

void Child::wait_until_it_ends() {
  int status = 0;
  if (waitpid(process_, &status, 0) != process_ || status != 0) fail("a child process failed");
  close(output_);
}

void Child::kill() {
  ::kill(process_, SIGKILL);
  int status = 0;
  if (waitpid(process_, &status, 0) != process_ || !WIFSIGNALED(status)) fail("a child process ended by itself");
  close(output_);
}

void Child::say_ready() {
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace aeon::bench
