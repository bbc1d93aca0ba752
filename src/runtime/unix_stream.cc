#include "unix_stream.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "shared_memory_stream.h"
#include "socket_stream.h"

namespace aeon {
namespace {

// How long a peer may take over its 32 bytes once it has begun.
constexpr Duration kHelloMax = std::chrono::seconds(1);

// Shuts the socket when its time is over.
class HelloTimer final : private Timer {
 public:
  HelloTimer(Executor& executor, int descriptor) : executor_(executor), descriptor_(descriptor) {}
  ~HelloTimer() override {
    if (is_armed()) executor_.disarm(*this);
  }
  void begin() {
    if (!is_armed()) executor_.arm(*this, executor_.now() + kHelloMax);
  }

 private:
  void on_fire() override { ::shutdown(descriptor_, SHUT_RDWR); }
  Executor& executor_;
  const int descriptor_;
};

// Receives up to `into`, and the descriptor that comes with it; others than the first are closed. As recv() answers,
// but with -errno.
ssize_t receive_with_descriptor(int socket, MutableBytes into, int* descriptor) {
  iovec vector{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return -errno;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(part) + at, sizeof received);
      if (*descriptor < 0)
        *descriptor = received;
      else
        ::close(received);
    }
  }
  return got;
}

// Sends all of a few bytes, which the socket of a new connection has room for. 0 or an errno.
int send_with_descriptor(int socket, ByteView bytes, int descriptor) {
  iovec vector{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  }
  const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno;
  return static_cast<size_t>(sent) == bytes.size() ? 0 : EAGAIN;
}

}  // namespace

// What has been received of a hello.
struct UnixStream::Received {
  Received() = default;
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;
  ~Received() {
    if (descriptor >= 0) ::close(descriptor);
  }
  ByteView bytes() const { return ByteView(memory).first(size); }
  bool is_whole() const { return size == memory.size(); }

  SharedMemoryHello::Encoded memory{};
  size_t size = 0;
  int descriptor = -1;
};

UnixStream::UnixStream(Socket socket, std::string peer)
    : socket_(std::move(socket)), executor_(socket_->reactor()), peer_(std::move(peer)), agreed_(executor_) {}

Result<std::unique_ptr<Stream>> UnixStream::connected(Socket socket, std::string peer, ByteCount ring_size) {
  std::unique_ptr<UnixStream> stream(new UnixStream(std::move(socket), std::move(peer)));
  if (ring_size != 0) {
    Result<std::unique_ptr<SharedMemory>> memory = SharedMemory::create(ring_size);
    if (memory.is_ok()) stream->offered_ = std::move(*memory);
  }
  SharedMemoryHello hello;
  int descriptor = -1;
  if (stream->offered_ != nullptr) {
    hello.kind = SharedMemoryHello::Kind::kOffer;
    hello.ring_size = static_cast<uint32_t>(ring_size);
    descriptor = stream->offered_->descriptor();
  }
  const int error = send_with_descriptor(stream->socket_->descriptor(), hello.encode(), descriptor);
  if (error != 0) {
    return Status(Code::kUnavailable, "can't connect to " + stream->peer_ + ": " + socket_error_text(error));
  }
  if (stream->offered_ != nullptr)
    stream->offered_->close_descriptor();
  else
    stream->go_plain({});
  return std::unique_ptr<Stream>(std::move(stream));
}

std::unique_ptr<Stream> UnixStream::accepted(Socket socket, std::string peer, bool takes_shared_memory) {
  std::unique_ptr<UnixStream> stream(new UnixStream(std::move(socket), std::move(peer)));
  stream->takes_shared_memory_ = takes_shared_memory;
  return stream;
}

Task<Result<size_t>> UnixStream::read(MutableBytes into) {
  if (used_ != nullptr && early_.empty()) return used_->read(into);
  return agree_and_read(into);
}

Task<Status> UnixStream::write(std::span<const ByteView> pieces) {
  if (used_ != nullptr) return used_->write(pieces);
  return agree_and_write(pieces);
}

Task<Result<size_t>> UnixStream::agree_and_read(MutableBytes into) {
  CO_TRY(co_await agree());
  if (!early_.empty() && !is_shut_) {
    const size_t count = std::min(early_.size(), into.size());
    std::memcpy(into.data(), early_.data(), count);
    early_.erase(early_.begin(), early_.begin() + static_cast<ptrdiff_t>(count));
    co_return count;
  }
  co_return co_await used_->read(into);
}

Task<Status> UnixStream::agree_and_write(std::span<const ByteView> pieces) {
  CO_TRY(co_await agree());
  co_return co_await used_->write(pieces);
}

void UnixStream::shut() {
  is_shut_ = true;
  if (used_ != nullptr)
    used_->shut();
  else
    ::shutdown(socket_->descriptor(), SHUT_RDWR);
}

