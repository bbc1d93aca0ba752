#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace aeon::cli {
namespace {

constexpr Duration kLineInterval = std::chrono::seconds(2);
constexpr Duration kBarInterval = std::chrono::milliseconds(100);

Instant now() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Progress::Progress(const Output& output, std::string verb, std::string items)
    : verb_(std::move(verb)), items_(std::move(items)), started_(now()), shown_(started_) {
  if (output.is_quiet()) return;
  style_ = ::isatty(STDERR_FILENO) != 0 ? Style::kBar : Style::kLines;
}

Duration Progress::elapsed() const { return now() - started_; }

void Progress::update(uint64_t items_done, uint64_t items_total, ByteCount bytes_done, ByteCount bytes_total) {
  if (style_ == Style::kNone) return;
  const Instant at = now();
  if (at - shown_ < (style_ == Style::kBar ? kBarInterval : kLineInterval)) return;
  shown_ = at;
  std::string text = bar_text(items_done, items_total, bytes_done, bytes_total);
  if (style_ == Style::kLines) {
    fmt::print(stderr, "{}\n", text);
    return;
  }
  constexpr size_t kBarWidth = 24;
  if (bytes_total > 0 || items_total > 0) {
    const double part = bytes_total > 0 ? static_cast<double>(bytes_done) / static_cast<double>(bytes_total)
                                        : static_cast<double>(items_done) / static_cast<double>(items_total);
    const auto filled = static_cast<size_t>(std::clamp(part, 0.0, 1.0) * kBarWidth);
    text = fmt::format("[{:#<{}}{:.<{}}] {:3.0f} % {}", "", filled, "", kBarWidth - filled,
                       std::clamp(part, 0.0, 1.0) * 100, text);
  }
  text.resize(std::min(text.size(), terminal_width() - 1));
  fmt::print(stderr, "\r\x1b[K{}", text);
  std::fflush(stderr);
  bar_is_shown_ = true;
}

void Progress::finish() {
  if (!bar_is_shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  bar_is_shown_ = false;
}

std::string Progress::bar_text(uint64_t items_done, uint64_t items_total, ByteCount bytes_done,
                               ByteCount bytes_total) const {
  const double passed = seconds(shown_ - started_);
  std::string text = items_total > 0 ? fmt::format("{} {} of {} {}", verb_, items_done, items_total, items_)
                                     : fmt::format("{} {} {}", verb_, items_done, items_);
  text += bytes_total > 0 ? fmt::format(", {} of {}", size_text(bytes_done), size_text(bytes_total))
                          : fmt::format(", {}", size_text(bytes_done));
  if (passed <= 0) return text;
  text += fmt::format(", {}/s", size_text(static_cast<ByteCount>(static_cast<double>(bytes_done) / passed)));
  const double part = bytes_total > 0 ? static_cast<double>(bytes_done) / static_cast<double>(bytes_total)
                                      : static_cast<double>(items_done) / static_cast<double>(items_total);
  const double left = passed * (1 - part) / part;
  if ((bytes_total > 0 || items_total > 0) && part > 0.01 && part < 1 && left < 1e6) {
    text += fmt::format(", {} left", duration_text(std::chrono::seconds(static_cast<int64_t>(left) + 1)));
  }
  return text;
}

}  // namespace aeon::cli
