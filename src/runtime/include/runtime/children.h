// Processes that this one starts and watches over, each with a line to it, and the line's other end in such a process.
// Blocking; for programs.
//
//   Children children(3);
//   TRY(children.start(0, {"/usr/bin/daos_engine", "/data/store", "--rank=0"}, {}));
//   const Children::Event event = children.next(std::chrono::seconds(1));
//
// Threading: one thread, but for wake().
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/units.h"

namespace aeon {

class Children {
 public:
  enum class What : uint8_t { kLine, kEnded, kWoken, kTimedOut };
  struct Event {
    What what = What::kTimedOut;
    size_t child = 0;  // Of kLine and kEnded.
    std::string text;  // The line, or how it ended: "signal 9", "exit code 1".
  };

  explicit Children(size_t count);
  // Whoever still runs finds its line closed.
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Runs `words[0]` with `words`, and "--keeper-fd=N" behind, which is for KeeperLine. It has this one's output, and
  // the descriptors `given` under their numbers. kNotFound, kPermission: the program. The child before it has ended.
  Status start(size_t child, std::vector<std::string> words, std::span<const int> given);
  bool is_running(size_t child) const { return children_[child].pid > 0; }
  int64_t pid(size_t child) const { return children_[child].pid; }
  // A line without its end. Lost if nobody takes it any more; next() tells then that the child has ended.
  void tell(size_t child, const std::string& line);
  // What is next, of any of them.
  Event next(Duration timeout);
  // Since this was made.
  Duration elapsed() const;
  // From any thread: makes next() return kWoken, once for any number of calls in between.
  void wake();

 private:
  struct Child {
    int64_t pid = -1;
    int line = -1;
    std::string heard;  // Without a line's end so far.
    bool is_silent = false;  // It has closed the line.
  };
  bool take_line(Event& event);
  bool reap(Event& event);
  void hear(Child& child);

  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::vector<Child> children_;
  int wake_ = -1;  // An eventfd.
};

// In a process that Children started. Its functions are called from a thread of the line's own.
class KeeperLine {
 public:
  // `on_end`: whoever started this one is gone. Once, and last.
  KeeperLine(int descriptor, std::function<void(std::string)> on_line, std::function<void()> on_end);
  ~KeeperLine();
  KeeperLine(const KeeperLine&) = delete;
  KeeperLine& operator=(const KeeperLine&) = delete;

  // From any thread.
  void tell(const std::string& line);

 private:
  void listen();

  const int descriptor_;
  const std::function<void(std::string)> on_line_;
  const std::function<void()> on_end_;
  std::mutex telling_;
  std::thread thread_;
};

}  // namespace aeon
