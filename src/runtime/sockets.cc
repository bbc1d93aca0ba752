#include "runtime/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "poller.h"
#include "ring.h"
#include "socket_address.h"

namespace aeon {
namespace {

constexpr int kBacklog = 4096;
constexpr size_t kPiecesMax = 64;  // Handed to the kernel at once.
// How long sent bytes may stay unacknowledged before the connection counts as broken.
constexpr int kUserTimeoutMs = 30'000;
constexpr Duration kQueueFullPause = std::chrono::milliseconds(1);

std::string error_text(int error) { return std::generic_category().message(error); }

// One request of the ring, awaitable for its result.
template <typename Prepare>
class RingOp final : public RingCompletion {
 public:
  RingOp(Reactor& reactor, Prepare prepare) : reactor_(reactor), prepare_(prepare) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    io_uring_sqe* const sqe = reactor_.ring()->get_sqe();
    prepare_(sqe);
    reactor_.ring()->prepared(sqe, this);
  }
  int await_resume() const { return result_; }

 private:
  void on_ring_complete(int result) override {
    result_ = result;
    reactor_.post(waiter_);
  }
  Reactor& reactor_;
  Prepare prepare_;
  std::coroutine_handle<> waiter_;
  int result_ = 0;
};

// The same of the poller: ready for what was asked.
class PollerOp final : public RingCompletion {
 public:
  PollerOp(Reactor& reactor, int descriptor, uint32_t events)
      : reactor_(reactor), descriptor_(descriptor), events_(events) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    reactor_.poller()->arm(descriptor_, events_, *this);
  }
  void await_resume() const {}

 private:
  void on_ring_complete(int) override { reactor_.post(waiter_); }
  Reactor& reactor_;
  const int descriptor_;
  const uint32_t events_;
  std::coroutine_handle<> waiter_;
};

// A descriptor, and waiting for it.
class Socket {
 public:
  Socket(Reactor& reactor, int descriptor) : reactor_(reactor), descriptor_(descriptor) {
    // The poller has one waiter for each descriptor, and a stream is read and written at the same time.
    if (has_poller()) write_descriptor_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  }
  Socket(Socket&& other) noexcept
      : reactor_(other.reactor_),
        descriptor_(std::exchange(other.descriptor_, -1)),
        write_descriptor_(std::exchange(other.write_descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    for (const int descriptor : {descriptor_, write_descriptor_}) {
      if (descriptor < 0) continue;
      if (has_poller()) reactor_.poller()->forget(descriptor);
      ::close(descriptor);
    }
  }

  int descriptor() const { return descriptor_; }
  bool has_poller() const { return reactor_.ring() == nullptr; }
  Reactor& reactor() const { return reactor_; }

  Task<void> readable() {
    PollerOp op(reactor_, descriptor_, POLLIN);
    co_await op;
  }
  Task<void> writable() {
    if (has_poller()) {
      PollerOp op(reactor_, write_descriptor_, POLLOUT);
      co_await op;
      co_return;
    }
    const auto prepare = [descriptor = descriptor_](io_uring_sqe* sqe) {
      io_uring_prep_poll_add(sqe, descriptor, POLLOUT);
    };
    RingOp op(reactor_, prepare);
    co_await op;
  }

 private:
  Reactor& reactor_;
  int descriptor_;
  int write_descriptor_ = -1;
};

// Errors after which the same call may work: a signal, nothing there yet, or the thread that had submitted it ended.
bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == ECANCELED; }

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

