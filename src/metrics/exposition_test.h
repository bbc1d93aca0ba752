// Reads Prometheus' text format for tests, and refuses everything that its parsers may refuse.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace aeon::metrics {

class Exposition {
 public:
  explicit Exposition(const std::string& text) { read(text); }

  // What is wrong, by line; empty if nothing is.
  const std::string& fault() const { return fault_; }
  // A sample as it is written: `name{a="b"}`.
  std::optional<double> value(const std::string& sample) const {
    const auto found = samples_.find(sample);
    if (found == samples_.end()) return std::nullopt;
    return found->second;
  }
  const std::map<std::string, double>& samples() const { return samples_; }

 private:
  struct Bucket {
    double bound = 0;
    double count = 0;
  };

  void read(const std::string& text) {
    if (text.empty() || text.back() != '\n') return fail(0, "it doesn't end with a line feed");
    std::istringstream lines(text);
    std::string line;
    int number = 0;
    while (fault_.empty() && std::getline(lines, line)) {
      ++number;
      if (line.starts_with("# HELP ")) {
        begin_family(number, line.substr(7));
      } else if (line.starts_with("# TYPE ")) {
        set_type(number, line.substr(7));
      } else {
        read_sample(number, line);
      }
    }
    end_family(number);
  }

  void fail(int line, const std::string& what) {
    if (fault_.empty()) fault_ = "line " + std::to_string(line) + ": " + what;
  }

  void begin_family(int line, const std::string& rest) {
    end_family(line);
    family_ = rest.substr(0, rest.find(' '));
    type_.clear();
    if (rest.find(' ') == std::string::npos || rest.find(' ') + 1 >= rest.size()) fail(line, "no help");
    if (!families_.insert(family_).second) fail(line, "the family " + family_ + " comes twice");
  }

  void set_type(int line, const std::string& rest) {
    const size_t space = rest.find(' ');
    if (rest.substr(0, space) != family_) return fail(line, "a type of another family than the help before it");
    type_ = rest.substr(space + 1);
    if (type_ != "counter" && type_ != "gauge" && type_ != "histogram") fail(line, "type " + type_);
    if ((type_ == "counter") != family_.ends_with("_total")) fail(line, "counters, and only they, end in _total");
  }

  void read_sample(int line, const std::string& text) {
    if (type_.empty()) return fail(line, "a sample without a type");
    size_t at = 0;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_')) ++at;
    const std::string name = text.substr(0, at);
    std::string labels;
    std::string bound;
    if (at < text.size() && text[at] == '{' && !read_labels(line, text, at, labels, bound)) return;
    if (at >= text.size() || text[at] != ' ') return fail(line, "no space before the value");
    const std::string number = text.substr(at + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0') return fail(line, "no value: " + number);
    if (!samples_.emplace(text.substr(0, at), value).second) return fail(line, "twice the same sample");
    note_sample(line, name, labels, bound, value);
  }

  bool read_labels(int line, const std::string& text, size_t& at, std::string& labels, std::string& bound) {
    std::set<std::string> names;
    while (text[at] != '}') {
      ++at;  // '{' or ','
      const size_t begin = at;
      while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_')) ++at;
      const std::string name = text.substr(begin, at - begin);
      if (name.empty() || text.compare(at, 2, "=\"") != 0) return fail(line, "no label"), false;
      if (!names.insert(name).second) return fail(line, "twice the label " + name), false;
      at += 2;
      const size_t value_begin = at;
      while (at < text.size() && text[at] != '"') {
        if (text[at] == '\\') {
          ++at;
          if (at >= text.size() || (text[at] != '\\' && text[at] != '"' && text[at] != 'n'))
            return fail(line, "an escape that isn't one"), false;
        }
        ++at;
      }
      if (at >= text.size()) return fail(line, "a label's value doesn't end"), false;
      const std::string value = text.substr(value_begin, at - value_begin);
      ++at;
      if (name == "le") {
        bound = value;
      } else {
        labels += name + "=" + value + ",";
      }
      if (at >= text.size() || (text[at] != ',' && text[at] != '}')) return fail(line, "no end of labels"), false;
    }
    ++at;
    return true;
  }

  void note_sample(int line, const std::string& name, const std::string& labels, const std::string& bound,
                   double value) {
    if (type_ != "histogram") {
      if (name != family_) fail(line, "a sample of another family");
      if (type_ == "counter" && value < 0) fail(line, "a counter below zero");
      return;
    }
    if (name == family_ + "_bucket") {
      std::vector<Bucket>& buckets = buckets_[labels];
      const Bucket bucket{.bound = std::strtod(bound.c_str(), nullptr), .count = value};
      if (bound.empty()) fail(line, "a bucket without bound");
      if (!buckets.empty() && bucket.bound <= buckets.back().bound) fail(line, "buckets out of order");
      if (!buckets.empty() && value < buckets.back().count) fail(line, "buckets that aren't cumulative");
      buckets.push_back(bucket);
      if (bound == "+Inf") infinite_[labels] = value;
    } else if (name == family_ + "_count") {
      counts_[labels] = value;
    } else if (name == family_ + "_sum") {
      sums_.insert(labels);
    } else {
      fail(line, "no part of a histogram: " + name);
    }
  }

  void end_family(int line) {
    if (infinite_ != counts_) fail(line, family_ + ": the count isn't that of the last bucket");
    if (sums_.size() != counts_.size() || buckets_.size() != counts_.size())
      fail(line, family_ + ": a part is missing");
    buckets_.clear();
    infinite_.clear();
    counts_.clear();
    sums_.clear();
  }

  std::string fault_;
  std::map<std::string, double> samples_;
  std::set<std::string> families_;
  std::string family_;
  std::string type_;
  // Of the family that is being read, by their labels.
  std::map<std::string, std::vector<Bucket>> buckets_;
  std::map<std::string, double> infinite_;
  std::map<std::string, double> counts_;
  std::set<std::string> sums_;
};

// What Prometheus' own checker finds wrong; empty also where it isn't installed.
inline std::string promtool_complaints(const std::string& text) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) return "";
  const std::string path = ::testing::TempDir() + "/exposition_" + std::to_string(::getpid());
  std::ofstream(path, std::ios::binary) << text;
  FILE* const pipe = popen(("promtool check metrics <" + path + " 2>&1").c_str(), "r");
  std::string said;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
  const int result = pclose(pipe);
  std::remove(path.c_str());
  if (result != 0 && said.empty()) said = "promtool failed";
  return said;
}

}  // namespace aeon::metrics
