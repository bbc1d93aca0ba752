#include "target/asked_handles.h"

namespace aeon::target {
namespace {

constexpr size_t kKnownMax = 64 * 1024;  // Then they are asked for again.
constexpr Duration kBelievedFor = std::chrono::seconds(30);

}  // namespace

void AskedHandles::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::TargetForgetHandlesRequest>(*this, &AskedHandles::forget);
}

Result<OpenContainer> AskedHandles::allowed(const Known& known, bool for_writing) {
  if (for_writing && !known.is_writable) {
    return Status(Code::kPermission, "the container is open read-only; open it read-write");
  }
  return known.container;
}

Result<OpenContainer> AskedHandles::find(uint64_t handle, bool for_writing) const {
  const auto found = known_.find(handle);
  if (found == known_.end() || giver_.executor().now() - found->second.asked > kBelievedFor) {
    return Status(Code::kStaleHandle, "the container handle isn't known here");
  }
  return allowed(found->second, for_writing);
}

Task<Result<OpenContainer>> AskedHandles::look_up(uint64_t handle, bool for_writing) {
  wire::TargetHandleRequest request;
  request.handle = handle;
  const uint64_t forgotten_before = forgotten_count_;
  CO_TRY_ASSIGN(const wire::TargetHandleReply reply, co_await rpc::call(giver_, request, rpc::Bulk(), kTargetTimeout));
  Known known;
  known.container = {.id = reply.container,
                     .durability = reply.is_flushed_later ? vos::Durability::kFlush : vos::Durability::kSync,
                     .has_explicit_epochs = reply.has_explicit_epochs};
  known.is_writable = reply.is_writable;
  known.asked = giver_.executor().now();
  // Unless it was closed while we asked.
  if (forgotten_before == forgotten_count_) {
    if (known_.size() >= kKnownMax) known_.clear();
    known_[handle] = known;
  }
  co_return allowed(known, for_writing);
}

Result<wire::EmptyReply> AskedHandles::forget(wire::TargetForgetHandlesRequest request, rpc::ServerCall&) {
  ++forgotten_count_;
  for (const uint64_t handle : request.handles) known_.erase(handle);
  return wire::EmptyReply{};
}

}  // namespace aeon::target
