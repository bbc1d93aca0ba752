// Giving freed space back to the file system or device. Nothing depends on it: a piece may be overwritten with anything
// from the moment it is free, and zeros or garbage are no different. docs/design/space.md says more.
#include "base/check.h"
#include "store_core.h"

namespace aeon::media {

namespace {
// One piece, then a pause: at most 800 MiB a second, so that foreground work hardly notices.
constexpr ByteCount kPieceSizeMax = 8 * kMiB;
constexpr Duration kPause = std::chrono::milliseconds(10);
}  // namespace

Task<void> StoreCore::discard_in_background(Ref core) {
  uint64_t from = 0;
  while (!core->is_closed) {
    // What is being given back can't be used meanwhile, so never much of what is free.
    const uint64_t count_max = std::min(kPieceSizeMax / kBlockSize, core->ledger.free_count() / 8);
    const std::optional<BlockRange> piece = count_max == 0 ? std::nullopt : core->ledger.take_discard(count_max, from);
    if (!piece.has_value()) break;
    const Status status = co_await core->disk.discard(piece->first * kBlockSize, piece->count * kBlockSize);
    CHECK(core->ledger.cancel(*piece));
    if (!status.is_ok()) {
      core->ledger.stop_discards();  // A disk that says no is not asked again.
      break;
    }
    core->counts.bytes_discarded += piece->count * kBlockSize;
    co_await sleep_for(core->world.executor, kPause);
  }
  core->is_discarding_ = false;
  core->discarded_.notify_all();
}

void StoreCore::discard_if_due() {
  if (is_discarding_ || is_closed || !ledger.has_discard()) return;
  is_discarding_ = true;
  world.executor.spawn(discard_in_background(shared_from_this()));
}

}  // namespace aeon::media
