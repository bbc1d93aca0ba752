#include "sim/sim_nemesis.h"

namespace aeon {

namespace {

Duration up_to(Random& random, Duration longest) {
  return Duration(static_cast<int64_t>(random.below(static_cast<uint64_t>(longest.count()) + 1)));
}

}  // namespace

SimNemesis::SimNemesis(SimScheduler& scheduler, SimNetwork& network, SimNemesisOptions options)
    : scheduler_(scheduler),
      network_(network),
      options_(options),
      random_(scheduler.random().fork()),
      executor_(scheduler.new_process("nemesis")) {}

void SimNemesis::add(uint64_t node, SimProcess& process, std::function<void()> restarted) {
  victims_.push_back({node, &process, std::move(restarted)});
}

void SimNemesis::add_bystander(uint64_t node, SimProcess& process) { victims_.push_back({node, &process, {}}); }

void SimNemesis::start() {
  CHECK(!victims_.empty());
  active_ = true;
  executor_.spawn(run());
}

void SimNemesis::stop() {
  active_ = false;
  scheduler_.crash(executor_);  // Its plans to heal and restart go too, so all of that happens now.
  network_.heal_all();
  network_.set_link(SimLink{});
  for (size_t victim = 0; victim < victims_.size(); ++victim) restart(victim);
}

Task<void> SimNemesis::run() {
  while (active_) {
    co_await sleep_for(executor_, up_to(random_, options_.calm_max));
    strike();
  }
}

void SimNemesis::restart(size_t victim) {
  Victim& down = victims_[victim];
  if (down.process->is_alive()) return;
  down.process->start();
  down.restarted();
}

void SimNemesis::strike() {
  ++strike_count_;
  const size_t chosen = random_.below(victims_.size());
  Victim& victim = victims_[chosen];
  const Duration outage = up_to(random_, options_.outage_max);
  const Instant end = scheduler_.now() + outage;
  SimFaultCounts& counts = scheduler_.fault_counts();
  switch (random_.below(7)) {
    case 0:
    case 1:
      if (!options_.crashes || !victim.restarted || !victim.process->is_alive()) return;
      if (random_.one_in(3)) {
        victim.process->kill();
      } else {
        victim.process->crash();
      }
      scheduler_.at(end, &executor_, [this, chosen] { restart(chosen); });
      return;
    case 2:
      if (options_.pauses && victim.process->is_alive()) scheduler_.pause(victim.process->executor(), outage);
      return;
    case 3: {
      if (!options_.partitions) return;
      const uint64_t other = victims_[random_.below(victims_.size())].node;
      if (other == victim.node) return;
      network_.cut(victim.node, other);
      scheduler_.at(end, &executor_, [this, from = victim.node, other] { network_.heal(from, other); });
      return;
    }
    case 4:
      if (!options_.partitions) return;
      network_.isolate({victim.node});
      scheduler_.at(end, &executor_, [this] { network_.heal_all(); });
      return;
    case 5: network_.set_link(SimLink::random(random_, options_.link_fault_max)); return;
    case 6:
      if (!options_.clock_jumps) return;
      counts.add("clock_jump");
      victim.process->clock().jump(up_to(random_, std::chrono::seconds(20)) - std::chrono::seconds(10));
      return;
  }
}

}  // namespace aeon
