#include "metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/for_each_seed.h"

namespace aeon::metrics {
namespace {

// Of any magnitude that has buckets.
uint64_t random_value(Random& random) { return random.next() >> random.between(64 - Histogram::kValueBits, 63); }

TEST(Histogram, BucketsFollowOneAnotherWithoutGaps) {
  for (size_t bucket = 0; bucket < Histogram::kBucketCount; ++bucket) {
    const uint64_t low = Histogram::lower_bound(bucket), high = Histogram::lower_bound(bucket + 1);
    ASSERT_LT(low, high);
    ASSERT_EQ(Histogram::bucket_of(low), bucket);
    ASSERT_EQ(Histogram::bucket_of(high - 1), bucket);
  }
}

TEST(Histogram, ReadsAValueBackToWithinASixteenth) {
  for_each_seed([](Random& random) {
    const uint64_t value = random_value(random);
    Histogram histogram;
    histogram.record(value);
    histogram.record(Histogram::lower_bound(Histogram::kBucketCount) - 1);  // So that the maximum doesn't help.
    const uint64_t read = histogram.percentile(0.5);
    const uint64_t error = read > value ? read - value : value - read;
    ASSERT_LE(error * 16, value) << value << " was read as " << read;
  });
}

TEST(Histogram, PercentilesAgreeWithASortedList) {
  for_each_seed([](Random& random) {
    Histogram histogram;
    std::vector<uint64_t> values;
    for (uint64_t left = random.between(1, 300); left > 0; --left) {
      values.push_back(random_value(random));
      histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 1.0}) {
      const auto rank = static_cast<size_t>(std::ceil(fraction * static_cast<double>(values.size())));
      const uint64_t exact = values[std::max<size_t>(rank, 1) - 1];
      ASSERT_EQ(Histogram::bucket_of(histogram.percentile(fraction)), Histogram::bucket_of(exact)) << fraction;
    }
    ASSERT_EQ(histogram.max(), values.back());
    ASSERT_EQ(histogram.count(), values.size());
  });
}

TEST(Histogram, MergedIsAsIfRecordedInOne) {
  for_each_seed([](Random& random) {
    Histogram one, other, all;
    for (int i = 0; i < 100; ++i) {
      const uint64_t value = random_value(random);
      (random.one_in(2) ? one : other).record(value);
      all.record(value);
    }
    one.merge(other);
    ASSERT_EQ(one.buckets(), all.buckets());
    ASSERT_EQ(one.sum(), all.sum());
    ASSERT_EQ(one.max(), all.max());
  });
}

TEST(Histogram, SinceLeavesWhatWasRecordedAfterwards) {
  Histogram histogram;
  histogram.record(uint64_t{1'000'000});
  const Histogram before = histogram;
  histogram.record(uint64_t{100});
  histogram.record(uint64_t{200});
  const Histogram after = histogram.since(before);
  EXPECT_EQ(after.count(), 2u);
  EXPECT_EQ(after.sum(), 300u);
  EXPECT_GE(after.max(), 200u);
  EXPECT_LE(after.max(), 212u) << "not the million from before";
}

TEST(Histogram, SinceSomethingThatItNeverWasTakesNothingAway) {
  Histogram histogram, other;
  histogram.record(uint64_t{5});
  other.record(uint64_t{7});
  EXPECT_EQ(histogram.since(other).buckets(), histogram.buckets());
}

TEST(Histogram, WhatIsBeyondAllBucketsCountsInTheLastAndAsTheMaximum) {
  Histogram histogram;
  histogram.record(~uint64_t{0});
  histogram.record(std::chrono::hours(48));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.max(), ~uint64_t{0});
  EXPECT_EQ(histogram.percentile(0.5), ~uint64_t{0});
}

TEST(Histogram, ATimeBelowZeroIsZero) {
  Histogram histogram;
  histogram.record(Duration(-5));
  EXPECT_EQ(histogram.percentile(1), 0u);
  EXPECT_EQ(histogram.sum(), 0u);
}

TEST(Histogram, WithoutValuesEverythingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.percentile(0.99), 0u);
  EXPECT_EQ(histogram.count_below(1024), 0u);
  EXPECT_TRUE(histogram.buckets().empty());
}

TEST(Histogram, CountsBelowAPowerOfTwoExactly) {
  for_each_seed([](Random& random) {
    Histogram histogram;
    const uint64_t bound = uint64_t{1} << random.between(3, 40);
    uint64_t below = 0;
    for (int i = 0; i < 200; ++i) {
      const uint64_t value = random.one_in(4) ? bound - random.below(2) : random_value(random);
      histogram.record(value);
      if (value < bound) ++below;
    }
    ASSERT_EQ(histogram.count_below(bound), below);
  });
}

TEST(Histogram, TravelsAsItsBuckets) {
  for_each_seed([](Random& random) {
    Histogram histogram;
    for (int i = 0; i < 100; ++i) histogram.record(random_value(random));
    const Histogram read = Histogram::from_buckets(histogram.buckets(), histogram.sum(), histogram.max());
    ASSERT_EQ(read.buckets(), histogram.buckets());
    ASSERT_EQ(read.percentile(0.9), histogram.percentile(0.9));
  });
}

TEST(Histogram, BucketsThatArentAnyAreLeftOut) {
  const std::vector<Histogram::Bucket> buckets = {{.index = 3, .count = 1}, {.index = 65535, .count = 9}};
  EXPECT_EQ(Histogram::from_buckets(buckets, 0, 0).count(), 1u);
}

}  // namespace
}  // namespace aeon::metrics
