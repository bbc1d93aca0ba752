// What readers may find of values that one writer each writes, one after the other.
//
// Versions are numbered. A write that was acknowledged raises the floor: no later read may find an older version. A
// write without an answer, or still in progress, may be found or not. So a read may find the versions between the
// floor when it began and the newest one when it ended.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

namespace aeon {

enum class WriteOutcome { kDone, kNotDone, kUnknown };

struct VersionWindow {
  uint64_t oldest = 0;
  uint64_t newest = 0;
};

// One key. Version 0: never written.
class SingleWriterValue {
 public:
  SingleWriterValue() : versions_(1) {}

  // Nothing: it is removed.
  uint64_t begin_write(std::optional<Bytes> value) {
    versions_.push_back({std::move(value), false});
    return newest();
  }
  void end_write(uint64_t version, WriteOutcome outcome) {
    if (outcome == WriteOutcome::kNotDone) versions_[version].never_was = true;
    if (outcome == WriteOutcome::kDone) raise_floor(version);
  }
  void raise_floor(uint64_t version) { floor_ = std::max(floor_, version); }

  uint64_t floor() const { return floor_; }
  uint64_t newest() const { return versions_.size() - 1; }
  // Whether a read within `window` may find that.
  bool may_find(VersionWindow window, const std::optional<Bytes>& found) const {
    for (uint64_t version = window.oldest; version <= window.newest; ++version) {
      if (!versions_[version].never_was && versions_[version].value == found) return true;
    }
    return false;
  }

 private:
  struct Version {
    std::optional<Bytes> value;
    bool never_was = false;
  };
  std::vector<Version> versions_;
  uint64_t floor_ = 0;
};

// The cells of one array, each holding the number of the write that gave it and a code of its place.
class SingleWriterCells {
 public:
  struct Cell {
    uint64_t version = 0;
    uint64_t code = 0;
  };
  struct Write {
    uint64_t index = 0;
    uint64_t count = 0;
    bool never_was = false;
  };

  SingleWriterCells(uint64_t name, uint64_t cell_count) : name_(name), floors_(cell_count), writes_(1) {}

  uint64_t cell_count() const { return floors_.size(); }
  uint64_t begin_write(uint64_t index, uint64_t count) {
    writes_.push_back({index, count, false});
    return newest();
  }
  Bytes content(uint64_t version) const {
    const Write& write = writes_[version];
    Bytes bytes(write.count * sizeof(Cell));
    for (uint64_t i = 0; i < write.count; ++i) {
      store_le(bytes.data() + i * sizeof(Cell), version);
      store_le(bytes.data() + i * sizeof(Cell) + 8, code_of(write.index + i, version));
    }
    return bytes;
  }
  void end_write(uint64_t version, WriteOutcome outcome) {
    Write& write = writes_[version];
    if (outcome == WriteOutcome::kNotDone) write.never_was = true;
    if (outcome != WriteOutcome::kDone) return;
    for (uint64_t i = write.index; i < write.index + write.count; ++i) floors_[i] = std::max(floors_[i], version);
  }

  const std::vector<uint64_t>& floors() const { return floors_; }
  uint64_t newest() const { return writes_.size() - 1; }

  // Whether a read may find that, which began with `floors` and ended with `newest`. Without writes in progress a
  // write is also there whole: where one of its cells is, no other is older.
  bool may_find(const std::vector<uint64_t>& floors, uint64_t newest, ByteView found, bool is_quiet) const {
    if (found.size() != floors_.size() * sizeof(Cell)) return false;
    std::vector<uint64_t> versions(floors_.size());
    for (uint64_t i = 0; i < floors_.size(); ++i) {
      const auto version = load_le<uint64_t>(found.data() + i * sizeof(Cell));
      const auto code = load_le<uint64_t>(found.data() + i * sizeof(Cell) + 8);
      if (version < floors[i] || version > newest) return false;
      if (code != (version == 0 ? 0 : code_of(i, version))) return false;
      const Write& write = writes_[version];
      if (version != 0 && (write.never_was || i < write.index || i >= write.index + write.count)) return false;
      versions[i] = version;
    }
    if (!is_quiet) return true;
    const std::vector<bool> is_there = shown(versions);
    for (uint64_t version = 1; version < writes_.size(); ++version) {
      if (!is_there[version]) continue;
      const Write& write = writes_[version];
      for (uint64_t i = write.index; i < write.index + write.count; ++i) {
        if (versions[i] < version) return false;
      }
    }
    return true;
  }

 private:
  uint64_t code_of(uint64_t index, uint64_t version) const {
    return (name_ * 0x9e3779b97f4a7c15 + index) * 0xbf58476d1ce4e5b9 ^ version;
  }
  std::vector<bool> shown(const std::vector<uint64_t>& versions) const {
    std::vector<bool> is_there(writes_.size());
    for (const uint64_t version : versions) is_there[version] = true;
    return is_there;
  }

  const uint64_t name_;
  std::vector<uint64_t> floors_;  // By cell: the newest acknowledged version.
  std::vector<Write> writes_;
};

}  // namespace aeon
