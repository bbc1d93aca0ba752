#include "sim/sim_network.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/sync.h"

namespace aeon {
namespace {

constexpr ByteCount kWindow = 256 * kKiB;  // Written and not yet read, for each direction.
constexpr ByteCount kPieceMax = 64 * kKiB;
constexpr Duration kRetryFirst = std::chrono::milliseconds(200);
constexpr Duration kGiveUp = std::chrono::seconds(20);

std::optional<uint64_t> node_of(const std::string& address) {
  uint64_t node = 0;
  if (!address.starts_with("sim:")) return std::nullopt;
  const char* const begin = address.data() + 4;
  const auto [end, error] = std::from_chars(begin, address.data() + address.size(), node);
  if (error != std::errc() || end == begin || *end != ':') return std::nullopt;
  return node;
}

Status not_an_address(const std::string& address) {
  return Status(Code::kInvalidArgument, "'" + address + "' is no address: write sim:NODE:PORT");
}

}  // namespace

SimLink SimLink::flaky() {
  SimLink link;
  link.stall = 0.02;
  link.reset = 0.01;
  return link;
}

SimLink SimLink::random(Random& random, double probability_max) {
  SimLink link;
  for (double* fault : {&link.stall, &link.reset}) {
    const bool is_on = random.one_in(2);
    const double probability = random.fraction() * probability_max;
    *fault = is_on ? probability : 0;
  }
  return link;
}

// What is on its way to one side of a connection, or has arrived there.
struct SimNetwork::Pipe {
  struct Piece {
    Bytes bytes;  // Empty: the writer's end.
    Instant arrival;
  };
  std::deque<Piece> on_the_way;
  bool is_moving = false;  // An event is going to deliver the first of them.
  std::deque<Bytes> arrived;
  size_t offset = 0;   // Of the first of them, read already.
  ByteCount size = 0;  // Of all, less what was read.
  bool has_ended = false;
};

struct SimNetwork::Connection {
  struct Side {
    Side(Port& owner, uint64_t on, SimExecutor& executor) : port(&owner), node(on), changed(executor) {}
    Port* const port;
    const uint64_t node;
    Signal changed;
    Pipe inbound;
    bool is_shut = false;
    bool is_broken = false;
    bool is_gone = false;  // Its process crashed.
  };
  Connection(Port& a, Port& b);
  Side sides[2];
};

// The network of one process. It stays as a husk after a crash, since frames being destroyed may still call it.
class SimNetwork::Port final : public Network, private SimCrashListener {
 public:
  Port(SimNetwork& network, SimExecutor& process, uint64_t node)
      : network_(network), executor_(process), process_(&process), node_(node) {
    process.add_crash_listener(*this);
  }

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override;

  SimExecutor* process() const { return process_; }
  SimExecutor& executor() const { return executor_; }
  uint64_t node() const { return node_; }
  void add(const std::shared_ptr<Connection>& connection) {
    std::erase_if(connections_, [](const auto& known) { return known.expired(); });
    connections_.push_back(connection);
  }
  const std::vector<std::weak_ptr<Connection>>& connections() const { return connections_; }

 private:
  void on_crash(bool power_lost) override {
    process_ = nullptr;
    network_.forget(*this, power_lost);
  }

  SimNetwork& network_;
  SimExecutor& executor_;
  SimExecutor* process_;
  const uint64_t node_;
  std::vector<std::weak_ptr<Connection>> connections_;
};

SimNetwork::Connection::Connection(Port& a, Port& b)
    : sides{{a, a.node(), a.executor()}, {b, b.node(), b.executor()}} {}

// One side's stream.
class SimNetwork::End final : public Stream {
 public:
  End(SimNetwork& network, std::shared_ptr<Connection> connection, int side)
      : network_(network),
        connection_(std::move(connection)),
        side_(side),
        peer_("node " + std::to_string(other().node)) {}
  ~End() override { shut(); }

