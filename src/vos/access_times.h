// When what transactions read was read, and when anything was written meanwhile: of one container, in bounded memory.
//
// Kept by place: a container, object, dkey or akey, known by a hash of its prefix. Two places with one hash are taken
// for one, and what was forgotten counts as read and perhaps written: both only make a transaction restart that
// needn't.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "base/bytes.h"
#include "base/units.h"

namespace aeon::vos {

// A place in a container by its prefixes (key_codec.h), as far down as it goes; all empty: the container.
struct KeyPlace {
  ByteView object;
  ByteView dkey;
  ByteView akey;
};

class AccessTimes {
 public:
  static constexpr size_t kGenerationMax = 16 * 1024;

  // Writes are noted from now on; all before are at or before `written_through`.
  void start(Epoch written_through);
  // Forgets. No writes need be noted any more.
  void stop();
  bool is_tracking() const { return is_tracking_; }

  void note_read(const KeyPlace& place, Epoch epoch);
  void note_write(const KeyPlace& place, Epoch epoch);

  // The newest read that a change of the place, which covers all below it, would have changed.
  Epoch read_through(const KeyPlace& place) const;

  // Whether the place, something below it or a punch above it was written after `epoch`.
  enum class Changed : uint8_t { kNo, kYes, kUnknown };
  Changed changed_after(const KeyPlace& place, Epoch epoch) const;

  Epoch reads_forgotten() const { return reads_forgotten_; }
  void forget_reads_through(Epoch epoch) { reads_forgotten_ = std::max(reads_forgotten_, epoch); }
  // The newest read or start.
  Epoch last_used() const { return last_used_; }

 private:
  struct Times {
    Epoch read;
    Epoch read_below;
    Epoch written;
    Epoch written_below;
    void merge(const Times& other);
  };
  using Generation = std::unordered_map<uint64_t, Times>;

  Times& at(ByteView prefix);
  Times find(ByteView prefix) const;
  void forget(const Generation& generation);

  bool is_tracking_ = false;
  Epoch last_used_;
  Epoch reads_forgotten_;
  Epoch writes_forgotten_;
  Times container_;
  Generation young_;  // When it is full it takes the place of the old one, which is forgotten.
  Generation old_;
};

}  // namespace aeon::vos
