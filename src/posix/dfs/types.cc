#include "dfs/types.h"

#include <sys/stat.h>

#include <algorithm>

namespace aeon::dfs {

bool may_access(const Attributes& attributes, const Caller& caller, uint32_t mask) {
  uint32_t granted;
  if (caller.user == 0) {
    const bool may_execute = attributes.type == NodeType::kDirectory || (attributes.mode & 0111) != 0;
    granted = kMayRead | kMayWrite | (may_execute ? uint32_t{kMayExecute} : 0);
  } else if (caller.user == attributes.user) {
    granted = attributes.mode >> 6;
  } else if (caller.group == attributes.group ||
             std::find(caller.groups.begin(), caller.groups.end(), attributes.group) != caller.groups.end()) {
    granted = attributes.mode >> 3;
  } else {
    granted = attributes.mode;
  }
  return (mask & ~granted & 7) == 0;
}

uint32_t mode_of(NodeType type) {
  switch (type) {
    case NodeType::kFile: return S_IFREG;
    case NodeType::kDirectory: return S_IFDIR;
    case NodeType::kSymlink: return S_IFLNK;
    case NodeType::kFifo: return S_IFIFO;
    case NodeType::kSocket: return S_IFSOCK;
    case NodeType::kCharacterDevice: return S_IFCHR;
    case NodeType::kBlockDevice: return S_IFBLK;
  }
  return 0;
}

std::optional<NodeType> type_of_mode(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return NodeType::kFile;
    case S_IFDIR: return NodeType::kDirectory;
    case S_IFLNK: return NodeType::kSymlink;
    case S_IFIFO: return NodeType::kFifo;
    case S_IFSOCK: return NodeType::kSocket;
    case S_IFCHR: return NodeType::kCharacterDevice;
    case S_IFBLK: return NodeType::kBlockDevice;
    default: return std::nullopt;
  }
}

}  // namespace aeon::dfs
