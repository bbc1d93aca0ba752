// How the changes of a call list (call_list.h) become calls of a vos::Store, and how what it holds is read back.
#pragma once

#include <string>
#include <vector>

#include "call_list.h"
#include "vos/store.h"

namespace aeon {

inline const Bytes kSingleAkey = to_bytes("single");
inline const Bytes kArrayAkey = to_bytes("array");
inline const Bytes kNumberKey = to_bytes("count");

Bytes dkey_name(uint64_t dkey);

// All changes and the call's number. They refer to the memory of both.
std::vector<ObjectWrite> to_writes(const std::vector<Change>& changes, ByteView number);

struct Found {
  Status status;
  DkeyState state;
  Epoch epoch;  // Of the single value.
};

// As a client does it: the checksums that come with the data are compared with the memory that it went to.
Task<Found> fetch_dkey(vos::Store* store, Uuid container, ObjectId object, Bytes dkey, Bytes single_akey, Epoch epoch);

}  // namespace aeon
