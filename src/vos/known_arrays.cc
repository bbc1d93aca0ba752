#include "known_arrays.h"

#include <algorithm>
#include <functional>

namespace aeon::vos {

size_t KnownArrays::place_of(ByteView akey) { return std::hash<std::string_view>{}(as_text(akey)) % kEntryCount; }

KnownArrays::Entry* KnownArrays::entry_of(ByteView akey) const {
  if (entries_ == nullptr || akey.size() > kPrefixSizeMax) return nullptr;
  Entry& entry = (*entries_)[place_of(akey)];
  return equal_bytes(ByteView(entry.prefix).first(entry.prefix_size), akey) ? &entry : nullptr;
}

void KnownArrays::note(ByteView akey, const Known& known, uint64_t generation) {
  if (akey.size() > kPrefixSizeMax) return;
  if (entries_ == nullptr) entries_ = std::make_unique<Entries>();
  Entry& entry = (*entries_)[place_of(akey)];
  entry.generation = generation;
  entry.known = known;
  entry.prefix_size = akey.size();
  std::copy(akey.begin(), akey.end(), entry.prefix.begin());
}

}  // namespace aeon::vos
