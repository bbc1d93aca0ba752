#include "shared_memory_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>

namespace aeon {
namespace {

// Published at once: the other side works on one piece while the next is copied.
constexpr size_t kSharedPieceSize = 16384;

size_t ring_to_peer(SharedMemoryStream::Side side) { return side == SharedMemoryStream::Side::kConnected ? 0 : 1; }
size_t ring_from_peer(SharedMemoryStream::Side side) { return 1 - ring_to_peer(side); }

}  // namespace

// The socket. It is never waited for by a coroutine, but by this, as long as anybody sleeps; so a stream can go while
// the kernel still has the request.
class SharedMemoryStream::Line final : public RingCompletion {
 public:
  Line(SharedMemoryStream& stream, Socket socket) : stream_(&stream), socket_(std::move(socket)) {}

  // Until something is heard.
  void listen() {
    if (std::exchange(is_listening_, true)) return;
    const int descriptor = socket_.descriptor();
    if (socket_.has_poller()) {
      reactor().poller()->arm(descriptor, EPOLLIN, *this);
      return;
    }
    io_uring_sqe* const sqe = reactor().ring()->get_sqe();
    io_uring_prep_recv(sqe, descriptor, heard_.data(), heard_.size(), 0);
    reactor().ring()->await_peer();
    reactor().ring()->prepared(sqe, this);
  }
  void wake_peer() {
    reactor().has_woken_peer();
    // A full socket has enough to wake it. A broken one is heard when this listens.
    const char byte = 0;
    [[maybe_unused]] const ssize_t sent = ::send(socket_.descriptor(), &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  void shut() { ::shutdown(socket_.descriptor(), SHUT_RDWR); }
  // The stream goes. This follows as soon as the kernel is done with it.
  void abandon() {
    if (is_listening_ && !socket_.has_poller()) {
      stream_ = nullptr;
      reactor().ring()->orphan();
      return;
    }
    if (is_listening_) reactor().poller()->cancel(socket_.descriptor());
    delete this;
  }

 private:
  ~Line() = default;
  Reactor& reactor() const { return socket_.reactor(); }

  void on_ring_complete(int result) override {
    is_listening_ = false;
    if (socket_.has_poller()) {
      result = static_cast<int>(::recv(socket_.descriptor(), heard_.data(), heard_.size(), MSG_DONTWAIT));
      if (result < 0) result = -errno;
    } else {
      reactor().ring()->heard_peer();
      if (stream_ == nullptr) {
        reactor().ring()->orphan_ended();
        delete this;
        return;
      }
    }
    stream_->on_line(result > 0 || (result < 0 && is_passing(-result)));
  }

  SharedMemoryStream* stream_;
  Socket socket_;
  std::array<char, 64> heard_;  // What exactly doesn't matter.
  bool is_listening_ = false;
};

// co_await: until look() finds something, or the line or shut() says so.
struct SharedMemoryStream::Wait {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    stream.begin_to_wait();
  }
  void await_resume() const {}
  SharedMemoryStream& stream;
  std::coroutine_handle<>& waiter;
};

SharedMemoryStream::SharedMemoryStream(std::unique_ptr<SharedMemory> memory, Side side, Socket socket, std::string peer)
    : reactor_(socket.reactor()),
      memory_(std::move(memory)),
      incoming_(memory_->control(ring_from_peer(side)), memory_->ring(ring_from_peer(side))),
      outgoing_(memory_->control(ring_to_peer(side)), memory_->ring(ring_to_peer(side))),
      line_(new Line(*this, std::move(socket))),
      peer_(std::move(peer)) {}

SharedMemoryStream::~SharedMemoryStream() {
  shut();
  line_->abandon();
}

Task<Result<size_t>> SharedMemoryStream::read(MutableBytes into) {
  while (!is_shut_) {
    const bool was_over = is_over();  // Asked before the ring is looked at: what came before the end is read.
    size_t done = 0;
    while (done < into.size()) {
      const MutableBytes piece = into.subspan(done, std::min(kSharedPieceSize, into.size() - done));
      const std::optional<size_t> taken = incoming_.take(piece);
      if (!taken) co_return broken("it wrote nonsense to the shared memory");
      if (*taken != 0 && incoming_.must_wake_producer()) line_->wake_peer();
      done += *taken;
      if (*taken < piece.size()) break;
    }
    if (done != 0) co_return done;
    if (was_over) {
      if (incoming_.has_ended()) co_return size_t{0};
      co_return broken("the process at its other end is gone");
    }
    Wait wait{*this, reader_};
    co_await wait;
  }
  co_return shut_status();
}

Task<Status> SharedMemoryStream::write(std::span<const ByteView> pieces) {
  if (is_shut_) co_return shut_status();
  // Whoever waits for an answer here looks for it from now on; so the peer needn't wake it.
  if (is_parked_) {
    unpark();
    reactor_.watch(*this);
  }
  size_t unpublished = 0;
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      if (is_shut_) co_return shut_status();
      if (is_over()) co_return broken("the process at its other end is gone or has closed it");
      const size_t wanted = std::min(piece.size(), kSharedPieceSize);
      const std::optional<size_t> room = outgoing_.room(wanted);
      if (!room) co_return broken("it wrote nonsense to the shared memory");
      const size_t count = std::min(wanted, *room);
      outgoing_.append(piece.first(count));
      piece = piece.subspan(count);
      unpublished += count;
      if (unpublished >= kSharedPieceSize || (count < wanted && unpublished != 0)) {
        unpublished = 0;
        if (outgoing_.publish()) line_->wake_peer();
      }
      if (count == wanted) continue;
      room_wanted_ = std::min(piece.size(), outgoing_.capacity() / 4);
      Wait wait{*this, writer_};
      co_await wait;
    }
  }
  if (unpublished != 0 && outgoing_.publish()) line_->wake_peer();
  co_return ok();
}

