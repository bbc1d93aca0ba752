// How long things took, or how large they were: counts of values by size, in fixed memory.
//
// Buckets are log-linear: eight for each doubling, so a value read back is within 1/16 of what was recorded, from one
// nanosecond to 73 minutes (and what is longer counts as that; sum and maximum are exact). Recording is a few
// instructions and never allocates. Histograms of several owners are added up by merge(), and one of an earlier moment
// is taken away by since().
// Threading: none of its own; one executor owns it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/units.h"

namespace aeon::metrics {

class Histogram {
 public:
  static constexpr unsigned kSubBits = 3;
  static constexpr unsigned kValueBits = 42;
  static constexpr size_t kBucketCount = (kValueBits - kSubBits + 1) << kSubBits;

  // Counts that aren't zero, by bucket, in order; how histograms travel.
  struct Bucket {
    uint16_t index = 0;
    uint64_t count = 0;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };

  static constexpr size_t bucket_of(uint64_t value) {
    if (value >> kValueBits != 0) return kBucketCount - 1;
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kSubBits) return value;
    const unsigned shift = width - kSubBits - 1;
    return (static_cast<size_t>(shift) << kSubBits) + (value >> shift);
  }
  // The least value of a bucket; of kBucketCount, the first that is beyond them all.
  static constexpr uint64_t lower_bound(size_t bucket) {
    constexpr size_t kLinear = size_t{1} << kSubBits;
    if (bucket < kLinear) return bucket;
    const size_t shift = (bucket >> kSubBits) - 1;
    return (kLinear + (bucket & (kLinear - 1))) << shift;
  }

  void record(uint64_t value) {
    ++counts_[bucket_of(value)];
    sum_ += value;
    max_ = std::max(max_, value);
  }
  void record(Duration duration) { record(static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0))); }
  // `count` values of zero, in one.
  void record_zeros(uint64_t count) { counts_[0] += count; }
  void merge(const Histogram& other);
  // What was recorded since `earlier`, which was this histogram once. Its maximum is known as exactly as its buckets.
  // Where `earlier` has more than this, and so can't be, nothing is taken away.
  Histogram since(const Histogram& earlier) const;

  uint64_t count() const;
  uint64_t sum() const { return sum_; }
  uint64_t max() const { return max_; }
  // The value that `fraction` of all (0.99: 99 %) don't exceed; 0 if there are none.
  uint64_t percentile(double fraction) const;
  // How many values are below `bound`, which is a power of two.
  uint64_t count_below(uint64_t bound) const;

  std::vector<Bucket> buckets() const;
  // Buckets that aren't any are left out.
  static Histogram from_buckets(std::span<const Bucket> buckets, uint64_t sum, uint64_t max);

 private:
  std::array<uint64_t, kBucketCount> counts_{};
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

static_assert(Histogram::bucket_of(~uint64_t{0}) == Histogram::kBucketCount - 1);
static_assert(Histogram::bucket_of((uint64_t{1} << Histogram::kValueBits) - 1) == Histogram::kBucketCount - 1);

}  // namespace aeon::metrics
