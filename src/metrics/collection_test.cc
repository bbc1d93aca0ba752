#include "metrics/collection.h"

#include <gtest/gtest.h>

#include "exposition_test.h"
#include "sim/for_each_seed.h"

namespace aeon::metrics {
namespace {

Collection of_every_kind() {
  Collection found;
  found.counter("aeon_things_total", "Things.", {{"kind", "a"}}, 3);
  found.gauge("aeon_size_bytes", "How large.", {}, 1.5e15);
  Histogram times;
  for (const uint64_t ns : {100u, 2'000u, 3'000'000u, 4'000'000'000u}) times.record(ns);
  times.record(std::chrono::minutes(5));
  found.seconds("aeon_wait_seconds", "How long.", {{"kind", "a"}}, times);
  found.counter("aeon_things_total", "Things.", {{"kind", "b"}}, 18446744073709551615u);
  found.seconds("aeon_wait_seconds", "How long.", {{"kind", "b"}}, Histogram());
  return found;
}

TEST(Collection, IsReadByAStrictParserAndByPromtool) {
  const std::string text = of_every_kind().text();
  EXPECT_EQ(Exposition(text).fault(), "") << text;
  EXPECT_EQ(promtool_complaints(text), "") << text;
}

TEST(Collection, SaysWhatWasCounted) {
  const Exposition read(of_every_kind().text());
  EXPECT_EQ(read.value("aeon_things_total{kind=\"a\"}"), 3);
  EXPECT_EQ(read.value("aeon_size_bytes"), 1.5e15);
  EXPECT_EQ(read.value("aeon_wait_seconds_count{kind=\"a\"}"), 5);
  EXPECT_EQ(read.value("aeon_wait_seconds_bucket{kind=\"a\",le=\"1.024e-06\"}"), 1);
  EXPECT_EQ(read.value("aeon_wait_seconds_bucket{kind=\"a\",le=\"+Inf\"}"), 5);
  EXPECT_NEAR(*read.value("aeon_wait_seconds_sum{kind=\"a\"}"), 304.0030021, 1e-6);
  EXPECT_EQ(read.value("aeon_metrics_left_out"), 0);
}

TEST(Collection, TakesWhatAnotherHas) {
  Collection all, other, twice;
  all.counter("aeon_things_total", "Things.", {{"target", "0"}}, 1);
  other.counter("aeon_things_total", "Things.", {{"target", "1"}}, 2);
  other.gauge("aeon_room", "Room.", {}, 3);
  twice.counter("aeon_things_total", "Things.", {{"target", "1"}}, 9);
  all.take(other);
  all.take(twice);
  const std::string text = all.text();
  EXPECT_NE(text.find("aeon_things_total{target=\"0\"} 1\naeon_things_total{target=\"1\"} 2\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("aeon_room 3\n"), std::string::npos) << text;
  EXPECT_EQ(text.find(" 9\n"), std::string::npos) << "a series is there once";
}

TEST(Collection, PutsSamplesOfOneNameTogether) {
  const std::string text = of_every_kind().text();
  const size_t a = text.find("aeon_things_total{kind=\"a\"}"), b = text.find("aeon_things_total{kind=\"b\"}");
  ASSERT_NE(a, std::string::npos);
  EXPECT_EQ(text.find('\n', a) + 1, b);
}

TEST(Collection, LabelsMayBeAnything) {
  for_each_seed([](Random& random) {
    std::string value;
    for (uint64_t left = random.below(20); left > 0; --left) {
      value += random.one_in(3) ? "\\\"\n{},= "[random.below(8)] : static_cast<char>(random.below(256));
    }
    Collection found;
    found.gauge("aeon_x_bytes", "Line one\nline \\ two", {{"pool", value}, {"other", "o"}}, 1);
    const std::string text = found.text();
    ASSERT_EQ(Exposition(text).fault(), "") << text;
  });
}

TEST(Collection, WhatIsNoUtf8BecomesTheReplacementCharacter) {
  Collection found;
  found.gauge("aeon_x_bytes", "X.", {{"pool", "\xc3\xa9 \xff \xed\xa0\x80 \xc0\x80 \xf0\x9f\x98\x80"}}, 1);
  const std::string bad = "\xef\xbf\xbd";
  const Exposition read(found.text());
  EXPECT_TRUE(read.value("aeon_x_bytes{pool=\"\xc3\xa9 " + bad + " " + bad + bad + bad + " " + bad + bad +
                         " \xf0\x9f\x98\x80\"}"))
      << found.text();
  EXPECT_EQ(promtool_complaints(found.text()), "");
}

TEST(Collection, TheSameSampleTwiceIsLeftOutAndCounted) {
  Collection found;
  found.gauge("aeon_x_bytes", "X.", {{"a", "1"}}, 1);
  found.gauge("aeon_x_bytes", "X.", {{"a", "1"}}, 2);
  const Exposition read(found.text());
  EXPECT_EQ(read.fault(), "");
  EXPECT_EQ(read.value("aeon_x_bytes{a=\"1\"}"), 1);
  EXPECT_EQ(read.value("aeon_metrics_left_out"), 1);
}

TEST(Collection, SamplesOfOneNameAreBounded) {
  Collection found;
  for (size_t i = 0; i < Collection::kSeriesMax + 7; ++i) {
    found.counter("aeon_x_total", "X.", {{"client", std::to_string(i)}}, 1);
  }
  const Exposition read(found.text());
  EXPECT_EQ(read.samples().size(), Collection::kSeriesMax + 1);
  EXPECT_EQ(read.value("aeon_metrics_left_out"), 7);
}

// That the parser above would notice.
TEST(Exposition, RefusesWhatIsWrong) {
  const std::string head = "# HELP a_total X.\n# TYPE a_total counter\n";
  EXPECT_EQ(Exposition(head + "a_total 1\n").fault(), "");
  for (const std::string bad :
       {"a_total 1", "a_total{x=\"1\" 1\n", "a_total{x=\"\\q\"} 1\n", "a_total{x=\"1\",x=\"2\"} 1\n", "a_total x\n",
        "a_total -1\n", "b_total 1\n", "a_total 1\na_total 2\n", "# HELP a_total X.\n", "# HELP b_total\n"}) {
    EXPECT_NE(Exposition(head + bad).fault(), "") << bad;
  }
  const std::string histogram = "# HELP h_seconds X.\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 2\n";
  for (const std::string bad : {"h_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n",
                                "h_seconds_bucket{le=\"+Inf\"} 2\nh_seconds_sum 1\nh_seconds_count 3\n",
                                "h_seconds_bucket{le=\"+Inf\"} 2\nh_seconds_count 2\n"}) {
    EXPECT_NE(Exposition(histogram + bad).fault(), "") << bad;
  }
}

}  // namespace
}  // namespace aeon::metrics
