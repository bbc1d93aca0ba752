// Layouts as they are for ever: data is where they say. A map of each kind, objects of all sorts of classes, and groups
// of dkeys. If this fails, stored data would not be found again: don't update the file, put the code right.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "placement/layout.h"
#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

constexpr const char* kClasses[] = {"S1",     "S2",       "S8",       "SX",       "RP_2G1",   "RP_2GX",  "RP_3G1",
                                    "RP_3G4", "EC_2P1G1", "EC_2P1GX", "EC_4P2G1", "EC_4P2G2", "EC_8P2G1"};

PoolMap changed_map() {
  PoolMap map = racks_map(4, 2, 2);
  map = with_excluded(map, std::vector<TargetId>{1, 6}).value();
  map = with_changes_finished(map, map.version).value();
  map = grown(map, ranks_in_racks(1, 2, 3, 4, 20));
  map = with_excluded(map, std::vector<TargetId>{9}).value();
  map = with_drained(map, map.targets_of_rank(20)).value();
  map = with_reintegrated(map, std::vector<TargetId>{6}).value();
  map = with_ranks(map, ranks_in_racks(1, 1, 2, 1, 30)).value();
  return with_joining(map, map.targets_of_rank(30)).value();
}

void add_layouts(std::ostream& lines, const char* map_name, const PoolMap& pool_map, MapKind kind) {
  const PlacementMap map = PlacementMap::make(pool_map, kind).value();
  for (const View view : {View::kNow, View::kNext}) {
    if (view == View::kNext && !map.is_changing()) continue;
    for (const char* const name : kClasses) {
      for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{0x123456789abcdef0}}) {
        const ObjectId object = object_of(name, number);
        const Result<Layout> layout = map.place(object, view);
        if (!layout.is_ok()) continue;
        lines << map_name << (kind == MapKind::kRing ? " ring" : " jump") << (view == View::kNow ? " now " : " next ")
              << name << " " << object.to_string() << ":";
        for (size_t i = 0; i < layout->targets.size(); ++i) {
          if (i != 0 && i % layout->group_size == 0 && layout->group_size > 1) lines << " |";
          lines << " ";
          if (layout->targets[i] == kNoTarget) {
            lines << "-";
          } else {
            lines << layout->targets[i];
          }
        }
        lines << "\n";
      }
    }
  }
}

void add_groups(std::ostream& lines, const char* class_text, uint8_t type, uint32_t group_count) {
  lines << "groups of " << class_text << " type " << int{type} << " of " << group_count << ":";
  for (uint64_t i = 0; i < 24; ++i) {
    Bytes key(i);  // Of all sizes, with what isn't zero in it.
    if (type != 0) key.resize(sizeof i);
    if (key.size() >= sizeof i) store_le(key.data(), i);
    lines << " " << group_of(object_of(class_text, 5, type), key, group_count);
  }
  Bytes long_key(300, std::byte{7});
  lines << " " << group_of(object_of(class_text, 5, type), long_key, group_count) << "\n";
}

std::string golden_text() {
  std::ostringstream lines;
  for (const MapKind kind : {MapKind::kJump, MapKind::kRing}) {
    add_layouts(lines, "plain-1", make_plain_map(1), kind);
    add_layouts(lines, "plain-3", make_plain_map(3), kind);
    add_layouts(lines, "racks-4-2-2", racks_map(4, 2, 2), kind);
    add_layouts(lines, "changed", changed_map(), kind);
  }
  add_layouts(lines, "racks-10-10-4", racks_map(10, 10, 4), MapKind::kJump);
  for (const uint8_t type : {uint8_t{0}, uint8_t{11}}) {
    add_groups(lines, "S8", type, 8);
    add_groups(lines, "SX", type, 8);
    add_groups(lines, "SX", type, 1000);
  }
  return lines.str();
}

TEST(GoldenLayouts, StayAsTheyAre) {
  const std::string path = std::string(AEON_TESTDATA_DIR) + "/layouts_1.txt";
  const std::string now = golden_text();
  if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  std::ifstream file(path);
  std::istringstream computed(now);
  std::string golden_line;
  std::string line;
  int number = 0;
  while (std::getline(file, golden_line)) {
    ++number;
    ASSERT_TRUE(std::getline(computed, line)) << "no line " << number;
    ASSERT_EQ(line, golden_line) << "stored data would not be found again, line " << number;
  }
  EXPECT_GT(number, 100);
  EXPECT_FALSE(std::getline(computed, line)) << line;
}

}  // namespace
}  // namespace aeon::placement
