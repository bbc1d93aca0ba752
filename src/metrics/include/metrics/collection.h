// What one look at the metrics finds, as Prometheus reads it (text format 0.0.4).
//
//   Collection found;
//   found.counter("aeon_requests_total", "Requests answered.", {{"operation", "flush"}, {"code", "ok"}}, 12);
//   found.seconds("aeon_request_duration_seconds", "…", {{"operation", "flush"}}, stats.service);
//   send(found.text());
//
// Samples of one name may come in any order and from several sources: text() puts them together. Names and help are
// ours and constant; label values may be anything. What would spoil the whole answer is left out and counted in
// aeon_metrics_left_out: a second sample with the same labels, and samples of a name beyond kSeriesMax.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/histogram.h"

namespace aeon::metrics {

struct Label {
  std::string_view name;
  std::string value;
};
using Labels = std::vector<Label>;

class Collection {
 public:
  static constexpr size_t kSeriesMax = 4096;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Grows as long as its owner lives. The name ends in _total.
  void counter(std::string_view name, std::string_view help, const Labels& labels, uint64_t value);
  // Of now.
  void gauge(std::string_view name, std::string_view help, const Labels& labels, double value);
  // Of nanoseconds, as a histogram of seconds with a bucket for each doubling from 1 µs to 17 s.
  void seconds(std::string_view name, std::string_view help, const Labels& labels, const Histogram& nanoseconds);

  // All of another one, which is empty afterwards.
  void take(Collection& other);

  std::string text() const;

 private:
  struct Family {
    std::string_view type;
    std::string help;
    std::string lines;
    std::set<std::string> series;  // Their labels.
  };
  // Null if the sample is to be left out.
  Family* add(std::string_view name, std::string_view type, std::string_view help, const std::string& labels);

  std::map<std::string, Family, std::less<>> families_;
  uint64_t left_out_ = 0;
};

}  // namespace aeon::metrics
