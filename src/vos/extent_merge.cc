#include "extent_merge.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/bytes.h"

namespace aeon::vos {

namespace {

constexpr ByteCount kBlock = 4096;
constexpr ByteCount kIndexBytes = 128;  // About, of one extent.
constexpr ByteCount kFreedMin = 4096;
constexpr ByteCount kLarge = 64 * kKiB;

class Plan {
 public:
  Plan(std::vector<MergeExtent> extents, const std::vector<MergePart>& parts, MergeLimits limits)
      : extents_(std::move(extents)), parts_(parts), limits_(limits) {}

  std::vector<Merge> make() {
    const std::vector<MergeExtent> given = extents_;
    std::vector<Merge> merges;
    for (MergeExtent& extent : extents_) extent.is_fixed = extent.is_fixed || extent.is_only_for_space;
    decide(&Plan::leaves_few, merges);
    // Large extents that are seen whole would only add to what freeing others costs.
    std::vector<uint64_t> seen(given.size());
    for (const MergePart& part : parts_) seen[part.extent] += part.count();
    for (size_t i = 0; i < given.size(); ++i) {
      const bool is_large = given[i].count * given[i].record_size >= kLarge;
      extents_[i].is_fixed = given[i].is_fixed || (is_large && seen[i] == given[i].count);
    }
    for (const Merge& merge : merges) {
      for (const size_t extent : merge.extents) extents_[extent].is_fixed = true;
    }
    decide(&Plan::frees_much, merges);
    return merges;
  }

 private:
  using Rule = bool (Plan::*)(const Merge& merge, uint64_t largest_size) const;

  // Each round decides about every group of pieces that depend on each other: it pays, or its largest extent stays.
  void decide(Rule pays, std::vector<Merge>& merges) {
    while (true) {
      cut();
      if (pieces_.empty()) return;
      for (const auto& [root, members] : groups()) {
        Merge merge;
        size_t largest = 0;
        const uint64_t largest_size = look_at(members, merge, largest);
        if (!(this->*pays)(merge, largest_size)) {
          extents_[largest].is_fixed = true;
          continue;
        }
        for (const size_t extent : merge.extents) extents_[extent].is_fixed = true;
        merges.push_back(std::move(merge));
      }
    }
  }

  uint64_t bytes(const MergePart& part) const { return part.count() * extents_[part.extent].record_size; }

  // Runs of neighbouring parts that may be merged, cut where they get too long.
  void cut() {
    pieces_.clear();
    uint64_t size = 0;
    for (size_t index = 0; index < parts_.size(); ++index) {
      const MergePart& part = parts_[index];
      const MergeExtent& extent = extents_[part.extent];
      if (extent.is_fixed) continue;
      const bool is_next = !pieces_.empty() && pieces_.back().end == part.start &&
                           pieces_.back().first_part + pieces_.back().part_count == index &&
                           extents_[parts_[index - 1].extent].record_size == extent.record_size;
      if (is_next && size + bytes(part) <= limits_.piece_size_max) {
        pieces_.back().end = part.end;
        ++pieces_.back().part_count;
        size += bytes(part);
      } else {
        pieces_.push_back({.start = part.start, .end = part.end, .first_part = index, .part_count = 1});
        size = bytes(part);
      }
    }
  }

  // Pieces that share an extent can only be merged together.
  std::map<size_t, std::vector<size_t>> groups() {
    std::vector<size_t> leader(pieces_.size());
    std::iota(leader.begin(), leader.end(), size_t{0});
    const auto find = [&leader](size_t piece) {
      while (leader[piece] != piece) piece = leader[piece] = leader[leader[piece]];
      return piece;
    };
    std::map<size_t, size_t> piece_of;  // Extent → a piece that it is in.
    for (size_t piece = 0; piece < pieces_.size(); ++piece) {
      for (size_t i = 0; i < pieces_[piece].part_count; ++i) {
        const size_t extent = parts_[pieces_[piece].first_part + i].extent;
        const auto [place, is_new] = piece_of.try_emplace(extent, piece);
        if (is_new) continue;
        const size_t a = find(piece), b = find(place->second);
        leader[std::max(a, b)] = std::min(a, b);
      }
    }
    std::map<size_t, std::vector<size_t>> groups;
    for (size_t piece = 0; piece < pieces_.size(); ++piece) groups[find(piece)].push_back(piece);
    return groups;
  }

  // What merging these pieces means, and how many bytes are visible of its largest extent.
  uint64_t look_at(const std::vector<size_t>& members, Merge& merge, size_t& largest) const {
    std::map<size_t, uint64_t> sizes;  // Extent → bytes that are visible of it.
    for (const size_t member : members) {
      const Merge::Piece& piece = pieces_[member];
      merge.pieces.push_back(piece);
      for (size_t i = 0; i < piece.part_count; ++i) {
        const MergePart& part = parts_[piece.first_part + i];
        sizes[part.extent] += bytes(part);
      }
    }
    uint64_t largest_size = 0;
    for (const auto& [extent, size] : sizes) {
      merge.extents.push_back(extent);
      merge.bytes += size;
      if (size > largest_size) {
        largest_size = size;
        largest = extent;
      }
    }
    return largest_size;
  }

  bool leaves_few(const Merge& merge, uint64_t largest_size) const {
    return merge.extents.size() >= kMergeFactor * merge.pieces.size() && largest_size * kMergeFactor <= merge.bytes;
  }

  bool frees_much(const Merge& merge, uint64_t) const {
    ByteCount before = 0;
    for (const size_t extent : merge.extents) before += extents_[extent].stored_bytes;
    ByteCount after = 0;
    for (const Merge::Piece& piece : merge.pieces) {
      const ByteCount size = (piece.end - piece.start) * extents_[parts_[piece.first_part].extent].record_size;
      after += kIndexBytes + round_up(size, kBlock);
    }
    return before >= after + kFreedMin &&
           static_cast<double>(before - after) >= limits_.freed_part * static_cast<double>(merge.bytes);
  }

  std::vector<MergeExtent> extents_;
  const std::vector<MergePart>& parts_;
  const MergeLimits limits_;
  std::vector<Merge::Piece> pieces_;
};

}  // namespace

std::vector<Merge> plan_merges(std::vector<MergeExtent> extents, const std::vector<MergePart>& parts,
                               MergeLimits limits) {
  return Plan(std::move(extents), parts, limits).make();
}

}  // namespace aeon::vos
