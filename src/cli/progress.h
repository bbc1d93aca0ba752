// How long work gets on: a bar with rate and remaining time on a terminal, otherwise a plain line at most each two
// seconds, on standard error. Nothing with --json and --quiet.
#pragma once

#include <string>

#include "base/units.h"
#include "cli/output.h"

namespace aeon::cli {

class Progress {
 public:
  // `verb`: "copied", "checked"; `items`: "files", "objects".
  Progress(const Output& output, std::string verb, std::string items);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Totals of zero aren't known (yet). May be called as often as one likes.
  void update(uint64_t items_done, uint64_t items_total, ByteCount bytes_done, ByteCount bytes_total);
  // Takes the bar off the terminal.
  void finish();
  Duration elapsed() const;

 private:
  enum class Style { kNone, kLines, kBar };

  std::string bar_text(uint64_t items_done, uint64_t items_total, ByteCount bytes_done, ByteCount bytes_total) const;

  Style style_ = Style::kNone;
  std::string verb_;
  std::string items_;
  Instant started_;
  Instant shown_;
  bool bar_is_shown_ = false;
};

}  // namespace aeon::cli
