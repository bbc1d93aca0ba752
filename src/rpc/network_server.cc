#include "rpc/network_server.h"

#include <algorithm>
#include <deque>
#include <tuple>

#include "base/crc32c.h"
#include "base/log.h"
#include "message_reader.h"
#include "network_bulk.h"

namespace aeon::rpc {
namespace {

constexpr size_t kAnswersAtOnce = 16;
// A connection isn't read while as many answers, or as many bytes of them, wait to be taken.
constexpr size_t kOutgoingMax = 256;
constexpr ByteCount kOutgoingSizeMax = kMiB;
// Requests up to this size don't wait for memory behind larger ones, and payloads aren't counted.
constexpr ByteCount kSmallRequest = kMiB;
constexpr ByteCount kSmallPayload = 64 * kKiB;
constexpr size_t kShares = 8;       // A client has at most one of so many of the memory.
constexpr size_t kLookedAtMax = 64; // Connections, for the one to go.
constexpr int kTicks = 4;           // Of watch(), in stall_max.
constexpr Duration kLogPause = std::chrono::seconds(1);
// After a failure to accept, doubling while nothing else happens.
constexpr Duration kAcceptPauseMin = std::chrono::milliseconds(1), kAcceptPauseMax = std::chrono::milliseconds(200);

}  // namespace

// What requests of one connection have of the memory.
struct NetworkServer::Share {
  explicit Share(Executor& executor) : freed(executor) {}
  ByteCount held = 0;
  Signal freed;
};

class NetworkServer::Held {
 public:
  Held() = default;
  Held(Permit permit, std::shared_ptr<Share> share, ByteCount size)
      : permit_(std::move(permit)), share_(std::move(share)), size_(size) {
    share_->held += size_;
  }
  Held(Held&&) noexcept = default;
  Held& operator=(Held&& other) noexcept {
    release();
    permit_ = std::move(other.permit_);
    share_ = std::move(other.share_);
    size_ = other.size_;
    return *this;
  }
  ~Held() { release(); }
  void release() {
    permit_.release();
    const std::shared_ptr<Share> share = std::move(share_);
    if (share == nullptr) return;
    share->held -= size_;
    share->freed.notify_all();
  }
  ByteCount size() const { return share_ == nullptr ? 0 : size_; }

 private:
  Permit permit_;
  std::shared_ptr<Share> share_;
  ByteCount size_ = 0;
};

// An answer, with the memory that its data is in.
struct NetworkServer::Answer {
  wire::Buffer message;
  wire::Buffer table;  // Of the data: what goes where.
  std::vector<ByteView> data;
  std::shared_ptr<Call> call;  // Whose memory `data` is in.

  ByteCount size() const { return message.size() + table.size() + total_size(std::span<const ByteView>(data)); }
};

// What is remembered of a client, whatever connection it uses.
struct NetworkServer::Client {
  uint64_t acknowledged_below = 0;
  std::map<uint64_t, std::shared_ptr<Answer>> requests;  // That must not be done twice. Null: in progress.
  std::weak_ptr<Peer> peer;                              // Its newest connection.
  uint64_t request_count = 0;                            // Begun, repetitions not counted.
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  uint32_t in_progress = 0;
  bool is_forgotten = false;
  std::optional<std::list<uint64_t>::iterator> gone;     // Its place among those without a connection.

  // Returns how much need no longer be remembered.
  ByteCount acknowledge(uint64_t below) {
    ByteCount size = 0;
    acknowledged_below = std::max(acknowledged_below, below);
    while (!requests.empty() && requests.begin()->first < acknowledged_below) {
      if (requests.begin()->second != nullptr) size += requests.begin()->second->size();
      requests.erase(requests.begin());
    }
    return size;
  }
};

// A connection.
struct NetworkServer::Peer {
  Peer(Executor& executor, std::unique_ptr<Stream> accepted)
      : stream(std::move(accepted)),
        reader(*stream),
        heard(executor.now()),
        changed(executor),
        share(std::make_shared<Share>(executor)) {}

