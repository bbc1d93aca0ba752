#include "cli/output.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace aeon::cli {
namespace {

// The length of the UTF-8 sequence that `text` starts with; 0 if it isn't one.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is behind the last code point.
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return sequence.size() == 2 && first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;  // C1.
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

void Output::write_raw(std::string_view bytes) {
  // A failure stays in the stream's state; finish() looks at it.
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

void Output::write_line(std::string text) {
  text += '\n';
  write_raw(text);
}

int Output::finish(std::string_view what, const Status& status) {
  Status result = status;
  if (is_json()) {
    Json object;
    object["status"] = status.is_ok() ? "ok" : "error";
    object["error"] = nullptr;
    if (!status.is_ok()) {
      object["error"] = Json::object();
      object["error"]["code"] = code_name(status.code());
      object["error"]["message"] = status.message();
    }
    object["response"] = std::move(response_);
    // Messages may quote bytes that aren't text.
    write_line(object.dump(2, ' ', false, Json::error_handler_t::replace));
  }
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    const int error = errno;
    if (error == EPIPE) return 1;  // Whoever read has enough.
    if (result.is_ok()) {
      result = Status(Code::kIo, fmt::format("cannot write the answer to standard output{}{}; the work itself is done",
                                             error != 0 ? ": " : "", error != 0 ? std::strerror(error) : ""));
    }
  } else if (is_json()) {
    return result.is_ok() ? 0 : 1;
  }
  if (result.is_ok()) return 0;
  std::string message(result.message().empty() ? code_name(result.code()) : result.message());
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  fmt::print(stderr, "{}: {}{}{}\n", program_, what, what.empty() ? "" : ": ", message);
  return 1;
}

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = utf8_length(bytes);
    const std::string_view sequence = bytes.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_control(sequence)) {
      for (const char byte : sequence) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else if (sequence == "\\") {
      text += "\\\\";
    } else {
      text += sequence;
    }
    bytes.remove_prefix(sequence.size());
  }
  return text;
}

void put_bytes(Json& object, const std::string& name, std::string_view bytes) {
  std::string text = printable(bytes);
  if (text != bytes) object[name + "_hex"] = hex(bytes);
  object[name] = std::move(text);
}

std::string epoch_text(Epoch epoch) { return fmt::format("0x{:x}", epoch.value); }

std::string size_text(ByteCount bytes) {
  if (bytes < kKiB) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (amount >= 1023.95 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string count_text(uint64_t count, std::string_view one, std::string_view many) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return fmt::format("{} {}", digits, count == 1 ? one : many);
}

std::string duration_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  const auto s = ms / 1000;
  if (s < 10) return fmt::format("{}.{} s", s, ms % 1000 / 100);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string time_text(uint64_t unix_ns) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ns / 1000000000);
  std::tm parts{};
  char text[32];
  if (::localtime_r(&seconds, &parts) == nullptr) return std::to_string(seconds);
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
}

Result<uint64_t> parse_number(std::string_view text, std::string_view what) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, is_hex ? 16 : 10);
  if (digits.empty() || error != std::errc{} || end != digits.end()) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("{} '{}' is not a number; give it in decimal, or hexadecimal after 0x", what, printable(text)));
  }
  return value;
}

Result<ByteCount> parse_size(std::string_view text, std::string_view what) {
  const Status wrong(Code::kInvalidArgument,
                     fmt::format("{} '{}' is not a size; give a number with an optional unit K, M, G or T, such as 64M",
                                 what, printable(text)));
  double amount = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), amount, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(amount) || amount < 0) return wrong;
  std::string_view unit(end, static_cast<size_t>(text.end() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    constexpr std::string_view kPrefixes = "KMGTP";
    const size_t power = kPrefixes.find(static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0]))));
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (rest != "" && rest != "iB" && rest != "B" && rest != "ib")) return wrong;
    factor = std::pow(1024.0, static_cast<double>(power + 1));
  }
  const double bytes = amount * factor;
  if (bytes >= 0x1p63) return wrong;
  return static_cast<ByteCount>(bytes);
}

}  // namespace aeon::cli
