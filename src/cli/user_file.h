// The user's own files, whole: for values given by file.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::cli {

// "-" is standard input. kTooBig beyond `size_max`.
Result<Bytes> read_user_file(const std::string& path, ByteCount size_max);
// Written beside it first, so that a failure leaves what was there.
Status write_user_file(const std::string& path, ByteView content);

}  // namespace aeon::cli
