#include "runtime/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "shared_memory.h"
#include "socket.h"
#include "socket_address.h"
#include "socket_stream.h"
#include "unix_stream.h"

namespace aeon {
namespace {

constexpr int kBacklog = 4096;
// How long sent bytes may stay unacknowledged before the connection counts as broken.
constexpr int kUserTimeoutMs = 30'000;
constexpr Duration kQueueFullPause = std::chrono::milliseconds(1);

void set_option(int descriptor, int level, int name, int value) {
  // Advice: a socket without it works too.
  [[maybe_unused]] const int result = setsockopt(descriptor, level, name, &value, sizeof value);
}

void tune(int descriptor, int family) {
  if (family == AF_UNIX) return;
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

class SocketListener final : public Listener {
 public:
  SocketListener(Socket socket, std::string address, std::string path, bool takes_shared_memory)
      : socket_(std::move(socket)),
        address_(std::move(address)),
        path_(std::move(path)),
        takes_shared_memory_(takes_shared_memory) {}
  ~SocketListener() override {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    const int descriptor = socket_.descriptor();
    while (!is_shut_) {
      int result = 0;
      if (socket_.has_poller()) {
        result = ::accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        if (result < 0) result = -errno;
        if (result == -EAGAIN) co_await socket_.readable();
      } else {
        const auto prepare = [descriptor](io_uring_sqe* sqe) {
          io_uring_prep_accept(sqe, descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        };
        RingOp op(socket_.reactor(), prepare);
        result = co_await op;
      }
      if (result >= 0) {
        Socket accepted(socket_.reactor(), result);
        if (is_shut_) break;
        co_return stream_of(std::move(accepted));
      }
      // Those who hung up while they were waiting are no fault of the listener's.
      if (is_passing(-result) || result == -ECONNABORTED) continue;
      if (is_shut_) break;
      co_return Status(Code::kIo, "can't take connections at " + address_ + ": " + socket_error_text(-result));
    }
    co_return Status(Code::kUnavailable, "nobody listens at " + address_ + " any more");
  }

  void shut() override {
    if (std::exchange(is_shut_, true)) return;
    ::shutdown(socket_.descriptor(), SHUT_RDWR);
  }
  const std::string& address() const override { return address_; }

 private:
  std::unique_ptr<Stream> stream_of(Socket socket) const {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    auto* name = reinterpret_cast<sockaddr*>(&peer);
    std::string text = "a peer that is gone";
    if (getpeername(socket.descriptor(), name, &size) == 0) text = socket_address_text(name, size);
    if (!path_.empty()) return UnixStream::accepted(std::move(socket), std::move(text), takes_shared_memory_);
    tune(socket.descriptor(), peer.ss_family);
    return std::make_unique<SocketStream>(std::move(socket), std::move(text));
  }

  Socket socket_;
  const std::string address_;
  const std::string path_;  // Of a Unix socket, to remove.
  const bool takes_shared_memory_;
  bool is_shut_ = false;
};

// Ends a connection's attempt when its time is over.
class ConnectTimer final : private Timer {
 public:
  ConnectTimer(Executor& executor, int descriptor, Instant deadline) : executor_(executor), descriptor_(descriptor) {
    executor.arm(*this, deadline);
  }
  ~ConnectTimer() override {
    if (is_armed()) executor_.disarm(*this);
  }
  bool has_fired() const { return has_fired_; }

 private:
  void on_fire() override {
    has_fired_ = true;
    ::shutdown(descriptor_, SHUT_RDWR);
  }
  Executor& executor_;
  const int descriptor_;
  bool has_fired_ = false;
};

Status not_connected(const std::string& address, int error) {
  const Code code = error == EACCES || error == EPERM ? Code::kPermission : Code::kUnavailable;
  const bool is_absent = error == ECONNREFUSED || error == ENOENT;
  return Status(code,
                "can't connect to " + address + ": " + (is_absent ? "nobody listens there" : socket_error_text(error)));
}

// A socket file that nobody listens at any more may be replaced.
bool is_left_over(const SocketAddress& address) {
  struct stat found{};
  if (::lstat(address.path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool is_refused = ::connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return is_refused;
}

}  // namespace

Status check_socket_address(const std::string& address) { return parse_socket_address(address).status(); }

Result<bool> is_within_host(const std::string& address) {
  TRY_ASSIGN(const SocketAddress parsed, parse_socket_address(address));
  if (parsed.family() == AF_INET) {
    const auto* const name = reinterpret_cast<const sockaddr_in*>(&parsed.storage);
    return ntohl(name->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  if (parsed.family() == AF_INET6) {
    const auto* const name = reinterpret_cast<const sockaddr_in6*>(&parsed.storage);
    const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&name->sin6_addr);
    return IN6_IS_ADDR_LOOPBACK(&name->sin6_addr) || (is_mapped && name->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
  }
  return true;
}

Sockets::Sockets(Reactor& reactor, Options options) : reactor_(reactor), options_(options) {
  CHECK(SharedMemory::is_ring_size(options_.shared_memory_ring_size));
  const char* const wanted = std::getenv("AEON_SHARED_MEMORY");
  if (wanted != nullptr && std::string_view(wanted) == "0") options_.shared_memory = false;
}

Task<Result<std::unique_ptr<Stream>>> Sockets::connect(std::string address, Duration timeout) {
  CO_TRY_ASSIGN(const SocketAddress to, parse_socket_address(address));
  const int descriptor = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) co_return not_connected(address, errno);
  Socket socket(reactor_, descriptor);
  tune(descriptor, to.family());
  const Instant deadline = reactor_.now() + timeout;
  int error = ::connect(descriptor, to.get(), to.size) == 0 ? 0 : errno;
  while (error == EAGAIN && reactor_.now() < deadline) {  // A Unix listener with a long queue.
    co_await sleep_for(reactor_, kQueueFullPause);
    error = ::connect(descriptor, to.get(), to.size) == 0 ? 0 : errno;
  }
  if (error != 0) {
    if (error != EINPROGRESS && error != EINTR) co_return not_connected(address, error);
    const ConnectTimer timer(reactor_, descriptor, deadline);
    error = EINPROGRESS;
    while (error == EINPROGRESS) {
      co_await socket.writable();
      if (timer.has_fired()) {
        co_return Status(Code::kUnavailable, "no answer from " + address + " in time; is it reachable?");
      }
      // Woken without cause (the submitting thread ended): it is still on its way if it has no peer and no error.
      socklen_t size = sizeof error;
      error = 0;
      if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      if (error != 0) co_return not_connected(address, error);
      sockaddr_storage peer{};
      size = sizeof peer;
      if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) error = EINPROGRESS;
    }
  }
  // The ring waits by itself, but not on a descriptor that says not to.
  if (!socket.has_poller()) fcntl(descriptor, F_SETFL, 0);
  if (to.family() == AF_UNIX) {
    const ByteCount ring_size = options_.shared_memory ? options_.shared_memory_ring_size : 0;
    co_return UnixStream::connected(std::move(socket), address, ring_size);
  }
  std::unique_ptr<Stream> stream = std::make_unique<SocketStream>(std::move(socket), address);
  co_return stream;
}

Result<std::unique_ptr<Listener>> Sockets::listen(const std::string& address) {
  TRY_ASSIGN(SocketAddress at, parse_socket_address(address));
  const bool waits = reactor_.ring() != nullptr;
  const int descriptor = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK), 0);
  const auto failed = [&address](int error) {
    if (error == EADDRINUSE)
      return Status(Code::kExists, "somebody listens at " + address + " already; choose another");
    const Code code = error == EACCES || error == EPERM ? Code::kPermission : Code::kIo;
    return Status(code, "can't listen at " + address + ": " + socket_error_text(error));
  };
  if (descriptor < 0) return failed(errno);
  Socket socket(reactor_, descriptor);
  if (at.family() == AF_UNIX) {
    if (is_left_over(at)) ::unlink(at.path.c_str());
  } else {
    set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  }
  if (::bind(descriptor, at.get(), at.size) != 0) return failed(errno);
  if (::listen(descriptor, kBacklog) != 0) return failed(errno);
  at.size = sizeof at.storage;
  auto* name = reinterpret_cast<sockaddr*>(&at.storage);
  if (getsockname(descriptor, name, &at.size) != 0) return failed(errno);
  const std::string bound = at.path.empty() ? socket_address_text(name, at.size) : address;
  std::unique_ptr<Listener> listener =
      std::make_unique<SocketListener>(std::move(socket), bound, at.path, options_.shared_memory);
  return listener;
}

}  // namespace aeon