  Task<Result<size_t>> read(MutableBytes into) override {
    Connection::Side& me = self();
    Pipe& pipe = me.inbound;
    while (true) {
      if (me.is_shut) co_return closed();
      if (!pipe.arrived.empty()) break;
      if (me.is_broken) co_return broken();
      if (pipe.has_ended) co_return size_t{0};
      co_await me.changed.wait();
    }
    size_t count = 0;
    while (count < into.size() && !pipe.arrived.empty()) {
      const ByteView rest = ByteView(pipe.arrived.front()).subspan(pipe.offset);
      const size_t taken = std::min(rest.size(), into.size() - count);
      std::copy_n(rest.begin(), taken, into.begin() + static_cast<ptrdiff_t>(count));
      count += taken;
      pipe.offset += taken;
      if (taken == rest.size()) {
        pipe.arrived.pop_front();
        pipe.offset = 0;
      }
    }
    pipe.size -= count;
    const Duration delay = network_.draw_delay(me.node, other().node);
    network_.schedule(
        delay, [connection = connection_, writer = 1 - side_] { connection->sides[writer].changed.notify_all(); });
    co_return count;
  }

  Task<Status> write(std::span<const ByteView> pieces) override {
    Connection::Side& me = self();
    Pipe& pipe = other().inbound;
    size_t index = 0, offset = 0;
    while (true) {
      while (index < pieces.size() && offset == pieces[index].size()) {
        ++index;
        offset = 0;
      }
      if (me.is_shut) co_return closed();
      if (me.is_broken) co_return broken();
      if (index == pieces.size()) co_return ok();
      if (pipe.size >= kWindow) {
        co_await me.changed.wait();
        continue;
      }
      const ByteCount limit = std::min<ByteCount>(kWindow - pipe.size, 1 + network_.random_.below(kPieceMax));
      Bytes bytes;
      while (bytes.size() < limit && index < pieces.size()) {
        const ByteView rest = pieces[index].subspan(offset);
        const size_t taken = std::min<size_t>(rest.size(), limit - bytes.size());
        bytes.insert(bytes.end(), rest.begin(), rest.begin() + static_cast<ptrdiff_t>(taken));
        offset += taken;
        if (taken < rest.size()) break;
        ++index;
        offset = 0;
      }
      send(std::move(bytes));
    }
  }

  void shut() override {
    Connection::Side& me = self();
    if (me.is_gone || std::exchange(me.is_shut, true)) return;
    me.changed.notify_all();
    if (me.inbound.size != 0 && !me.is_broken) {
      network_.break_soon(connection_, 1 - side_);  // It is told that what it wrote wasn't wanted.
    } else {
      send(Bytes());
    }
  }
  void shut_after(ByteView last) override {
    const Connection::Side& me = self();
    const bool is_open = !me.is_gone && !me.is_shut && !me.is_broken;
    if (is_open && !last.empty() && other().inbound.size + last.size() <= kWindow) send(to_bytes(last));
    shut();
  }
  const std::string& peer() const override { return peer_; }

