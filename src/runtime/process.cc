#include "runtime/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace aeon {
namespace {

Status process_error(const std::string& what, int error) {
  const Code code = error == ENOENT || error == ESRCH   ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermission
                                                        : Code::kIo;
  return Status(code, what + ": " + std::strerror(error));
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

int milliseconds(Duration duration) {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

// In the child: only what may be done between fork and exec.
[[noreturn]] void become(char* const* words, int log, int null, int failure) {
  setsid();
  signal(SIGHUP, SIG_IGN);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(words[0], words);
  const int error = errno;
  ssize_t ignored = write(failure, &error, sizeof error);
  static_cast<void>(ignored);
  _exit(127);
}

}  // namespace

// ---- Stopping -------------------------------------------------------------------------------------------------------

void hold_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

StopSignal::StopSignal(std::function<void()> stop)
    : stop_(std::move(stop)), cancel_(eventfd(0, EFD_CLOEXEC)), thread_([this] { wait(); }) {
  CHECK(cancel_ >= 0);
}

StopSignal::~StopSignal() {
  eventfd_write(cancel_, 1);
  thread_.join();
  close(cancel_);
}

void StopSignal::wait() {
  const sigset_t set = stop_signals();
  const int signals = signalfd(-1, &set, SFD_CLOEXEC);
  CHECK(signals >= 0);
  pollfd waited[2] = {{.fd = signals, .events = POLLIN, .revents = 0}, {.fd = cancel_, .events = POLLIN, .revents = 0}};
  while (poll(waited, 2, -1) < 0 && errno == EINTR) {}
  if (waited[0].revents != 0) stop_();
  close(signals);
}

// ---- Daemons --------------------------------------------------------------------------------------------------------

Result<Daemon> Daemon::start(std::vector<std::string> words, const std::string& log_path) {
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return process_error("can't open the log " + log_path, errno);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int report[2] = {-1, -1}, failure[2] = {-1, -1};
  const bool has_pipes = null >= 0 && pipe2(report, O_CLOEXEC) == 0 && pipe2(failure, O_CLOEXEC) == 0;
  pid_t pid = -1;
  int error = has_pipes ? 0 : errno;
  if (has_pipes) {
    fcntl(report[1], F_SETFD, 0);  // It goes along.
    words.push_back("--ready-fd=" + std::to_string(report[1]));
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid = _Fork();  // No handlers: it becomes something else at once.
    if (pid == 0) become(pointers.data(), log, null, failure[1]);
    if (pid < 0) error = errno;
  }
  for (const int descriptor : {log, null, report[1], failure[1]}) {
    if (descriptor >= 0) close(descriptor);
  }
  if (pid > 0 && read(failure[0], &error, sizeof error) > 0) {
    waitpid(pid, nullptr, 0);
    pid = -1;
  }
  if (failure[0] >= 0) close(failure[0]);
  if (pid > 0) return Daemon(pid, report[0]);
  if (report[0] >= 0) close(report[0]);
  return process_error("can't start " + words[0], error);
}

Daemon::Daemon(Daemon&& other) noexcept : pid_(other.pid_), report_(std::exchange(other.report_, -1)) {}

Daemon::~Daemon() {
  if (report_ >= 0) close(report_);
}

Result<std::string> Daemon::read_report(Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string report;
  char piece[512];
  while (true) {
    const Duration left = deadline - std::chrono::steady_clock::now();
    pollfd waited{.fd = report_, .events = POLLIN, .revents = 0};
    const int ready = left > Duration::zero() ? poll(&waited, 1, milliseconds(left)) : 0;
    if (ready == 0) return Status(Code::kTimedOut, "the process says nothing");
    const ssize_t size = ready > 0 ? read(report_, piece, sizeof piece) : -1;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return process_error("can't hear the process", errno);
    if (size == 0) return report;
    report.append(piece, static_cast<size_t>(size));
  }
}

void keep_from_children(int descriptor) { fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

void report_ready(int descriptor, const std::string& report) {
  size_t written = 0;
  while (written < report.size()) {
    const ssize_t size = write(descriptor, report.data() + written, report.size() - written);
    if (size <= 0) break;  // Whoever asked is gone.
    written += static_cast<size_t>(size);
  }
  close(descriptor);
}

Status signal_process(int64_t pid, bool by_force) {
  if (pid <= 1 || pid > INT_MAX) return Status(Code::kInvalidArgument, std::to_string(pid) + " is no process");
  if (kill(static_cast<pid_t>(pid), by_force ? SIGKILL : SIGTERM) == 0) return ok();
  return process_error("can't stop process " + std::to_string(pid), errno);
}

Status wait_for_end(int64_t pid, Duration timeout) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
  if (process < 0) return errno == ESRCH ? ok() : process_error("can't wait for process " + std::to_string(pid), errno);
  pollfd waited{.fd = process, .events = POLLIN, .revents = 0};
  const int ready = poll(&waited, 1, milliseconds(timeout));
  close(process);
  if (ready == 0) return Status(Code::kTimedOut, "process " + std::to_string(pid) + " is still there");
  waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG);  // If it is a child.
  return ok();
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

std::string program_folder() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  const std::string whole(path, size > 0 ? static_cast<size_t>(size) : 0);
  const size_t slash = whole.rfind('/');
  return slash == std::string::npos ? "." : whole.substr(0, slash);
}

}  // namespace aeon