class SocketStream final : public Stream {
 public:
  SocketStream(Socket socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  Task<Result<size_t>> read(MutableBytes into) override {
    const int descriptor = socket_.descriptor();
    while (!is_shut_) {
      int result = 0;
      if (socket_.has_poller()) {
        const ssize_t got = ::recv(descriptor, into.data(), into.size(), MSG_DONTWAIT);
        result = got < 0 ? -errno : static_cast<int>(got);
        if (result == -EAGAIN) co_await socket_.readable();
      } else {
        const auto prepare = [descriptor, into](io_uring_sqe* sqe) {
          io_uring_prep_recv(sqe, descriptor, into.data(), into.size(), 0);
        };
        RingOp op(socket_.reactor(), prepare);
        result = co_await op;
      }
      if (result >= 0 && !is_shut_) co_return static_cast<size_t>(result);
      if (result < 0 && !is_passing(-result)) co_return broken(-result);
    }
    co_return shut_status();
  }

  Task<Status> write(std::span<const ByteView> pieces) override {
    size_t index = 0, offset = 0;  // The first byte that isn't on its way.
    while (!is_shut_) {
      iovec vectors[kPiecesMax];
      size_t count = 0;
      size_t skip = offset;
      for (size_t i = index; i < pieces.size() && count < kPiecesMax; ++i, skip = 0) {
        const ByteView piece = pieces[i].subspan(skip);
        if (piece.empty()) continue;
        vectors[count++] = {.iov_base = const_cast<std::byte*>(piece.data()), .iov_len = piece.size()};
      }
      if (count == 0) co_return ok();
      msghdr message{};
      message.msg_iov = vectors;
      message.msg_iovlen = count;
      // Straight to the kernel: there is nearly always room, and then nothing has to be waited for.
      const ssize_t sent = ::sendmsg(socket_.descriptor(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        const int error = errno;
        if (error == EAGAIN) {
          co_await socket_.writable();
        } else if (error != EINTR) {
          co_return broken(error);
        }
        continue;
      }
      offset += static_cast<size_t>(sent);
      while (index < pieces.size() && offset >= pieces[index].size()) offset -= pieces[index++].size();
    }
    co_return shut_status();
  }

  void shut() override {
    if (std::exchange(is_shut_, true)) return;
    ::shutdown(socket_.descriptor(), SHUT_RDWR);  // Wakes who waits.
  }
  void shut_after(ByteView last) override {
    if (!is_shut_ && !last.empty()) {
      // Without room the peer sees an end in the middle, which is what happened.
      [[maybe_unused]] const ssize_t sent =
          ::send(socket_.descriptor(), last.data(), last.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    shut();
  }
  const std::string& peer() const override { return peer_; }

 private:
  Status broken(int error) const {
    return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + error_text(error));
  }
  Status shut_status() const { return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed"); }

  Socket socket_;
  const std::string peer_;
  bool is_shut_ = false;
};

class SocketListener final : public Listener {
 public:
  SocketListener(Socket socket, std::string address, std::string path)
      : socket_(std::move(socket)), address_(std::move(address)), path_(std::move(path)) {}
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
      co_return Status(Code::kIo, "can't take connections at " + address_ + ": " + error_text(-result));
    }
    co_return Status(Code::kUnavailable, "nobody listens at " + address_ + " any more");
  }

  void shut() override {
    if (std::exchange(is_shut_, true)) return;
    ::shutdown(socket_.descriptor(), SHUT_RDWR);
  }
  const std::string& address() const override { return address_; }

 private:
  static std::unique_ptr<Stream> stream_of(Socket socket) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    auto* name = reinterpret_cast<sockaddr*>(&peer);
    std::string text = "a peer that is gone";
    if (getpeername(socket.descriptor(), name, &size) == 0) text = socket_address_text(name, size);
    tune(socket.descriptor(), peer.ss_family);
    return std::make_unique<SocketStream>(std::move(socket), std::move(text));
  }

  Socket socket_;
  const std::string address_;
  const std::string path_;  // Of a Unix socket, to remove.
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
  return Status(code, "can't connect to " + address + ": " + (is_absent ? "nobody listens there" : error_text(error)));
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
    return Status(code, "can't listen at " + address + ": " + error_text(error));
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
  std::unique_ptr<Listener> listener = std::make_unique<SocketListener>(std::move(socket), bound, at.path);
  return listener;
}

}  // namespace aeon
