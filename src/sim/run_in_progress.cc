#include "sim/run_in_progress.h"

#include <csignal>
#include <cstdio>
#include <utility>

// Sanitizers end the process without a signal; this is how they say so.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace aeon {

namespace {

std::string& last_words_in_progress() {
  static std::string words;
  return words;
}

void print_last_words() {
  const std::string words = std::exchange(last_words_in_progress(), {});
  if (!words.empty()) std::fprintf(stderr, "%s\n", words.c_str());
}

void on_abort(int) { print_last_words(); }  // abort() then ends the process.

void install_once() {
  static const bool installed = [] {
    last_words_in_progress();
    std::signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(print_last_words);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace

RunInProgress::RunInProgress(std::string last_words) {
  install_once();
  last_words_in_progress() = std::move(last_words);
}

RunInProgress::~RunInProgress() { last_words_in_progress().clear(); }

}  // namespace aeon
