// The file system that an address and --snap or --epoch name.
#pragma once

#include "cli/invocation.h"
#include "daos_address.h"
#include "dfs/file_system.h"

namespace aeon::cli {

enum class MountFor {
  kReading,           // At the snapshot that was asked for, if any.
  kWriting,
  kWritingNew,        // A container that is missing is made, of type POSIX.
};

Result<std::shared_ptr<dfs::FileSystem>> mount(Invocation& invocation, const DaosAddress& address, MountFor purpose);

// Files are durable when flushed, as POSIX has it, unless the spec says otherwise: an acknowledgement for each of a
// tree's thousands of files would only make copies slow.
void use_file_durability(client::ContainerSpec& spec);

// kNotFound and the like, as an error that names the address and what helps.
Status about_path(const Status& status, const DaosAddress& address);

}  // namespace aeon::cli
