#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace aeon::log {
namespace {

Level level_from_environment() {
  const char* text = std::getenv("AEON_LOG_LEVEL");
  if (text == nullptr) return Level::kWarn;
  const std::string_view name(text);
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "error") return Level::kError;
  if (name == "off") return Level::kOff;
  return Level::kWarn;
}

std::atomic<Level>& current_level() {
  static std::atomic<Level> level{level_from_environment()};
  return level;
}

bool json_wanted() {
  static const bool wanted = [] {
    const char* text = std::getenv("AEON_LOG_FORMAT");
    return text != nullptr && std::string_view(text) == "json";
  }();
  return wanted;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: return "error";
    case Level::kOff: break;
  }
  return "off";
}

void append_quoted(fmt::memory_buffer& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (code < 0x20 || code == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

Level level() { return current_level().load(std::memory_order_relaxed); }
void set_level(Level level) { current_level().store(level, std::memory_order_relaxed); }

void write(Level level, std::string_view name, std::initializer_list<Field> fields) {
  if (level < log::level()) return;
  fmt::memory_buffer line;
  auto out = std::back_inserter(line);
  // The wall clock of the log line itself; nothing decides by it.
  const auto now = std::chrono::system_clock::now();  // lint: ok (log time stamps only)
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::string time =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), milliseconds);
  if (json_wanted()) {
    fmt::format_to(out, R"({{"time":"{}","level":"{}","event":"{}")", time, level_name(level), name);
    for (const Field& field : fields) {
      fmt::format_to(out, ",\"{}\":", field.key());
      if (field.is_quoted())
        append_quoted(line, field.value());
      else
        fmt::format_to(out, "{}", field.value());
    }
    line.push_back('}');
  } else {
    fmt::format_to(out, "{} {} {}", time, level_name(level), name);
    for (const Field& field : fields) {
      fmt::format_to(out, " {}=", field.key());
      if (field.is_quoted())
        append_quoted(line, field.value());
      else
        fmt::format_to(out, "{}", field.value());
    }
  }
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);  // One call a line, so that lines don't interleave.
}

}  // namespace aeon::log