  void end() {
    is_over = true;
    stream->shut();
    changed.notify_all();
    share->freed.notify_all();
  }
  bool takes_its_answers() const { return outgoing.size() < kOutgoingMax && outgoing_size < kOutgoingSizeMax; }

  std::unique_ptr<Stream> stream;
  MessageReader reader;
  Instant heard;                      // When the last message was complete.
  std::optional<Instant> writing;     // Since when answers are on their way to it.
  ByteCount writing_size = 0;         // Of the data in them.
  std::deque<std::shared_ptr<Answer>> outgoing;
  ByteCount outgoing_size = 0;        // Their messages; their data is counted as memory.
  Signal changed;                     // Something to write or to wait for, or one request fewer in progress.
  std::shared_ptr<Share> share;
  Held admitted;                      // For the message that is being read.
  Instant admitted_at{};
  bool waits_for_memory = false;
  bool waits_for_turn = false;  // Until fewer of its requests are in progress, or more of its answers are taken.
  int ticks_within_message = 0;  // Looks of watch() that found the same message incomplete.
  std::optional<uint64_t> client_id;  // Known with the first request.
  std::list<Peer*>::iterator place;  // In peers_.
  uint32_t in_progress = 0;
  bool is_over = false;
  bool is_evicted = false;
};

// A request in progress with its memory.
class NetworkServer::Call final : public ServerCall {
 public:
  // `sent` holds the request's data, `room` is for the answer's.
  Call(Bytes request, DiskBuffer data, ByteCount data_size, DiskBuffer answer_room, ByteCount room_size, Held memory)
      : Call(std::make_unique<Parts>(std::move(request), std::move(data), data_size, std::move(answer_room), room_size),
             std::move(memory)) {}

  // Puts the answer together. Afterwards this is kept by it if there is data.
  std::shared_ptr<Answer> take_answer() {
    auto answer = std::make_shared<Answer>();
    answer->message = std::move(parts_->reply);
    if (filled_.empty()) return answer;
    wire::Encoder encoder(answer->table, wire::kProtocolVersion);
    encoder(filled_);
    wire::Header header = wire::open_message(answer->message.view())->header;
    header.flags |= wire::kFlagBulkFollows;
    header.bulk_size = answer->table.size();
    header.bulk_crc = crc32c(answer->table.view());
    const ByteView room_bytes = parts_->room.bytes();
    for (const Filled& part : filled_) {
      const ByteView piece = room_bytes.subspan(part.offset, part.size);
      answer->data.push_back(piece);
      header.bulk_size += piece.size();
      header.bulk_crc = crc32c(piece, header.bulk_crc);
    }
    wire::seal_message(header, answer->message);
    return answer;
  }

  std::shared_ptr<Client> client;
  bool may_repeat = false;

 private:
  struct Parts {
    Parts(Bytes whole, DiskBuffer with, ByteCount data_size, DiskBuffer answer_room, ByteCount room_size)
        : request(std::move(whole)),
          data(std::move(with)),
          room(std::move(answer_room)),
          sent_view(ByteView(data.bytes()).first(data_size)),
          room_view(room.bytes().first(room_size)) {}
    Bytes request;
    DiskBuffer data;
    DiskBuffer room;
    ByteView sent_view;
    MutableBytes room_view;
    wire::Buffer reply;
  };
  void on_filled(ByteCount offset, ByteCount size) override {
    if (size != 0) filled_.push_back({.offset = offset, .size = size});
  }

  Call(std::unique_ptr<Parts> parts, Held memory)
      : ServerCall(parts->request, std::span(&parts->sent_view, parts->sent_view.empty() ? 0 : 1),
                   std::span(&parts->room_view, parts->room_view.empty() ? 0 : 1), parts->reply),
        parts_(std::move(parts)),
        memory_(std::move(memory)) {}

