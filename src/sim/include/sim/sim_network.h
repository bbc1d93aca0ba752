// Connections between simulated processes: slow, stalled, broken, and cut off one way or both.
//
//   SimNetwork network(scheduler);
//   Network& port = network.port(process, 2);    // For this process's World, on node 2; goes when the process crashes.
//   port.listen(SimNetwork::address(2, 1));
//   network.set_link(SimLink::flaky());
//   network.cut(1, 2);                           // Node 2 hears nothing from node 1; node 1 still hears node 2.
//
// As TCP does: what is written arrives in order, in pieces of any size, or the connection breaks. A partition holds
// it up; if that lasts, the connection breaks. A killed process's peers are told at once; one whose node lost its
// power only answers again, that it knows of no connection, when it runs again. Who writes more than fits between
// waits.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/network.h"
#include "sim/sim_scheduler.h"

namespace aeon {

// How bytes travel from one node to another. The names in SimFaultCounts are network_stalled, network_reset and
// network_cut (a piece or an attempt to connect met a partition), network_abandoned (a partition outlasted a
// connection).
struct SimLink {
  Duration delay_min = std::chrono::microseconds(20), delay_max = std::chrono::microseconds(500);
  double stall = 0;  // A piece takes up to stall_max instead, as when it had to be sent again.
  Duration stall_max = std::chrono::seconds(2);
  double reset = 0;  // The connection breaks instead of delivering a piece.

  static SimLink flaky();
  // Each kind off or up to `probability_max`, by chance.
  static SimLink random(Random& random, double probability_max);
};

class SimNetwork {
 public:
  explicit SimNetwork(SimScheduler& scheduler);
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;
  // Crashes the processes that still have ports.
  ~SimNetwork();

  // "sim:NODE:PORT".
  static std::string address(uint64_t node, uint32_t port);

  // The network as `process`, on `node`, sees it.
  Network& port(SimExecutor& process, uint64_t node);

  // Of all links between different nodes; within a node all is quick and sure.
  void set_link(SimLink link) { link_ = link; }

  // Partitions.
  void cut(uint64_t from_node, uint64_t to_node) { cuts_.insert({from_node, to_node}); }
  void cut_both(uint64_t a, uint64_t b);
  // Between `nodes` and all others, both ways.
  void isolate(std::set<uint64_t> nodes) { isolated_.push_back(std::move(nodes)); }
  void heal(uint64_t from_node, uint64_t to_node) { cuts_.erase({from_node, to_node}); }
  void heal_all();
  bool is_cut(uint64_t from_node, uint64_t to_node) const;

 private:
  class Port;
  class End;
  class SimListener;
  struct Pipe;
  struct Connection;
  using NodePair = std::pair<uint64_t, uint64_t>;

  const SimLink& link(uint64_t from_node, uint64_t to_node) const;
  Duration draw_delay(uint64_t from_node, uint64_t to_node);
  bool node_is_up(uint64_t node) const;
  void schedule(Duration delay, std::function<void()> what);
  void pump(const std::shared_ptr<Connection>& connection, int to);
  void deliver(const std::shared_ptr<Connection>& connection, int to, Duration waited);
  void break_soon(const std::shared_ptr<Connection>& connection, int side);
  void forget(Port& port, bool power_lost);

  SimScheduler& scheduler_;
  Random random_;
  SimLink link_;
  SimLink local_link_;
  std::set<NodePair> cuts_;
  std::set<uint64_t> dark_;  // Nodes that lost their power, until a process starts there.
  std::vector<std::set<uint64_t>> isolated_;
  std::map<std::string, SimListener*> listeners_;
  std::vector<std::unique_ptr<Port>> ports_;
  // Events outlive neither: those that find it gone do nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace aeon
