#include "path.h"

#include "dfs/types.h"

namespace aeon::dfs {

std::string printable(std::string_view name) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr size_t kShownMax = 300;
  std::string text = "'";
  for (const char c : name.substr(0, kShownMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {  // UTF-8 stays as it is.
      text += c;
    } else {
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  if (name.size() > kShownMax) text += "…";
  return text + "'";
}

Status check_name(std::string_view name) {
  if (name.empty()) return Status(Code::kInvalidArgument, "a name is empty");
  if (name.size() > kNameSizeMax) {
    return Status(Code::kTooBig, "name " + printable(name) + " has " + std::to_string(name.size()) +
                                     " bytes, at most " + std::to_string(kNameSizeMax) + " are allowed");
  }
  if (name == "." || name == "..") return Status(Code::kInvalidArgument, printable(name) + " can't be a name");
  for (const char c : name) {
    if (c == '/' || c == '\0') {
      return Status(Code::kInvalidArgument, "name " + printable(name) + " has a '/' or NUL in it");
    }
  }
  return ok();
}

Result<Path> parse_path(std::string_view text) {
  if (text.size() > kPathSizeMax) {
    return Status(Code::kTooBig,
                  "path " + printable(text) + " is longer than " + std::to_string(kPathSizeMax) + " bytes");
  }
  Path path;
  path.is_absolute = text.starts_with('/');
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('/', at);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view element = text.substr(at, end - at);
    at = end + 1;
    if (element.empty() || element == ".") continue;
    if (element != "..") TRY(check_name(element));
    path.elements.emplace_back(element);
  }
  const bool ends_in_directory = text.ends_with('/') || text.ends_with("/.") || text.ends_with("/..");
  path.wants_directory = ends_in_directory && !path.elements.empty();
  return path;
}

}  // namespace aeon::dfs
