// A local system's directory: which files are in it, making a new one, and opening what it says.
#pragma once

#include <string>
#include <vector>

#include "local/local_system.h"
#include "local/store_disk.h"
#include "runtime/directory.h"
#include "superblock.h"

namespace aeon::local {

inline constexpr const char* kSystemFile = "system";
inline constexpr const char* kCreatingFile = "creating";  // There while a system is being made; see create_system().
inline constexpr const char* kLockFile = "lock";

// A target's file, as it is named when a system is made: "target-0".
std::string target_file(uint32_t index);
// The targets whose files are there, by index.
std::vector<uint32_t> targets_with_files(const Directory& directory);

// Who holds the directory, for the message that another opener gets: "process 123 (daos) on host since TIME".
std::string holder_text(uint64_t now_unix_ns);

// kNotEmpty or kExists unless a system may be made here: nothing is there but what create_system(), killed, leaves.
Status check_empty(const Directory& directory);

// Makes a system in a directory that is held. Killed in between, it leaves `creating` behind, and is simply begun
// again by the next call.
Status create_system(Directory& directory, const CreateOptions& options);

// What `system` says. kNotFound, saying what to do, if there is none.
Result<Superblock> read_superblock(const Directory& directory);

}  // namespace aeon::local
