// Processes: waiting for the signal to stop, and starting one that stays when this one ends. Blocking; for programs.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/units.h"

namespace aeon {

// Keeps SIGTERM and SIGINT for StopSignal, and makes writing to a broken pipe an error of the write. At the start of
// main(), before there are threads, which inherit it.
void hold_stop_signals();

// Calls `stop` from a thread of its own, once, when one of them comes.
class StopSignal {
 public:
  explicit StopSignal(std::function<void()> stop);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

 private:
  void wait();

  const std::function<void()> stop_;
  int cancel_ = -1;  // An eventfd.
  std::thread thread_;
};

// A process of its own session, without a terminal, whose output goes to the end of a file.
class Daemon {
 public:
  // Runs `words[0]` with `words`, and "--ready-fd=N" behind: what it writes there, up to its end, is for read_report().
  // kNotFound, kPermission: the program or the log.
  static Result<Daemon> start(std::vector<std::string> words, const std::string& log_path);
  Daemon(Daemon&& other) noexcept;
  ~Daemon();

  int64_t pid() const { return pid_; }
  // All that it reports before it closes the descriptor; empty if it ended without a word. kTimedOut.
  Result<std::string> read_report(Duration timeout);

 private:
  Daemon(int64_t pid, int report) : pid_(pid), report_(report) {}
  int64_t pid_;
  int report_;
};

// Processes that this one starts won't have the descriptor.
void keep_from_children(int descriptor);

// Writes `report` for whoever started this process with "--ready-fd=N", and closes it.
void report_ready(int descriptor, const std::string& report);

// Asks a process to end (SIGTERM), or ends it (SIGKILL). kNotFound, kPermission.
Status signal_process(int64_t pid, bool by_force);
// Waits until it has ended; any process, not only a child. kTimedOut.
Status wait_for_end(int64_t pid, Duration timeout);

// Lets this process have as many descriptors as it may; returns how many that are.
uint64_t raise_descriptor_limit();

// The folder of the program that runs.
std::string program_folder();

}  // namespace aeon