void SharedMemoryStream::shut() {
  if (std::exchange(is_shut_, true)) return;
  outgoing_.end();
  line_->shut();
  wake_all();
}

void SharedMemoryStream::wake(std::coroutine_handle<>& waiter) {
  if (waiter) reactor_.post(std::exchange(waiter, {}));
}

void SharedMemoryStream::wake_all() {
  if (is_parked_) unpark();
  wake(reader_);
  wake(writer_);
  reactor_.unwatch(*this);
}

void SharedMemoryStream::begin_to_wait() {
  if (is_parked_) unpark();
  if (!is_watched()) reactor_.watch(*this);
}

bool SharedMemoryStream::look() {
  bool any = false;
  if (reader_ && incoming_.has_news()) {
    wake(reader_);
    any = true;
  }
  if (writer_) {
    const std::optional<size_t> room = outgoing_.room(room_wanted_);
    if (!room || *room >= room_wanted_ || incoming_.has_ended()) {
      wake(writer_);
      any = true;
    }
  }
  if (!reader_ && !writer_) reactor_.unwatch(*this);
  return any;
}

void SharedMemoryStream::park() {
  if (reader_) incoming_.say_sleeping();
  if (writer_) outgoing_.say_sleeping();
  look();
  if (!reader_) incoming_.say_awake();
  if (!writer_) outgoing_.say_awake();
  is_parked_ = reader_ || writer_;
  if (is_parked_)
    line_->listen();
  else
    reactor_.unwatch(*this);
}

void SharedMemoryStream::unpark() {
  is_parked_ = false;
  incoming_.say_awake();
  outgoing_.say_awake();
}

void SharedMemoryStream::on_line(bool is_alive) {
  if (!is_alive) is_hung_up_ = true;
  wake_all();
}

Status SharedMemoryStream::broken(const char* why) {
  shut();
  return Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + why);
}
Status SharedMemoryStream::shut_status() const {
  return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed");
}

}  // namespace aeon
