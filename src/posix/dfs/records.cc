#include "records.h"

#include <algorithm>
#include <charconv>

namespace aeon::dfs {

namespace {

constexpr uint8_t kRecordVersion = 1;
constexpr uint32_t kSuperblockMagic = 0x53464441;  // "ADFS"
constexpr uint32_t kFormatVersion = 1;

Status corrupt(std::string_view what) { return Status(Code::kCorrupt, "damaged " + std::string(what)); }

class Writer {
 public:
  template <typename T>
  void put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store_le(bytes_.data() + at, value);
  }
  void put(ObjectId object) {
    put(object.hi);
    put(object.lo);
  }
  void put_text(std::string_view text) {
    put(static_cast<uint16_t>(text.size()));
    const ByteView view = as_bytes(text);
    bytes_.insert(bytes_.end(), view.begin(), view.end());
  }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reads past the end give zeros and are remembered.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  template <typename T>
  T get() {
    if (rest_.size() < sizeof(T)) {
      failed_ = true;
      rest_ = {};
      return T{};
    }
    const T value = load_le<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  ObjectId get_object() {
    const uint64_t hi = get<uint64_t>();
    const uint64_t lo = get<uint64_t>();
    return {.hi = hi, .lo = lo};
  }
  std::string get_text() {
    const size_t size = get<uint16_t>();
    if (rest_.size() < size) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    std::string text(as_text(rest_.first(size)));
    rest_ = rest_.subspan(size);
    return text;
  }
  bool is_whole() const { return !failed_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool failed_ = false;
};

// The version byte, which all records start with.
Status check_version(Reader& reader, std::string_view what) {
  const uint8_t version = reader.get<uint8_t>();
  if (version == kRecordVersion) return ok();
  if (version < kRecordVersion) return corrupt(what);
  return Status(Code::kVersionUnsupported, std::string(what) + " has format " + std::to_string(version) +
                                               ", this program knows up to " + std::to_string(kRecordVersion));
}

bool is_node_type(uint8_t type) {
  return type >= static_cast<uint8_t>(NodeType::kFile) && type <= static_cast<uint8_t>(NodeType::kBlockDevice);
}

enum TimesFlag : uint8_t { kHasAccess = 1, kHasModify = 2, kAccessIsNow = 4, kModifyIsNow = 8 };

}  // namespace

Bytes encode(const Inode& inode) {
  Writer writer;
  writer.put(kRecordVersion);
  writer.put(static_cast<uint8_t>(inode.type));
  writer.put(static_cast<uint8_t>(inode.is_shared));
  writer.put(static_cast<uint8_t>(inode.had_data_at_birth));
  writer.put(inode.permissions);
  writer.put(inode.user);
  writer.put(inode.group);
  writer.put(inode.object);
  writer.put(inode.chunk_size);
  writer.put(inode.directory_class);
  writer.put(inode.file_class);
  writer.put(inode.birth.value);
  writer.put(inode.device);
  writer.put(inode.target_size);
  writer.put_text(inode.target);
  return writer.take();
}

Result<Inode> decode_inode(ByteView bytes) {
  Reader reader(bytes);
  TRY(check_version(reader, "inode"));
  Inode inode;
  const uint8_t type = reader.get<uint8_t>();
  if (!is_node_type(type)) return corrupt("inode: unknown type");
  inode.type = static_cast<NodeType>(type);
  inode.is_shared = reader.get<uint8_t>() != 0;
  inode.had_data_at_birth = reader.get<uint8_t>() != 0;
  inode.permissions = reader.get<uint32_t>();
  inode.user = reader.get<uint32_t>();
  inode.group = reader.get<uint32_t>();
  inode.object = reader.get_object();
  inode.chunk_size = reader.get<uint64_t>();
  inode.directory_class = reader.get<uint32_t>();
  inode.file_class = reader.get<uint32_t>();
  inode.birth = Epoch{reader.get<uint64_t>()};
  inode.device = reader.get<uint64_t>();
  inode.target_size = reader.get<uint32_t>();
  inode.target = reader.get_text();
  if (!reader.is_whole() || inode.permissions > 07777) return corrupt("inode");
  const bool is_whole_file = inode.type == NodeType::kFile && !inode.is_shared;
  if (inode.chunk_size > kChunkSizeMax || (is_whole_file && inode.chunk_size == 0)) return corrupt("inode: chunk size");
  const size_t inline_size = inode.target_size <= kInlineTargetMax ? inode.target_size : 0;
  if (inode.target_size > kSymlinkTargetSizeMax || inode.target.size() != inline_size) {
    return corrupt("inode: symlink target");
  }
  return inode;
}

Bytes encode(const Times& times) {
  Writer writer;
  writer.put(kRecordVersion);
  uint8_t flags = 0;
  if (times.access_ns.has_value()) flags |= kHasAccess;
  if (times.modify_ns.has_value()) flags |= kHasModify;
  if (times.access_is_now) flags |= kAccessIsNow;
  if (times.modify_is_now) flags |= kModifyIsNow;
  writer.put(flags);
  writer.put(times.access_ns.value_or(0));
  writer.put(times.modify_ns.value_or(0));
  writer.put(times.guard.value);
  return writer.take();
}

Result<Times> decode_times(ByteView bytes) {
  Reader reader(bytes);
  TRY(check_version(reader, "times"));
  Times times;
  const uint8_t flags = reader.get<uint8_t>();
  const int64_t access_ns = reader.get<int64_t>();
  const int64_t modify_ns = reader.get<int64_t>();
  times.guard = Epoch{reader.get<uint64_t>()};
  if (!reader.is_whole() || flags > 15) return corrupt("times");
  if ((flags & kHasAccess) != 0) times.access_ns = access_ns;
  if ((flags & kHasModify) != 0) times.modify_ns = modify_ns;
  times.access_is_now = (flags & kAccessIsNow) != 0;
  times.modify_is_now = (flags & kModifyIsNow) != 0;
  return times;
}

Bytes encode_seal(uint64_t size) {
  Writer writer;
  writer.put(kRecordVersion);
  writer.put(size);
  return writer.take();
}

Result<uint64_t> decode_seal(ByteView bytes) {
  Reader reader(bytes);
  TRY(check_version(reader, "size record"));
  const uint64_t size = reader.get<uint64_t>();
  if (!reader.is_whole() || size > kFileSizeMax) return corrupt("size record");
  return size;
}

Bytes encode(const ParentLink& link) {
  Writer writer;
  writer.put(kRecordVersion);
  writer.put(link.parent);
  writer.put_text(link.name);
  return writer.take();
}

Result<ParentLink> decode_parent_link(ByteView bytes) {
  Reader reader(bytes);
  TRY(check_version(reader, "parent record"));
  ParentLink link;
  link.parent = reader.get_object();
  link.name = reader.get_text();
  if (!reader.is_whole() || link.name.empty()) return corrupt("parent record");
  return link;
}

Bytes encode(const FileSystemInfo& info) {
  Writer writer;
  writer.put(kSuperblockMagic);
  writer.put(kFormatVersion);
  for (const uint8_t byte : info.id.bytes) writer.put(byte);
  writer.put(info.chunk_size);
  writer.put(info.directory_class);
  writer.put(info.file_class);
  writer.put(info.consistency);
  writer.put(info.user_id);
  writer.put_text(info.hints);
  return writer.take();
}

Result<FileSystemInfo> decode_superblock(ByteView bytes) {
  Reader reader(bytes);
  if (reader.get<uint32_t>() != kSuperblockMagic) return corrupt("superblock: it isn't one of a file system");
  FileSystemInfo info;
  info.format_version = reader.get<uint32_t>();
  if (info.format_version != kFormatVersion) {
    return Status(Code::kVersionUnsupported, "the file system has format " + std::to_string(info.format_version) +
                                                 ", this program knows " + std::to_string(kFormatVersion));
  }
  for (uint8_t& byte : info.id.bytes) byte = reader.get<uint8_t>();
  info.chunk_size = reader.get<uint64_t>();
  info.directory_class = reader.get<uint32_t>();
  info.file_class = reader.get<uint32_t>();
  info.consistency = reader.get<uint32_t>();
  info.user_id = reader.get<uint64_t>();
  info.hints = reader.get_text();
  const bool is_sound = reader.is_whole() && info.chunk_size != 0 && info.chunk_size <= kChunkSizeMax &&
                        info.directory_class != 0 && info.file_class != 0;
  if (!is_sound) return corrupt("superblock");
  return info;
}

std::string encode(const LinkCount& count) {
  return std::to_string(count.generation) + ":" + std::to_string(count.count);
}

Result<LinkCount> decode_link_count(std::string_view name) {
  LinkCount count;
  const char* end = name.data() + name.size();
  const auto generation = std::from_chars(name.data(), end, count.generation);
  if (generation.ec != std::errc() || generation.ptr == end || *generation.ptr != ':') return corrupt("link count");
  const auto number = std::from_chars(generation.ptr + 1, end, count.count);
  if (number.ec != std::errc() || number.ptr != end || count.count == 0) return corrupt("link count");
  return count;
}

ObjectId object_id(uint8_t type, ObjectClass object_class, uint64_t number) {
  const uint64_t redundancy = object_class >> 24;
  const uint64_t groups = object_class & 0xffff;
  return {.hi = uint64_t{type} << 56 | redundancy << 48 | groups << 32, .lo = number};
}

ObjectClass class_of(ObjectId object) {
  return static_cast<ObjectClass>((object.hi >> 48 & 0xff) << 24 | (object.hi >> 32 & 0xffff));
}

ObjectId shared_inode_object(ObjectId object) {
  ObjectId shared = object_id(kHashedType, kClassS1, object.lo);
  shared.hi |= 1;  // Of the user's bits: symlinks and special files have this object id but for it.
  return shared;
}

Status check_xattr(std::string_view name, ByteView value) {
  if (name.empty() || name.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidArgument, "an extended attribute's name is empty or has NUL in it");
  }
  if (name.size() > kXattrNameSizeMax) {
    return Status(Code::kTooBig,
                  "an extended attribute's name has at most " + std::to_string(kXattrNameSizeMax) + " bytes");
  }
  if (value.size() > kXattrValueSizeMax) {
    return Status(Code::kTooBig, "extended attribute '" + std::string(name) + "' has more than " +
                                     std::to_string(kXattrValueSizeMax) + " bytes");
  }
  return ok();
}

Bytes xattr_record(ByteView value) {
  Bytes record(1 + value.size());
  record[0] = std::byte{kRecordVersion};
  std::copy(value.begin(), value.end(), record.begin() + 1);
  return record;
}

Result<Bytes> decode_xattr(Bytes record) {
  Reader reader(record);
  TRY(check_version(reader, "extended attribute"));
  record.erase(record.begin());
  return record;
}

Status check_class(ObjectClass object_class) {
  if (object_class == 0) return ok();
  const bool is_striped = object_class >> 24 == 1 && (object_class & 0xff0000) == 0 && (object_class & 0xffff) != 0;
  if (is_striped) return ok();
  return Status(Code::kInvalidArgument,
                "object class " + std::to_string(object_class) + " isn't available here; the S classes are");
}

Status check_chunk_size(ByteCount chunk_size) {
  if (chunk_size <= kChunkSizeMax) return ok();
  return Status(Code::kInvalidArgument,
                "chunk size " + std::to_string(chunk_size) + " is larger than " + std::to_string(kChunkSizeMax));
}

}  // namespace aeon::dfs
