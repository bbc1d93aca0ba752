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

}  // namespace aeon
