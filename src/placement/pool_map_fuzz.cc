// Any bytes as a pool map. One that is taken encodes to what was read, and layouts, changes and their encodings work.
#include <cstdlib>

#include "placement/layout.h"
#include "placement/pool_map.h"

using namespace aeon;
using namespace aeon::placement;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void lay_out(const PoolMap& map) {
  for (const MapKind kind : {MapKind::kJump, MapKind::kRing}) {
    const Result<PlacementMap> ready = PlacementMap::make(map, kind);
    require(ready.is_ok());
    for (const char* const name : {"S1", "S3", "SX", "RP_2G2", "RP_3GX", "EC_2P1G1"}) {
      for (const View view : {View::kNow, View::kNext}) {
        const Result<Layout> layout = (*ready).place(make_object_id({.hi = 0, .lo = 7}, 0, *class_by_name(name)), view);
        if (!layout.is_ok()) continue;
        require((*layout).targets.size() == size_t{(*layout).group_count} * (*layout).group_size);
        for (const TargetId target : (*layout).targets) require(target == kNoTarget || target < map.targets.size());
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  const Result<PoolMap> map = decode_pool_map(input);
  if (!map.is_ok()) return 0;
  require(equal_bytes(encode_pool_map(*map), input));
  lay_out(*map);
  if ((*map).version == ~MapVersion{0}) return 0;
  const TargetId first = 0;
  for (const auto change : {with_joining, with_excluded, with_drained, with_reintegrated}) {
    const Result<PoolMap> next = change(*map, std::span(&first, (*map).targets.empty() ? 0 : 1));
    if (!next.is_ok()) continue;
    require(check_follows(*map, *next).is_ok());
    const Result<PoolMap> read = decode_pool_map(encode_pool_map(*next));
    require(read.is_ok() && *read == *next);
  }
  const Result<PoolMap> done = with_changes_finished(*map, (*map).version);
  require(done.is_ok() && !(*done).is_changing());
  lay_out(*done);
  return 0;
}
