// Records of the index as people and checks look at them: key and value taken apart together.
#pragma once

#include <string>

#include "base/bytes.h"
#include "vos/inspector.h"

namespace aeon::vos {

// Whatever the key and value are; what isn't in a form we write has a status that says so.
StoredRecord take_apart(ByteView key, ByteView value);

// The place of damage in a record, without what was found.
DamagedPlace place_of(const StoredRecord& record);
// What a damaged page hides. Keys are the index's; an empty end: to the last.
DamagedPlace place_of_page(std::string place, const Status& status, ByteView first_key, ByteView end_key);

}  // namespace aeon::vos
