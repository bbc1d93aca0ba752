// What is stored of each entry, and of the file system: fixed little-endian records with a version byte.
// docs/design/dfs.md has the layout.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "dfs/file_system.h"

namespace aeon::dfs {

// Keys. Names of entries can't be "." or "..", so a directory object's own record is below "..".
inline constexpr std::string_view kOwnDkey = "..";
inline constexpr std::string_view kInodeAkey = "i";
inline constexpr std::string_view kTimesAkey = "t";
inline constexpr std::string_view kSealAkey = "s";
inline constexpr std::string_view kTargetAkey = "l";    // A symlink's target that is too long for the inode.
inline constexpr std::string_view kXattrPrefix = "x:";
inline constexpr std::string_view kParentAkey = "p";    // Below kOwnDkey: where the directory's entry is.
inline constexpr std::string_view kMarkerAkey = "m";  // Its epoch: when a directory's entries or a file's data changed.
inline constexpr std::string_view kDataAkey = "0";
inline constexpr std::string_view kSuperblockDkey = "superblock";
inline constexpr std::string_view kRootName = "/";  // The root's entry, in the superblock object.
inline constexpr std::string_view kSharedInodeDkey = "i";
inline constexpr std::string_view kLinkCountDkey = "n";

inline constexpr size_t kInlineTargetMax = 120;
inline constexpr size_t kInodeSizeMax = 256;
inline constexpr size_t kTimesSizeMax = 64;
inline constexpr size_t kSealSizeMax = 16;

// The value of kInodeAkey.
struct Inode {
  NodeType type = NodeType::kFile;
  bool is_shared = false;  // A hard link: only `type` and `object` count, the rest is in the shared inode.
  bool had_data_at_birth = false;  // Files: without a marker there may still be data.
  uint32_t permissions = 0;  // 07777
  uint32_t user = 0;
  uint32_t group = 0;
  ObjectId object;
  ByteCount chunk_size = 0;
  ObjectClass directory_class = 0;  // Directories: for what is made in them; 0: the file system's.
  ObjectClass file_class = 0;
  Epoch birth;  // Zero: the epoch of this record.
  uint64_t device = 0;
  uint32_t target_size = 0;  // Symlinks.
  std::string target;  // If target_size <= kInlineTargetMax.

  uint32_t mode() const { return permissions | mode_of(type); }
};
Bytes encode(const Inode& inode);
Result<Inode> decode_inode(ByteView bytes);

// The value of kTimesAkey: times that were set, rather than following from epochs.
struct Times {
  std::optional<int64_t> access_ns;
  std::optional<int64_t> modify_ns;
  bool access_is_now = false;  // The time is that of this record's epoch.
  bool modify_is_now = false;
  Epoch guard;  // Data written at or before it doesn't move modify_ns. Zero: this record's epoch.
};
Bytes encode(const Times& times);
Result<Times> decode_times(ByteView bytes);

// The value of kSealAkey: the size of a file that nobody has opened for writing since it was created whole.
Bytes encode_seal(uint64_t size);
Result<uint64_t> decode_seal(ByteView bytes);

// The value of kParentAkey.
struct ParentLink {
  ObjectId parent;
  std::string name;
};
Bytes encode(const ParentLink& link);
Result<ParentLink> decode_parent_link(ByteView bytes);

Bytes encode(const FileSystemInfo& info);
Result<FileSystemInfo> decode_superblock(ByteView bytes);

// The name of the akey that counts the links of a shared inode; each change takes the next generation, so that
// replacing it fails if somebody else did first.
struct LinkCount {
  uint64_t generation = 0;
  uint32_t count = 0;
};
std::string encode(const LinkCount& count);
Result<LinkCount> decode_link_count(std::string_view name);

// Object ids.
inline constexpr uint8_t kHashedType = 0;
inline constexpr uint8_t kByteArrayType = 13;
ObjectId object_id(uint8_t type, ObjectClass object_class, uint64_t number);
ObjectClass class_of(ObjectId object);
inline ObjectId superblock_object() { return object_id(kHashedType, kClassS1, 0); }
inline constexpr uint64_t kRootNumber = 1;
inline constexpr uint64_t kFirstNumber = 2;
// Where the attributes of a node with several names are.
ObjectId shared_inode_object(ObjectId object);

// The value of an xattr's akey: a version byte and the value, so that an empty one is there too.
Status check_xattr(std::string_view name, ByteView value);
Bytes xattr_record(ByteView value);
Result<Bytes> decode_xattr(Bytes record);

// How a size beyond the last data is kept: its last byte is written.
inline constexpr std::byte kZeroByte[1] = {};

Status check_class(ObjectClass object_class);  // 0 is fine.
Status check_chunk_size(ByteCount chunk_size);  // 0 is fine.

}  // namespace aeon::dfs
