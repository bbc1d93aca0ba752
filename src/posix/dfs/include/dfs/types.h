// What a file system speaks of: attributes, changes of them, listings, what is created.
//
// Modes are the numbers of <sys/stat.h> (type and permission bits); times are nanoseconds since 1970-01-01 UTC and
// may be negative; names are bytes, 1 to 255 of them, without '/' and NUL, and neither "." nor "..".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/data_model.h"

namespace aeon::dfs {

inline constexpr size_t kNameSizeMax = 255;
inline constexpr size_t kPathSizeMax = 4096;
inline constexpr size_t kSymlinkTargetSizeMax = 4095;
inline constexpr size_t kXattrNameSizeMax = 255;
inline constexpr size_t kXattrValueSizeMax = 65536;
inline constexpr uint32_t kSymlinksFollowedMax = 40;
inline constexpr uint32_t kLinkCountMax = 65000;
inline constexpr ByteCount kDefaultChunkSize = 1 * kMiB;
inline constexpr ByteCount kChunkSizeMax = 1 * kGiB;
inline constexpr uint64_t kFileSizeMax = uint64_t{1} << 62;
inline constexpr int64_t kTimeNow = INT64_MIN;  // In changes of times: the time of the change itself.

enum class NodeType : uint8_t {
  kFile = 1,
  kDirectory = 2,
  kSymlink = 3,
  kFifo = 4,
  kSocket = 5,
  kCharacterDevice = 6,
  kBlockDevice = 7,
};

// Object classes in the encoding of the DAOS 2.x public headers: redundancy << 24 | groups. 0 chooses by default.
using ObjectClass = uint32_t;
inline constexpr ObjectClass kClassS1 = 1u << 24 | 1;

// What stat says.
struct Attributes {
  ObjectId object;              // Unique in the container: object.lo serves as an inode number. All names of a
                                // hard-linked file have the same.
  NodeType type = NodeType::kFile;
  uint32_t mode = 0;            // With the type's bits.
  uint32_t user = 0;
  uint32_t group = 0;
  uint32_t link_count = 1;
  uint64_t size = 0;            // Files: bytes. Symlinks: of the target. Others: 0.
  int64_t access_ns = 0;        // As last set; otherwise the modify time. Reading doesn't change it.
  int64_t modify_ns = 0;
  int64_t change_ns = 0;
  int64_t birth_ns = 0;
  uint64_t device = 0;          // Of device nodes.
  ByteCount chunk_size = 0;     // Files: theirs. Directories: what new files in them get.
};

// What absent members leave as it is.
struct AttributeChanges {
  std::optional<uint32_t> mode;  // Only the permission bits (07777) are used.
  std::optional<uint32_t> user;
  std::optional<uint32_t> group;
  std::optional<int64_t> access_ns;  // Or kTimeNow.
  std::optional<int64_t> modify_ns;
  std::optional<uint64_t> size;      // Regular files: cuts or extends by a hole.
};

// What obj_get_info tells.
struct NodeInfo {
  ObjectId object;
  ObjectClass object_class = 0;
  ByteCount chunk_size = 0;                  // Files: theirs. Directories: what new files in them get.
  ObjectClass directory_class = 0;           // Directories: what new directories and files in them get.
  ObjectClass file_class = 0;
};

struct DirectoryEntry {
  std::string name;
  NodeType type = NodeType::kFile;           // Only filled when asked for types or attributes.
  std::optional<Attributes> attributes;      // Only when asked for attributes.
};
struct DirectoryPage {
  std::vector<DirectoryEntry> entries;       // In byte order of their names; never "." and "..".
  Anchor next;                               // next.is_end: there is nothing more.
};
enum class EntryDetail : uint8_t { kNames, kTypes, kAttributes };

struct FileExtent {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t end() const { return offset + size; }
};

// Where new nodes come from. 0 in `chunk_size` and classes: the directory's default, else the file system's.
struct CreateOptions {
  uint32_t mode = 0644;                      // Permission bits; no umask is applied here.
  std::optional<uint32_t> user;              // Absent: the mount's.
  std::optional<uint32_t> group;
  ByteCount chunk_size = 0;
  ObjectClass object_class = 0;
};

enum class OpenMode : uint8_t { kReadOnly, kReadWrite };
enum class Creation : uint8_t {
  kMustExist,     // kNotFound otherwise.
  kIfMissing,     // O_CREAT
  kMustCreate,    // O_CREAT | O_EXCL: kExists otherwise.
};
struct OpenOptions {
  OpenMode mode = OpenMode::kReadOnly;
  Creation creation = Creation::kMustExist;
  bool truncate = false;                     // An existing file's size becomes 0. Needs kReadWrite.
  CreateOptions create;                      // When it is created.
};

enum class XattrSet : uint8_t { kAny, kMustCreate /* else kExists */, kMustReplace /* else kNotFound */ };

// A whole node as create_nodes() stores it: its attributes, extended attributes and, for files, its content, all at
// one epoch.
struct NewNode {
  std::string name;
  NodeType type = NodeType::kFile;           // Not a directory: mkdir() makes those.
  CreateOptions options;
  std::optional<int64_t> access_ns;          // Absent: the time of the write.
  std::optional<int64_t> modify_ns;
  std::string symlink_target;                // kSymlink.
  uint64_t device = 0;                       // Device nodes.
  std::map<std::string, Bytes> xattrs;
  struct Piece {
    uint64_t offset = 0;
    ByteView data;                           // The caller's memory; must stay until the task has ended.
  };
  std::vector<Piece> content;                // In order, not overlapping; what is between is a hole.
  uint64_t size = 0;                         // At least the content's end; a hole follows it if more.
};

// Who asks access().
struct Caller {
  uint32_t user = 0;
  uint32_t group = 0;
  std::vector<uint32_t> groups;              // Supplementary.
};
enum AccessMask : uint32_t { kMayExecute = 1, kMayWrite = 2, kMayRead = 4 };  // 0: only whether it exists.

// What the owner, group and others bits of `attributes` give `caller`; user 0 may all but execute a file that
// nobody may execute.
bool may_access(const Attributes& attributes, const Caller& caller, uint32_t mask);

// POSIX mode bits of a type, and back (kInvalidArgument'd by callers if there is none).
uint32_t mode_of(NodeType type);
std::optional<NodeType> type_of_mode(uint32_t mode);

}  // namespace aeon::dfs
