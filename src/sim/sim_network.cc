#include "sim/sim_network.h"

#include <algorithm>

namespace aeon {

SimLink SimLink::flaky() {
  SimLink link;
  link.loss = 0.02;
  link.duplication = 0.02;
  link.long_delay = 0.01;
  return link;
}

SimLink SimLink::random(Random& random, double probability_max) {
  SimLink link;
  for (double* fault : {&link.loss, &link.duplication, &link.long_delay}) {
    const bool is_on = random.one_in(2);
    const double probability = random.fraction() * probability_max;
    *fault = is_on ? probability : 0;
  }
  link.in_order = random.one_in(4);
  return link;
}

// The network of one process. It stays as a husk after a crash, since frames being destroyed may still call it.
class SimNetwork::Port final : public Network, private SimCrashListener {
 public:
  Port(SimNetwork& network, SimExecutor& process) : network_(network), process_(&process) {
    process.add_crash_listener(*this);
  }

  Status listen(Address self, Receiver receiver) override {
    if (process_ == nullptr) return Status(Code::kUnavailable, "the process crashed");
    Listener listener{this, std::make_shared<Receiver>(std::move(receiver))};
    const bool added = network_.listeners_.emplace(self, std::move(listener)).second;
    if (!added)
      return Status(Code::kExists,
                    "node " + std::to_string(self.node) + " port " + std::to_string(self.port) + " is in use");
    return ok();
  }
  void unlisten(Address self) override {
    const auto found = network_.listeners_.find(self);
    if (found != network_.listeners_.end() && found->second.port == this) network_.listeners_.erase(found);
  }
  void send(Address from, Address to, Bytes message) override {
    if (process_ != nullptr && process_->is_alive()) network_.send(*process_, from, to, std::move(message));
  }
  ByteCount message_size_max() const override { return network_.message_size_max_; }

  SimExecutor* process() const { return process_; }

 private:
  void on_crash(bool) override {
    process_ = nullptr;
    network_.forget(*this);
  }

  SimNetwork& network_;
  SimExecutor* process_;
};

SimNetwork::SimNetwork(SimScheduler& scheduler, ByteCount message_size_max)
    : scheduler_(scheduler), random_(scheduler.random().fork()), message_size_max_(message_size_max) {
  local_link_.delay_min = std::chrono::microseconds(1);
  local_link_.delay_max = std::chrono::microseconds(10);
}

SimNetwork::~SimNetwork() {
  *alive_ = false;
  for (const auto& port : ports_) {
    if (port->process() != nullptr) scheduler_.crash(*port->process());
  }
}

Network& SimNetwork::port(SimExecutor& process) {
  for (const auto& port : ports_) {
    if (port->process() == &process) return *port;
  }
  ports_.push_back(std::make_unique<Port>(*this, process));
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
  if (from_node == to_node) return local_link_;
  const auto found = links_.find({from_node, to_node});
  return found == links_.end() ? default_link_ : found->second;
}

void SimNetwork::send(SimExecutor& sender, Address from, Address to, Bytes message) {
  // A bug of the sender: a real network would fail every such message, so ours mustn't let it pass.
  CHECK(message.size() <= message_size_max_);
  ++sent_count_;
  scheduler_.trace(sender.index(), "network_send", from.node << 32 | to.node, from.port, message.size());
  const SimLink& link = this->link(from.node, to.node);
  const uint64_t sequence = ++states_[{from.node, to.node}].sent;
  if (random_.fraction() < link.loss) {
    scheduler_.fault_counts().add("network_lost");
    return;
  }
  const auto shared = std::make_shared<const Bytes>(std::move(message));
  schedule(from, to, shared, sequence);
  if (random_.fraction() < link.duplication) {
    scheduler_.fault_counts().add("network_duplicated");
    schedule(from, to, shared, sequence);
  }
}

Duration SimNetwork::draw_delay(const SimLink& link) {
  Duration low = link.delay_min, high = link.delay_max;
  if (random_.fraction() < link.long_delay) {
    scheduler_.fault_counts().add("network_delayed");
    low = high;
    high = std::max(high, link.long_delay_max);
  }
  return low + Duration(static_cast<int64_t>(static_cast<double>((high - low).count()) * random_.fraction()));
}

void SimNetwork::schedule(Address from, Address to, const std::shared_ptr<const Bytes>& message, uint64_t sequence) {
  const SimLink& link = this->link(from.node, to.node);
  Instant arrival = scheduler_.now() + draw_delay(link);
  if (link.in_order) {
    Instant& last = states_[{from.node, to.node}].last_arrival;
    arrival = last = std::max(arrival, last + Duration(1));
  }
  scheduler_.at(arrival, nullptr, [this, alive = alive_, from, to, message, sequence] {
    if (*alive) arrive(from, to, message, sequence);
  });
}

void SimNetwork::arrive(Address from, Address to, const std::shared_ptr<const Bytes>& message, uint64_t sequence) {
  if (is_cut(from.node, to.node)) {
    scheduler_.fault_counts().add("network_cut");
    return;
  }
  const auto found = listeners_.find(to);
  if (found == listeners_.end()) return;
  LinkState& state = states_[{from.node, to.node}];
  if (sequence < state.newest_arrived) scheduler_.fault_counts().add("network_reordered");
  state.newest_arrived = std::max(state.newest_arrived, sequence);
  // By way of the process's own events, so that it waits while the process is paused. The receiver may unlisten
  // itself while it runs, or be gone by then.
  SimExecutor* const process = found->second.port->process();
  std::weak_ptr<Network::Receiver> receiver = found->second.receiver;
  scheduler_.at(scheduler_.now(), process, [this, receiver = std::move(receiver), from, message] {
    const std::shared_ptr<Network::Receiver> listening = receiver.lock();
    if (listening == nullptr) return;
    ++delivered_count_;
    (*listening)(from, *message);
  });
}

void SimNetwork::forget(Port& port) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second.port == &port; });
}

}  // namespace aeon
