// This program again, in a process of its own.
#pragma once

#include <sys/types.h>

#include <string>

#include "target.h"

namespace aeon::bench {

class Child {
 public:
  // Runs one of the cases that only a Child runs, in the same directory.
  Child(const Run& run, const char* name);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void wait_until_it_says_ready();
  void wait_until_it_ends();  // It must succeed.
  void kill();                // As `kill -9`.

  // For the child.
  static void say_ready();

 private:
  pid_t process_ = -1;
  int output_ = -1;
};

}  // namespace aeon::bench
