#include "http_request.h"

#include <algorithm>
#include <optional>

namespace aeon::metrics {
namespace {

constexpr int kBadRequest = 400;
constexpr int kMethodNotAllowed = 405;
constexpr int kContentTooLarge = 413;
constexpr int kVersionNotSupported = 505;

// Of what names and methods are made (RFC 9110, token).
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// Visible characters, and no space among them.
bool is_target(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Any bytes but control characters.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code == '\t' || (code >= 0x20 && code != 0x7f);
  });
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(
      text, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
  return line;
}

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

// "/path?query", or with "http://host" before it.
std::optional<std::string> path_of(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.size() >= kScheme.size() && equals_ignoring_case(target.substr(0, kScheme.size()), kScheme)) {
    target.remove_prefix(kScheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (target.empty() || target[0] == '?') return "/";
  }
  if (target[0] != '/') return std::nullopt;
  return std::string(target.substr(0, target.find('?')));
}

HttpRequest refuse(int status) {
  HttpRequest refused;
  refused.status = status;
  return refused;
}

}  // namespace

HttpRequest parse_http_request(std::string_view head) {
  const std::string_view line = take_line(head);
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) return refuse(kBadRequest);
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  const bool is_http = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' && version[5] >= '0' &&
                       version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
  if (!is_http || !is_token(method) || !is_target(target)) return refuse(kBadRequest);
  if (version[5] != '1') return refuse(kVersionNotSupported);
  int host_count = 0;
  bool has_body = false;
  while (!head.empty()) {
    const std::string_view field = take_line(head);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) return refuse(kBadRequest);
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = without_spaces(field.substr(colon + 1));
    if (!is_token(name) || !is_field_value(value)) return refuse(kBadRequest);
    if (equals_ignoring_case(name, "host")) ++host_count;
    if (equals_ignoring_case(name, "transfer-encoding")) has_body = true;
    if (equals_ignoring_case(name, "content-length") && value != "0") has_body = true;
  }
  if (host_count > 1 || (host_count == 0 && version != "HTTP/1.0")) return refuse(kBadRequest);
  if (method != "GET" && method != "HEAD") return refuse(kMethodNotAllowed);
  if (has_body) return refuse(kContentTooLarge);
  std::optional<std::string> path = path_of(target);
  if (!path) return refuse(kBadRequest);
  HttpRequest request;
  request.is_head = method == "HEAD";
  request.path = std::move(*path);
  return request;
}

}  // namespace aeon::metrics