  std::unique_ptr<Parts> parts_;
  Held memory_;
  std::vector<Filled> filled_;
};

Result<std::unique_ptr<NetworkServer>> NetworkServer::listen(World& world, const std::string& address,
                                                             Dispatcher& dispatcher, Options options) {
  TRY_ASSIGN(std::unique_ptr<Listener> listener, world.network.listen(address));
  std::unique_ptr<NetworkServer> server(new NetworkServer(world, std::move(listener), dispatcher, options));
  server->connections_.spawn(server->accept_all());
  server->connections_.spawn(server->watch());
  return server;
}

NetworkServer::NetworkServer(World& world, std::unique_ptr<Listener> listener, Dispatcher& dispatcher, Options options)
    : world_(world),
      listener_(std::move(listener)),
      dispatcher_(dispatcher),
      options_(options),
      requests_(world.executor),
      connections_(world.executor),
      memory_small_(world.executor, std::max(options.memory_max / 4, kSmallRequest)),
      memory_large_(world.executor, std::max(options.memory_max - options.memory_max / 4, options.request_memory_max)),
      memory_between_(world.executor, std::max(options.between_targets_memory_max, options.request_memory_max)),
      stopping_(world.executor) {}

NetworkServer::~NetworkServer() = default;

Task<void> NetworkServer::stop() {
  listener_->shut();
  co_await requests_.close();
  stopping_.cancel();
  const auto has_answers = [](const Peer* peer) { return !peer->outgoing.empty() || peer->writing; };
  const Instant deadline = world_.executor.now() + options_.stop_max;
  while (std::ranges::any_of(peers_, has_answers) && world_.executor.now() < deadline) {
    co_await sleep_for(world_.executor, std::chrono::milliseconds(1));
  }
  for (Peer* const peer : peers_) peer->end();
  co_await connections_.close();
}

Task<void> NetworkServer::accept_all() {
  Duration pause = kAcceptPauseMin;
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener_->accept();
    if (stream.is_ok()) {
      pause = kAcceptPauseMin;
      ++counters_.connections;
      start_peer(std::move(*stream));
    } else if (stream.code() == Code::kUnavailable) {
      co_return;
    } else {  // Out of descriptors, say: who waits to be accepted gets that of another.
      if (world_.executor.now() >= next_log_) {
        next_log_ = world_.executor.now() + kLogPause;
        log::warn("accept_failed", {{"address", address()}, {"status", stream.status()}});
      }
      end_quietest();
      const bool goes_on = co_await stopping_.sleep_for(pause);
      if (!goes_on) co_return;
      pause = std::min(2 * pause, kAcceptPauseMax);
    }
  }
}

void NetworkServer::start_peer(std::unique_ptr<Stream> stream) {
  if (peers_.size() - evicting_ >= options_.connections_max && !end_quietest()) {
    ++counters_.evicted;  // All others are at work.
    return;
  }
  auto peer = std::make_shared<Peer>(world_.executor, std::move(stream));
  peer->place = peers_.insert(peers_.end(), peer.get());
  connections_.spawn(serve_peer(std::move(peer)));
}

// Ends a connection that nothing is under way on: of those that were silent for longest one that has never said
// anything, else the first. False if there is none.
bool NetworkServer::end_quietest() {
  Peer* quietest = nullptr;
  size_t looked_at = 0;
  for (Peer* const peer : peers_) {
    if (peer->is_over || peer->in_progress != 0 || !peer->outgoing.empty() || peer->writing) continue;
    if (quietest == nullptr) quietest = peer;
    if (!peer->client_id) {
      quietest = peer;
      break;
    }
    if (++looked_at == kLookedAtMax) break;
  }
  if (quietest == nullptr) return false;
  ++counters_.evicted;
  ++evicting_;
  quietest->is_evicted = true;
  quietest->end();
  return true;
}

Task<void> NetworkServer::serve_peer(std::shared_ptr<Peer> peer) {
  Gate writer(world_.executor);
  writer.spawn(write_answers(peer));
  const Status ended = co_await read_requests(peer);
  if (ended.code() != Code::kUnavailable) {
    ++counters_.dropped;
    log_drop(*peer, ended);
  }
  peer->admitted.release();
  peer->end();
  co_await writer.close();
  leave_client(peer);
  if (peer->is_evicted) --evicting_;
  peers_.erase(peer->place);
}

