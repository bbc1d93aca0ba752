// Messages between simulated processes: delayed, lost, repeated, overtaken, and cut off one way or both.
//
//   SimNetwork network(scheduler);
//   Network& port = network.port(process);      // For this process's World; goes when the process crashes.
//   network.set_link(SimLink::flaky());
//   network.cut(1, 2);                           // Node 2 hears nothing from node 1; node 1 still hears node 2.
//
// What a crashed process had sent may still arrive, also at the process that listens at its address next.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "runtime/network.h"
#include "sim/sim_scheduler.h"

namespace aeon {

// How messages travel from one node to another. The names in SimFaultCounts are network_lost, network_duplicated,
// network_delayed, network_reordered (a message arrived after a later one) and network_cut (a partition ate it).
struct SimLink {
  Duration delay_min = std::chrono::microseconds(20), delay_max = std::chrono::microseconds(500);
  double loss = 0;
  double duplication = 0;
  double long_delay = 0;  // Takes up to long_delay_max instead.
  Duration long_delay_max = std::chrono::seconds(2);
  bool in_order = false;  // As on one stream: nothing overtakes.

  static SimLink flaky();
  // Each kind off or up to `probability_max`, by chance.
  static SimLink random(Random& random, double probability_max);
};

class SimNetwork {
 public:
  explicit SimNetwork(SimScheduler& scheduler, ByteCount message_size_max = 4 * kMiB);
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;
  // Crashes the processes that still have ports.
  ~SimNetwork();

  // The network as `process` sees it.
  Network& port(SimExecutor& process);

  // All links between different nodes that have none of their own; within a node messages are quick and sure.
  void set_link(SimLink link) { default_link_ = link; }
  void set_link(uint64_t from_node, uint64_t to_node, SimLink link) { links_[{from_node, to_node}] = link; }

  // Partitions. What is under way when the cut happens is lost too.
  void cut(uint64_t from_node, uint64_t to_node) { cuts_.insert({from_node, to_node}); }
  void cut_both(uint64_t a, uint64_t b);
  // Between `nodes` and all others, both ways.
  void isolate(std::set<uint64_t> nodes) { isolated_.push_back(std::move(nodes)); }
  void heal(uint64_t from_node, uint64_t to_node) { cuts_.erase({from_node, to_node}); }
  void heal_all();
  bool is_cut(uint64_t from_node, uint64_t to_node) const;

  uint64_t sent_count() const { return sent_count_; }
  uint64_t delivered_count() const { return delivered_count_; }

 private:
  class Port;
  struct Listener {
    Port* port;
    std::shared_ptr<Network::Receiver> receiver;
  };
  struct LinkState {
    uint64_t sent = 0;
    uint64_t newest_arrived = 0;
    Instant last_arrival{};
  };
  using NodePair = std::pair<uint64_t, uint64_t>;

  void send(SimExecutor& sender, Address from, Address to, Bytes message);
  const SimLink& link(uint64_t from_node, uint64_t to_node) const;
  Duration draw_delay(const SimLink& link);
  void schedule(Address from, Address to, const std::shared_ptr<const Bytes>& message, uint64_t sequence);
  void arrive(Address from, Address to, const std::shared_ptr<const Bytes>& message, uint64_t sequence);
  void forget(Port& port);

  SimScheduler& scheduler_;
  Random random_;
  const ByteCount message_size_max_;
  SimLink default_link_;
  SimLink local_link_;
  std::map<NodePair, SimLink> links_;
  std::map<NodePair, LinkState> states_;
  std::set<NodePair> cuts_;
  std::vector<std::set<uint64_t>> isolated_;
  std::map<Address, Listener> listeners_;
  std::vector<std::unique_ptr<Port>> ports_;
  uint64_t sent_count_ = 0;
  uint64_t delivered_count_ = 0;
  // Events outlive neither: those that find it gone do nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace aeon