// ---- Agreeing -------------------------------------------------------------------------------------------------------

// Whoever reads or writes first does it; the other waits for that.
Task<Status> UnixStream::agree() {
  while (is_agreeing_) co_await agreed_.wait();
  if (used_ == nullptr && trouble_.is_ok()) {
    is_agreeing_ = true;
    Status status;
    if (offered_ != nullptr)
      status = co_await await_answer();
    else
      status = co_await await_offer();
    is_agreeing_ = false;
    agreed_.notify_all();
    if (is_shut_ && status.is_ok()) used_->shut();
    if (!status.is_ok()) {
      ::shutdown(socket_->descriptor(), SHUT_RDWR);
      trouble_ = status;
    }
  }
  if (is_shut_) co_return closed();
  co_return trouble_;
}

// Until it is whole, or can't become one: the bytes so far are something else, or nothing follows.
Task<Status> UnixStream::receive_hello(Received* received) {
  HelloTimer timer(executor_, socket_->descriptor());
  while (!received->is_whole() && SharedMemoryHello::may_begin_with(received->bytes())) {
    const MutableBytes rest = MutableBytes(received->memory).subspan(received->size);
    const ssize_t got = receive_with_descriptor(socket_->descriptor(), rest, &received->descriptor);
    if (got == 0) break;
    if (got == -EAGAIN) {
      co_await socket_->readable();
    } else if (got > 0) {
      received->size += static_cast<size_t>(got);
      timer.begin();
    } else if (got != -EINTR) {
      co_return Status(Code::kUnavailable,
                       "the connection to " + peer_ + " broke: " + socket_error_text(static_cast<int>(-got)));
    }
  }
  co_return ok();
}

Task<Status> UnixStream::await_offer() {
  Received received;
  CO_TRY(co_await receive_hello(&received));
  if (SharedMemoryHello::may_begin_with(received.bytes()) && received.size != 0) co_return take_offer(received);
  go_plain(received.bytes());
  co_return ok();
}

Status UnixStream::take_offer(Received& received) {
  const Result<SharedMemoryHello> hello = SharedMemoryHello::decode(received.bytes());
  if (!hello.is_ok()) {
    return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: it began with half an offer");
  }
  if (hello->kind == SharedMemoryHello::Kind::kNoOffer) {
    go_plain({});
    return ok();
  }
  SharedMemoryHello answer;
  answer.kind = SharedMemoryHello::Kind::kDeclined;
  std::unique_ptr<SharedMemory> memory;
  const bool is_understood = hello->version == SharedMemoryHello::kVersion &&
                             hello->kind == SharedMemoryHello::Kind::kOffer && received.descriptor >= 0;
  if (takes_shared_memory_ && is_understood) {
    Result<std::unique_ptr<SharedMemory>> adopted =
        SharedMemory::adopt(std::exchange(received.descriptor, -1), hello->ring_size);
    if (adopted.is_ok()) {
      memory = std::move(*adopted);
      answer.kind = SharedMemoryHello::Kind::kAccepted;
    }
  }
  TRY(say(answer));
  if (memory != nullptr)
    go_shared(std::move(memory), false);
  else
    go_plain({});
  return ok();
}

Task<Status> UnixStream::await_answer() {
  Received received;
  CO_TRY(co_await receive_hello(&received));
  if (received.size == 0) {  // It has closed the connection, which reading and writing tell.
    go_plain({});
    co_return ok();
  }
  const Result<SharedMemoryHello> answer = SharedMemoryHello::decode(received.bytes());
  const bool is_accepted = answer.is_ok() && answer->kind == SharedMemoryHello::Kind::kAccepted;
  if (!is_accepted && (!answer.is_ok() || answer->kind != SharedMemoryHello::Kind::kDeclined)) {
    co_return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: no answer to the offer of memory");
  }
  if (is_accepted)
    go_shared(std::move(offered_), true);
  else
    go_plain({});
  co_return ok();
}

Status UnixStream::say(const SharedMemoryHello& hello) {
  const int error = send_with_descriptor(socket_->descriptor(), hello.encode(), -1);
  if (error == 0) return ok();
  return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + socket_error_text(error));
}

void UnixStream::go_plain(ByteView early) {
  offered_.reset();
  early_ = to_bytes(early);
  used_ = std::make_unique<SocketStream>(std::move(*socket_), peer_);
}

void UnixStream::go_shared(std::unique_ptr<SharedMemory> memory, bool has_connected) {
  using Side = SharedMemoryStream::Side;
  is_in_shared_memory_ = true;
  used_ = std::make_unique<SharedMemoryStream>(std::move(memory), has_connected ? Side::kConnected : Side::kAccepted,
                                               std::move(*socket_), peer_);
}

Status UnixStream::closed() const { return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed"); }

}  // namespace aeon
