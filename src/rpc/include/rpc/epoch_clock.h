// The clock that messages carry along (wire::Header::clock): what is done because of a message gets later epochs than
// what its sender knew of, whichever targets did it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace aeon::rpc {

class EpochClock {
 public:
  virtual ~EpochClock() = default;
  // No epoch known here is later.
  virtual Epoch last() const = 0;
  virtual void observe(Epoch epoch) = 0;
};

// Of one who gives no epochs, but hears of them. Threading: one executor.
class HeardEpochs final : public EpochClock {
 public:
  Epoch last() const override { return last_; }
  void observe(Epoch epoch) override { last_ = std::max(last_, epoch); }

 private:
  Epoch last_;
};

}  // namespace aeon::rpc
