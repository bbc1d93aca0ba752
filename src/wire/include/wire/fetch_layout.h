// Where the segments of a fetch are in the memory that was given for them. Client and server both need it.
#pragma once

#include <span>

#include "base/data_model.h"
#include "base/status.h"

namespace aeon::wire {

// Records asked for: the bytes of recxs[i] begin behind those of all before it. Calls
// place(segment, offset_bytes, size_bytes) for each of `fetched`'s segments in turn.
// kCorrupt unless they are within what was asked for, in its order.
template <typename Place>
Status for_each_segment(ValueKind kind, std::span<const Recx> asked, const FetchedAkey& fetched, Place&& place) {
  const auto misplaced = [] { return Status(Code::kCorrupt, "what was fetched isn't what was asked for"); };
  if (kind == ValueKind::kSingle) {
    if (fetched.segments.size() > 1) return misplaced();
    for (const FetchedSegment& segment : fetched.segments) place(segment, uint64_t{0}, fetched.record_size);
    return ok();
  }
  size_t at = 0;
  uint64_t records_before = 0;                              // Of the recxs before asked[at].
  uint64_t begin = asked.empty() ? 0 : asked[0].index;      // Of what is left of asked[at].
  for (const FetchedSegment& segment : fetched.segments) {
    if (segment.recx.count == 0 || segment.recx.end() < segment.recx.index) return misplaced();
    while (at < asked.size() && (segment.recx.index < begin || segment.recx.end() > asked[at].end())) {
      records_before += asked[at].count;
      if (++at < asked.size()) begin = asked[at].index;
    }
    if (at == asked.size()) return misplaced();
    uint64_t offset = 0;
    uint64_t size = 0;
    const uint64_t records = records_before + (segment.recx.index - asked[at].index);
    if (__builtin_mul_overflow(records, fetched.record_size, &offset) ||
        __builtin_mul_overflow(segment.recx.count, fetched.record_size, &size)) {
      return misplaced();
    }
    place(segment, offset, size);
    begin = segment.recx.end();
  }
  return ok();
}

}  // namespace aeon::wire
