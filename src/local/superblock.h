// The file `system` of a local system's directory: what the system is and where its targets are.
//
//   "AEONSYS1" | u32 format version | u32 size of the fields | fields, as in wire/archive.h | u32 CRC32C of all before
//
// It is written last when a system is made, whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::local {

// What we know. What is written is the oldest one that can say it: 2 only for a target with devices of its own.
// Several targets need no newer one: programs that know of one only have always refused them by their number.
inline constexpr uint32_t kFormatVersion = 2;

struct TargetEntry {
  uint32_t index = 0;
  std::string file;         // Within the directory.
  Uuid store;               // Of the store in it.
  ByteCount capacity = 0;   // How far it may grow; 0: as far as the file system goes.
  // The store's devices, in the order of their labels; empty: it is in `file`. A name without a slash is within the
  // directory.
  std::vector<std::string> devices;
  static void io(auto& archive, auto& self) {
    archive(self.index, self.file, self.store, self.capacity);
    archive.since(2, self.devices);
  }
};

struct Superblock {
  std::string system_name;
  Uuid system;
  uint64_t created_unix_ns = 0;
  Uuid pool;
  std::string pool_label;
  std::vector<TargetEntry> targets;
  static void io(auto& archive, auto& self) {
    archive(self.system_name, self.system, self.created_unix_ns, self.pool, self.pool_label, self.targets);
  }
};

Bytes encode_superblock(const Superblock& superblock);
// kInvalidArgument: not a superblock at all. kVersionUnsupported names both versions. kCorrupt. `path` is for messages.
Result<Superblock> decode_superblock(ByteView bytes, const std::string& path);

}  // namespace aeon::local