// Those who send nonsense may come by the thousand.
void NetworkServer::log_drop(const Peer& peer, const Status& status) {
  if (world_.executor.now() < next_log_) {
    ++unlogged_;
    return;
  }
  next_log_ = world_.executor.now() + kLogPause;
  const uint64_t unlogged = std::exchange(unlogged_, 0);
  log::warn("connection_dropped", {{"peer", peer.stream->peer()}, {"status", status}, {"others_before", unlogged}});
}

// ---- Requests in ----------------------------------------------------------------------------------------------------

Task<Status> NetworkServer::read_requests(std::shared_ptr<Peer> peer) {
  while (true) {
    peer->admitted.release();
    peer->waits_for_turn = true;
    while (!peer->takes_its_answers() && !peer->is_over) co_await peer->changed.wait();
    peer->waits_for_turn = false;
    CO_TRY_ASSIGN(const wire::FrameSizes sizes, co_await peer->reader.begin());
    const ByteCount memory = memory_for(sizes);
    if (memory != 0) co_await admit(peer, sizes.opcode, memory);
    CO_TRY_ASSIGN(const wire::Message message, co_await peer->reader.finish(sizes));
    peer->heard = world_.executor.now();
    peer->ticks_within_message = 0;
    peers_.splice(peers_.end(), peers_, peer->place);
    ++counters_.received;
    const wire::Header header = message.header;
    if ((header.flags & wire::kFlagReply) != 0) co_return Status(Code::kCorrupt, "it sent an answer to nothing");
    if ((header.flags & wire::kFlagPing) != 0) {
      auto pong = std::make_shared<Answer>();
      wire::begin_message(pong->message);
      wire::Header answer;
      answer.flags = wire::kFlagPing | wire::kFlagReply;
      answer.client_id = header.client_id;
      answer.server_life = dispatcher_.life();
      wire::seal_message(answer, pong->message);
      queue(*peer, std::move(pong));
      continue;
    }
    CO_TRY(co_await take_request(peer, header));
  }
}

// What a message takes of the memory, by what its header says; that may be a lie, which shows when all of it is here.
ByteCount NetworkServer::memory_for(const wire::FrameSizes& sizes) const {
  const ByteCount limit = options_.request_memory_max;
  const ByteCount payload = sizes.payload > kSmallPayload ? std::min(2 * ByteCount{sizes.payload}, limit) : 0;
  return is_too_big(sizes) ? payload : payload + sizes.bulk + sizes.reply_bulk_room;
}

// It will be refused, and its data skipped.
bool NetworkServer::is_too_big(const wire::FrameSizes& sizes) const {
  const ByteCount limit = options_.request_memory_max;
  const ByteCount payload = sizes.payload > kSmallPayload ? 2 * ByteCount{sizes.payload} : 0;  // It is copied once.
  return sizes.reply_bulk_room > limit || payload + sizes.bulk + sizes.reply_bulk_room > limit;
}

bool NetworkServer::is_between_targets(const Peer& peer, uint16_t opcode) {
  return opcode >= wire::kTargetOpcodesFrom && peer.stream->may_be_server();
}

Task<void> NetworkServer::admit(std::shared_ptr<Peer> peer, uint16_t opcode, ByteCount memory) {
  Semaphore& lane = is_between_targets(*peer, opcode) ? memory_between_
                    : memory <= kSmallRequest         ? memory_small_
                                                      : memory_large_;
  peer->waits_for_memory = true;
  const ByteCount share_max = options_.memory_max / kShares;
  while (peer->share->held != 0 && peer->share->held + memory > share_max && !peer->is_over) {
    co_await peer->share->freed.wait();
  }
  if (!lane.try_acquire(memory)) {
    ++waiting_for_memory_;
    if (!std::exchange(is_hurrying_, true)) connections_.spawn(hurry());
    co_await lane.acquire(memory);
    --waiting_for_memory_;
  }
  peer->waits_for_memory = false;
  peer->admitted = Held(Permit(lane, memory), peer->share, memory);
  peer->admitted_at = world_.executor.now();
}

