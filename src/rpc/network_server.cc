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

}  // namespace

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

  void acknowledge(uint64_t below) {
    acknowledged_below = std::max(acknowledged_below, below);
    while (!requests.empty() && requests.begin()->first < acknowledged_below) requests.erase(requests.begin());
  }
};

// A connection.
struct NetworkServer::Peer {
  Peer(Executor& executor, std::unique_ptr<Stream> accepted)
      : stream(std::move(accepted)), reader(*stream), heard(executor.now()), changed(executor) {}

  void end() {
    is_over = true;
    stream->shut();
    changed.notify_all();
  }

  std::unique_ptr<Stream> stream;
  MessageReader reader;
  Instant heard;                      // When the last message was complete.
  std::optional<Instant> writing;     // Since when answers are on their way to it.
  std::deque<std::shared_ptr<Answer>> outgoing;
  Signal changed;                     // Something to write, or one request fewer in progress.
  uint32_t in_progress = 0;
  bool is_over = false;
};

// A request in progress with its memory.
class NetworkServer::Call final : public ServerCall {
 public:
  // `sent` holds the request's data, `room` is for the answer's.
  Call(Bytes request, DiskBuffer data, ByteCount data_size, DiskBuffer answer_room, ByteCount room_size,
       Permit memory_permit)
      : Call(std::make_unique<Parts>(std::move(request), std::move(data), data_size, std::move(answer_room), room_size),
             std::move(memory_permit)) {}

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

  Call(std::unique_ptr<Parts> parts, Permit memory_permit)
      : ServerCall(parts->request, std::span(&parts->sent_view, parts->sent_view.empty() ? 0 : 1),
                   std::span(&parts->room_view, parts->room_view.empty() ? 0 : 1), parts->reply),
        parts_(std::move(parts)),
        memory_(std::move(memory_permit)) {}

  std::unique_ptr<Parts> parts_;
  Permit memory_;
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
      memory_(world.executor, options.memory_max),
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
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener_->accept();
    if (stream.is_ok()) {
      ++counters_.connections;
      connections_.spawn(serve_peer(std::move(*stream)));
    } else if (stream.code() == Code::kUnavailable) {
      co_return;
    } else {  // Out of descriptors, say: those that are open go on.
      log::warn("accept_failed", {{"address", address()}, {"status", stream.status()}});
      const bool goes_on = co_await stopping_.sleep_for(std::chrono::milliseconds(100));
      if (!goes_on) co_return;
    }
  }
}

Task<void> NetworkServer::serve_peer(std::unique_ptr<Stream> stream) {
  const auto peer = std::make_shared<Peer>(world_.executor, std::move(stream));
  peers_.push_back(peer.get());
  Gate writer(world_.executor);
  writer.spawn(write_answers(peer));
  const Status ended = co_await read_requests(peer);
  if (ended.code() != Code::kUnavailable) {
    ++counters_.dropped;
    log::warn("connection_dropped", {{"peer", peer->stream->peer()}, {"status", ended}});
  }
  peer->end();
  co_await writer.close();
  peers_.remove(peer.get());
}

// ---- Requests in ----------------------------------------------------------------------------------------------------

Task<Status> NetworkServer::read_requests(std::shared_ptr<Peer> peer) {
  while (true) {
    CO_TRY_ASSIGN(const wire::Message message, co_await peer->reader.next());
    peer->heard = world_.executor.now();
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

std::shared_ptr<NetworkServer::Client> NetworkServer::find_client(uint64_t client_id) {
  const auto found = clients_.find(client_id);
  if (found != clients_.end()) return found->second;
  if (clients_.size() >= options_.clients_max) {
    std::erase_if(clients_, [](const auto& entry) {
      const Client& client = *entry.second;
      return client.peer.expired() &&
             std::ranges::all_of(client.requests, [](const auto& request) { return request.second != nullptr; });
    });
  }
  if (clients_.size() >= options_.clients_max) return nullptr;
  return clients_[client_id] = std::make_shared<Client>();
}

Task<Status> NetworkServer::take_request(std::shared_ptr<Peer> peer, wire::Header header) {
  const bool is_hello = header.opcode == static_cast<uint16_t>(wire::Opcode::kHello);
  if (header.server_life != dispatcher_.life() && !(is_hello && header.server_life == 0)) {
    refuse(*peer, header, Status(Code::kUnavailable, "the engine restarted"), wire::kFlagOtherLife);
    co_return ok();
  }
  if (requests_.is_closing()) {
    refuse(*peer, header, Status(Code::kUnavailable, "the engine is stopping"), 0);
    co_return ok();
  }
  const std::shared_ptr<Client> client = find_client(header.client_id);
  if (client == nullptr) {
    refuse(*peer, header, Status(Code::kBusy, "the engine serves too many clients"), 0);
    co_return ok();
  }
  client->peer = peer;
  client->acknowledge(header.acknowledged_below);
  if (header.request_id < client->acknowledged_below) co_return ok();  // Answered, and the client has the answer.
  if (header.request_id - client->acknowledged_below >= options_.window_max) {
    co_return Status(Code::kCorrupt, "it has more requests under way than agreed");
  }
  const bool may_repeat = (header.flags & wire::kFlagMayRepeat) != 0;
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
  const ByteCount memory = data_size + room_size;
  if (room_size > wire::kBulkSizeMax || memory > options_.request_memory_max) {
    forget();
    const Status too_big(Code::kTooBig, "a request of " + std::to_string(memory) +
                                            " bytes of data exceeds the engine's " +
                                            std::to_string(options_.request_memory_max) + "; use smaller ones");
    refuse(*peer, header, too_big, 0);
    co_return ok();
  }
  // No more at once than the window: a client that counts wrongly waits here.
  while (peer->in_progress >= options_.window_max && !peer->is_over) co_await peer->changed.wait();
  Permit permit;
  if (memory != 0) {
    co_await memory_.acquire(memory);
    permit = Permit(memory_, memory);
  }
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
                                     std::move(permit));
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
    if (known != client->requests.end()) known->second = answer;
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
    while (!peer->outgoing.empty() && batch.size() < kAnswersAtOnce) {
      batch.push_back(std::move(peer->outgoing.front()));
      peer->outgoing.pop_front();
      const Answer& answer = *batch.back();
      pieces.push_back(answer.message.view());
      if (answer.data.empty()) continue;
      pieces.push_back(answer.table.view());
      pieces.insert(pieces.end(), answer.data.begin(), answer.data.end());
    }
    peer->writing = world_.executor.now();
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
    const bool goes_on = co_await stopping_.sleep_for(options_.stall_max / 4);
    if (!goes_on) co_return;
    const Instant now = world_.executor.now();
    for (Peer* const peer : peers_) {
      const bool is_stalled = (peer->writing && now - *peer->writing > options_.stall_max) ||
                              (peer->reader.is_within_message() && now - peer->heard > options_.stall_max);
      const bool is_idle = peer->in_progress == 0 && now - peer->heard > options_.idle_max;
      if (is_stalled || is_idle) peer->end();
    }
  }
}

}  // namespace aeon::rpc
