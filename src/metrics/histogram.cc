#include "metrics/histogram.h"

#include <cmath>

namespace aeon::metrics {

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBucketCount; ++i) counts_[i] += other.counts_[i];
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram difference;
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (earlier.counts_[i] > counts_[i]) return *this;
    difference.counts_[i] = counts_[i] - earlier.counts_[i];
    if (difference.counts_[i] != 0) difference.max_ = std::min(max_, lower_bound(i + 1) - 1);
  }
  // Beyond all buckets there is only one place.
  if (difference.counts_[kBucketCount - 1] != 0) difference.max_ = max_;
  if (earlier.sum_ > sum_) return *this;
  difference.sum_ = sum_ - earlier.sum_;
  return difference;
}

uint64_t Histogram::count() const {
  uint64_t count = 0;
  for (const uint64_t in_bucket : counts_) count += in_bucket;
  return count;
}

uint64_t Histogram::percentile(double fraction) const {
  const uint64_t all = count();
  if (all == 0) return 0;
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(all));
  const uint64_t rank = wanted >= static_cast<double>(all) ? all : std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
  uint64_t passed = 0;
  for (size_t i = 0; i < kBucketCount; ++i) {
    passed += counts_[i];
    if (passed < rank) continue;
    if (i == kBucketCount - 1) return max_;
    const uint64_t low = lower_bound(i), high = lower_bound(i + 1) - 1;
    return std::min(low + (high - low) / 2, max_);
  }
  return max_;
}

uint64_t Histogram::count_below(uint64_t bound) const {
  uint64_t below = 0;
  for (size_t i = 0; i < kBucketCount && lower_bound(i + 1) <= bound; ++i) below += counts_[i];
  return below;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> filled;
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (counts_[i] != 0) filled.push_back({.index = static_cast<uint16_t>(i), .count = counts_[i]});
  }
  return filled;
}

Histogram Histogram::from_buckets(std::span<const Bucket> buckets, uint64_t sum, uint64_t max) {
  Histogram histogram;
  for (const Bucket& bucket : buckets) {
    if (bucket.index < kBucketCount) histogram.counts_[bucket.index] += bucket.count;
  }
  histogram.sum_ = sum;
  histogram.max_ = max;
  return histogram;
}

}  // namespace aeon::metrics