// While requests wait for memory: ends connections that hold it and don't get on.
Task<void> NetworkServer::hurry() {
  while (waiting_for_memory_ != 0) {
    const bool goes_on = co_await stopping_.sleep_for(options_.hurry_max / kTicks);
    if (!goes_on) co_return;
    for (Peer* const peer : peers_) {
      if (!peer->is_over && is_overdue(*peer)) {
        ++counters_.dropped;
        peer->end();
      }
    }
  }
  is_hurrying_ = false;
}

bool NetworkServer::is_overdue(const Peer& peer) const {
  const Instant now = world_.executor.now();
  const auto allowance = [this](ByteCount size) {
    return options_.hurry_max + options_.stall_max * static_cast<int64_t>(size / kKiB) /
                                    static_cast<int64_t>(options_.request_memory_max / kKiB + 1);
  };
  const ByteCount reads = peer.waits_for_memory ? 0 : peer.admitted.size();
  if (reads != 0 && peer.reader.is_within_message() && now - peer.admitted_at > allowance(reads)) return true;
  return peer.writing_size != 0 && peer.writing && now - *peer.writing > allowance(peer.writing_size);
}

std::shared_ptr<NetworkServer::Client> NetworkServer::find_client(uint64_t client_id) {
  const auto found = clients_.find(client_id);
  if (found != clients_.end()) {
    std::optional<std::list<uint64_t>::iterator>& gone = found->second->gone;
    if (gone) gone_.erase(*gone);
    gone.reset();
    return found->second;
  }
  if (clients_.size() >= options_.clients_max && !forget_longest_gone()) return nullptr;
  return clients_[client_id] = std::make_shared<Client>();
}

void NetworkServer::leave_client(const std::shared_ptr<Peer>& peer) {
  if (!peer->client_id) return;
  const auto found = clients_.find(*peer->client_id);
  if (found == clients_.end()) return;
  Client& client = *found->second;
  if (client.gone || client.peer.lock() != peer) return;  // It has another connection.
  client.peer.reset();
  client.gone = gone_.insert(gone_.end(), *peer->client_id);
  while (remembered_ > options_.remembered_max && forget_longest_gone()) {}
}

bool NetworkServer::forget_longest_gone() {
  for (auto id = gone_.begin(); id != gone_.end(); ++id) {
    const auto found = clients_.find(*id);
    Client& client = *found->second;
    if (client.in_progress != 0) continue;
    remembered_ -= client.acknowledge(~uint64_t{0});
    client.is_forgotten = true;
    clients_.erase(found);
    gone_.erase(id);
    return true;
  }
  return false;
}

