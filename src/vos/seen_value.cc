// Inspector::see(): one akey's versions, and which of them a reader sees.
#include <algorithm>

#include "key_codec.h"
#include "visible_extents.h"
#include "vos/inspector.h"

namespace aeon::vos {

namespace {

Version version_of(const StoredRecord& record) { return {.epoch = record.epoch, .minor = record.minor}; }

bool is_punch_above(const StoredRecord& record) {
  return record.kind == StoredRecord::Kind::kObjectPunch || record.kind == StoredRecord::Kind::kDkeyPunch ||
         record.kind == StoredRecord::Kind::kAkeyPunch;
}

// What is older is hidden.
Version floor_of(const Inspector::SeenValue& seen, Epoch epoch) {
  Version floor;
  for (const StoredRecord& record : seen.versions) {
    if (is_punch_above(record) && record.epoch <= epoch) floor = std::max(floor, version_of(record));
  }
  return floor;
}

void see_single(Inspector::SeenValue& seen, Version floor, Epoch epoch) {
  Version newest;
  bool is_there = false;
  for (const StoredRecord& record : seen.versions) {
    const bool is_single =
        record.kind == StoredRecord::Kind::kSingle || record.kind == StoredRecord::Kind::kSinglePunch;
    if (!is_single || record.epoch > epoch || version_of(record) <= floor) continue;
    if (is_there && version_of(record) <= newest) continue;
    newest = version_of(record);
    is_there = true;
  }
  if (!is_there) return;
  for (size_t i = 0; i < seen.versions.size(); ++i) {  // Parts of one version are in order.
    const StoredRecord& record = seen.versions[i];
    if (record.kind != StoredRecord::Kind::kSingle || version_of(record) != newest) continue;
    seen.record_size = record.record_size;
    seen.pieces.push_back({.version = i, .recx = {0, 1}, .offset = 0, .size = record.bytes});
  }
}

void see_array(Inspector::SeenValue& seen, Version floor, Epoch epoch) {
  std::vector<ExtentCandidate> candidates;
  uint64_t end = 0;
  for (size_t i = 0; i < seen.versions.size(); ++i) {
    const StoredRecord& record = seen.versions[i];
    const bool is_extent =
        record.kind == StoredRecord::Kind::kExtent || record.kind == StoredRecord::Kind::kExtentPunch;
    if (!is_extent || !record.status.is_ok() || record.epoch > epoch || version_of(record) <= floor) continue;
    ExtentCandidate candidate;
    candidate.start = record.recx.index;
    candidate.end = std::max(record.recx.end(), record.recx.index);
    candidate.version = version_of(record);
    candidate.is_punch = record.kind == StoredRecord::Kind::kExtentPunch;
    candidate.source = static_cast<uint32_t>(i);
    end = std::max(end, candidate.end);
    candidates.push_back(candidate);
  }
  for (const VisiblePart& part : visible_parts(candidates, 0, end)) {
    const ExtentCandidate& candidate = candidates[part.candidate];
    if (candidate.is_punch) continue;
    const StoredRecord& record = seen.versions[candidate.source];
    seen.record_size = record.record_size;
    Inspector::SeenValue::Piece piece;
    piece.version = candidate.source;
    piece.recx = {part.start, part.end - part.start};
    piece.offset = (part.start - record.recx.index) * record.record_size;
    piece.size = piece.recx.count * record.record_size;
    seen.pieces.push_back(piece);
  }
}

}  // namespace

Task<void> Inspector::collect(Bytes prefix, SeenValue* into, bool stops_behind_punches) {
  RecordWalk walk(*this, std::move(prefix));
  while (true) {
    const RecordWalk::Step step = co_await walk.next();
    if (step == RecordWalk::Step::kEnd) break;
    if (step == RecordWalk::Step::kDamage) {
      into->damage.push_back(walk.damage());
      continue;
    }
    // Punches of a thing come before all that is below it.
    if (stops_behind_punches && !is_punch_above(walk.record())) break;
    into->versions.push_back(walk.record());
  }
}

Task<Status> Inspector::collect_layer(uint32_t container, ObjectId object, Bytes dkey, Bytes akey, Epoch through,
                                      SeenValue* into) {
  CO_TRY_ASSIGN(Bytes dkey_bytes, prefix_of(container, object, dkey));
  CO_TRY_ASSIGN(Bytes akey_bytes, prefix_of(container, object, dkey, akey));
  Bytes object_bytes = prefix_of(container, object);
  object_bytes.push_back(kPunchTag);
  dkey_bytes.push_back(kPunchTag);
  SeenValue layer;
  co_await collect(std::move(object_bytes), &layer, true);
  co_await collect(std::move(dkey_bytes), &layer, true);
  co_await collect(std::move(akey_bytes), &layer, false);
  for (StoredRecord& record : layer.versions) {
    if (record.epoch <= through) into->versions.push_back(std::move(record));
  }
  into->damage.insert(into->damage.end(), layer.damage.begin(), layer.damage.end());
  co_return ok();
}

Task<Result<Inspector::SeenValue>> Inspector::see(uint32_t container, ObjectId object, Bytes dkey, Bytes akey,
                                                  Epoch epoch) {
  CO_TRY_ASSIGN(const StoreOverview overview, co_await this->overview(false));
  SeenValue seen;
  // A clone's own epochs are all above those it shares, so versions of all layers compare as those of one container.
  Epoch through = kEpochMax;
  for (uint32_t number = container; number != 0;) {
    CO_TRY(co_await collect_layer(number, object, dkey, akey, through, &seen));
    const auto layer = std::find_if(overview.containers.begin(), overview.containers.end(),
                                    [&](const StoredContainer& stored) { return stored.number == number; });
    const bool has_base = layer != overview.containers.end() && layer->base_number < number;
    if (has_base) through = std::min(through, layer->base_epoch);
    number = has_base ? layer->base_number : 0;
  }
  const Version floor = floor_of(seen, epoch);
  see_single(seen, floor, epoch);
  if (seen.pieces.empty()) {
    see_array(seen, floor, epoch);
    seen.is_array = !seen.pieces.empty();
  }
  co_return seen;
}

}  // namespace aeon::vos
