// Where answers go: lines for people, or one JSON object for programs.
//
//   {"status": "ok", "error": null, "response": {…}}
//   {"status": "error", "error": {"code": "not_found", "message": "…"}, "response": null}
//
// Sizes are exact numbers of bytes in JSON. Epochs are strings ("0x…"), since they don't fit a double.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::cli {

using Json = nlohmann::ordered_json;

class Output {
 public:
  enum class Style { kLines, kQuietLines, kJson };
  // `program` is the name that complaints begin with.
  Output(std::string_view program, Style style) : program_(program), style_(style) {}

  Style style() const { return style_; }
  bool is_json() const { return style_ == Style::kJson; }
  bool is_quiet() const { return style_ != Style::kLines; }

  // A line of the answer on standard output; nothing with --json, which has it in response().
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_json()) write_line(fmt::format(format, std::forward<Args>(args)...));
  }
  // The same, only for people at leisure: not with --quiet.
  template <typename... Args>
  void remark(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_quiet()) write_line(fmt::format(format, std::forward<Args>(args)...));
  }
  // Something to know about that isn't a failure, on standard error; nothing with --json.
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_json()) fmt::print(stderr, "{}\n", fmt::format(format, std::forward<Args>(args)...));
  }
  void write_raw(std::string_view bytes);

  Json& response() { return response_; }

  // Prints the JSON object or, on standard error, the line `<program>: <what>: <message>`; then the exit code. An
  // answer that couldn't be written is a failure too.
  int finish(std::string_view what, const Status& status);

 private:
  void write_line(std::string text);

  const std::string_view program_;
  Style style_;
  Json response_;
};

// Bytes as text that is safe on a terminal and in JSON: what isn't printable UTF-8 becomes \xNN, a backslash \\.
std::string printable(std::string_view bytes);
// {"<name>": printable, and "<name>_hex" if that isn't the bytes themselves}.
void put_bytes(Json& object, const std::string& name, std::string_view bytes);

std::string epoch_text(Epoch epoch);        // "0x2a"
std::string size_text(ByteCount bytes);     // "1.5 MiB"; "12 B"
std::string count_text(uint64_t count, std::string_view one, std::string_view many);  // "1 file", "12,345 files"
std::string duration_text(Duration duration);   // "850 ms", "12 s", "3 min 20 s", "2 h 5 min"
std::string time_text(uint64_t unix_ns);        // "2026-11-21 10:30:00", local time

Result<uint64_t> parse_number(std::string_view text, std::string_view what);
// "4096", "64K", "1.5 GiB": powers of 1024.
Result<ByteCount> parse_size(std::string_view text, std::string_view what);

}  // namespace aeon::cli