Task<Status> NetworkServer::take_request(std::shared_ptr<Peer> peer, wire::Header header) {
  const bool is_hello = header.opcode == static_cast<uint16_t>(wire::Opcode::kHello);
  if (header.server_life != dispatcher_.life() && !(is_hello && header.server_life == 0)) {
    refuse(*peer, header, Status(Code::kUnavailable, "the engine restarted"), wire::kFlagOtherLife);
    co_return ok();
  }
  // What was sent before, and can't be looked up here, waits for the next life.
  const bool was_sent_before = (header.flags & wire::kFlagSentBefore) != 0;
  if (requests_.is_closing()) {
    if (was_sent_before) co_return ok();
    refuse(*peer, header, Status(Code::kUnavailable, "the engine is stopping"), 0);
    co_return ok();
  }
  if (header.opcode >= wire::kTargetOpcodesFrom && !peer->stream->may_be_server()) {
    refuse(*peer, header, Status(Code::kPermission, "only engines ask that, and this is a client's certificate"), 0);
    co_return ok();
  }
  if (peer->client_id.value_or(header.client_id) != header.client_id) {
    co_return Status(Code::kCorrupt, "it speaks for more than one client");
  }
  const std::shared_ptr<Client> client = find_client(header.client_id);
  if (client == nullptr) {
    if (was_sent_before) co_return Status(Code::kUnavailable, "the engine serves too many clients");
    refuse(*peer, header, Status(Code::kBusy, "the engine serves too many clients"), 0);
    co_return ok();
  }
  peer->client_id = header.client_id;
  client->peer = peer;
  remembered_ -= client->acknowledge(header.acknowledged_below);
  if (header.request_id < client->acknowledged_below) co_return ok();  // Answered, and the client has the answer.
  if (header.request_id - client->acknowledged_below >= options_.window_max) {
    co_return Status(Code::kCorrupt, "it has more requests under way than agreed");
  }
  // Answers with data aren't kept, whatever the client says: it would decide for how long they take memory.
  const bool may_repeat = (header.flags & wire::kFlagMayRepeat) != 0 || header.reply_bulk_room != 0;
  if (!may_repeat) {
    const auto [known, is_new] = client->requests.try_emplace(header.request_id);
    if (!is_new) {
      ++counters_.repeated;
      if (known->second != nullptr) queue(*peer, known->second);
      co_return ok();
    }
  }
  const auto forget = [&client, &header, may_repeat] {
    if (!may_repeat) client->requests.erase(header.request_id);
  };
  const ByteCount data_size = peer->reader.bulk_left();
  const ByteCount room_size = header.reply_bulk_room;
  const ByteCount memory = data_size + std::min(room_size, wire::kBulkSizeMax);
  if (is_too_big({.payload = header.payload_size, .bulk = data_size, .reply_bulk_room = room_size})) {
    forget();
    const Status too_big(Code::kTooBig, "a request of " + std::to_string(memory) +
                                            " bytes of data exceeds the engine's " +
                                            std::to_string(options_.request_memory_max) + "; use smaller ones");
    refuse(*peer, header, too_big, 0);
    co_return ok();
  }
  // No more at once than the window: a client that counts wrongly waits here.
  peer->waits_for_turn = true;
  while (peer->in_progress >= options_.window_max && !peer->is_over) co_await peer->changed.wait();
  peer->waits_for_turn = false;
  Bytes whole = to_bytes(peer->reader.whole());
  const ByteCount request_size = whole.size() + data_size;
  DiskBuffer data(data_size), room(room_size);
  if (data_size != 0) {
    Status taken = co_await peer->reader.take_bulk(data.bytes().first(data_size));
    if (taken.is_ok()) taken = peer->reader.check_bulk();
    if (!taken.is_ok()) {
      forget();
      co_return taken;
    }
    peer->heard = world_.executor.now();
  }
  auto call = std::make_shared<Call>(std::move(whole), std::move(data), data_size, std::move(room), room_size,
                                     std::move(peer->admitted));
  ++client->request_count;
  ++client->in_progress;
  client->bytes_received += request_size;
  call->client = client;
  call->may_repeat = may_repeat;
  ++peer->in_progress;
  requests_.spawn(serve(peer, std::move(call)));
  co_return ok();
}

std::vector<wire::ClientStatus> NetworkServer::clients(size_t count_max) const {
  std::vector<wire::ClientStatus> connected;
  for (const auto& [id, client] : clients_) {
    const std::shared_ptr<Peer> peer = client->peer.lock();
    if (peer == nullptr || peer->is_over) continue;
    wire::ClientStatus status;
    status.id = id;
    status.peer = peer->stream->peer();
    status.requests = client->request_count;
    status.bytes_received = client->bytes_received;
    status.bytes_sent = client->bytes_sent;
    status.in_progress = client->in_progress;
    status.silent_ns = static_cast<uint64_t>(std::max(Duration::zero(), world_.executor.now() - peer->heard).count());
    connected.push_back(std::move(status));
  }
  std::ranges::sort(connected, [](const wire::ClientStatus& a, const wire::ClientStatus& b) {
    return std::tuple(b.requests, a.id) < std::tuple(a.requests, b.id);
  });
  if (connected.size() > count_max) connected.resize(count_max);
  return connected;
}

