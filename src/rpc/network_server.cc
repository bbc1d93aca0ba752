#include "rpc/network_server.h"

#include <algorithm>

#include "base/crc32c.h"
#include "network_bulk.h"

namespace aeon::rpc {
namespace {

// A call whose answer's data goes to memory of our own first.
class NetworkCall final : public ServerCall {
 public:
  NetworkCall(ByteView message, std::span<const ByteView> sent, std::span<const MutableBytes> room, wire::Buffer& reply)
      : ServerCall(message, sent, room, reply) {}

  void filled(ByteCount offset, ByteCount size) override {
    if (size != 0) filled_.push_back({.offset = offset, .size = size});
  }
  const std::vector<Filled>& all_filled() const { return filled_; }

 private:
  std::vector<Filled> filled_;
};

}  // namespace

uint32_t append_filled(const std::vector<Filled>& filled, ByteView room, Bytes& message) {
  wire::Buffer table;
  wire::Encoder encoder(table, wire::kProtocolVersion);
  encoder(filled);
  const size_t begin = message.size();
  const ByteView encoded = table.view();
  message.insert(message.end(), encoded.begin(), encoded.end());
  for (const Filled& part : filled) {
    const ByteView data = room.subspan(part.offset, part.size);
    message.insert(message.end(), data.begin(), data.end());
  }
  return crc32c(ByteView(message).subspan(begin));
}

Result<std::unique_ptr<NetworkServer>> NetworkServer::listen(World& world, Address self, Dispatcher& dispatcher,
                                                             Options options) {
  std::unique_ptr<NetworkServer> server(new NetworkServer(world, self, dispatcher, options));
  NetworkServer* const receiver = server.get();
  TRY(world.network.listen(self,
                           [receiver](Address from, Bytes message) { receiver->receive(from, std::move(message)); }));
  server->is_listening_ = true;
  return server;
}

NetworkServer::NetworkServer(World& world, Address self, Dispatcher& dispatcher, Options options)
    : world_(world), self_(self), dispatcher_(dispatcher), options_(options), gate_(world.executor) {}

NetworkServer::~NetworkServer() {
  if (is_listening_) world_.network.unlisten(self_);
}

Task<void> NetworkServer::stop() {
  if (std::exchange(is_listening_, false)) world_.network.unlisten(self_);
  return gate_.close();
}

NetworkServer::Client* NetworkServer::find_client(uint64_t client_id) {
  const auto found = clients_.find(client_id);
  if (found != clients_.end()) return &found->second;
  const Instant now = world_.executor.now();
  if (clients_.size() >= options_.clients_max) {
    for (auto at = clients_.begin(); at != clients_.end();) {
      Client& client = at->second;
      const bool is_quiet =
          std::ranges::none_of(client.requests, [](const auto& request) { return request.second.reply.empty(); });
      if (is_quiet && now - client.heard_of >= options_.client_idle) {
        acknowledge(client, ~uint64_t{0});
        at = clients_.erase(at);
      } else {
        ++at;
      }
    }
  }
  if (clients_.size() >= options_.clients_max) return nullptr;
  return &clients_[client_id];
}

void NetworkServer::acknowledge(Client& client, uint64_t below) {
  if (below > client.acknowledged_below) client.acknowledged_below = below;
  while (!client.requests.empty() && client.requests.begin()->first < client.acknowledged_below) {
    replies_size_ -= client.requests.begin()->second.reply.size();
    client.requests.erase(client.requests.begin());
  }
}

void NetworkServer::refuse(Address from, const Bytes& message, const Status& status, uint32_t flags) {
  // Not remembered: the client may ask again, and be answered otherwise.
  const Result<wire::Message> opened = wire::open_message(message);
  if (!opened.is_ok()) return;
  wire::Buffer reply;
  wire::begin_message(reply);
  const Result<wire::EmptyReply> refusal(status);
  wire::encode_reply(refusal, wire::kProtocolVersion, reply);
  wire::Header header;
  header.opcode = opened->header.opcode;
  header.flags = wire::kFlagReply | flags;
  header.client_id = opened->header.client_id;
  header.server_life = dispatcher_.life();
  header.request_id = opened->header.request_id;
  wire::seal_message(header, reply);
  world_.network.send(self_, from, reply.to_bytes());
}

void NetworkServer::receive(Address from, Bytes message) {
  ++counters_.received;
  const Result<wire::Message> opened = wire::open_message(message);
  if (!opened.is_ok() || (opened->header.flags & wire::kFlagReply) != 0) {
    ++counters_.dropped;
    return;
  }
  const wire::Header& header = opened->header;
  const bool is_hello = header.opcode == static_cast<uint16_t>(wire::Opcode::kHello);
  if (header.server_life != dispatcher_.life() && !(is_hello && header.server_life == 0)) {
    refuse(from, message, Status(Code::kUnavailable, "the engine restarted"), wire::kFlagOtherLife);
    return;
  }
  Client* const client = find_client(header.client_id);
  if (client == nullptr) {
    refuse(from, message, Status(Code::kBusy, "the engine serves too many clients"), 0);
    return;
  }
  client->heard_of = world_.executor.now();
  acknowledge(*client, header.acknowledged_below);
  if (header.request_id < client->acknowledged_below) {
    ++counters_.dropped;  // Answered, and the client has the answer.
    return;
  }
  if (const auto known = client->requests.find(header.request_id); known != client->requests.end()) {
    ++counters_.repeated;
    if (!known->second.reply.empty()) world_.network.send(self_, from, known->second.reply);
    return;
  }
  if (header.request_id - client->acknowledged_below >= options_.window_max ||
      replies_size_ > options_.replies_size_max || gate_.is_closing() ||
      header.reply_bulk_room > world_.network.message_size_max()) {
    ++counters_.dropped;
    return;
  }
  client->requests[header.request_id];
  gate_.spawn(serve(from, std::move(message)));
}

Task<void> NetworkServer::serve(Address from, Bytes message) {
  const Result<wire::Message> opened = wire::open_message(message);
  CHECK(opened.is_ok());
  const ByteView sent = opened->bulk;
  Bytes room(opened->header.reply_bulk_room);
  const MutableBytes room_view = room;
  wire::Buffer reply;
  NetworkCall call(message, std::span(&sent, sent.empty() ? 0 : 1), std::span(&room_view, room.empty() ? 0 : 1), reply);
  co_await dispatcher_.handle(call);

  Bytes whole = reply.to_bytes();
  if (!call.all_filled().empty()) {
    const uint32_t crc = append_filled(call.all_filled(), room, whole);
    const Result<wire::Message> answer = wire::open_message(reply.view());
    CHECK(answer.is_ok());
    wire::Header header = answer->header;
    header.flags |= wire::kFlagBulkInside;
    header.bulk_size = whole.size() - reply.size();
    header.bulk_crc = crc;
    wire::seal_message(header, reply);
    std::ranges::copy(reply.view(), whole.begin());
  }
  if (whole.size() > world_.network.message_size_max()) {
    const Status too_big(Code::kTooBig, "the answer exceeds what the network's messages hold; ask for less at a time");
    dispatcher_.refuse(call, too_big);
    whole = reply.to_bytes();
  }
  const auto client = clients_.find(opened->header.client_id);
  if (client != clients_.end()) {
    const auto request = client->second.requests.find(opened->header.request_id);
    if (request != client->second.requests.end()) {
      request->second.reply = whole;
      replies_size_ += whole.size();
    }
  }
  world_.network.send(self_, from, std::move(whole));
}

}  // namespace aeon::rpc
