#include "socket_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

namespace aeon {
namespace {

constexpr size_t kPiecesMax = 64;  // Handed to the kernel at once.

}  // namespace

Task<Result<size_t>> SocketStream::read(MutableBytes into) {
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

Task<Status> SocketStream::write(std::span<const ByteView> pieces) {
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

void SocketStream::shut() {
  if (std::exchange(is_shut_, true)) return;
  ::shutdown(socket_.descriptor(), SHUT_RDWR);  // Wakes who waits.
}

void SocketStream::shut_after(ByteView last) {
  if (!is_shut_ && !last.empty()) {
    // Without room the peer sees an end in the middle, which is what happened.
    [[maybe_unused]] const ssize_t sent =
        ::send(socket_.descriptor(), last.data(), last.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  shut();
}

Status SocketStream::broken(int error) const {
  return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + socket_error_text(error));
}
Status SocketStream::shut_status() const {
  return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed");
}

}  // namespace aeon