Task<void> NetworkServer::serve(std::shared_ptr<Peer> peer, std::shared_ptr<Call> call) {
  co_await dispatcher_.handle(*call);
  std::shared_ptr<Answer> answer = call->take_answer();
  if (!answer->data.empty()) answer->call = call;
  --peer->in_progress;
  peer->changed.notify_all();
  const std::shared_ptr<Client> client = call->client;
  --client->in_progress;
  client->bytes_sent += answer->size();
  if (!call->may_repeat) {
    const auto known = client->requests.find(call->header().request_id);
    if (known != client->requests.end() && !client->is_forgotten) {
      known->second = answer;
      remembered_ += answer->size();
    }
  }
  // By the connection that the client uses now.
  const std::shared_ptr<Peer> current = client->peer.lock();
  if (current != nullptr) queue(*current, std::move(answer));
}

// ---- Answers out ----------------------------------------------------------------------------------------------------

void NetworkServer::refuse(Peer& peer, const wire::Header& request, const Status& status, uint32_t flags) {
  // Not remembered: the client may ask again, and be answered otherwise.
  auto answer = std::make_shared<Answer>();
  wire::begin_message(answer->message);
  const Result<wire::EmptyReply> refusal(status);
  wire::encode_reply(refusal, wire::kProtocolVersion, answer->message);
  wire::Header header;
  header.opcode = request.opcode;
  header.flags = wire::kFlagReply | flags;
  header.client_id = request.client_id;
  header.server_life = dispatcher_.life();
  header.request_id = request.request_id;
  header.trace_id = request.trace_id;
  wire::seal_message(header, answer->message);
  queue(peer, std::move(answer));
}

void NetworkServer::queue(Peer& peer, std::shared_ptr<Answer> answer) {
  if (peer.is_over) return;
  // More than can be under way while it isn't read: what it was given elsewhere comes back here.
  if (peer.outgoing.size() > kOutgoingMax + size_t{2} * options_.window_max) {
    ++counters_.dropped;
    peer.end();
    return;
  }
  peer.outgoing_size += answer->message.size();
  peer.outgoing.push_back(std::move(answer));
  peer.changed.notify_all();
}

Task<void> NetworkServer::write_answers(std::shared_ptr<Peer> peer) {
  std::vector<std::shared_ptr<Answer>> batch;
  std::vector<ByteView> pieces;
  while (!peer->is_over) {
    if (peer->outgoing.empty()) {
      co_await peer->changed.wait();
      continue;
    }
    pieces.clear();
    ByteCount data_size = 0;
    while (!peer->outgoing.empty() && batch.size() < kAnswersAtOnce) {
      batch.push_back(std::move(peer->outgoing.front()));
      peer->outgoing.pop_front();
      const Answer& answer = *batch.back();
      peer->outgoing_size -= answer.message.size();
      pieces.push_back(answer.message.view());
      if (answer.data.empty()) continue;
      data_size += total_size(std::span<const ByteView>(answer.data));
      pieces.push_back(answer.table.view());
      pieces.insert(pieces.end(), answer.data.begin(), answer.data.end());
    }
    peer->writing_size = data_size;
    peer->writing = world_.executor.now();
    peer->changed.notify_all();
    const Status written = co_await peer->stream->write(pieces);
    peer->writing.reset();
    batch.clear();
    if (!written.is_ok()) peer->end();  // Who reads says why.
  }
  peer->outgoing.clear();
}

// Ends connections that hold memory without getting on, or were forgotten.
Task<void> NetworkServer::watch() {
  while (true) {
    const bool goes_on = co_await stopping_.sleep_for(options_.stall_max / kTicks);
    if (!goes_on) co_return;
    const Instant now = world_.executor.now();
    for (Peer* const peer : peers_) {
      const bool gets_on = !peer->reader.is_within_message() || peer->waits_for_memory || peer->waits_for_turn;
      peer->ticks_within_message = gets_on ? 0 : peer->ticks_within_message + 1;
      const bool is_stalled =
          (peer->writing && now - *peer->writing > options_.stall_max) || peer->ticks_within_message > kTicks;
      const bool is_idle = peer->in_progress == 0 && now - peer->heard > options_.idle_max;
      if (is_stalled || is_idle) peer->end();
    }
  }
}

}  // namespace aeon::rpc
