#include "extent_merge.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace aeon::vos {

namespace {

class Plan {
 public:
  Plan(std::vector<MergeExtent> extents, const std::vector<MergePart>& parts, ByteCount piece_size_max)
      : extents_(std::move(extents)), parts_(parts), piece_size_max_(piece_size_max) {}

  std::vector<Merge> make() {
    std::vector<Merge> merges;
    // Each round decides about every group of pieces that depend on each other: it pays, or its largest extent stays.
    while (true) {
      cut();
      if (pieces_.empty()) return merges;
      for (const auto& [root, members] : groups()) {
        Merge merge;
        size_t largest = 0;
        if (!look_at(members, merge, largest)) {
          extents_[largest].is_fixed = true;
          continue;
        }
        for (const size_t extent : merge.extents) extents_[extent].is_fixed = true;
        merges.push_back(std::move(merge));
      }
    }
  }

 private:
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
      if (is_next && size + bytes(part) <= piece_size_max_) {
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

  bool look_at(const std::vector<size_t>& members, Merge& merge, size_t& largest) const {
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
    return merge.extents.size() >= kMergeFactor * merge.pieces.size() && largest_size * kMergeFactor <= merge.bytes;
  }

  std::vector<MergeExtent> extents_;
  const std::vector<MergePart>& parts_;
  const ByteCount piece_size_max_;
  std::vector<Merge::Piece> pieces_;
};

}  // namespace

std::vector<Merge> plan_merges(std::vector<MergeExtent> extents, const std::vector<MergePart>& parts,
                               ByteCount piece_size_max) {
  return Plan(std::move(extents), parts, piece_size_max).make();
}

}  // namespace aeon::vos
