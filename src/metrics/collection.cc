#include "metrics/collection.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"

namespace aeon::metrics {
namespace {

// Powers of two, where buckets of a Histogram end.
constexpr unsigned kFirstBoundBits = 10;
constexpr unsigned kLastBoundBits = 34;

bool is_name(std::string_view name, bool may_have_colon) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_letter && !is_digit && !(may_have_colon && c == ':')) return false;
  }
  return true;
}

// How many bytes of `text` are one character of UTF-8, as strictly as the standard; 0: none is there.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  while (!text.empty()) {
    const size_t size = character_size(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD: what isn't UTF-8 would make the whole answer unreadable.
    } else if (text[0] == '\\') {
      out += "\\\\";
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (text[0] == '"' && with_quotes) {
      out += "\\\"";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

// `a="b",c="d"`.
std::string label_text(const Labels& labels) {
  std::string text;
  for (const Label& label : labels) {
    CHECK(is_name(label.name, false));
    if (!text.empty()) text += ',';
    text += label.name;
    text += "=\"";
    append_escaped(text, label.value, true);
    text += '"';
  }
  return text;
}

std::string number(uint64_t value) { return std::to_string(value); }
std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
  return {text, end};
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, const std::string& labels,
                   std::string_view more_labels, const std::string& value) {
  out += name;
  out += suffix;
  if (!labels.empty() || !more_labels.empty()) {
    out += '{';
    out += labels;
    if (!labels.empty() && !more_labels.empty()) out += ',';
    out += more_labels;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

}  // namespace

Collection::Family* Collection::add(std::string_view name, std::string_view type, std::string_view help,
                                    const std::string& labels) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    CHECK(is_name(name, true));
    found = families_.emplace(std::string(name), Family()).first;
    found->second.type = type;
    append_escaped(found->second.help, help, false);
  }
  Family& family = found->second;
  CHECK(family.type == type);
  if (family.series.size() >= kSeriesMax || !family.series.insert(labels).second) {
    ++left_out_;
    return nullptr;
  }
  return &family;
}

void Collection::take(Collection& other) {
  for (auto& [name, family] : other.families_) {
    auto [found, is_new] = families_.try_emplace(name, std::move(family));
    if (is_new) continue;
    Family& own = found->second;
    CHECK(own.type == family.type);
    const auto fits = [&](const std::string& labels) { return !own.series.contains(labels); };
    if (own.series.size() + family.series.size() > kSeriesMax || !std::ranges::all_of(family.series, fits)) {
      left_out_ += family.series.size();
      continue;
    }
    own.lines += family.lines;
    own.series.merge(family.series);
  }
  left_out_ += other.left_out_;
  other = Collection();
}

void Collection::counter(std::string_view name, std::string_view help, const Labels& labels, uint64_t value) {
  CHECK(name.ends_with("_total"));
  const std::string text = label_text(labels);
  if (Family* const family = add(name, "counter", help, text)) {
    append_sample(family->lines, name, "", text, "", number(value));
  }
}

void Collection::gauge(std::string_view name, std::string_view help, const Labels& labels, double value) {
  const std::string text = label_text(labels);
  if (Family* const family = add(name, "gauge", help, text)) {
    append_sample(family->lines, name, "", text, "", number(value));
  }
}

void Collection::seconds(std::string_view name, std::string_view help, const Labels& labels,
                         const Histogram& nanoseconds) {
  CHECK(name.ends_with("_seconds"));
  const std::string text = label_text(labels);
  Family* const family = add(name, "histogram", help, text);
  if (family == nullptr) return;
  for (unsigned bits = kFirstBoundBits; bits <= kLastBoundBits; ++bits) {
    const uint64_t bound_ns = uint64_t{1} << bits;
    const std::string bound = "le=\"" + number(static_cast<double>(bound_ns) * 1e-9) + "\"";
    append_sample(family->lines, name, "_bucket", text, bound, number(nanoseconds.count_below(bound_ns)));
  }
  const std::string count = number(nanoseconds.count());
  append_sample(family->lines, name, "_bucket", text, "le=\"+Inf\"", count);
  append_sample(family->lines, name, "_sum", text, "", number(static_cast<double>(nanoseconds.sum()) * 1e-9));
  append_sample(family->lines, name, "_count", text, "", count);
}

std::string Collection::text() const {
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " " + family.help + "\n";
    out += "# TYPE " + name + " ";
    out += family.type;
    out += "\n";
    out += family.lines;
  }
  constexpr std::string_view kLeftOut = "aeon_metrics_left_out";
  out += "# HELP aeon_metrics_left_out Samples that this answer left out: too many of one name, or twice the same.\n";
  out += "# TYPE aeon_metrics_left_out gauge\n";
  append_sample(out, kLeftOut, "", "", "", number(left_out_));
  return out;
}

}  // namespace aeon::metrics
