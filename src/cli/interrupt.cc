#include "cli/interrupt.h"

#include <signal.h>

#include <cstring>

namespace aeon::cli {
namespace {

volatile sig_atomic_t was_interrupted = 0;

extern "C" void note_interrupt(int) { was_interrupted = 1; }

}  // namespace

void watch_for_interrupt() {
  struct sigaction action{};
  action.sa_handler = note_interrupt;
  action.sa_flags = SA_RESETHAND | SA_RESTART;  // The second one does what it does by default.
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

bool interrupted() { return was_interrupted != 0; }

Status check_interrupt(const char* what_now) {
  return interrupted() ? Status(Code::kCanceled, std::string("interrupted; ") + what_now) : ok();
}

}  // namespace aeon::cli
