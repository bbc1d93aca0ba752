// The handles that target 0 gives, at another target: asked for when they are first used, then believed for a while, so
// that one that was closed without this target hearing of it doesn't stay.
#pragma once

#include <unordered_map>

#include "rpc/dispatcher.h"
#include "target/open_handles.h"
#include "target/targets.h"

namespace aeon::target {

class AskedHandles final : public OpenHandles {
 public:
  explicit AskedHandles(rpc::Channel& giver) : giver_(giver) {}  // Outlives it.
  // So that it is told what to forget.
  void add_to(rpc::Dispatcher& dispatcher);

  Result<OpenContainer> find(uint64_t handle, bool for_writing) const override;
  Task<Result<OpenContainer>> look_up(uint64_t handle, bool for_writing) override;
  Result<wire::EmptyReply> forget(wire::TargetForgetHandlesRequest request, rpc::ServerCall&);

 private:
  struct Known {
    OpenContainer container;
    bool is_writable = false;
    Instant asked;
  };
  static Result<OpenContainer> allowed(const Known& known, bool for_writing);

  rpc::Channel& giver_;
  std::unordered_map<uint64_t, Known> known_;
  uint64_t forgotten_count_ = 0;  // Calls of forget().
};

}  // namespace aeon::target