 private:
  Connection::Side& self() const { return connection_->sides[side_]; }
  Connection::Side& other() const { return connection_->sides[1 - side_]; }
  Status broken() const { return Status(Code::kUnavailable, "the connection to " + peer_ + " broke"); }
  Status closed() const { return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed"); }

  void send(Bytes bytes) {
    Pipe& pipe = other().inbound;
    const SimExecutor& process = self().port->executor();
    network_.scheduler_.trace(process.index(), "network_send", self().node << 32 | other().node, bytes.size());
    pipe.size += bytes.size();
    Instant arrival = network_.scheduler_.now() + network_.draw_delay(self().node, other().node);
    if (!pipe.on_the_way.empty()) arrival = std::max(arrival, pipe.on_the_way.back().arrival);
    pipe.on_the_way.push_back({std::move(bytes), arrival});
    network_.pump(connection_, 1 - side_);
  }

  SimNetwork& network_;
  const std::shared_ptr<Connection> connection_;
  const int side_;
  const std::string peer_;
};

class SimNetwork::SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, Port& port, std::string address)
      : network_(network), port_(port), address_(std::move(address)), arrived_(port.executor()) {}
  ~SimListener() override { shut(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    while (waiting_.empty()) {
      if (is_shut_) co_return Status(Code::kUnavailable, "nobody listens at " + address_ + " any more");
      co_await arrived_.wait();
    }
    std::unique_ptr<Stream> stream = std::move(waiting_.front());
    waiting_.pop_front();
    co_return stream;
  }
  void shut() override {
    if (std::exchange(is_shut_, true)) return;
    const auto found = network_.listeners_.find(address_);
    if (found != network_.listeners_.end() && found->second == this) network_.listeners_.erase(found);
    waiting_.clear();
    arrived_.notify_all();
  }
  const std::string& address() const override { return address_; }

  Port& port() const { return port_; }
  void add(std::unique_ptr<Stream> stream) {
    waiting_.push_back(std::move(stream));
    arrived_.notify_one();
  }

 private:
  SimNetwork& network_;
  Port& port_;
  const std::string address_;
  Signal arrived_;
  std::deque<std::unique_ptr<Stream>> waiting_;
  bool is_shut_ = false;
};

Task<Result<std::unique_ptr<Stream>>> SimNetwork::Port::connect(std::string address, Duration timeout) {
  const std::optional<uint64_t> node = node_of(address);
  if (!node.has_value()) co_return not_an_address(address);
  const Instant deadline = executor_.now() + timeout;
  Duration retry = kRetryFirst;
  co_await sleep_for(executor_, std::min(timeout, network_.draw_delay(node_, *node)));
  while (executor_.now() < deadline) {
    const bool is_cut = network_.is_cut(node_, *node) || network_.is_cut(*node, node_);
    if (!is_cut && network_.node_is_up(*node)) {
      const auto found = network_.listeners_.find(address);
      if (found == network_.listeners_.end()) {
        co_return Status(Code::kUnavailable, "can't connect to " + address + ": nobody listens there");
      }
      const auto connection = std::make_shared<Connection>(*this, found->second->port());
      add(connection);
      found->second->port().add(connection);
      found->second->add(std::make_unique<End>(network_, connection, 1));
      co_await sleep_for(executor_, network_.draw_delay(*node, node_));
      std::unique_ptr<Stream> stream = std::make_unique<End>(network_, connection, 0);
      co_return stream;
    }
    if (is_cut) network_.scheduler_.fault_counts().add("network_cut");
    co_await sleep_for(executor_, std::min(retry, deadline - executor_.now()));
    retry *= 2;
  }
  co_return Status(Code::kUnavailable, "no answer from " + address + " in time; is it reachable?");
}

Result<std::unique_ptr<Listener>> SimNetwork::Port::listen(const std::string& address) {
  if (process_ == nullptr) return Status(Code::kUnavailable, "the process crashed");
  if (node_of(address) != node_) return not_an_address(address);
  auto listener = std::make_unique<SimListener>(network_, *this, address);
  if (!network_.listeners_.emplace(address, listener.get()).second) {
    return Status(Code::kExists, "somebody listens at " + address + " already; choose another");
  }
  std::unique_ptr<Listener> result = std::move(listener);
  return result;
}

SimNetwork::SimNetwork(SimScheduler& scheduler) : scheduler_(scheduler), random_(scheduler.random().fork()) {
  local_link_.delay_min = std::chrono::microseconds(1);
  local_link_.delay_max = std::chrono::microseconds(10);
}

SimNetwork::~SimNetwork() {
  *alive_ = false;
  for (const auto& port : ports_) {
    if (port->process() != nullptr) scheduler_.crash(*port->process());
  }
}

std::string SimNetwork::address(uint64_t node, uint32_t port) {
  return "sim:" + std::to_string(node) + ":" + std::to_string(port);
}

Network& SimNetwork::port(SimExecutor& process, uint64_t node) {
  for (const auto& port : ports_) {
    if (port->process() == &process) return *port;
  }
  dark_.erase(node);
  ports_.push_back(std::make_unique<Port>(*this, process, node));
  return *ports_.back();
}

void SimNetwork::cut_both(uint64_t a, uint64_t b) {
  cut(a, b);
  cut(b, a);
}

void SimNetwork::heal_all() {
  cuts_.clear();
  isolated_.clear();
}

bool SimNetwork::is_cut(uint64_t from_node, uint64_t to_node) const {
  if (cuts_.contains({from_node, to_node})) return true;
  return std::any_of(isolated_.begin(), isolated_.end(), [&](const std::set<uint64_t>& nodes) {
    return nodes.contains(from_node) != nodes.contains(to_node);
  });
}

const SimLink& SimNetwork::link(uint64_t from_node, uint64_t to_node) const {
  return from_node == to_node ? local_link_ : link_;
}

bool SimNetwork::node_is_up(uint64_t node) const { return !dark_.contains(node); }

Duration SimNetwork::draw_delay(uint64_t from_node, uint64_t to_node) {
  const SimLink& link = this->link(from_node, to_node);
  Duration low = link.delay_min, high = link.delay_max;
  if (random_.fraction() < link.stall) {
    scheduler_.fault_counts().add("network_stalled");
    low = high;
    high = std::max(high, link.stall_max);
  }
  return low + Duration(static_cast<int64_t>(static_cast<double>((high - low).count()) * random_.fraction()));
}

void SimNetwork::schedule(Duration delay, std::function<void()> what) {
  scheduler_.at(scheduler_.now() + delay, nullptr, [alive = alive_, what = std::move(what)] {
    if (*alive) what();
  });
}

void SimNetwork::pump(const std::shared_ptr<Connection>& connection, int to) {
  Pipe& pipe = connection->sides[to].inbound;
  if (pipe.is_moving || pipe.on_the_way.empty()) return;
  pipe.is_moving = true;
  const Duration left = std::max(Duration(0), pipe.on_the_way.front().arrival - scheduler_.now());
  schedule(left, [this, connection, to] { deliver(connection, to, Duration(0)); });
}

// The first piece on the way to a side arrives, unless something is in between. It has waited for that so long.
void SimNetwork::deliver(const std::shared_ptr<Connection>& connection, int to, Duration waited) {
  Connection::Side& receiver = connection->sides[to];
  Connection::Side& sender = connection->sides[1 - to];
  Pipe& pipe = receiver.inbound;
  const bool is_cut = this->is_cut(sender.node, receiver.node);
  if (is_cut || !node_is_up(receiver.node)) {
    if (is_cut) scheduler_.fault_counts().add("network_cut");
    if (sender.is_gone) return;  // Nobody sends it again.
    if (waited >= kGiveUp) {
      scheduler_.fault_counts().add("network_abandoned");
      sender.is_broken = true;
      sender.changed.notify_all();
      return;  // The receiver finds out when it writes something itself.
    }
    const Duration pause = std::max(kRetryFirst, waited);
    schedule(pause, [this, connection, to, waited, pause] { deliver(connection, to, waited + pause); });
    return;
  }
  pipe.is_moving = false;
  Pipe::Piece piece = std::move(pipe.on_the_way.front());
  pipe.on_the_way.pop_front();
  if (sender.is_broken || receiver.is_broken || receiver.is_gone || receiver.is_shut) {
    pipe.on_the_way.clear();
    if (!receiver.is_broken && !(receiver.is_shut && piece.bytes.empty())) break_soon(connection, 1 - to);
    return;
  }
  if (random_.fraction() < link(sender.node, receiver.node).reset) {
    scheduler_.fault_counts().add("network_reset");
    pipe.on_the_way.clear();
    if (random_.one_in(2)) pipe.arrived.clear();  // What had arrived may still be read, or not.
    receiver.is_broken = true;
    receiver.changed.notify_all();
    break_soon(connection, 1 - to);
    return;
  }
  if (piece.bytes.empty()) {
    pipe.has_ended = true;
  } else {
    pipe.arrived.push_back(std::move(piece.bytes));
  }
  receiver.changed.notify_all();
  pump(connection, to);
}

// A side learns that the other knows no connection any more, once the way is free.
void SimNetwork::break_soon(const std::shared_ptr<Connection>& connection, int side) {
  Connection::Side& told = connection->sides[side];
  if (told.is_gone || told.is_broken) return;
  const uint64_t from = connection->sides[1 - side].node;
  schedule(draw_delay(from, told.node), [this, connection, side, from] {
    Connection::Side& now_told = connection->sides[side];
    if (is_cut(from, now_told.node)) {
      schedule(kRetryFirst, [this, connection, side] { break_soon(connection, side); });
      return;
    }
    now_told.is_broken = true;
    now_told.changed.notify_all();
  });
}

void SimNetwork::forget(Port& port, bool power_lost) {
  if (!*alive_) return;
  if (power_lost) dark_.insert(port.node());
  std::erase_if(listeners_, [&](const auto& entry) { return &entry.second->port() == &port; });
  for (const std::weak_ptr<Connection>& known : port.connections()) {
    const std::shared_ptr<Connection> connection = known.lock();
    if (connection == nullptr) continue;
    for (const int side : {0, 1}) {
      if (connection->sides[side].port != &port) continue;
      connection->sides[side].is_gone = true;
      if (!power_lost) break_soon(connection, 1 - side);
    }
  }
}

}  // namespace aeon
