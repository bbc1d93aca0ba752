#include "sim/sim_faults.h"

namespace aeon {

bool SimFaults::sometimes(std::string_view name) {
  if (!enabled_) return false;
  auto found = probabilities_.find(name);
  if (found == probabilities_.end()) {
    const bool is_on = random_.one_in(2);
    const double probability = is_on ? 0.01 + 0.24 * random_.fraction() : 0.0;
    found = probabilities_.emplace(std::string(name), probability).first;
  }
  if (random_.fraction() >= found->second) return false;
  scheduler_.fault_counts().add(std::string("code:").append(name));
  return true;
}

void SimFaults::set_probability(std::string_view name, double probability) {
  probabilities_.insert_or_assign(std::string(name), probability);
}

void SimFaults::exhaust(uint64_t first, uint64_t count, std::set<std::string, std::less<>> resources) {
  exhausted_resources_ = std::move(resources);
  exhausted_asked_ = 0;
  exhausted_first_ = first;
  exhausted_count_ = count;
}

bool SimFaults::exhausted(std::string_view resource) {
  if (!exhausted_resources_.empty() && !exhausted_resources_.contains(resource)) return false;
  ++exhausted_asked_;
  return exhausted_asked_ >= exhausted_first_ && exhausted_asked_ - exhausted_first_ < exhausted_count_;
}

}  // namespace aeon
