#include "visible_extents.h"

#include <algorithm>
#include <queue>

namespace aeon::vos {

std::vector<VisiblePart> visible_parts(std::vector<ExtentCandidate>& candidates, uint64_t begin, uint64_t end) {
  std::sort(candidates.begin(), candidates.end(), [](const ExtentCandidate& a, const ExtentCandidate& b) {
    return a.start != b.start ? a.start < b.start : a.version > b.version;
  });
  std::vector<VisiblePart> parts;
  // Candidates that began at or before `at`, newest on top. Those that ended stay until they come to the top.
  const auto older = [&](size_t a, size_t b) { return candidates[a].version < candidates[b].version; };
  std::priority_queue<size_t, std::vector<size_t>, decltype(older)> begun(older);
  size_t next = 0;
  uint64_t at = begin;
  while (at < end) {
    while (next < candidates.size() && candidates[next].start <= at) begun.push(next++);
    while (!begun.empty() && candidates[begun.top()].end <= at) begun.pop();
    if (begun.empty()) {
      if (next == candidates.size()) break;
      at = candidates[next].start;
      continue;
    }
    const size_t top = begun.top();
    uint64_t until = std::min(candidates[top].end, end);
    while (next < candidates.size() && candidates[next].start < until) {
      if (candidates[next].version > candidates[top].version) {
        until = candidates[next].start;
      } else {
        begun.push(next++);
      }
    }
    if (!parts.empty() && parts.back().candidate == top && parts.back().end == at) {
      parts.back().end = until;
    } else {
      parts.push_back({.start = at, .end = until, .candidate = top});
    }
    at = until;
  }
  return parts;
}

}  // namespace aeon::vos
