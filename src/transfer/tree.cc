#include "tree.h"

namespace aeon::transfer {

namespace {
constexpr std::string_view kPartialSuffix = ".aeon-copy";
}

std::string join(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::pair<std::string, std::string> split(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.ends_with('/')) trimmed.pop_back();
  const size_t slash = trimmed.rfind('/');
  if (slash == std::string::npos) return {"", trimmed};
  return {slash == 0 ? "/" : trimmed.substr(0, slash), trimmed.substr(slash + 1)};
}

std::string partial_name(const std::string& name) {
  constexpr size_t kKept = dfs::kNameSizeMax - 1 - kPartialSuffix.size();
  return "." + name.substr(0, kKept) + std::string(kPartialSuffix);
}

bool is_partial_name(const std::string& name) {
  return name.starts_with('.') && name.ends_with(kPartialSuffix) && name.size() > kPartialSuffix.size() + 1;
}

Result<std::unique_ptr<Tree>> open_tree(const Place& place, TreeOptions options) {
  if (place.path.empty()) return Status(Code::kInvalidArgument, "a path is empty");
  if (place.is_host()) return open_host_tree(options);
  if (place.system == nullptr) return Status(Code::kInvalidArgument, "a DFS needs the system that runs it");
  return open_dfs_tree(place, options);
}

}  // namespace aeon::transfer
