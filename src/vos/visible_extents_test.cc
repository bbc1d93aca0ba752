#include "visible_extents.h"

#include <gtest/gtest.h>

#include "runtime/random.h"
#include "sim/for_each_seed.h"

namespace aeon::vos {
namespace {

TEST(VisibleExtentsProperty, EachRecordComesFromTheNewestThatHasIt) {
  for_each_seed(
      [](Random& random) {
        std::vector<ExtentCandidate> candidates;
        const uint64_t index_end = 1 + random.below(30);
        for (uint64_t i = random.below(12); i-- > 0;) {
          ExtentCandidate candidate;
          candidate.start = random.below(index_end);
          candidate.end = candidate.start + 1 + random.below(index_end - candidate.start);
          candidate.version = {Epoch{1 + random.below(4)}, i};
          candidates.push_back(candidate);
        }
        const uint64_t begin = random.below(index_end);
        const uint64_t end = begin + 1 + random.below(40);
        const std::vector<VisiblePart> parts = visible_parts(candidates, begin, end);

        std::vector<const ExtentCandidate*> seen(end, nullptr);
        uint64_t behind = begin;
        for (size_t i = 0; i < parts.size(); ++i) {
          ASSERT_LE(behind, parts[i].start);
          ASSERT_LT(parts[i].start, parts[i].end);
          ASSERT_LE(parts[i].end, end);
          const bool is_one_with_the_last =
              i != 0 && parts[i - 1].end == parts[i].start && parts[i - 1].candidate == parts[i].candidate;
          ASSERT_FALSE(is_one_with_the_last);
          behind = parts[i].end;
          for (uint64_t at = parts[i].start; at < parts[i].end; ++at) seen[at] = &candidates[parts[i].candidate];
        }
        for (uint64_t at = begin; at < end; ++at) {
          const ExtentCandidate* newest = nullptr;
          for (const ExtentCandidate& candidate : candidates) {
            const bool has = candidate.start <= at && at < candidate.end;
            if (has && (newest == nullptr || candidate.version > newest->version)) newest = &candidate;
          }
          ASSERT_EQ(seen[at], newest) << at;
        }
      },
      3000);
}

}  // namespace
}  // namespace aeon::vos
