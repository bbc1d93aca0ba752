#include "runtime/children.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace aeon {
namespace {

constexpr size_t kLineMax = 64 * kKiB;

// A line, if there is a whole one in front of `heard`.
std::optional<std::string> take_first_line(std::string& heard) {
  const size_t end = heard.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = heard.substr(0, end);
  heard.erase(0, end + 1);
  return line;
}

void send_line(int descriptor, const std::string& line) {
  const std::string whole = line + "\n";
  size_t sent = 0;
  while (sent < whole.size()) {
    const ssize_t size = send(descriptor, whole.data() + sent, whole.size() - sent, MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;  // Nobody listens.
    sent += static_cast<size_t>(size);
  }
}

// More of what the other side says; false at its end.
bool read_more(int descriptor, std::string& heard) {
  char piece[4096];
  ssize_t size = 0;
  do {
    size = recv(descriptor, piece, sizeof piece, 0);
  } while (size < 0 && errno == EINTR);
  if (size <= 0 || heard.size() > kLineMax) return false;
  heard.append(piece, static_cast<size_t>(size));
  return true;
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

// In the child: only what may be done between fork and exec.
[[noreturn]] void become(char* const* words, std::span<const int> kept, int failure) {
  for (const int descriptor : kept) fcntl(descriptor, F_SETFD, 0);
  execv(words[0], words);
  const int error = errno;
  const ssize_t ignored = write(failure, &error, sizeof error);
  static_cast<void>(ignored);
  _exit(127);
}

}  // namespace

Children::Children(size_t count) : children_(count), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_ >= 0);
}

Children::~Children() {
  for (const Child& child : children_) {
    if (child.line >= 0) close(child.line);
  }
  close(wake_);
}

Status Children::start(size_t child, std::vector<std::string> words, std::span<const int> given) {
  CHECK(!is_running(child));
  int line[2] = {-1, -1}, failure[2] = {-1, -1};
  int error = 0;
  pid_t pid = -1;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) != 0 || pipe2(failure, O_CLOEXEC) != 0) {
    error = errno;
  } else {
    words.push_back("--keeper-fd=" + std::to_string(line[1]));
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::vector<int> kept(given.begin(), given.end());
    kept.push_back(line[1]);
    pid = _Fork();  // No handlers: what is given goes along as it is.
    if (pid == 0) become(pointers.data(), kept, failure[1]);
    if (pid < 0) error = errno;
  }
  for (const int descriptor : {line[1], failure[1]}) {
    if (descriptor >= 0) close(descriptor);
  }
  if (pid > 0 && read(failure[0], &error, sizeof error) > 0) {
    waitpid(pid, nullptr, 0);
    pid = -1;
  }
  if (failure[0] >= 0) close(failure[0]);
  if (pid > 0) {
    children_[child] = Child{.pid = pid, .line = line[0], .heard = {}, .is_silent = false};
    return ok();
  }
  if (line[0] >= 0) close(line[0]);
  const Code code = error == ENOENT ? Code::kNotFound : error == EACCES ? Code::kPermission : Code::kIo;
  return Status(code, "can't start " + words[0] + ": " + std::strerror(error));
}

void Children::tell(size_t child, const std::string& line) {
  if (children_[child].line >= 0) send_line(children_[child].line, line);
}

bool Children::take_line(Event& event) {
  for (size_t index = 0; index < children_.size(); ++index) {
    std::optional<std::string> line = take_first_line(children_[index].heard);
    if (!line.has_value()) continue;
    event = {.what = What::kLine, .child = index, .text = std::move(*line)};
    return true;
  }
  return false;
}

// One that has closed its line is about to end: it does so nowhere else.
bool Children::reap(Event& event) {
  for (size_t index = 0; index < children_.size(); ++index) {
    Child& child = children_[index];
    if (!child.is_silent) continue;
    int status = 0;
    while (waitpid(static_cast<pid_t>(child.pid), &status, 0) < 0 && errno == EINTR) {}
    close(child.line);
    child = Child();
    event = {.what = What::kEnded, .child = index, .text = end_text(status)};
    return true;
  }
  return false;
}

void Children::hear(Child& child) { child.is_silent = !read_more(child.line, child.heard); }

Children::Event Children::next(Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  Event event;
  while (true) {
    if (take_line(event) || reap(event)) return event;
    std::vector<pollfd> waited = {{.fd = wake_, .events = POLLIN, .revents = 0}};
    for (const Child& child : children_) waited.push_back({.fd = child.line, .events = POLLIN, .revents = 0});
    const Duration left = std::max(Duration::zero(), Duration(deadline - std::chrono::steady_clock::now()));
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = poll(waited.data(), waited.size(), static_cast<int>(wait_ms));
    if (ready == 0) return Event();
    if (ready < 0) continue;  // A signal.
    for (size_t index = 0; index < children_.size(); ++index) {
      if (waited[index + 1].revents != 0) hear(children_[index]);
    }
    eventfd_t count = 0;
    if (waited[0].revents != 0 && eventfd_read(wake_, &count) == 0) {
      event.what = What::kWoken;
      return event;
    }
  }
}

Duration Children::elapsed() const { return std::chrono::steady_clock::now() - begun_; }

void Children::wake() { eventfd_write(wake_, 1); }

// ---- In the child ---------------------------------------------------------------------------------------------------

KeeperLine::KeeperLine(int descriptor, std::function<void(std::string)> on_line, std::function<void()> on_end)
    : descriptor_(descriptor), on_line_(std::move(on_line)), on_end_(std::move(on_end)), thread_([this] { listen(); }) {
  fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
}

KeeperLine::~KeeperLine() {
  shutdown(descriptor_, SHUT_RD);
  thread_.join();
  close(descriptor_);
}

void KeeperLine::tell(const std::string& line) {
  const std::lock_guard guard(telling_);
  send_line(descriptor_, line);
}

void KeeperLine::listen() {
  std::string heard;
  while (read_more(descriptor_, heard)) {
    while (std::optional<std::string> line = take_first_line(heard)) on_line_(std::move(*line));
  }
  on_end_();
}

}  // namespace aeon
