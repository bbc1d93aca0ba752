// The data of writes, as it is sent along with them.
#pragma once

#include <vector>

#include "base/data_model.h"

namespace aeon::rpc {

// All of it, in order: of each write, and within it of each akey.
inline std::vector<ByteView> data_of(const std::vector<ObjectWrite>& writes) {
  std::vector<ByteView> pieces;
  for (const ObjectWrite& write : writes) {
    for (const AkeyUpdate& update : write.akeys) pieces.insert(pieces.end(), update.data.begin(), update.data.end());
  }
  return pieces;
}

}  // namespace aeon::rpc
